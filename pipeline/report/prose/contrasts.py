"""Write the answers to what a sweep asks: each contrast with its size, how sure it is, and its cost."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.contrasts import Contrast
from pipeline.analysis.frames import rows_of
from pipeline.analysis.verdicts import NO, YES, Contrasts
from pipeline.config.programs import again_with
from pipeline.report.formats import (
    format_count,
    format_interval,
    format_share,
)
from pipeline.report.prose.answer import ShortAnswer, find_leader, none_has_learnt

# What a change of the lead is over, by the quantity that says so.
_GROWTH = {
    "change_with_length": "from short to long texts",
    "change_with_distance": "from near to far evidence",
    "change_with_neutral_words": "as neutral words are put around the evidence",
}
_GATES = "gated_vs_simple"
_FEW_SEEDS = 12  # as many can be written out in a command
QUANTITIES = {
    "accuracy": "accuracy",
    "accuracy_long_texts": "accuracy on the longest texts",
    "change_with_length": "change with length",
    "change_with_distance": "change with distance",
    "change_with_neutral_words": "change with neutral words",
    "log_train_seconds": "training time",
    "log_parameters": "parameters",
}


def headline_of_contrasts(comparison: Comparison) -> str:
    """Answer the first question of the sweep in a few sentences; nothing if it asks none."""
    found = comparison.contrasts
    asked = _first(found)
    if found is None or asked is None or none_has_learnt(comparison):
        return ""
    rows = _rows(found, asked)
    row, margin = rows["accuracy"], _margin(found)
    better, other = _sides(asked, row)
    interval, size = _interval_of_lead(row), _points(abs(row.estimate))
    if row.verdict == YES:
        if asked.name == _GATES and row.estimate > 0:
            text = f"Gates are worth {size} of accuracy on these texts"
        else:
            text = f"{_capital(better)} score {size} higher than {other}"
        text += f" (95% interval {interval})."
    elif row.verdict == NO:
        text = (
            f"{_capital(asked.first)} and {asked.second} differ by less than {margin} of accuracy "
            f"(95% interval {interval})."
        )
    else:
        text = (
            f"{_capital(better)} score {size} higher than {other} in this sweep, but that is not "
            f"decided (95% interval {interval}). {_plan(comparison, row)}"
        )
    best = find_leader(comparison.summary, comparison.pairwise)
    leader = f"{best.leader} scores {format_share(best.accuracy)}, {best.rank}."
    parts = (text, _describe_costs(asked, rows), _describe_growth(asked, rows, margin), leader)
    return " ".join(part for part in parts if part)


def answers_of_contrasts(comparison: Comparison) -> list[ShortAnswer]:
    """Answer every question of the sweep but the first, which the headline answers."""
    found = comparison.contrasts
    first = _first(found)
    if found is None or first is None or none_has_learnt(comparison):
        return []
    answers = []
    for asked in found.asked:
        rows = _rows(found, asked)
        if asked == first or "accuracy" not in rows:
            continue
        row = rows["accuracy"]
        interval, size = _interval_of_lead(row), _points(abs(row.estimate))
        better, other = _sides(asked, row)
        if row.verdict == YES:
            conclusion = _capital(better)
            reason = f"{size} higher than {other} (95% interval {interval})."
        elif row.verdict == NO:
            conclusion = "No difference that matters"
            reason = f"{_capital(better)} lead by {size} (95% interval {interval})."
        else:
            conclusion = "Not decided"
            reason = f"{_capital(better)} lead by {size} (95% interval {interval}). "
            reason += _plan(comparison, row)
        costs = _describe_costs(asked, rows)
        topic = f"{_capital(asked.first)} or {asked.second}?"
        answers.append(ShortAnswer(topic, conclusion, f"{reason} {costs}".strip()))
    return answers


def describe_contrasts(comparison: Comparison) -> str:
    """Say what the figure of contrasts shows, and how they were chosen."""
    found = comparison.contrasts
    assert found is not None
    declared = (
        "The questions were declared before the first run."
        if found.declared
        else "The questions follow from what was varied; they were not declared before the sweep."
    )
    return (
        "A dot is a difference of mean accuracies, over architectures that are alike in all else; its "
        f"line is the 95% interval. Between the dotted lines it is too small to matter. {declared}"
    )


def _first(found: Contrasts | None) -> Contrast | None:
    if found is None:
        return None
    known = set(found.table.contrast[found.table.quantity == "accuracy"])
    return next((one for one in found.asked if one.name in known), None)


def _rows(found: Contrasts, asked: Contrast) -> dict[str, Any]:
    table = found.table[found.table.contrast == asked.name]
    return {str(row.quantity): row for row in rows_of(table)}


def _sides(asked: Contrast, row: Any) -> tuple[str, str]:
    """Return the side that is ahead, then the other."""
    return (asked.first, asked.second) if row.estimate > 0 else (asked.second, asked.first)


def _plan(comparison: Comparison, row: Any) -> str:
    """Say how many seeds would decide it, how long they take and what to type."""
    if math.isnan(row.p_value):
        one = comparison.summary.runs.max() == 1
        which = "One seed" if one else "An architecture with one seed left"
        return f"{which} decides nothing; train more (run {_command(comparison, 3)})."
    assert comparison.contrasts is not None
    margin = _margin(comparison.contrasts)
    if pd.isna(row.seeds_to_decide):
        return (
            f"A difference of {margin} would take over 200 seeds, or more test texts, to be found."
        )
    seeds, minutes = int(row.seeds_to_decide), row.minutes_to_decide
    if minutes == 0:
        return f"Four in five sweeps of this size would find a difference of {margin}."
    time = "" if pd.isna(minutes) else f", about {format_count(math.ceil(minutes))} more minutes"
    return (
        f"{seeds} seeds of each would find a difference of {margin} with 80% chance{time} (run "
        f"{_command(comparison, seeds)})."
    )


def _margin(found: Contrasts) -> str:
    return f"{100 * found.margin:g} point{'' if found.margin == 0.01 else 's'}"


def _command(comparison: Comparison, seeds: int) -> str:
    given = ",".join(str(number) for number in range(seeds))
    if seeds > _FEW_SEEDS:
        given = f"$(seq -s, 0 {seeds - 1})"
    return again_with(comparison.experiment, f"seed={given}")


def _describe_costs(asked: Contrast, rows: dict[str, Any]) -> str:
    row = rows.get("log_train_seconds")
    if row is None:
        return ""
    ratio = math.exp(row.estimate)
    if 0.95 < ratio < 1.05:
        return "Both train in the same time."
    slower, ratio = (asked.first, ratio) if ratio > 1 else (asked.second, 1 / ratio)
    return f"Training takes {ratio:.1f} times as long with {slower}."


def _describe_growth(asked: Contrast, rows: dict[str, Any], margin: str) -> str:
    """Say whether the lead grows, by what the sweep measures best: distance, neutral words, length."""
    order = ("change_with_distance", "change_with_neutral_words", "change_with_length")
    name = next((one for one in order if one in rows), None)
    if name is None:
        return ""
    row, accuracy = rows[name], rows["accuracy"]
    if accuracy.verdict != YES:  # then nobody leads
        if row.verdict != YES:
            return ""
        gains, _ = _sides(asked, row)
        size = _points(abs(row.estimate))
        return f"{_capital(gains)} gain {size} {_GROWTH[name]} ({_interval_of_lead(row)})."
    ends = (row.ci_low, row.ci_high) if accuracy.estimate > 0 else (-row.ci_high, -row.ci_low)
    grows = (row.estimate > 0) == (accuracy.estimate > 0)
    interval = format_interval(*ends, points=True)
    if row.verdict == YES:
        verb = "grows" if grows else "shrinks"
        return f"The lead {verb} by {_points(abs(row.estimate))} {_GROWTH[name]} ({interval})."
    if row.verdict == NO:
        return f"The lead changes by less than {margin} {_GROWTH[name]} ({interval})."
    return f"Whether the lead changes {_GROWTH[name]} is not decided ({interval})."


def _interval_of_lead(row: Any) -> str:
    """Format the interval of the difference, in favour of the side that leads."""
    low, high = (row.ci_low, row.ci_high) if row.estimate >= 0 else (-row.ci_high, -row.ci_low)
    return format_interval(low, high, points=True)


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
