"""Whole leagues on generated text: tuned, stopped by the clock, and side by side in a report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from factories.programs import run_program

from pipeline.tracking import Store

pytestmark = pytest.mark.slow

SMALL = (
    "data=clauses data.train_size=200 data.validation_size=100 data.test_size=120 "
    "data.max_distance=10 architecture.embedding_dim=8 architecture.dropout=0 "
    "architecture=lstm,simple_rnn seed=0 device.workers=2 device.threads=1 probe=none"
).split()


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Two leagues: in the first a rate of the grid diverges, in the second the seconds are few."""
    root = tmp_path_factory.mktemp("leagues")
    grid = "train.learning_rate=1e-3,1e-2,3e38"
    sizes = ["architecture.recurrent_parameters=1600", "train.epochs=2"]
    first = run_program(root, "experiment=equal_parameters", *SMALL, grid, *sizes)
    assert first.returncode == 1, first.stderr
    assert first.stdout.count("Not finished: ") == 2
    assert "Not finished: lstm seed 0, learning_rate 3e+38: diverged" in first.stdout
    budget = ["train.learning_rate=1e-2", "train.max_seconds=0.5"]
    second = run_program(root, "experiment=equal_time", *SMALL, *budget)
    assert second.returncode == 0, second.stderr
    return root


def test_units_are_solved_and_stand_with_every_run(root):
    runs = pd.read_csv(root / "reports" / "equal_parameters" / "runs.csv")
    finished = runs[runs.status == "finished"].drop_duplicates("architecture")
    units = finished.set_index("architecture").units.to_dict()
    assert units == {"lstm": 16, "simple_rnn": 36}
    weights = finished.set_index("architecture").recurrent_parameters.to_dict()
    assert weights == {"lstm": 1600, "simple_rnn": 1620}


def test_the_learning_rate_is_chosen_on_validation_and_only_its_runs_are_compared(root):
    folder = root / "reports" / "equal_parameters"
    runs = pd.read_csv(folder / "runs.csv")
    assert len(runs) == 6
    for _, group in runs.groupby("architecture"):
        finished = group[group.status == "finished"]
        (compared,) = group[group.compared].itertuples()
        assert compared.val_accuracy == finished.val_accuracy.max()
    assert pd.read_csv(folder / "pairwise.csv").shape[0] == 1
    assert (runs.status == "diverged").sum() == 2
    page = (folder / "index.html").read_text()
    assert "3 runs of each architecture, over 0.001, 0.01, 3e+38" in page
    (parent,) = Store(None, root, "equal_parameters").runs("tags.kind = 'sweep'")
    means = {key for key in parent.data.metrics if key.startswith("mean/")}
    assert means == {"mean/lstm", "mean/simple_rnn"}
    chosen = runs[runs.compared].set_index("architecture").test_accuracy
    assert parent.data.metrics["mean/lstm"] == pytest.approx(chosen["lstm"])


def test_all_were_trained_for_the_same_seconds(root):
    runs = pd.read_csv(root / "reports" / "equal_time" / "runs.csv")
    assert (runs.train_seconds >= 0.5).all()
    assert (runs.max_seconds == 0.5).all()
    # A thousand epochs are allowed; nothing but the seconds can have ended them.
    assert (runs.epochs == 1000).all()
    figures = {path.stem for path in (root / "reports" / "equal_time" / "figures").glob("*.svg")}
    assert "accuracy_by_parameters" in figures
    assert "accuracy_by_train_seconds" not in figures


def test_leagues_on_the_same_data_stand_side_by_side(root):
    page = (root / "reports" / "equal_time" / "index.html").read_text()
    assert "Leagues side by side" in page
    for said in ("equal_time: 0.5 s of training", "equal_parameters: ", "weights in the recurrent"):
        assert said in page
    # The first was written before there was another; its report again finds it.
    first = root / "reports" / "equal_parameters" / "index.html"
    assert "Leagues side by side" not in first.read_text()
    names = {entry.name for entry in Store(None, root, "equal_time").client.search_experiments()}
    assert "equal_units" not in names  # looked for, not made
    done = run_program(root, "experiment=equal_parameters", program="report")
    assert done.returncode == 0, done.stderr
    assert "Leagues side by side" in first.read_text()
    markdown = (first.parent / "report.md").read_text()
    weights = "1,600 to 1,620 weights in the recurrent layers"
    assert f"- **equal_parameters: {weights}; learning_rate chosen on validation.**" in markdown


def test_leagues_compare_to_baseline_a_sweep_that_is_none(root):
    done = run_program(root, "-m", "name=plain", *SMALL, "architecture.units=8", "train.epochs=1")
    assert done.returncode == 0, done.stderr
    markdown = (root / "reports" / "plain" / "report.md").read_text()
    assert "- **plain: 8 units; learning rate 0.001 for all, not tuned.**" in markdown
    assert "- **equal_time: 0.5 s of training" in markdown
