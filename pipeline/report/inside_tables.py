"""Make the tables of what is inside the networks: slow units, derivatives and gates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from pipeline.analysis.compared import Compared
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.analysis.slow_units import SlowUnits, furthest_shown
from pipeline.report.formats import (
    LEARNT_NOTHING,
    MISSING,
    format_count,
    format_half_life,
    format_percent,
    format_reach,
    format_small,
    unless_missing,
)
from pipeline.report.tables import ARCHITECTURE, TEXTS, Column, Table, make_table

ARROWS = {"forward": "→", "backward": "←"}
LAYER = Column("layer", lambda row: f"{row.layer} {ARROWS[row.direction]}", words=True)


def outermost(rows: pd.DataFrame) -> pd.DataFrame:
    """Select the forward direction of each architecture's last layer."""
    last = rows.groupby("architecture").layer.transform("max")
    return rows[(rows.layer == last) & (rows.direction == "forward")]


def outermost_signal(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Select a kind of signal of the first head, through the last layer in the forward direction."""
    rows = rows[rows.kind == kind]
    return outermost(rows[rows["head"] == rows["head"].iloc[0]]) if len(rows) else rows


def measures_table(comparison: Comparison) -> Table | None:
    """Show side by side, for each architecture, what the measures of memory say."""
    found: dict[str, dict[str, str]] = {
        heading: measure(comparison) for heading, measure in _MEASURES.items()
    }
    columns = [
        Column(heading, "architecture", lambda name, known=known: known.get(name, MISSING))
        for heading, known in found.items()
        if known
    ]
    if len(columns) < 2:
        return None
    caption = "What each measure says; layers and directions are in the tables below"
    return make_table(caption, [ARCHITECTURE, *columns], comparison.summary[["architecture"]])


def _margins(comparison: Comparison) -> dict[str, str]:
    if comparison.memory is None:
        return {}
    reaches = comparison.memory.reaches
    rows = reaches[(reaches.measure == "half_life_both") & (reaches["head"] == "")]
    known = {row.architecture: format_reach(row) for row in rows_of(rows)}
    return known | dict.fromkeys(comparison.unlearnt, LEARNT_NOTHING) if known else {}


def _derivatives(comparison: Comparison) -> dict[str, str]:
    if comparison.fading is None:
        return {}
    rows = outermost_signal(comparison.fading.half_lives, "logit")
    return {row.architecture: format_half_life(row) for row in rows_of(rows)}


def _gate(which: str) -> Callable[[Comparison], dict[str, str]]:
    def measure(comparison: Comparison) -> dict[str, str]:
        if comparison.fading is None:
            return {}
        rows = outermost(comparison.fading.time_constants)
        return {
            row.architecture: format_time_constant(getattr(row, which)) for row in rows_of(rows)
        }

    return measure


def _carried(units: str) -> Callable[[Comparison], dict[str, str]]:
    def measure(comparison: Comparison) -> dict[str, str]:
        rows = furthest_shown(comparison.slow_units)
        return {row.architecture: format_percent(getattr(row, units)) for row in rows_of(rows)}

    return measure


_MEASURES: dict[str, Callable[[Comparison], dict[str, str]]] = {
    "half of the margin is left after (words)": _margins,
    "half of the derivative is left after (steps)": _derivatives,
    "gates of the median unit (steps)": _gate("median"),
    "gates of the slowest unit (steps)": _gate("slowest"),
    "answer left through the slowest tenth": _carried("slowest"),
    "through a random tenth": _carried("random"),
}


def slow_units_table(found: SlowUnits) -> Table:
    def ends(name: str) -> Column:
        def shown(row: Any) -> str:
            low, high = getattr(row, f"{name}_low"), getattr(row, f"{name}_high")
            return (
                MISSING if math.isnan(low) else f"{format_percent(low)} to {format_percent(high)}"
            )

        return Column("95% interval", shown)

    columns = [
        ARCHITECTURE,
        Column("neutral words", "distance", format_count),
        TEXTS,
        Column("answer left through the slowest tenth", "slowest", format_percent),
        ends("slowest"),
        Column("through a random tenth", "random", format_percent),
        ends("random"),
        Column("difference", "more", format_percent),
        ends("more"),
    ]
    return make_table("The answer, with all other units wiped", columns, found.shares)


def unit_times_table(comparison: Comparison) -> Table | None:
    """Show how slowly the units of each layer and direction move, for every cell alike."""
    found = comparison.slow_units
    if found is None or found.times.empty:
        return None
    columns = [
        ARCHITECTURE,
        LAYER,
        Column("units", "units", format_count),
        Column("median", "median", format_time_constant),
        Column("slower than nine in ten", "p90", format_time_constant),
        Column("slowest", "slowest", format_time_constant),
    ]
    return make_table("Time constants of the units' movements, in steps", columns, found.times)


def retention_table(curves: pd.DataFrame) -> Table:
    columns = [
        ARCHITECTURE,
        Column("steps", "distance", format_count),
        TEXTS,
        Column("share left", "share", format_small),
        Column("95% interval", lambda row: f"{format_small(row.low)} to {format_small(row.high)}"),
    ]
    frame = curves[curves.distance.isin([0, 1, 2, 4, 8, 16, 32, 64, 128, 256])]
    return make_table("Share of a signal that is left", columns, frame)


def fading_table(comparison: Compared) -> Table | None:
    """Show half-lives and time constants of every layer and direction."""
    fading = comparison.fading
    if fading is None or (fading.half_lives.empty and fading.time_constants.empty):
        return None
    lives = fading.half_lives
    found = {
        (row.architecture, row.layer, row.direction, row.kind, row.head): format_half_life(row)
        for row in rows_of(lives)
    }
    constants = {
        (row.architecture, row.layer, row.direction): format_constant(row)
        for row in rows_of(fading.time_constants)
    }
    layers = lives[lives.layer > 0][["architecture", "layer", "direction"]].drop_duplicates()
    layers["last"] = layers.groupby("architecture").layer.transform("max") == layers.layer
    answers = {"logit": "of the answer: {}", "next_token": "of the next token"}
    outputs = lives[lives.kind.isin(list(answers))][["kind", "head"]].drop_duplicates()

    def of_output(output: Any) -> Column:
        def shown(row: Any) -> str:
            key = (row.architecture, 0, row.direction, output.kind, output.head)
            return found.get(key, MISSING) if row.last else MISSING

        return Column(answers[output.kind].format(output.head), shown)

    def inner(heading: str, kind: str) -> Column:
        return Column(
            heading,
            lambda row: found.get((row.architecture, row.layer, row.direction, kind, ""), MISSING),
        )

    columns = [
        ARCHITECTURE,
        LAYER,
        *map(of_output, rows_of(outputs)),
        inner("of the state", "state"),
        inner("by the gates alone", "gate"),
        Column(
            "time constant of the median unit",
            lambda row: constants.get((row.architecture, row.layer, row.direction), MISSING),
        ),
    ]
    return make_table("Half-lives in steps, with 95% intervals", columns, layers)


def format_constant(row: Any) -> str:
    ends = f" ({row.low:.3g} to {row.high:.3g})" if math.isfinite(row.low) else ""
    return f"{format_time_constant(row.median)}{ends}"


@unless_missing
def format_time_constant(steps: float) -> str:
    if math.isinf(steps):
        return "forgets nothing"
    return f"{steps:.3g}" if steps < 999.5 else f"{steps:,.0f}"


def constants_table(constants: pd.DataFrame) -> Table:
    columns = [
        ARCHITECTURE,
        LAYER,
        Column("units", "units", format_count),
        Column("lower quartile", "lower", format_time_constant),
        Column("median", format_constant),
        Column("upper quartile", "upper", format_time_constant),
        Column("slower than nine in ten", "p90", format_time_constant),
        Column("slowest", "slowest", format_time_constant),
        Column("slower than 10 steps", "over_10", format_percent),
        Column("slower than 100 steps", "over_100", format_percent),
    ]
    return make_table("Time constants of the units, in steps", columns, constants)
