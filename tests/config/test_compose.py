"""Test the checks of a configuration and the messages about a wrong one."""

from __future__ import annotations

import ast
import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from factories import PRESETS, ROOT, small_run
from omegaconf import OmegaConf

from pipeline.config import fingerprint as fingerprint_module
from pipeline.config.compose import (
    as_plain,
    baseline_of,
    build,
    check,
    from_plain,
    register_schemas,
    without_effect,
)
from pipeline.config.data import AddingConfig
from pipeline.config.fingerprint import code_fingerprint, fingerprint, probe_fingerprint
from pipeline.config.keys import expected_value
from pipeline.config.probes import OF_CLASSIFIERS, ProbeConfig, ProbeKind
from pipeline.config.schema import BASELINE, Device, ForgetBias, Keep, RunConfig
from pipeline.config.settings import values_of
from pipeline.config.tables import CsvConfig
from pipeline.config.tasks import Direction, LanguageConfig, Proposal, Softmax
from pipeline.errors import ConfigError


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("architecture__units", 0),
        ("architecture__dropout", 1.0),
        ("tokenizer__max_length", 0),
        ("train__learning_rate", float("nan")),
        ("train__learning_rate", float("inf")),
        ("train__learning_rate", 0.0),
        ("train__learning_rate", -1e-3),
        ("data__validation_fraction", 0.0),
        ("data__length_edges", [100, 100]),
        ("data__length_edges", [0, 10]),
        ("name", "../elsewhere"),
        ("seed", -1),
        ("device__threads", 0),
        ("architecture__recurrent_parameters", 0),
        ("architecture__chrono_steps", 1),
        ("train__max_seconds", 0.0),
        ("train__max_seconds", float("inf")),
        ("tuned", ["units"]),
        ("tuned", ["learning_rate", "learning_rate"]),
    ],
)
def test_a_value_out_of_range_is_named_with_what_it_must_be(tmp_path, path, value):
    key = path.replace("__", ".")
    with pytest.raises(ConfigError) as error:
        check(small_run(tmp_path, **{path: value}))
    message = str(error.value)
    shown = repr(value).replace(", ", ",")  # a list as the command line takes it
    assert message.startswith(f"{key} is {shown}; it must be ")
    assert str(expected_value(key)) in message
    assert "\n" not in message


def test_settings_without_effect_on_the_data_are_listed(tmp_path):
    data = AddingConfig(length=9, length_edges=[7])
    config = small_run(
        tmp_path,
        data=data,
        tokenizer__keep=Keep.head,
        train__epochs=None,
        architecture__embedding_dim=64,
    )
    assert without_effect(config) == ["data.length_edges", "tokenizer.keep"]
    assert without_effect(small_run(tmp_path, tokenizer__keep=Keep.head)) == []


def test_language_models_are_tuned_as_classifiers_are(tmp_path):
    model = small_run(tmp_path, task=LanguageConfig(), tuned=["learning_rate", "weight_drop"])
    check(model)
    assert model.title == "lstm seed 0, learning_rate 0.001, weight_drop 0"
    assert without_effect(model) == []
    assert baseline_of(model).title == "kneser_ney seed 0"
    assert fingerprint(model) == fingerprint(small_run(tmp_path, task=LanguageConfig()))
    model.tuned = ["batch_size"]
    model.train.batch_size = None
    with pytest.raises(ConfigError, match=r"tuned names batch_size, but train\.batch_size is null"):
        check(model)


def test_a_config_that_is_written_and_read_is_unchanged(tmp_path):
    config = small_run(tmp_path, seed=7, data__length_edges=[5, 9], architecture__cell="gru")
    assert from_plain(as_plain(config)) == config


def _built(tmp_path: Path, **changes: object) -> RunConfig:
    return from_plain(as_plain(small_run(tmp_path, **changes)))


def test_units_are_solved_from_the_weights_asked_for(tmp_path):
    # 4 gates of 16 units that read 16 features, 16 units and a bias.
    weights = 4 * 16 * (16 + 16 + 1)
    changes = {"architecture__recurrent_parameters": weights, "architecture__embedding_dim": 16}
    config = _built(tmp_path, **changes)
    assert config.architecture.units == 16
    assert from_plain(as_plain(config)) == config
    gru = _built(tmp_path, **changes, architecture__cell="gru")
    assert gru.architecture.units == 19
    assert fingerprint(gru) != fingerprint(_built(tmp_path, architecture__cell="gru"))


def test_weights_that_no_units_have_are_refused_with_those_that_come_closest(tmp_path):
    with pytest.raises(ConfigError) as error:
        _built(tmp_path, architecture__recurrent_parameters=100)
    assert str(error.value) == (
        "architecture.recurrent_parameters is 100, and no number of units of lstm comes within 2% of "
        "it; the closest is 88, with 2 units"
    )


def test_a_forget_bias_requires_an_lstm(tmp_path):
    with pytest.raises(ConfigError) as error:
        _built(tmp_path, architecture__cell="gru", architecture__forget_bias=ForgetBias.chrono)
    assert str(error.value) == (
        "architecture.forget_bias is chrono, which requires cell lstm; with architecture.cell=gru it "
        "must be unit"
    )
    assert _built(tmp_path, architecture__cell="gru").architecture.chrono_steps is None


def test_chrono_steps_default_to_the_length_that_is_read(tmp_path):
    changes = {"architecture__forget_bias": ForgetBias.chrono, "tokenizer__max_length": 321}
    assert _built(tmp_path, **changes).architecture.chrono_steps == 321
    given = _built(tmp_path, **changes, architecture__chrono_steps=50)
    assert given.architecture.chrono_steps == 50


def test_a_forget_bias_is_refused_where_language_models_bring_their_own(tmp_path):
    changes: dict[str, object] = {"architecture__forget_bias": ForgetBias.zero}
    with pytest.raises(ConfigError) as error:
        _built(tmp_path, architecture__init="lm", **changes)
    assert str(error.value) == (
        "architecture.forget_bias is zero, but the biases come from the language models of "
        "architecture.init=lm; leave it out, and train those with it"
    )
    for init in ("fresh", "skipgram"):
        _built(tmp_path, architecture__init=init, **changes)
    _built(tmp_path, architecture__init="lm", task=LanguageConfig(), **changes)  # without effect


def test_the_title_of_a_run_names_tuned_settings(tmp_path):
    assert small_run(tmp_path).title == "lstm seed 0"
    tuned = small_run(tmp_path, tuned=["learning_rate", "dropout"], seed=2)
    assert tuned.title == "lstm seed 2, learning_rate 0.001, dropout 0"
    assert baseline_of(tuned).title == "nb_bigrams seed 0"


def test_every_run_on_the_same_texts_has_the_same_baseline(tmp_path):
    first = baseline_of(small_run(tmp_path))
    others = [
        baseline_of(small_run(tmp_path, seed=3, architecture__cell="gru", train__epochs=9)),
        _built(tmp_path, baseline=True, device__kind=Device.gpu, tokenizer__max_length=7),
    ]
    assert {fingerprint(other) for other in others} == {fingerprint(first)}
    assert fingerprint(first) != fingerprint(baseline_of(small_run(tmp_path, data__seed=1)))
    assert fingerprint(first) != fingerprint(small_run(tmp_path))
    assert from_plain(as_plain(first)) == first
    assert first.title == "nb_bigrams seed 0"
    # It is trained on the machine that launches the sweep, which on a cluster may have no GPU.
    assert {other.device.kind for other in others} == {Device.cpu}


def test_the_name_of_the_baseline_is_reserved_and_it_needs_texts(tmp_path):
    with pytest.raises(ConfigError, match=r"architecture\.name is nb_bigrams"):
        _built(tmp_path, architecture__name=BASELINE)
    with pytest.raises(ConfigError, match="baseline is true, but the baseline needs texts"):
        _built(tmp_path, baseline=True, data=AddingConfig())


LEAGUES = ("equal_units", "equal_parameters", "equal_time")


@cache
def _league(name: str, *overrides: str) -> tuple[list[RunConfig], dict[str, str]]:
    """Return the configuration of every architecture of a league, and what it sweeps over."""
    from hydra import compose, initialize_config_dir

    register_schemas()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        chosen = [f"experiment={name}", *overrides]
        tree = compose("config", overrides=chosen, return_hydra_config=True)
        params = dict(tree.hydra.sweeper.params)
        names = params["architecture"].split(",")
        trees = [compose("config", overrides=[*chosen, f"architecture={one}"]) for one in names]
    return [build(tree) for tree in trees], params


@pytest.mark.parametrize("name", LEAGUES)
def test_every_league_tunes_the_same_grid_and_differs_in_what_it_holds_equal(name):
    configs, params = _league(name)
    _, first = _league(LEAGUES[0])
    assert params == first
    assert sorted(config.architecture.name for config in configs) == PRESETS
    assert {config.name for config in configs} == {name}
    assert all(config.tuned == ["learning_rate"] for config in configs)
    assert {config.data.kind for config in configs} == {"imdb"}
    assert _league(name, "data=clauses")[0][0].data.kind == "clauses"


EXPERIMENTS = sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml"))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_option_that_is_typed_wins_over_the_experiment(experiment):
    from hydra import compose, initialize_config_dir

    register_schemas()
    groups = ("device", "probe", "task", "tokenizer", "tracking", "train")
    options = [sorted((ROOT / "conf" / group).glob("*.yaml")) for group in groups]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for number in range(max(map(len, options))):  # an option of every group at once
            typed = [files[number % len(files)] for files in options if files]
            chosen = [f"{file.parent.name}={file.stem}" for file in typed]
            tree = compose("config", overrides=[f"experiment={experiment}", *chosen])
            for file in typed:
                said = yaml.safe_load(file.read_text())
                found = OmegaConf.to_container(
                    tree[file.parent.name], resolve=True, enum_to_str=True
                )
                assert isinstance(found, dict)
                plain = {key: value for key, value in said.items() if "${" not in str(value)}
                plain.pop("defaults", None)
                assert found | plain == found


def test_every_recipe_adds_to_the_one_before_it():
    from hydra import compose, initialize_config_dir

    register_schemas()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        tree = compose("config", overrides=["experiment=recipe"], return_hydra_config=True)
        names = dict(tree.hydra.sweeper.params)["recipe"].split(",")
        chosen = [["experiment=recipe", f"recipe={name}"] for name in names]
        configs = [build(compose("config", overrides=one)) for one in chosen]
    assert sorted(names) == sorted(path.stem for path in (ROOT / "conf" / "recipe").glob("*.yaml"))
    assert [config.recipe for config in configs] == names
    plain = values_of(configs[0])
    added = [
        {key for key, value in values_of(one).items() if value != plain[key]} for one in configs
    ]
    assert all(before < after for before, after in itertools.pairwise(added))
    assert len({fingerprint(config) for config in configs}) == len(names)
    alone = replace(configs[-1], recipe="")
    assert fingerprint(alone) == fingerprint(configs[-1])
    assert [alone.title, configs[-1].title] == ["lstm seed 0", f"lstm seed 0, recipe {names[-1]}"]


def test_the_quickstart_probes_fewer_reviews():
    from hydra import compose, initialize_config_dir

    register_schemas()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        own = build(compose("config", overrides=["experiment=quickstart"])).probe
        none = build(compose("config", overrides=["experiment=quickstart", "probe=none"])).probe
    assert own == ProbeConfig(
        kinds=[kind for kind in OF_CLASSIFIERS if kind != ProbeKind.context],
        distances=[50, 200, 800],
        distance_reviews=100,
        retention_reviews=40,
        slow_reviews=100,
        slow_distances=[200],
        slow_draws=3,
    )
    assert none.kinds == []


def test_the_weights_of_equal_parameters_agree_within_two_percent_with_each_other():
    weights = [
        config.architecture.recurrent_layers.count_weights(config.architecture.units)
        for config in _league("equal_parameters")[0]
    ]
    assert max(weights) / min(weights) < 1.02


def test_equal_time_ends_by_its_seconds_alone_one_run_at_a_time():
    for config in _league("equal_time")[0]:
        assert config.train.max_seconds == 240
        assert (config.train.epochs, config.train.patience) == (1000, 1000)
        assert (config.device.workers, config.device.threads) == (1, 1)


def test_the_fingerprint_follows_what_determines_the_result_and_nothing_else(tmp_path):
    base = fingerprint(small_run(tmp_path))
    for change in (
        {"seed": 1},
        {"architecture__units": 9},
        {"train__learning_rate": 2e-3},
        {"data__seed": 1},
        {"tokenizer__max_length": 9},
        {"architecture__forget_bias": ForgetBias.zero},
        {"train__max_seconds": 5.0},
    ):
        assert fingerprint(small_run(tmp_path, **change)) != base
    for change in (
        {"name": "other"},
        {"rerun": True},
        {"device__threads": 2},
        {"device__workers": 2},
        {"tracking__uri": "http://127.0.0.1:1"},
        {"root": "elsewhere"},
        {"data__length_edges": [7]},
        {"tuned": ["learning_rate"]},
    ):
        assert fingerprint(small_run(tmp_path, **change)) == base


@pytest.fixture
def copied_sources(tmp_path, monkeypatch) -> Iterator[Path]:
    """Copy the package and let fingerprints read the copy instead of the package."""
    copy = tmp_path / "sources"
    shutil.copytree(fingerprint_module._SOURCES, copy)
    monkeypatch.setattr(fingerprint_module, "_SOURCES", copy)
    fingerprint_module._with_imports.cache_clear()
    yield copy
    fingerprint_module._with_imports.cache_clear()


def test_comments_docstrings_and_locations_do_not_change_a_fingerprint(tmp_path, copied_sources):
    base = fingerprint(small_run(tmp_path))
    file = copied_sources / "models" / "fused" / "scan.py"
    original = file.read_text()
    tree = ast.parse(original)
    assert ast.get_docstring(tree)
    bare = ast.unparse(ast.Module(tree.body[1:], []))  # without comments and the first docstring
    file.write_text(f'"""Something else."""\n# A comment.\n{bare}\n')
    assert fingerprint(small_run(tmp_path)) == base
    moved = file.rename(copied_sources / "through_time.py")
    for other in copied_sources.rglob("*.py"):
        text = other.read_text()
        other.write_text(text.replace("pipeline.models.fused.scan", "pipeline.through_time"))
    fingerprint_module._with_imports.cache_clear()
    assert moved.exists()
    assert fingerprint(small_run(tmp_path)) == base


@pytest.mark.parametrize(
    ("place", "old", "new"),
    [
        ("models/fused/scan.py", "length - 1, dstates", "length - 2, dstates"),
        ("cells/lstm.py", "idle=(0, 0, 0, 0)", "idle=(0, 0, 1, 0)"),
        ("training/loop.py", "Period(len(self.records) + 1)", "Period(len(self.records) + 2)"),
        ("tokens/cache.py", "import json", "import json, math"),
    ],
)
def test_changed_code_changes_a_fingerprint(tmp_path, copied_sources, place, old, new):
    base = fingerprint(small_run(tmp_path))
    text = (copied_sources / place).read_text()
    assert old in text
    (copied_sources / place).write_text(text.replace(old, new))
    assert fingerprint(small_run(tmp_path)) != base


@pytest.mark.parametrize(
    "name",
    ["analysis/curves", "analysis/fading", "tokens/encoding", "models/fused/scan", "probes/trace"],
)
def test_the_fingerprint_of_probes_counts_all_that_decides_their_tables(
    tmp_path, copied_sources, name
):
    lstm = small_run(tmp_path)
    base = probe_fingerprint(ProbeConfig(), lstm)
    file = copied_sources / f"{name}.py"
    file.write_text(f"{file.read_text()}\nADDED = 1\n")
    assert probe_fingerprint(ProbeConfig(), lstm) != base


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("training/perplexity", (True, True)),
        ("tokens/streams", (True, True)),
        ("training/language", (True, False)),
        ("models/softmax", (True, False)),
        ("models/ngram_baseline", (False, True)),
    ],
)
def test_the_fingerprint_of_a_language_model_counts_the_code_of_its_numbers(
    tmp_path, copied_sources, name, counts
):
    """The baseline is validated and tested by the same code, but has no code of a network."""
    model = small_run(tmp_path, task=LanguageConfig())
    base = [fingerprint(run) for run in (model, baseline_of(model))]
    file = copied_sources / f"{name}.py"
    file.write_text(f"{file.read_text()}\nADDED = 1\n")
    fingerprint_module._with_imports.cache_clear()
    found = [fingerprint(run) for run in (model, baseline_of(model))]
    assert tuple(one != other for one, other in zip(found, base, strict=True)) == counts


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"task": LanguageConfig(bptt=9)}, (True, False)),
        ({"task": LanguageConfig(reset_state=False)}, (True, False)),
        ({"task": LanguageConfig(softmax=Softmax.full)}, (True, False)),
        ({"task": LanguageConfig(candidates=9)}, (True, False)),
        ({"task": LanguageConfig(proposal=Proposal.log_uniform)}, (True, False)),
        ({"task": LanguageConfig(steps_per_validation=5)}, (True, False)),
        ({"architecture__tie_embeddings": True}, (True, False)),
        ({"seed": 3}, (True, False)),
        ({"task": LanguageConfig(direction=Direction.backward)}, (True, True)),
        ({"task": LanguageConfig(unlabelled=False)}, (True, True)),
        ({"task": LanguageConfig(validation_tokens=200)}, (True, True)),
        ({"task": LanguageConfig(test_tokens=200)}, (True, True)),
        ({"tokenizer__vocab_size": 50}, (True, True)),
        ({"data__named_again": True}, (True, True)),
        ({"tokenizer__max_length": 7}, (False, False)),
        ({"data__length_edges": [7]}, (False, False)),
    ],
)
def test_the_fingerprint_of_a_language_model_counts_what_has_an_effect(tmp_path, changes, counts):
    def fingerprints(**changed: Any) -> tuple[str, str]:
        model = small_run(tmp_path, **({"task": LanguageConfig()} | changed))
        return fingerprint(model), fingerprint(baseline_of(model))

    found = zip(fingerprints(**changes), fingerprints(), strict=True)
    assert tuple(one != other for one, other in found) == counts


@pytest.mark.parametrize("name", ["probes/word_recall", "models/language_model", "probes/trace"])
def test_the_fingerprint_of_a_language_models_probes_counts_what_decides_them(
    tmp_path, copied_sources, name
):
    model = small_run(tmp_path, task=LanguageConfig())
    base = probe_fingerprint(ProbeConfig(), model)
    file = copied_sources / f"{name}.py"
    file.write_text(f"{file.read_text()}\nADDED = 1\n")
    assert probe_fingerprint(ProbeConfig(), model) != base


def test_the_fingerprint_of_probes_counts_the_settings_of_the_task(tmp_path):
    classifier, model = small_run(tmp_path), small_run(tmp_path, task=LanguageConfig())

    def changed(run: RunConfig, **settings: Any) -> bool:
        return probe_fingerprint(ProbeConfig(**settings), run) != probe_fingerprint(
            ProbeConfig(), run
        )

    assert changed(classifier, distances=[10])
    assert not changed(model, distances=[10])
    assert changed(model, recall_pairs=10)
    assert not changed(classifier, recall_pairs=10)
    for run in (classifier, model):
        assert changed(run, seed=1)
        assert changed(run, retention_tokens=10)
        assert changed(run, kinds=[ProbeKind.gates])
    assert not changed(classifier, kinds=list(OF_CLASSIFIERS))
    assert not changed(model, kinds=[kind for kind in ProbeKind if kind != ProbeKind.quiz])


def test_the_fingerprint_of_a_run_counts_only_its_own_cell(tmp_path, copied_sources):
    def fingerprints() -> list[str]:
        runs = [small_run(tmp_path, architecture__cell=cell) for cell in ("lstm", "gru")]
        fingerprint_module._with_imports.cache_clear()
        return [*map(fingerprint, runs), *(probe_fingerprint(ProbeConfig(), run) for run in runs)]

    base = fingerprints()
    (copied_sources / "cells" / "new.py").write_text("CELL = None\n")
    assert fingerprints() == base
    file = copied_sources / "cells" / "gru.py"
    file.write_text(file.read_text().replace('mark="triangle-up"', 'mark="cross"'))
    assert fingerprints() == base  # only its appearance
    file.write_text(file.read_text().replace("idle=(100, 0, 0)", "idle=(99, 0, 0)"))
    same = [one == other for one, other in zip(fingerprints(), base, strict=True)]
    assert same == [True, False, True, False]


def test_a_fingerprint_of_a_missing_module_is_an_error():
    with pytest.raises(ValueError, match=r"pipeline\.nothing"):
        code_fingerprint({}, ["pipeline.nothing"])


def test_a_table_counts_by_its_content_not_by_its_path(tmp_path):
    def with_table(name: str, content: str) -> str:
        (tmp_path / name).write_text(content)
        return fingerprint(small_run(tmp_path, data=CsvConfig(path=str(tmp_path / name))))

    assert with_table("a.csv", "text,label\nx,1\n") == with_table("b.csv", "text,label\nx,1\n")
    assert with_table("a.csv", "text,label\nx,1\n") != with_table("c.csv", "text,label\ny,1\n")


def _compare(
    *overrides: str, cwd: Path = ROOT, program: str = "compare"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", f"experiments.{program}", *overrides],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["architecture.units=0"], ["architecture.units", "0", "at least 1"]),
        (["architecture.units=many"], ["architecture.units", "many", "at least 1"]),
        (["architecture.unit=3"], ["unknown key architecture.unit", "architecture.units"]),
        (["+architecture.unit=3"], ["unknown key architecture.unit"]),
        (["+surprise=3"], ["unknown key surprise"]),
        (["architecture=transformer"], ["architecture", "transformer", "stacked_bi_lstm"]),
        (["architecture.cell=LSTM"], ["architecture.cell", "LSTM", "simple_rnn"]),
        (["experiment=nope"], ["experiment", "nope", "quickstart"]),
        (["data=csv"], ["data.path", "not set"]),
        (["data=csv", "data.path=no-such.csv"], ["data.path", "no-such.csv", "existing file"]),
        (["data.length_edges=[3,2]"], ["data.length_edges", "[3,2]", "increasing"]),
        (["data.path=my.csv"], ["data.path", "data=csv"]),
        (["data=null"], ["data", "leave it out"]),
        (["-m", "name=a,b"], ["name", "a,b", "letters"]),
        (["data=adding", "data.length=1"], ["data.length", "1", "at least 2"]),
        (["data.length=100"], ["data.length", "data=adding"]),
        (["experiment=adding", "data.max_steps=5,6"], ["data", "several values"]),
        (["nonsense"], ["nonsense", "name=value"]),
        (["tuned=[units]"], ["tuned", "units", "learning_rate"]),
        (["architecture.recurrent_parameters=5"], ["recurrent_parameters", "5", "2%", "lstm"]),
        (["-m", "architecture=lstm,gru", "seed=0,-1"], ["seed", "-1"]),
        (["experiment=quickstart", "train.epochs=0"], ["train.epochs", "0", "at least 1"]),
    ],
)
def test_a_wrong_configuration_ends_with_one_line_and_status_2_before_tensorflow(overrides, words):
    done = _compare(*overrides)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == 2
    assert len(lines) == 1, lines
    assert lines[0].startswith("Configuration: ")
    for word in words:
        assert word in lines[0]
    # Nothing that takes seconds to import is imported, so that the message comes quickly.
    for module in ("tensorflow", "keras", "mlflow", "pandas"):
        assert f" {module}\n" not in done.stderr


@pytest.mark.parametrize(("kind", "on_gpu"), [("cpu", False), ("gpu", True), ("auto", False)])
def test_runs_are_one_at_a_time_on_a_gpu_and_one_on_each_core_elsewhere(kind, on_gpu, monkeypatch):
    from hydra import compose, initialize_config_dir

    from pipeline.config import compose as composition

    monkeypatch.setattr(composition, "available_cores", lambda: 7)
    monkeypatch.setattr(composition, "has_gpu", lambda: False)
    composition.register_schemas()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        tree = compose("config", overrides=[f"device.kind={kind}"])
    assert composition.build(tree).device.workers == (1 if on_gpu else 7)


@pytest.mark.parametrize("program", ["compare", "report", "probe"])
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--cfg", "job"], "name: quickstart"),
        (["--info", "defaults"], "experiment/quickstart"),
        (["--help"], "tracking.uri=null"),
        (["--hydra-help"], "== Flags =="),
    ],
)
def test_a_flag_may_stand_after_the_settings(program, flags, said):
    done = _compare("experiment=quickstart", *flags, program=program)
    assert done.returncode == 0, done.stderr.splitlines()[-1]
    assert said in done.stdout


def test_a_flag_may_stand_before_and_among_the_settings():
    done = _compare("--cfg", "job", "experiment=quickstart", program="report")
    assert "name: quickstart" in done.stdout
    done = _compare("experiment=quickstart", "--cfg", "job", "seed=7")
    assert "seed: 7" in done.stdout
