"""Write the text about what is inside the networks: why the measures of memory part."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.analysis.slow_units import furthest_shown
from pipeline.report.formats import format_percent, join_names
from pipeline.report.inside_tables import format_time_constant, outermost, outermost_signal
from pipeline.report.prose.memory import by_answer, say_ends

READING_MEASURES = (
    "The measures of memory ask different things, so they part. Here is what each one asks, and what "
    "{name} answers."
)
_MUCH_LONGER = 3  # times


def describe_measures(comparison: Comparison) -> tuple[str, list[tuple[str, str]]]:
    """Say what each measure asks and what one architecture answers: the one that remembers longest.

    Returns:
      Its name and, for each measure that was made, a name and sentences; nothing if fewer than two were.
    """
    best: tuple[str, list[tuple[str, str]]] = "", []
    for margin in _longest_first(comparison):
        said = [
            one
            for describe in (
                _describe_margin,
                _describe_gates,
                _describe_slow,
                _describe_derivative,
            )
            if (one := describe(comparison, margin)) is not None
        ]
        if len(said) > max(1, len(best[1])):
            best = margin.architecture, said
    return best


def _longest_first(comparison: Comparison) -> list[Any]:
    """Return the half-lives with words on both sides, the longest first and each of a network."""
    if comparison.memory is None:
        return []
    reaches = comparison.memory.reaches
    rows = reaches[(reaches.measure == "half_life_both") & (reaches["head"] == "")]
    rows = rows[rows.value.notna() & rows.architecture.isin(comparison.summary.architecture)]
    rank = {name: place for place, name in enumerate(comparison.summary.architecture)}
    return sorted(rows_of(rows), key=lambda row: (-row.value, rank[row.architecture]))


def _of(rows: pd.DataFrame, name: str) -> Any | None:
    return next(rows_of(rows[rows.architecture == name]), None)


def _describe_margin(comparison: Comparison, margin: Any) -> tuple[str, str] | None:
    half = (
        f"more than half of it is left after {margin.furthest:.0f}"
        if math.isinf(margin.value)
        else f"half of it is left after {margin.value:.0f}"
    )
    return "The margin", f"is what the whole network still knows: {half} neutral words."


def _describe_gates(comparison: Comparison, margin: Any) -> tuple[str, str] | None:
    fading = comparison.fading
    row = None if fading is None else _of(outermost(fading.time_constants), margin.architecture)
    if row is None or math.isinf(row.median):
        return None
    text = f"is what one unit keeps by itself: the median unit for {row.median:.3g} steps"
    text += (
        ", the slowest for ever."
        if math.isinf(row.slowest)
        else f", the slowest for {row.slowest:.3g}."
    )
    if min(margin.value, margin.furthest) > _MUCH_LONGER * row.slowest:
        text += " No unit remembers that long alone: units restore one another’s states."
    return "A gate", text


def _describe_slow(comparison: Comparison, margin: Any) -> tuple[str, str] | None:
    row = _of(furthest_shown(comparison.slow_units), margin.architecture)
    if row is None:
        return None
    text = (
        "move least from word to word. With all other units wiped once, right after the evidence, the "
        f"slowest tenth still brings {format_percent(row.slowest)} of the answer over {row.distance} "
        f"neutral words. A random tenth brings {format_percent(row.random)}."
    )
    if not row.more_low > 0:
        text += " With these few seeds and texts the difference is not shown."
    return "The slowest units", text


def _describe_derivative(comparison: Comparison, margin: Any) -> tuple[str, str] | None:
    fading = comparison.fading
    halves = None if fading is None else outermost_signal(fading.half_lives, "logit")
    row = None if halves is None else _of(halves, margin.architecture)
    if row is None or not math.isfinite(row.value):
        return None
    text = (
        "is how far a small change of one word would move the answer: half of that is left after "
        f"{row.value:.2g} steps."
    )
    if min(margin.value, margin.furthest) > _MUCH_LONGER * row.value:
        text += " An answer that is settled hardly moves, however well it is remembered."
    return "A derivative", text


def describe_slow_units(shown: pd.DataFrame) -> str:
    """Say what the figure of the slow units shows, and for whom the difference is shown."""
    text = (
        "All units but a tenth are wiped once, right after the evidence. A mark is what the slowest "
        "tenth still brings of the answer, a grey line what a random tenth brings."
    )
    more = list(shown.architecture[shown.more_low > 0])
    if len(more) == len(shown):
        return f"{text} In every network the slowest bring more." if len(more) > 1 else text
    if more:
        return (
            f"{text} The slowest are shown to bring more in {len(more)} of {len(shown)} networks."
        )
    return f"{text} That the slowest bring more is not shown."


def describe_fading(halves: pd.DataFrame) -> str:
    """Say after how many steps half of a signal inside the networks is left."""
    grouped = by_answer(halves)
    text = say_ends(
        grouped["number"],
        "Half of it (dotted) is left after {} steps in {}",
        lambda row: f"{row.value:.2g}",
    )
    if grouped["beyond"]:
        furthest = f"{halves.furthest.iloc[0]:.0f}"
        text += (
            f" More than half is left after {furthest} steps in {join_names(grouped['beyond'])}."
        )
    if grouped["rises"]:
        text += f" It grows with the steps in {join_names(grouped['rises'])}."
    if grouped["nothing"]:
        text += f" None that could fade is shown in {join_names(grouped['nothing'])}."
    return text.strip()


def describe_constants(constants: pd.DataFrame, fresh_lstm: float) -> str:
    """Say how long units keep their states by their gates."""
    finite = constants[constants["median"].map(math.isfinite)]
    slow = next(rows_of(finite.sort_values("p90", ascending=False)))
    text = (
        "A bar spans the middle half of the units, a mark is their median, and a line what one unit in "
        f"ten exceeds: at most {format_time_constant(slow.p90)} steps, in {slow.architecture}. A new "
        f"LSTM starts at {fresh_lstm:.3g}."
    )
    endless = dict.fromkeys(constants.architecture[constants["median"].map(math.isinf)])
    return (
        f"{text} The median unit of {join_names(list(endless))} forgets nothing."
        if endless
        else text
    )
