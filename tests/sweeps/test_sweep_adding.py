"""Whole programs over the adding problem: a sweep of lengths, its table and page, one run by itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pandas as pd
import pytest
from factories.programs import run_program

from pipeline.tracking import Store

pytestmark = pytest.mark.slow

SMALL = (
    "experiment=adding name=small architecture.units=8 data.max_steps=400 data.steps_per_validation=25 "
    "data.validation_size=100 data.test_size=100 train.learning_rate=1e-2"
).split()
SWEPT = ["architecture=gru,lstm", "data.length=3,200", "device.workers=1"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A sweep over a length that a GRU solves soon and one that an LSTM does not in these steps."""
    root = tmp_path_factory.mktemp("swept")
    return root, run_program(root, *SMALL, *SWEPT)


def test_not_to_solve_it_is_no_failure(swept):
    root, done = swept
    assert done.returncode == 0, done.stdout + done.stderr
    runs = Store(None, root, "small").runs("tags.kind = 'run'")
    assert len(runs) == 4
    assert {run.data.tags["outcome"] for run in runs} == {"finished"}
    solved = {run.info.run_name: run.data.metrics["adding/solved"] for run in runs}
    assert solved["gru seed 0, length 3"] == 1
    assert solved["lstm seed 0, length 200"] == 0


def test_a_run_holds_its_curve_its_steps_and_its_network(swept):
    root, _ = swept
    store = Store(None, root, "small")
    for run in store.runs("tags.kind = 'run'"):
        curve = store.client.get_metric_history(run.info.run_id, "val/mse")
        steps = sorted(metric.step for metric in curve)
        assert steps == list(range(25, steps[-1] + 1, 25))
        metrics = run.data.metrics
        assert metrics["adding/steps"] == steps[-1]
        assert ("adding/steps_to_solve" in metrics) == bool(metrics["adding/solved"])
        if metrics["adding/solved"]:
            assert metrics["adding/steps_to_solve"] == steps[-1]
            assert metrics["best/val_mse"] < 1 / 600
        else:
            assert steps[-1] == 400
        assert "tokenizer" not in run.data.params
        assert run.data.params["length"] in ("3", "200")
        artifacts = {entry.path for entry in store.client.list_artifacts(run.info.run_id)}
        assert artifacts >= {"config.yaml", "model", "model_summary.txt", "predictions.parquet"}
        path = store.client.download_artifacts(run.info.run_id, "predictions.parquet")
        answered = pd.read_parquet(path)
        errors = (answered.predicted.astype(float) - answered.target) ** 2
        assert errors.mean() == pytest.approx(metrics["test/mse"])


def test_the_sweep_ends_with_its_table_its_page_and_its_aggregates(swept):
    root, done = swept
    folder = root / "reports" / "small"
    ending = done.stdout.partition("Writing the page")[2]
    assert "In at most 400 steps" in ending
    assert "Steps to solve the problem: the median" in ending
    assert "not in 400" in done.stdout
    assert f"Report: {folder / 'index.html'}" in done.stdout
    steps = pd.read_csv(folder / "steps_to_solve.csv")
    assert len(steps) == 4
    solved = steps.set_index(["architecture", "length"])
    assert solved.solved["gru", 3] == 1
    assert solved.steps["gru", 3] <= 400
    assert solved.solved["lstm", 200] == 0
    assert "the adding problem" in (folder / "index.html").read_text()
    (parent,) = Store(None, root, "small").runs("tags.kind = 'sweep'")
    assert parent.data.metrics["solved/gru length 3"] == 1
    assert parent.data.metrics["solved/lstm length 200"] == 0
    assert "steps_to_solve/lstm length 200" not in parent.data.metrics


def test_a_second_launch_runs_nothing_and_the_report_is_made_again_by_name(swept):
    root, _ = swept
    again = run_program(root, *SMALL, *SWEPT)
    assert again.returncode == 0
    assert again.stdout.count("already finished") == 4
    assert "Step 1" not in again.stdout
    page = root / "reports" / "small" / "index.html"
    page.unlink()
    done = run_program(root, "name=small", program="report")
    assert done.returncode == 0, done.stderr
    assert page.exists()


def test_one_run_says_what_does_nothing_and_what_came_of_it(tmp_path):
    done = run_program(
        tmp_path,
        *("data=adding", "data.length=4", "data.max_steps=20", "data.steps_per_validation=10"),
        *("data.validation_size=100", "data.test_size=100", "architecture=bi_gru", "name=one"),
        *("architecture.units=4", "tokenizer.max_length=9"),
    )
    assert done.returncode == 0, done.stderr
    assert "tokenizer.max_length has no effect" in done.stdout
    assert "train.epochs" not in done.stdout
    assert "Did not solve length 4 in 20 steps" in done.stdout


def test_a_run_that_diverges_is_named_with_its_length(tmp_path):
    done = run_program(
        tmp_path,
        *SMALL,
        *("architecture=gru", "data.length=3", "train.learning_rate=3e38", "device.workers=1"),
    )
    assert done.returncode == 1
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith("Not finished: gru seed 0, length 3: diverged")
