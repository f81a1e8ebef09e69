"""Fading over runs: curves whose half-life is known, seeds that are counted, runs that do not fit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from factories.fading import make_gates, make_retention, make_runs

from pipeline.analysis.fading import (
    CURVE_COLUMNS,
    HALF_LIFE_COLUMNS,
    TIME_COLUMNS,
    summarise_fading,
)
from pipeline.analysis.frames import rows_of


def test_half_lives_and_shares_are_those_that_were_made() -> None:
    table = make_retention({"run0": 4.0, "run1": 12.0})
    fading = summarise_fading(
        {"retention": table}, make_runs(lstm=1, gru=1), np.random.default_rng(0)
    )
    assert fading is not None
    assert list(fading.curves.columns) == list(CURVE_COLUMNS)
    assert list(fading.half_lives.columns) == list(HALF_LIFE_COLUMNS)
    for name, half_life in (("lstm", 4.0), ("gru", 12.0)):
        row = fading.half_lives[fading.half_lives.architecture == name].iloc[0]
        assert row.value == pytest.approx(half_life, rel=0.1)
        assert row.low <= half_life <= row.high
        curve = fading.curves[fading.curves.architecture == name].set_index("distance")
        assert curve.share[0] == 1
        expected = 0.5 ** (curve.index.to_numpy() / half_life)
        np.testing.assert_allclose(curve.share, expected, rtol=0.15)
        assert (curve.low > 0).all()
        assert (curve.low <= curve.share).all()
        assert (curve.share <= curve.high).all()


def test_runs_that_disagree_widen_the_interval() -> None:
    runs = make_runs(lstm=3)
    alike = make_retention({"run0": 6.0, "run1": 6.0, "run2": 6.0})
    unlike = make_retention({"run0": 4.0, "run1": 6.0, "run2": 9.0})
    widths = []
    for table in (alike, unlike):
        fading = summarise_fading({"retention": table}, runs, np.random.default_rng(0))
        assert fading is not None
        (row,) = rows_of(fading.half_lives)
        widths.append(row.high - row.low)
    assert widths[1] > 3 * widths[0]


def test_what_never_halves_is_beyond_and_what_dies_at_once_is_zero_steps() -> None:
    table = make_retention({"run0": math.inf}, noise=0.01)
    fading = summarise_fading({"retention": table}, make_runs(lstm=1), np.random.default_rng(0))
    assert fading is not None
    (row,) = rows_of(fading.half_lives)
    assert math.isinf(row.value)
    assert row.furthest == 32
    dead = table.assign(value=np.where(table.distance == 0, table.value, 0.0))
    fading = summarise_fading({"retention": dead}, make_runs(lstm=1), np.random.default_rng(0))
    assert fading is not None
    assert fading.half_lives.value[0] == pytest.approx(0.5)
    assert (fading.curves.share[1:] <= 1e-9).all()
    assert np.isfinite(fading.curves[["share", "low", "high"]].to_numpy()).all()


def test_what_explodes_stays_finite() -> None:
    table = make_retention({"run0": -0.05})
    fading = summarise_fading(
        {"retention": table}, make_runs(simple_rnn=1), np.random.default_rng(0)
    )
    assert fading is not None
    assert fading.half_lives.rises[0]
    assert np.isfinite(fading.curves[["share", "low", "high"]].to_numpy()).all()


def test_time_constants_are_quartiles_over_units_and_seeds() -> None:
    units = [1.0, 2.0, 5.0, 10.0, 40.0, 100.0, 300.0, 1000.0]
    table = make_gates({"run0": units, "run1": units})
    fading = summarise_fading({"gates": table}, make_runs(gru=2), np.random.default_rng(0))
    assert fading is not None
    assert list(fading.time_constants.columns) == list(TIME_COLUMNS)
    (row,) = rows_of(fading.time_constants)
    assert (row.runs, row.units) == (2, 8)
    assert [row.lower, row.median, row.upper] == pytest.approx([2, 10, 100], rel=0.02)
    assert row.low < row.median < row.high


def test_units_that_forget_nothing_have_no_finite_constant() -> None:
    table = make_gates({"run0": [1.0, math.inf, math.inf]})
    fading = summarise_fading({"gates": table}, make_runs(lstm=1), np.random.default_rng(0))
    assert fading is not None
    (row,) = rows_of(fading.time_constants)
    assert math.isinf(row.median)
    assert math.isnan(row.low)


def test_a_run_that_read_other_reviews_is_left_out_and_named() -> None:
    table = make_retention({"run0": 4.0, "run1": 4.0, "run2": 4.0})
    table.loc[table.run_id == "run2", "review_id"] += "x"
    fading = summarise_fading({"retention": table}, make_runs(lstm=3), np.random.default_rng(0))
    assert fading is not None
    assert set(fading.curves.runs) == {2}
    assert "run2" in fading.notes[0]


def test_no_tables_no_fading() -> None:
    assert summarise_fading({}, make_runs(lstm=1), np.random.default_rng(0)) is None
    others = {"retention": make_retention({"elsewhere": 4.0})}
    assert summarise_fading(others, make_runs(lstm=1), np.random.default_rng(0)) is None
