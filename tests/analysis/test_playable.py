"""Test which run of an architecture stands for it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.analysis.playable import rank_seeds
from pipeline.analysis.selection import ACCURACY, LOSS


def _runs(**columns: list[Any]) -> pd.DataFrame:
    count = len(columns["seed"])
    usual = {
        "run_id": [f"run{number}" for number in range(count)],
        "architecture": ["lstm"] * count,
        "compared": [True] * count,
    }
    return pd.DataFrame(usual | columns).convert_dtypes()


def _seeds(ranked: dict[str, list[Any]]) -> dict[str, list[int]]:
    return {name: [row.seed for row in rows] for name, rows in ranked.items()}


def test_the_median_seed_stands_for_its_architecture_and_the_others_follow() -> None:
    runs = _runs(seed=[0, 1, 2], val_accuracy=[0.9, 0.7, 0.8])
    assert _seeds(rank_seeds(runs, ACCURACY)) == {"lstm": [2, 0, 1]}
    losses = _runs(seed=[0, 1, 2], val_loss=[0.9, 0.7, 0.8])
    assert _seeds(rank_seeds(losses, LOSS)) == {"lstm": [2, 0, 1]}


def test_of_two_the_worse_stands_for_both() -> None:
    runs = _runs(seed=[0, 1], val_accuracy=[0.9, 0.7])
    assert _seeds(rank_seeds(runs, ACCURACY)) == {"lstm": [1, 0]}
    losses = _runs(seed=[0, 1], val_loss=[0.9, 0.7])
    assert _seeds(rank_seeds(losses, LOSS)) == {"lstm": [0, 1]}


def test_runs_that_are_not_compared_and_other_architectures_do_not_count() -> None:
    runs = _runs(
        seed=[0, 1, 2, 0],
        architecture=["lstm", "lstm", "lstm", "gru"],
        compared=[True, False, True, True],
        val_accuracy=[0.9, 0.1, 0.8, 0.6],
    )
    assert _seeds(rank_seeds(runs, ACCURACY)) == {"lstm": [2, 0], "gru": [0]}


def test_a_run_without_a_score_counts_as_the_worst() -> None:
    runs = _runs(seed=[0, 1, 2], val_accuracy=[0.9, None, 0.8])
    assert _seeds(rank_seeds(runs, ACCURACY)) == {"lstm": [2, 0, 1]}
