"""What the probes found -> tables: reaches, curves, the quiz, and signals inside the networks."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.curves import PASSING
from pipeline.analysis.frames import rows_of
from pipeline.report.formats import (
    MISSING,
    shown_count,
    shown_ends,
    shown_half_life,
    shown_number,
    shown_range,
    shown_reach,
    shown_share,
    shown_small,
    unless_missing,
)
from pipeline.report.tables import (
    ACCURACY,
    ARCHITECTURE,
    TEXTS,
    Column,
    Table,
    interval,
    make_table,
    trend_table,
)

ARROWS = {"forward": "→", "backward": "←"}
LAYER = Column("layer", lambda row: f"{row.layer} {ARROWS[row.direction]}", words=True)
_MEASURES = {
    "effective_tail": "effective context (last tokens)",
    "effective_head": "effective context (first tokens)",
    "half_life_after": "half-life, words after",
    "half_life_before": "half-life, words before",
    "half_life_both": "half-life, words on both sides",
    "under_75": f"quiz passed ({PASSING:.0%}) up to",
}
_TRENDS = {  # what doubles, and its unit
    "after": ("As the neutral words after double", "neutral words"),
    "before": ("As the neutral words before double", "neutral words"),
    "both": ("As the neutral words on both sides double", "neutral words on each side"),
    "tail": ("As the last tokens read double", "tokens"),
    "head": ("As the first tokens read double", "tokens"),
}


def reach_table(comparison: Comparison) -> Table | None:
    """One row for each architecture: every place where something ends."""
    memory = comparison.memory
    if memory is None or memory.reaches.empty:
        return None
    found = {
        (row.architecture, row.measure, row.question): shown_reach(row)
        for row in rows_of(memory.reaches)
    }
    kinds = memory.reaches[["measure", "question"]].drop_duplicates()
    columns = [
        _reach_column(measure, row.question, found)
        for measure in _MEASURES
        for row in rows_of(kinds[kinds.measure == measure])
    ]
    baseline = [comparison.baseline.name] if comparison.baseline is not None else []
    frame = pd.DataFrame({"architecture": [*comparison.summary.architecture, *baseline]})
    caption = "How far each architecture remembers, with 95% intervals"
    return make_table(caption, [ARCHITECTURE, *columns], frame)


def _reach_column(measure: str, question: str, found: dict[tuple[str, str, str], str]) -> Column:
    named = f", {question}" if question and measure != "under_75" else ""

    def shown(name: str) -> str:
        return found.get((name, measure, question), MISSING)

    return Column(f"{_MEASURES[measure]}{named}", "architecture", shown)


def trend_tables(comparison: Comparison) -> list[tuple[str, Table]]:
    """How accuracy, and every gap, changes as the words or the tokens read double."""
    found = comparison.memory.trends if comparison.memory is not None else {}
    return [
        (title, trend_table(found[condition], unit))
        for condition, (title, unit) in _TRENDS.items()
        if condition in found
    ]


def curve_table(frame: pd.DataFrame, along: str) -> Table:
    columns = [
        ARCHITECTURE,
        Column(along, "distance", lambda place: "all" if pd.isna(place) else str(place)),
        TEXTS,
        ACCURACY,
        interval(),
        Column("same answers", "agrees", shown_share),
        Column("mean margin", "margin", shown_number),
        interval("95% interval of it", "margin_low", "margin_high", shown_ends),
        Column("share of the margin", "relative", shown_share),
    ]
    return make_table(f"Accuracy and margins by {along}", columns, frame)


def quiz_table(quiz: pd.DataFrame) -> Table:
    columns = [
        ARCHITECTURE,
        Column("answers", "question", words=True),
        Column("texts", "texts", words=True),
        Column("distance", lambda row: shown_range(row.low, row.high)),
        Column("number", "reviews", shown_count),
        ACCURACY,
        interval(),
    ]
    return make_table("The quiz by kind of text and distance", columns, quiz)


def leads_table(leads: pd.DataFrame, unit: str) -> Table:
    """leads: with `place`, the group as shown."""
    columns = [
        ARCHITECTURE,
        Column(unit.lower(), "place"),
        TEXTS,
        Column("points above the baseline", "lead"),
        Column("95% interval", "lead_interval"),
    ]
    return make_table("Accuracy less that of the baseline", columns, leads)


def retention_table(curves: pd.DataFrame) -> Table:
    columns = [
        ARCHITECTURE,
        Column("steps", "distance", shown_count),
        TEXTS,
        Column("share left", "share", shown_small),
        Column("95% interval", lambda row: f"{shown_small(row.low)} to {shown_small(row.high)}"),
    ]
    frame = curves[curves.distance.isin([0, 1, 2, 4, 8, 16, 32, 64, 128, 256])]
    return make_table("Share of a signal that is left", columns, frame)


def fading_table(comparison: Comparison) -> Table | None:
    """Half-lives and time constants of every layer and direction."""
    fading = comparison.fading
    if fading is None or (fading.half_lives.empty and fading.time_constants.empty):
        return None
    lives = fading.half_lives
    found = {
        (row.architecture, row.layer, row.direction, row.kind, row.head): shown_half_life(row)
        for row in rows_of(lives)
    }
    constants = {
        (row.architecture, row.layer, row.direction): shown_constant(row)
        for row in rows_of(fading.time_constants)
    }
    layers = lives[lives.layer > 0][["architecture", "layer", "direction"]].drop_duplicates()
    layers["last"] = layers.groupby("architecture").layer.transform("max") == layers.layer
    heads = [head for head in dict.fromkeys(lives["head"]) if head]

    def of_answer(head: str) -> Column:
        def shown(row: Any) -> str:
            key = (row.architecture, 0, row.direction, "logit", head)
            return found.get(key, MISSING) if row.last else MISSING

        return Column(f"of the answer: {head}", shown)

    def inner(heading: str, kind: str) -> Column:
        return Column(
            heading,
            lambda row: found.get((row.architecture, row.layer, row.direction, kind, ""), MISSING),
        )

    columns = [
        ARCHITECTURE,
        LAYER,
        *map(of_answer, heads),
        inner("of the state", "state"),
        inner("by the gates alone", "gate"),
        Column(
            "time constant of the median unit",
            lambda row: constants.get((row.architecture, row.layer, row.direction), MISSING),
        ),
    ]
    return make_table("Half-lives in steps, with 95% intervals", columns, layers)


def shown_constant(row: Any) -> str:
    ends = f" ({row.low:.3g} to {row.high:.3g})" if math.isfinite(row.low) else ""
    return f"{shown_time_constant(row.median)}{ends}"


@unless_missing
def shown_time_constant(steps: float) -> str:
    return "forgets nothing" if math.isinf(steps) else f"{steps:.3g}"


def constants_table(constants: pd.DataFrame) -> Table:
    columns = [
        ARCHITECTURE,
        LAYER,
        Column("units", "units", shown_count),
        Column("lower quartile", "lower", shown_time_constant),
        Column("median", shown_constant),
        Column("upper quartile", "upper", shown_time_constant),
    ]
    return make_table("Time constants of the units, in steps", columns, constants)


def lesson_table(lesson: pd.DataFrame) -> Table:
    """A row for each word, a column for each reading of it."""
    readings = [
        row.architecture
        if pd.isna(row.layer)
        else f"{row.architecture} {int(row.layer)} {ARROWS[row.direction]}"
        for row in rows_of(lesson)
    ]
    ordered = lesson.assign(reading=readings).sort_values("place", kind="stable")
    names = list(dict.fromkeys(readings))
    words = lesson.drop_duplicates("place").sort_values("place")[["word"]].reset_index(drop=True)
    values = {
        number: ordered[ordered.reading == name].value.to_numpy()
        for number, name in enumerate(names)
    }
    columns = [
        Column("word", "word", words=True),
        *(
            Column(name, lambda row, number=number: row[number + 1], shown_number)
            for number, name in enumerate(names)
        ),
    ]
    frame = pd.concat([words, pd.DataFrame(values)], axis=1)
    return make_table("Word by word, mean over seeds", columns, frame)
