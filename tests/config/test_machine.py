"""What a machine cannot do is refused before any work, by the key that is too large."""

from __future__ import annotations

import pytest
from factories import small_run

from pipeline.config import machine
from pipeline.config.data import AddingConfig, ImdbConfig, TfdsConfig
from pipeline.config.machine import check_device, check_memory, make_folders, runs_that_fit
from pipeline.config.probes import ProbeKind
from pipeline.config.schema import Device, DeviceConfig, RunConfig
from pipeline.config.tables import CsvConfig
from pipeline.config.tasks import LanguageConfig
from pipeline.errors import ConfigError


@pytest.fixture(autouse=True)
def _machine(monkeypatch):
    monkeypatch.setattr(machine, "memory_limit", lambda: (24e9, "this machine has"))
    monkeypatch.setattr(machine, "available_cores", lambda: 2)
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    monkeypatch.setattr(machine, "_OTHER_CARDS", ())


HUGE = {
    "architecture.units": 10**9,
    "architecture.num_layers": 10**6,
    "architecture.embedding_dim": 10**9,
    "data.train_size": 10**10,
    "data.validation_size": 10**10,
    "data.test_size": 10**10,
    "data.max_distance": 10**9,
    "probe.distances": [10, 10**9],
    "probe.slow_distances": [10**9],
}


@pytest.mark.parametrize("key", HUGE)
def test_what_cannot_fit_is_named_with_what_would_fit(tmp_path, key):
    probes = {"probe__kinds": list(ProbeKind)}
    config = small_run(tmp_path, **{**probes, key.replace(".", "__"): HUGE[key]})
    with pytest.raises(ConfigError) as error:
        check_memory(config)
    said = str(error.value)
    assert said.startswith(f"{key} is {HUGE[key]}: ")
    assert "alone would need" in said
    assert "this machine has 24 GB; choose at most about " in said
    fits = int(said.rpartition(" ")[2].replace(",", ""))
    changed = [fits] if isinstance(HUGE[key], list) else fits
    check_memory(small_run(tmp_path, **{**probes, key.replace(".", "__"): changed}))


def test_weights_that_are_asked_for_are_named_not_the_units_solved_from_them(tmp_path):
    changes = {"architecture__recurrent_parameters": 10**12, "architecture__units": 500_000}
    with pytest.raises(
        ConfigError, match=r"^architecture\.recurrent_parameters is 1000000000000: its"
    ):
        check_memory(small_run(tmp_path, **changes))


@pytest.mark.parametrize("key", ["length", "validation_size", "test_size"])
def test_the_adding_problem_has_bounds_too(tmp_path, key):
    data = AddingConfig()
    setattr(data, key, 10**10)
    with pytest.raises(ConfigError, match=rf"^data\.{key} is 10000000000: "):
        check_memory(small_run(tmp_path, data=data))


@pytest.mark.parametrize("key", ["path", "test_path"])
def test_a_table_larger_than_the_memory_is_refused_before_it_is_read(tmp_path, key):
    for name, size in {"large.csv": 20 * 10**9, "small.csv": 10}.items():
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)  # takes no space
    data = CsvConfig(path=str(tmp_path / "small.csv"))
    check_memory(small_run(tmp_path, data=data))
    setattr(data, key, str(tmp_path / "large.csv"))
    with pytest.raises(ConfigError) as error:
        check_memory(small_run(tmp_path, data=data))
    assert str(error.value).startswith(f"data.{key} is ")
    assert "its data alone would need 40 GB of memory, and this machine has 24 GB" in str(
        error.value
    )


def test_what_is_large_in_name_alone_fits(tmp_path):
    """A batch holds no more texts than there are, a vocabulary no more words, a text no more tokens."""
    table = {"data": CsvConfig(path="x.csv")}
    for changes in (
        {"train__batch_size": 10**9},
        {"tokenizer__max_length": 10**9},
        {"tokenizer__vocab_size": 10**9},
        {"tokenizer__max_length": 10**9, **table},
        {"architecture__units": 4_000},
        {"probe__distance_reviews": 10**9, "probe__kinds": list(ProbeKind)},
        {"probe__distances": [10**9]},  # of a probe that is not asked for
    ):
        check_memory(small_run(tmp_path, **changes))
    with pytest.raises(ConfigError, match=r"train\.batch_size is 1000000: a training step"):
        check_memory(small_run(tmp_path, train__batch_size=10**6, **table))


HUGE_LANGUAGE = {
    "architecture.units": 100_000,
    "architecture.embedding_dim": 10**8,
    "architecture.num_layers": 10**6,
    "train.batch_size": 10**6,
    "task.bptt": 10**7,
}


@pytest.mark.parametrize("key", HUGE_LANGUAGE)
def test_a_language_model_that_cannot_fit_is_refused_by_the_setting_that_is_too_large(
    tmp_path, key
):
    large = {"data": ImdbConfig(), "task": LanguageConfig(), "architecture__units": 512}

    def run(value: int) -> RunConfig:
        return small_run(tmp_path, **(large | {key.replace(".", "__"): value}))

    with pytest.raises(ConfigError) as error:
        check_memory(run(HUGE_LANGUAGE[key]))
    said = str(error.value)
    assert said.startswith(f"{key} is {HUGE_LANGUAGE[key]}: ")
    assert "this machine has 24 GB; choose at most about " in said
    check_memory(run(int(said.rpartition(" ")[2].replace(",", ""))))


def test_of_two_settings_of_a_step_that_are_too_large_the_larger_is_named(tmp_path):
    changes = {"data": ImdbConfig(), "task": LanguageConfig(bptt=10**7), "architecture__units": 256}
    with pytest.raises(ConfigError, match=r"^task\.bptt is 10000000: a training step"):
        check_memory(small_run(tmp_path, **changes, train__batch_size=10**6))


def test_the_weights_of_every_token_count_twice_unless_they_are_tied(tmp_path):
    data = TfdsConfig(name="yelp_polarity_reviews")
    changes = {"data": data, "tokenizer__vocab_size": 10**6, "architecture__units": 2_000}
    check_memory(small_run(tmp_path, **changes))
    changes["task"] = LanguageConfig()
    with pytest.raises(ConfigError, match=r"^tokenizer\.vocab_size is 1000000: its weights"):
        check_memory(small_run(tmp_path, **changes))
    check_memory(small_run(tmp_path, **changes, architecture__tie_embeddings=True))


def test_a_language_model_needs_no_more_than_its_texts_hold(tmp_path):
    """What only a classifier reads does not count, and no step reads more tokens than there are."""
    (tmp_path / "small.csv").write_text("text,label\n" + "a b c,1\n" * 100)
    language = {"task": LanguageConfig(bptt=10**7), "train__batch_size": 10**6}
    check_memory(small_run(tmp_path, **language))
    check_memory(small_run(tmp_path, **language, data=CsvConfig(path=str(tmp_path / "small.csv"))))
    check_memory(
        small_run(
            tmp_path,
            task=LanguageConfig(),
            data=ImdbConfig(),
            architecture__units=1_000,
            train__batch_size=500,
            tokenizer__max_length=4_000,
            probe__kinds=list(ProbeKind),
            probe__distances=[10**9],
        )
    )


def test_a_gpu_holds_what_the_memory_of_the_machine_need_not(tmp_path):
    changes = {"architecture__units": 19_000, "device__kind": Device.gpu}
    check_memory(small_run(tmp_path, **changes))
    with pytest.raises(ConfigError, match="its weights"):
        check_memory(small_run(tmp_path, architecture__units=19_000))


def test_fewer_runs_at_a_time_fit_if_each_is_large(tmp_path):
    assert runs_that_fit(small_run(tmp_path)) == 39  # 0.6 GB each, for the libraries
    assert runs_that_fit(small_run(tmp_path, architecture__units=10_000)) == 2
    assert runs_that_fit(small_run(tmp_path, architecture__units=10**6)) == 1


def test_threads_are_at_most_four_for_a_core():
    check_device(DeviceConfig(threads=8))
    with pytest.raises(ConfigError) as error:
        check_device(DeviceConfig(threads=9))
    assert str(error.value) == (
        "device.threads is 9, and this machine has 2 cores; choose at most 8, or leave it out"
    )


def test_a_gpu_that_is_not_there_is_refused_at_once(monkeypatch):
    with pytest.raises(ConfigError, match=r"device\.kind is gpu, and this machine shows none"):
        check_device(DeviceConfig(kind=Device.gpu))
    monkeypatch.setattr(machine, "has_gpu", lambda: True)
    check_device(DeviceConfig(kind=Device.gpu))


def test_the_lowest_limit_counts(monkeypatch, tmp_path):
    import resource

    monkeypatch.undo()
    own = tmp_path / "own"
    own.write_text("12:memory:/job/1\n0::/user/x\n")
    assert machine._cgroup_limits(tmp_path, own) == []
    for place, text in {
        "memory.max": "max\n",
        "user/memory.max": "3000\n",
        "user/x/memory.max": "4000\n",
        "memory/job/memory.limit_in_bytes": "5000\n",
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)
    assert sorted(machine._cgroup_limits(tmp_path, own)) == [3000, 4000, 5000]
    monkeypatch.setattr(machine, "_cgroup_limits", lambda: [10**6])
    assert machine.memory_limit() == (10**6, "this container has")
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (10**5, 10**5))
    assert machine.memory_limit() == (10**5, "ulimit allows")


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0.0 bytes"), (999e6, "999 MB"), (5.24e9, "5.2 GB"), (24e9, "24 GB"), (6.4e19, "64 EB")],
)
def test_sizes_are_written_with_two_digits(size, said):
    assert machine.shown_bytes(size) == said


def test_a_folder_that_cannot_be_made_is_named_by_its_setting(tmp_path):
    make_folders(small_run(tmp_path / "new"), "hydra.run.dir", tmp_path / "new" / "a" / "b")
    assert (tmp_path / "new" / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    for root, folder, key in (
        (tmp_path / "file" / "x", tmp_path / "file" / "x" / "out", "root"),
        (tmp_path, tmp_path / "file" / "out", "root"),
        (tmp_path / "new", tmp_path / "file" / "out", "hydra.run.dir"),
    ):
        with pytest.raises(ConfigError) as error:
            make_folders(small_run(root), "hydra.run.dir", folder)
        assert str(error.value).startswith(f"{key} is ")
        assert "Not a directory" in str(error.value)
