"""Make tables of what the probes found: reaches, curves, the quiz, and signals inside the networks."""

from __future__ import annotations

import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.curves import PASSING
from pipeline.analysis.frames import rows_of
from pipeline.report.formats import (
    LEARNT_NOTHING,
    MISSING,
    format_count,
    format_ends,
    format_number,
    format_range,
    format_reach,
    format_share,
)
from pipeline.report.inside_tables import ARROWS
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

_MEASURES = {
    "effective_tail": "effective context (last tokens)",
    "effective_head": "effective context (first tokens)",
    "half_life_after": "half-life, words after",
    "half_life_before": "half-life, words before",
    "half_life_both": "half-life, words on both sides",
    "under_75": f"quiz passed ({PASSING:.0%}) up to",
}
_TRENDS = {  # condition: title, unit
    "after": ("As the neutral words after double", "neutral words"),
    "before": ("As the neutral words before double", "neutral words"),
    "both": ("As the neutral words on both sides double", "neutral words on each side"),
    "tail": ("As the number of last tokens read doubles", "tokens"),
    "head": ("As the number of first tokens read doubles", "tokens"),
}


def reach_table(comparison: Comparison) -> Table | None:
    """Show every reach of every architecture, a row each."""
    columns = _reach_columns(comparison)
    if not columns:
        return None
    baseline = [comparison.baseline.name] if comparison.baseline is not None else []
    frame = pd.DataFrame({"architecture": [*comparison.summary.architecture, *baseline]})
    caption = "How far each architecture remembers, with 95% intervals"
    return make_table(caption, [ARCHITECTURE, *columns.values()], frame)


def main_reach_column(comparison: Comparison) -> Column | None:
    """Return the column of the reach that tells most where there is room for one; None without any."""
    if comparison.memory is None:
        return None
    columns = _reach_columns(comparison)
    return columns.get(comparison.memory.main_reach, next(iter(columns.values()), None))


def _reach_columns(comparison: Comparison) -> dict[tuple[str, str], Column]:
    """Return a column for each reach that was measured, by measure and head."""
    memory = comparison.memory
    if memory is None or memory.reaches.empty:
        return {}
    found = {
        (row.architecture, row.measure, row.head): format_reach(row)
        for row in rows_of(memory.reaches)
    }
    known = memory.reaches[["measure", "head"]].drop_duplicates()
    kinds = [
        (measure, row.head)
        for measure in _MEASURES
        for row in rows_of(known[known.measure == measure])
    ]
    for name in comparison.unlearnt:  # said once, in the first column
        silent = [(name, *kind) for kind in kinds if found.get((name, *kind)) == LEARNT_NOTHING]
        found |= dict.fromkeys(silent[1:], MISSING)
    return {kind: _reach_column(*kind, found) for kind in kinds}


def _reach_column(measure: str, head: str, found: dict[tuple[str, str, str], str]) -> Column:
    suffix = f", {head}" if head and measure != "under_75" else ""

    def shown(name: str) -> str:
        return found.get((name, measure, head), MISSING)

    return Column(f"{_MEASURES[measure]}{suffix}", "architecture", shown)


def trend_tables(comparison: Comparison) -> list[tuple[str, Table]]:
    """Show how accuracy, and every gap, changes as the number of words or tokens doubles."""
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
        Column("same answers", "agrees", format_share),
        Column("mean margin", "margin", format_number),
        interval("95% interval of the margin", "margin_low", "margin_high", format_ends),
        Column("share of the margin", "relative", format_share),
    ]
    return make_table(f"Accuracy and margins by {along}", columns, frame)


def quiz_table(quiz: pd.DataFrame) -> Table:
    columns = [
        ARCHITECTURE,
        Column("head", "head", words=True),
        Column("texts", "texts", words=True),
        Column("distance", lambda row: format_range(row.low, row.high)),
        Column("number", "reviews", format_count),
        ACCURACY,
        interval(),
    ]
    return make_table("The quiz by kind of text and distance", columns, quiz)


def leads_table(leads: pd.DataFrame, unit: str) -> Table:
    """Show the networks' leads over the baseline; the column `place` of `leads` names the group."""
    columns = [
        ARCHITECTURE,
        Column(unit.lower(), "place"),
        TEXTS,
        Column("points above the baseline", "lead"),
        Column("95% interval", "lead_interval"),
    ]
    return make_table("Accuracy minus that of the baseline", columns, leads)


def lesson_table(lesson: pd.DataFrame) -> Table:
    """Show a row for each word, and a column for each architecture, layer and direction."""
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
            Column(name, lambda row, number=number: row[number + 1], format_number)
            for number, name in enumerate(names)
        ),
    ]
    frame = pd.concat([words, pd.DataFrame(values)], axis=1)
    return make_table("Word by word, mean over seeds", columns, frame)
