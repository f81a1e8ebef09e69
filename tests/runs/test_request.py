"""Which runs `explain` and `generate` take where nobody names them, and which prompts."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import pytest
from factories import small_run

from pipeline.config.compose import baseline_of
from pipeline.config.fingerprint import fingerprint
from pipeline.config.schema import RunConfig
from pipeline.config.tasks import ClassifyConfig, Direction, LanguageConfig
from pipeline.errors import ConfigError, Failure
from pipeline.runs.request import (
    EXPLAIN,
    GENERATE,
    ExplainRequest,
    GenerateRequest,
    choose_runs,
    read_prompts,
)
from pipeline.tracking import Store, SweepPlan, track_run, track_sweep

ASKED = ExplainRequest(text="a", file=None, runs=None, architectures=None, seeds=None, page=None)


def _config(root, task, rate: float, seed: int, **changes) -> RunConfig:
    given = {"tuned": ["learning_rate"], "train__learning_rate": rate} | changes
    return small_run(root, task=task, seed=seed, **given)


def _sweep(root, task, runs, **changes) -> None:
    """Track a sweep that tunes; runs: (rate, seed, validation score or how it ended otherwise)."""
    configs = [_config(root, task, rate, seed, **changes) for rate, seed, _ in runs]
    store, plan = Store.of(configs[0]), SweepPlan.of([*configs, baseline_of(configs[0])])
    with track_sweep(store, plan) as parent:
        for config, (_, _, found) in zip(configs, runs, strict=True):
            if store.newest_run(fingerprint(config)) is not None:
                continue
            with track_run(store, config, parent.run_id) as recorder:
                if isinstance(found, str):
                    recorder.end(found, "as told")
                else:
                    recorder.metrics({"best/val_accuracy": found, "best/val_loss": 10 * found})


@pytest.mark.parametrize(
    ("task", "runs", "chosen"),
    [  # never the value that started last
        (ClassifyConfig(), [(3e-3, 0, 0.8), (3e-3, 1, 0.8), (1e-3, 0, 0.9), (1e-3, 1, 0.6)], 3e-3),
        (ClassifyConfig(), [(1e-3, 0, 0.9), (1e-3, 1, "failed"), (3e-3, 0, 0.8)], 1e-3),
        (LanguageConfig(), [(3e-3, 0, 0.8), (1e-3, 0, 0.7), (1e-3, 1, "diverged")], 3e-3),
        (LanguageConfig(), [(1e-3, 0, 0.8), (3e-3, 0, 0.9)], 1e-3),
    ],
)
def test_of_a_tuned_architecture_the_value_chosen_on_validation_is_read(
    tmp_path, task, runs, chosen
):
    """The order is that of the report: see `tests/analysis/test_selection.py`."""
    _sweep(tmp_path, task, runs)
    asked = (ASKED, EXPLAIN) if isinstance(task, ClassifyConfig) else (_ask(), GENERATE)
    (run,) = choose_runs(small_run(tmp_path), *asked)
    assert run.config.train.learning_rate == chosen


def test_the_newest_sweep_that_planned_a_run_decides_whether_it_is_read(tmp_path):
    task, config = LanguageConfig(), small_run(tmp_path)

    def read() -> float:
        (run,) = choose_runs(config, _ask(), GENERATE)
        return run.config.train.learning_rate

    _sweep(tmp_path, task, [(1e-3, 0, 0.8), (3e-3, 0, 0.7)])
    assert read() == 3e-3
    # A second seed changes the mean. One run was trained before anything was tuned.
    with track_run(Store.of(config), _config(tmp_path, task, 1e-3, 1, tuned=[]), None) as recorder:
        recorder.metrics({"best/val_loss": 1.0})
    _sweep(tmp_path, task, [(1e-3, 0, 0.8), (1e-3, 1, 0.1), (3e-3, 0, 0.7), (3e-3, 1, 0.9)])
    assert read() == 1e-3
    # Each variant has a value of its own, and the newest counts. A run may be planned twice.
    wide = {"architecture__units": 16}
    _sweep(tmp_path, task, [(3e-3, 0, 0.5), (3e-3, 0, 0.5), (5e-3, 0, 0.6)], **wide)
    assert read() == 3e-3


def _ask(**given: str) -> GenerateRequest:
    fields = dict.fromkeys(("prompt", "file", "runs", "architectures", "seeds", "page"))
    return GenerateRequest(**(fields | given))  # pyright: ignore[reportArgumentType]


def test_prompts_are_one_or_those_of_a_file_a_line_each(tmp_path, monkeypatch):
    hard = 'a, "b" = {c}: [d] ${i}'
    assert read_prompts(_ask(prompt=hard)) == (hard,)
    assert read_prompts(_ask(prompt="")) == ("",)
    assert read_prompts(_ask(prompt=" one<br />two\n three ")) == ("one two three",)
    file = tmp_path / "prompts.txt"
    file.write_bytes("\ufeffThe plot\r\n\r\nIch fand es schön\n".encode())
    lines = ("The plot", "", "Ich fand es schön")
    assert read_prompts(_ask(file=str(file))) == lines
    for given in ({}, {"file": "-"}):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
        assert read_prompts(_ask(**given)) == lines
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    assert read_prompts(_ask()) == ("",)


def test_prompts_that_are_none_are_refused_with_a_way_out(tmp_path):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "latin.txt").write_bytes("schön".encode("latin-1"))
    for asked, message in (
        (_ask(prompt="a", file="b"), "both prompt and file are given"),
        (_ask(file=str(tmp_path / "none.txt")), r"none\.txt cannot be read: No such file"),
        (_ask(file=str(tmp_path / "empty.txt")), r"empty\.txt is empty; give a prompt a line"),
        (_ask(file=str(tmp_path / "latin.txt")), r"not UTF-8 \(at byte 3\)"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_prompts(asked)


def _track_task(root, task, **changes) -> str:
    config = small_run(root, task=task, **changes)
    with track_run(Store.of(config), config, None) as recorder:
        return recorder.run_id


def test_networks_that_write_are_found_among_others(tmp_path):
    _track_task(tmp_path, ClassifyConfig())
    for seed in (3, 1):
        _track_task(tmp_path, LanguageConfig(), seed=seed)
    config = small_run(tmp_path)
    (run,) = choose_runs(config, _ask(), GENERATE)
    assert (run.config.seed, type(run.config.task)) == (1, LanguageConfig)
    (run,) = choose_runs(config, _ask(seeds="3"), GENERATE)
    assert run.config.seed == 3
    (run,) = choose_runs(config, ASKED)
    assert isinstance(run.config.task, ClassifyConfig)
    with pytest.raises(ConfigError, match="leave out architecture and trained_seed"):
        choose_runs(config, _ask(runs=run.run_id, seeds="3"), GENERATE)


BACKWARD = LanguageConfig(direction=Direction.backward)


@pytest.mark.parametrize(
    ("task", "request_", "use", "said"),
    [
        (ClassifyConfig(), _ask(), GENERATE, "is no language model: it classifies texts and writes "
         "none; use python -m experiments.explain name=small root=.* run={id} text="),
        (LanguageConfig(), ASKED, EXPLAIN, "is a language model, which writes and answers nothing; use "
         "python -m experiments.generate name=small root=.* run={id} prompt="),
        (BACKWARD, _ask(), GENERATE, "reads texts from their end .task.direction=backward."),
    ],
)  # fmt: skip
def test_a_run_of_another_task_is_refused_with_what_to_use(tmp_path, task, request_, use, said):
    run_id = _track_task(tmp_path, task)
    said = said.format(id=run_id[:8])
    with pytest.raises(Failure, match=rf"^lstm seed 0 \(run {run_id}\) {said}"):
        choose_runs(small_run(tmp_path), request_, use)
    with pytest.raises(ConfigError, match=rf"^run {run_id} {said}") as refusal:
        choose_runs(small_run(tmp_path), replace(request_, runs=run_id[:12]), use)
    assert "\n" not in str(refusal.value)


def test_the_baseline_of_language_models_writes_nothing(tmp_path):
    run_id = _track_task(tmp_path, LanguageConfig(), baseline=True)
    with pytest.raises(ConfigError, match="is the baseline; generate needs a recurrent network"):
        choose_runs(small_run(tmp_path), _ask(runs=run_id), GENERATE)
    with pytest.raises(Failure, match="is the baseline"):
        choose_runs(small_run(tmp_path), _ask(), GENERATE)
