"""What to type next, in the words by which the programs find the same runs again."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from factories import small_run

from pipeline.config.compose import baseline_of
from pipeline.config.data import AddingConfig
from pipeline.config.programs import open_store, steps_after
from pipeline.config.schema import ROOT
from pipeline.config.tasks import Direction, LanguageConfig


@pytest.fixture(autouse=True)
def _started_in_a_clone(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["experiments/compare.py"])


def _commands(*arguments, **changes) -> list[str]:
    return [command for _, command in steps_after(small_run(ROOT, **changes), *arguments)]


def test_a_run_is_followed_by_its_report_a_text_and_mlflow():
    assert _commands("finished", seed=3) == [
        "python -m experiments.report name=small",
        'python -m experiments.explain name=small architecture=lstm seed=3 text="..."',
        "make ui",
    ]


def test_a_language_model_is_followed_by_what_it_writes():
    task = LanguageConfig()
    assert _commands("finished", seed=3, task=task)[1] == (
        'python -m experiments.generate name=small architecture=lstm trained_seed=3 prompt="..."'
    )
    task = LanguageConfig(direction=Direction.backward)
    assert _commands("finished", task=task) == _commands("diverged")


def test_a_named_experiment_is_found_by_its_name():
    assert _commands("finished", name="imdb")[0] == "python -m experiments.report experiment=imdb"


def test_only_what_can_follow_is_named():
    assert _commands("diverged") == ["python -m experiments.report name=small", "make ui"]
    assert _commands("finished", data=AddingConfig()) == _commands("diverged")
    baseline = baseline_of(small_run(ROOT))
    assert [command for _, command in steps_after(baseline, "finished")] == ["make ui"]


def test_another_folder_and_a_server_are_named_again():
    folder = Path("/somewhere/my runs")
    config = small_run(folder)
    report, _, ui = [command for _, command in steps_after(config, "finished")]
    assert shlex.split(report)[3:] == ["name=small", f"root={folder}"]
    assert shlex.split(ui) == ["python", "-m", "experiments.ui", "--root", str(folder)]
    assert ui == open_store(folder)
    uri = "http://127.0.0.1:5000"
    *others, server = _commands("finished", tracking__uri=uri)
    assert server == uri
    assert all(f"tracking.uri={uri}" in command for command in others)


def test_console_scripts_name_console_scripts(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/bin/rnn-vs-lstm-compare"])
    report, explain, ui = _commands("finished")
    assert report == "rnn-vs-lstm-report name=small"
    assert explain.startswith("rnn-vs-lstm-explain name=small ")
    assert ui == "rnn-vs-lstm-ui"
