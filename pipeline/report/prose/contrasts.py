"""Write the answers to what a sweep asks: each contrast with its size, how sure it is, and its cost."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.contrasts import Contrast
from pipeline.analysis.frames import rows_of
from pipeline.analysis.verdicts import NO, OPEN, YES, Contrasts
from pipeline.config.programs import again_with
from pipeline.report.formats import (
    capitalise,
    format_lead,
    format_margin,
    format_minutes,
    format_ratio,
    join_names,
)
from pipeline.report.prose.answer import ShortAnswer, none_has_learnt

# What a change of the lead is over, by the quantity that says so.
_GROWTH = {
    "change_with_distance": "from near to far evidence",
    "change_with_neutral_words": "as neutral words are put around the evidence",
    "change_with_length": "from short to long texts",
}
_GATES = "gated_vs_simple"
ALIKE = 1.05  # training times within this ratio are called the same
_FEW_SEEDS = 12  # as many can be written out in a command
QUANTITIES = {
    "accuracy": "accuracy",
    "accuracy_long_texts": "accuracy on the longest texts",
    "change_with_length": "change with length",
    "change_with_distance": "change with distance",
    "change_with_neutral_words": "change with neutral words",
    "log_half_life": "half-life",
    "log_train_seconds": "training time",
    "log_parameters": "parameters",
}


def headline_of_contrasts(comparison: Comparison) -> str:
    """Answer the first question of the sweep in a few sentences; nothing if it asks none."""
    found = comparison.contrasts
    asked = _first(found)
    if found is None or asked is None or none_has_learnt(comparison):
        return ""
    rows = rows_by_quantity(found, asked)
    row, margin = rows["accuracy"], format_margin(found.margin)
    better, other = _sides(asked, row)
    interval, size = _interval_of_lead(row), _points(row.estimate)
    if row.verdict == YES and asked.name == _GATES and row.estimate > 0:
        cost = _describe_price_of_gates(rows)
        text = f"Gates are worth {size} of accuracy on these texts ({interval}){cost}."
    elif row.verdict == YES:
        text = f"{capitalise(better)} score {size} higher than {other} ({interval})."
    elif row.verdict == NO:
        text = (
            f"{capitalise(asked.first)} and {asked.second} differ by less than {margin} of accuracy "
            f"({interval})."
        )
    else:
        text = (
            f"Whether {asked.first} beat {asked.second} is not decided: {better} lead by {size} "
            f"({interval})."
        )
    if "Gates are worth" not in text:
        text = f"{text} {_describe_costs(asked, rows)}"
    return " ".join(part for part in (text.strip(), *_describe_growth(asked, rows)) if part)


def answers_of_contrasts(comparison: Comparison) -> list[ShortAnswer]:
    """Answer the questions of the sweep; the first, which has the headline, only if it is open."""
    found = comparison.contrasts
    first = _first(found)
    if found is None or first is None or none_has_learnt(comparison):
        return []
    return [
        _answer(comparison, asked, rows)
        for asked in found.asked
        if "accuracy" in (rows := rows_by_quantity(found, asked))
        and (asked != first or rows["accuracy"].verdict == OPEN)
    ]


def _answer(comparison: Comparison, asked: Contrast, rows: dict[str, Any]) -> ShortAnswer:
    row = rows["accuracy"]
    better, _ = _sides(asked, row)
    lead = f"{_points(row.estimate)} in favour of {better} ({_interval_of_lead(row)})."
    conclusion = {YES: capitalise(better), NO: "No difference that matters", OPEN: "Not decided"}
    plan, command = _plan(comparison, row) if row.verdict == OPEN else ("", "")
    return ShortAnswer(
        topic=f"{capitalise(shorten(asked.first))} or {shorten(asked.second)}?",
        conclusion=conclusion[row.verdict],
        reason=" ".join(part for part in (lead, _describe_costs(asked, rows), plan) if part),
        command=command,
    )


def describe_contrasts(comparison: Comparison) -> str:
    """Say what the figure of contrasts shows, and how they were chosen."""
    found = comparison.contrasts
    assert found is not None
    sentences = [
        "A dot is a difference in accuracy between groups that are alike in all else, and its line the "
        "95% interval. In the grey band it is too small to matter."
    ]
    own = [name_question(one) for one in found.asked if one.weights]
    if own:
        sentences.append(
            f"The groups of {join_names(own)} were chosen by hand and may differ in more."
        )
    if found.single:
        are = "is" if len(found.single) == 1 else "are"
        sentences.append(f"{join_names(found.single)} {are} left out, as one seed decides nothing.")
    return " ".join([*sentences, _describe_declaration(comparison, found)])


def _describe_declaration(comparison: Comparison, found: Contrasts) -> str:
    if found.declared:
        return "The questions were declared before the first run."
    if found.known_before:
        return (
            f"{found.known_before} of the {int(comparison.runs.compared.sum())} runs began before the "
            "questions were declared, so their results may have been known."
        )
    return "The questions follow from what was varied; they were not declared before the sweep."


def name_question(asked: Contrast) -> str:
    """Return the two groups of a question, as a figure names them."""
    return f"{shorten(asked.first)} against {shorten(asked.second)}"


def shorten(group: str) -> str:
    """Return the name of a group without the word that all groups share, for a figure."""
    return group.removeprefix("networks with ").removesuffix(" networks")


def _first(found: Contrasts | None) -> Contrast | None:
    if found is None:
        return None
    known = set(found.table.contrast[found.table.quantity == "accuracy"])
    return next((one for one in found.asked if one.name in known), None)


def rows_by_quantity(found: Contrasts, asked: Contrast) -> dict[str, Any]:
    """Return the row of each quantity that was asked of a contrast."""
    table = found.table[found.table.contrast == asked.name]
    return {str(row.quantity): row for row in rows_of(table)}


def _sides(asked: Contrast, row: Any) -> tuple[str, str]:
    """Return the side that is ahead, then the other."""
    return (asked.first, asked.second) if row.estimate > 0 else (asked.second, asked.first)


def _plan(comparison: Comparison, row: Any) -> tuple[str, str]:
    """Say how many seeds would decide it and how long they take; also return what to type."""
    if math.isnan(row.p_value):
        one = comparison.summary.runs.max() == 1
        which = "One seed" if one else "An architecture with one seed left"
        return f"{which} decides nothing. To train more:", _command(comparison, 3)
    assert comparison.contrasts is not None
    margin = format_margin(comparison.contrasts.margin)
    if pd.isna(row.seeds_to_decide):
        return (
            f"To find a difference of {margin} would take over 200 seeds, or more test texts.",
            "",
        )
    seeds, minutes = int(row.seeds_to_decide), row.minutes_to_decide
    if minutes == 0:
        return f"Four in five sweeps of this size would find a difference of {margin}.", ""
    time = "" if pd.isna(minutes) else f", in {format_minutes(minutes)} more"
    found = (
        f"{seeds} seeds of each in all would find a difference of {margin} with 80% chance{time}:"
    )
    return found, _command(comparison, seeds)


def _command(comparison: Comparison, seeds: int) -> str:
    given = ",".join(str(number) for number in range(seeds))
    if seeds > _FEW_SEEDS:
        given = f"$(seq -s, 0 {seeds - 1})"
    return again_with(comparison.experiment, f"seed={given}")


def _describe_costs(asked: Contrast, rows: dict[str, Any]) -> str:
    row = rows.get("log_train_seconds")
    if row is None:
        return ""
    ratio = math.exp(abs(row.estimate))
    if ratio < ALIKE:
        return "Both train in the same time."
    slower = asked.first if row.estimate > 0 else asked.second
    return f"Training takes {format_ratio(ratio)} times as long with {slower}."


def _describe_price_of_gates(rows: dict[str, Any]) -> str:
    row = rows.get("log_train_seconds")
    if row is None:
        return ""
    ratio = math.exp(row.estimate)
    if ratio < ALIKE:
        return "" if 1 / ratio > ALIKE else ", for the same training time"
    return f", for {format_ratio(ratio)} times the training time"


def _describe_growth(asked: Contrast, rows: dict[str, Any]) -> list[str]:
    """Say how the lead changes with distance or else with neutral words, and with length."""
    far = next((one for one in list(_GROWTH)[:2] if one in rows), None)
    names = [one for one in (far, "change_with_length") if one in rows]
    if far == "change_with_distance":  # a text's length is then little but its distance
        names = [far]
    return [_describe_change(asked, rows["accuracy"], rows[one], _GROWTH[one]) for one in names]


def _describe_change(asked: Contrast, accuracy: Any, row: Any, over: str) -> str:
    if accuracy.verdict != YES:  # then nobody leads
        if row.verdict != YES:
            return ""
        gains, _ = _sides(asked, row)
        size = _points(row.estimate)
        return f"{capitalise(gains)} gain {size} {over} ({_interval_of_lead(row)})."
    ahead = accuracy.estimate > 0
    interval = format_lead(*((row.ci_low, row.ci_high) if ahead else (-row.ci_high, -row.ci_low)))
    if row.verdict == YES:
        verb = "grows" if (row.estimate > 0) == ahead else "shrinks"
        return f"Their lead {verb} by {_points(row.estimate)} {over} ({interval})."
    if row.verdict == NO:
        return f"Their lead stays the same {over} ({interval})."
    return ""  # not decided: the table of the figure has it


def _interval_of_lead(row: Any) -> str:
    """Format the interval of the difference, in favour of the side that leads."""
    low, high = (row.ci_low, row.ci_high) if row.estimate >= 0 else (-row.ci_high, -row.ci_low)
    return format_lead(low, high)


def _points(share: float) -> str:
    return f"{100 * abs(share):.1f} points"
