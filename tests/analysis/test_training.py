"""Why a network learnt little, told from curves that were made to have one reason each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.answers import length_groups
from pipeline.analysis.training import Diagnosis, Reason, diagnose

SIZES = {"train": 64_000, "validation": 1_000}
STILL = ([0.7, 0.699, 0.699, 0.698], [0.5, 0.5, 0.5, 0.5], [0.5, 0.51, 0.5, 0.5])
FALLS = ([0.7, 0.6, 0.5, 0.4], [0.5, 0.5, 0.55, 0.55], [0.5, 0.51, 0.5, 0.5])
RISES = ([0.7, 0.5, 0.4, 0.3], [0.5, 0.7, 0.8, 0.9], [0.5, 0.7, 0.8, 0.88])
SETTLED = ([0.7, 0.5, 0.4, 0.3], [0.5, 0.7, 0.8, 0.9], [0.5, 0.7, 0.88, 0.87])
BY_HEART = ([0.7, 0.4, 0.2, 0.1], [0.5, 0.8, 0.95, 0.99], [0.5, 0.52, 0.51, 0.5])


def _diagnose(
    *curves: tuple[Sequence[float], Sequence[float], Sequence[float]],
    unlearnt: bool = True,
    status: str = "finished",
    sizes: dict[str, int] = SIZES,
    **settings: Any,
) -> Diagnosis | None:
    """Diagnose an architecture with a run for each curve: train loss, train and val accuracy."""
    own = {"epochs": 4, "patience": 2, "learning_rate": 1e-3, "batch_size": 64, "max_seconds": None}
    runs = pd.DataFrame(
        [
            {"run_id": str(seed), "architecture": "lstm", "seed": seed, "status": status}
            | {"chosen": True, "compared": status == "finished"}
            | own
            | settings
            for seed in range(len(curves))
        ]
    ).convert_dtypes()
    columns = ("train_loss", "train_accuracy", "val_accuracy")
    history = pd.concat(
        pd.DataFrame(dict(zip(columns, curve, strict=True))).assign(
            run_id=str(seed), epoch=range(1, len(curve[0]) + 1)
        )
        for seed, curve in enumerate(curves)
    )
    found = diagnose(runs, history, {"lstm"} if unlearnt else set(), 0.5, sizes)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("curves", "changes", "reason"),
    [
        ([STILL], {}, Reason.flat),
        ([FALLS], {}, Reason.epochs),
        ([FALLS], {"epochs": 10}, Reason.impatient),
        ([BY_HEART], {}, Reason.by_heart),
        ([BY_HEART], {"epochs": 10}, Reason.by_heart),
        ([STILL], {"sizes": {"train": 640, "validation": 60}}, Reason.few_steps),
        ([FALLS], {"max_seconds": 20.0}, Reason.out_of_time),
        ([FALLS], {"status": "diverged"}, Reason.diverged),
        ([RISES, RISES], {"unlearnt": False}, Reason.rising),
        ([SETTLED, SETTLED], {}, Reason.few_seeds),
    ],
)
def test_each_reason_is_found(curves: list[Any], changes: dict[str, Any], reason: Reason) -> None:
    found = _diagnose(*curves, **changes)
    assert found is not None
    assert found.reason == reason


def test_who_has_learnt_and_no_longer_improves_needs_no_advice():
    assert _diagnose(SETTLED, SETTLED, unlearnt=False) is None
    assert _diagnose(RISES, SETTLED, unlearnt=False) is None  # most runs decide
    assert _diagnose(RISES, unlearnt=False, max_seconds=20.0) is None  # time was held equal


def test_few_steps_are_made_enough():
    found = _diagnose(STILL, sizes={"train": 640, "validation": 60})
    assert found is not None
    assert found.steps == 40
    assert found.enough_epochs == 100


def test_chance_on_few_validation_texts_is_not_taken_for_learning():
    lucky = (STILL[0], STILL[1], [0.5, 0.61, 0.5, 0.5])
    sure = _diagnose(lucky)
    unsure = _diagnose(lucky, sizes={"train": 64_000, "validation": 40})
    assert sure is not None
    assert unsure is not None
    assert (sure.reason, unsure.reason) == (Reason.few_seeds, Reason.flat)


def test_without_curves_nothing_is_said():
    runs = pd.DataFrame({"architecture": ["lstm"], "chosen": True, "status": "finished"})
    assert diagnose(runs, pd.DataFrame(), {"lstm"}, 0.5, {}) == []


DEFAULT = (100, 200, 400, 800)


def _lengths(low: int, high: int, count: int = 1_000) -> pd.Series:
    return pd.Series(np.random.default_rng(0).integers(low, high, count), name="length")


def test_short_texts_are_cut_into_groups_of_like_size():
    groups = length_groups(_lengths(3, 31), DEFAULT)
    assert len(groups) == 5
    sizes = np.array([group.members.sum() for group in groups])
    assert sizes.sum() == 1_000
    assert sizes.min() > 120
    assert groups[-1].high is None


def test_edges_of_longer_texts_are_round():
    groups = length_groups(_lengths(900, 4_000), DEFAULT)
    assert all(group.low % 50 == 0 for group in groups)
    assert len(groups) == 5


def test_few_texts_have_fewer_groups_or_one():
    assert len(length_groups(_lengths(3, 31, 130), DEFAULT)) == 2
    assert len(length_groups(_lengths(3, 31, 80), DEFAULT)) == 1
    assert len(length_groups(pd.Series([7] * 500, name="length"), DEFAULT)) == 1


def test_edges_that_divide_the_texts_or_that_somebody_chose_are_kept():
    for lengths, edges in ((_lengths(20, 900), DEFAULT), (_lengths(3, 31), (50, 99))):
        lows = [group.low for group in length_groups(lengths, edges)]
        assert set(lows) <= {0, *edges}
