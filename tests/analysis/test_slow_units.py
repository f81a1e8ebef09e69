"""Test what slow units carry in tables with shares that are known, and what has learnt nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories.fading import make_runs, make_slow_units
from factories.memory import make_probed

from pipeline.analysis.comparison import Comparison, compare
from pipeline.analysis.frames import rows_of
from pipeline.analysis.slow_units import (
    SHARE_COLUMNS,
    TIME_COLUMNS,
    SlowUnits,
    furthest_shown,
    summarise_slow_units,
)


def summarise(table: pd.DataFrame, **runs: int) -> SlowUnits:
    found = summarise_slow_units({"slow_units": table}, make_runs(**runs), np.random.default_rng(0))
    assert found is not None
    return found


def test_shares_are_those_that_were_made() -> None:
    table = make_slow_units({"run0": (0.6, 0.1), "run1": (0.7, 0.12), "run2": (0.8, 0.14)})
    found = summarise(table, gru=3)
    assert list(found.shares.columns) == list(SHARE_COLUMNS)
    assert list(found.shares.distance) == [0, 50]
    for row in rows_of(found.shares):
        assert row.slowest == pytest.approx(0.7, abs=0.01)
        assert row.random == pytest.approx(0.12, abs=0.01)  # the mean of its draws
        assert row.more == pytest.approx(row.slowest - row.random)
        assert row.slowest_low < 0.6 < 0.8 < row.slowest_high  # three seeds, ten points apart
        assert row.more_low > 0
        assert (row.reviews, row.runs) == (60, 3)


def test_a_share_is_that_of_the_sums_and_no_run_of_a_weak_answer_decides_it() -> None:
    strong = make_slow_units({f"run{number}": (0.5, 0.1) for number in range(4)}, score=9.0)
    weak = make_slow_units({"run4": (5.0, 0.1)}, score=1.0)
    row = next(rows_of(summarise(pd.concat([strong, weak]), gru=5).shares))
    assert row.slowest == pytest.approx((4 * 9 * 0.5 + 1 * 5) / (4 * 9 + 1), rel=0.05)


def test_like_shares_show_no_difference() -> None:
    shares = {"run0": (0.1, 0.12), "run1": (0.13, 0.1), "run2": (0.1, 0.11)}
    row = next(rows_of(summarise(make_slow_units(shares), lstm=3).shares))
    assert row.more_low < 0 < row.more_high


def test_without_an_answer_there_is_no_share() -> None:
    table = make_slow_units({"run0": (0.7, 0.1), "run1": (0.7, 0.1)})
    lost = (table.distance == 50) & (table.measure == "answer")
    table.loc[lost, "value"] = np.random.default_rng(0).normal(0, 1, lost.sum())
    found = summarise(table, gru=2)
    assert list(found.shares.slowest.isna()) == [False, True]
    assert found.shares[["random", "more", "slowest_low"]].iloc[1].isna().all()
    assert furthest_shown(found).empty  # what is read off units is not carried
    assert furthest_shown(None).empty


def test_times_are_those_of_the_units() -> None:
    found = summarise(make_slow_units({"run0": (0.7, 0.1), "run1": (0.7, 0.1)}), gru=2)
    assert list(found.times.columns) == list(TIME_COLUMNS)
    (row,) = rows_of(found.times)
    assert (row.runs, row.units) == (2, 10)
    assert (row.median, row.p90, row.slowest) == (5, 9, 200)


def test_an_older_store_has_none() -> None:
    assert summarise_slow_units({}, make_runs(gru=1), np.random.default_rng(0)) is None


def _with_simple_rnn(**changes: Any) -> Comparison:
    """Compare a sweep whose SimpleRNN was changed in predictions or margins."""
    tracked = make_probed()
    simple = tracked.runs.run_id[tracked.runs.architecture == "simple_rnn"]
    rng = np.random.default_rng(3)
    tables: dict[str, pd.DataFrame] = {
        "predictions": tracked.predictions.copy(),
        "distance": tracked.probes["distance"].reset_index(drop=True),
    }
    for name, column in changes.items():
        table = tables[name]
        rows = table.run_id.isin(simple)
        coin = rng.permutation(np.arange(rows.sum()) % 2)
        table.loc[rows, column] = coin.astype(bool) if column == "correct" else 2.0 * coin - 1
    probes = {**tracked.probes, "distance": tables["distance"]}
    changed = replace(tracked, predictions=tables["predictions"], probes=probes)
    return compare(changed, np.random.default_rng(0), replicates=100)


@pytest.mark.parametrize("change", [{"predictions": "correct"}, {"distance": "margin"}], ids=str)
def test_what_has_learnt_nothing_has_no_half_life(change: dict[str, str]) -> None:
    comparison = _with_simple_rnn(**change)
    assert comparison.unlearnt == ("simple_rnn",)
    assert comparison.memory is not None
    reaches = comparison.memory.reaches
    own = reaches[reaches.architecture == "simple_rnn"]
    asked = own.measure.str.contains("half_life|effective")
    assert asked.any()
    assert own[asked].value.isna().all()
    assert own[~asked].value.notna().all()  # how far the quiz is passed is no half-life
    assert reaches[reaches.architecture == "gru"].value.notna().all()
    curves = comparison.memory.curves
    assert curves.relative[curves.architecture == "simple_rnn"].isna().all()
    for found, frames in (
        (comparison.fading, ("curves", "half_lives")),
        (comparison.slow_units, ("shares",)),
    ):
        for frame in frames:
            assert set(getattr(found, frame).architecture) == {"lstm", "gru"}
    assert comparison.fading is not None
    assert math.isfinite(comparison.fading.time_constants["median"].iloc[0])


def test_what_has_learnt_keeps_its_half_life() -> None:
    comparison = _with_simple_rnn()
    assert comparison.unlearnt == ()
    assert comparison.memory is not None
    assert comparison.memory.reaches.value.notna().all()
