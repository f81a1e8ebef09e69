"""Write the answers to what a sweep asks: each contrast with its size, how sure it is, and its cost."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from pipeline.analysis.compared import Compared
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.contrasts import Contrast
from pipeline.analysis.frames import rows_of
from pipeline.analysis.verdicts import NO, OPEN, YES, Contrasts
from pipeline.config.programs import again_with
from pipeline.report.formats import (
    capitalise,
    format_lead,
    format_minutes,
    format_ratio,
    join_names,
)
from pipeline.report.prose.answer import ShortAnswer, none_has_learnt
from pipeline.report.prose.measures import ACCURACY, Measure, measure_of

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
    "log_perplexity": "perplexity",
    "accuracy": "accuracy",
    "accuracy_long_texts": "accuracy on the longest texts",
    "change_with_length": "change with length",
    "change_with_distance": "change with distance",
    "change_with_neutral_words": "change with neutral words",
    "log_half_life": "half-life",
    "log_train_seconds": "training time",
    "log_seconds_per_token": "training time by token",
    "log_parameters": "parameters",
}


def headline_of_contrasts(comparison: Compared) -> str:
    """Answer the first question of the sweep in a few sentences; nothing if it asks none."""
    found, measure = comparison.contrasts, measure_of(comparison)
    asked = _first(found, measure)
    if found is None or asked is None or _has_not_learnt(comparison):
        return ""
    rows = rows_by_quantity(found, asked)
    row = rows[measure.quantity]
    better, other = measure.leads(asked, row)
    gates = row.verdict == YES and asked.name == _GATES and better == asked.first
    undecided = measure.single if math.isnan(row.p_value) else measure.undecided
    sentence = {YES: measure.ahead, NO: measure.same}.get(row.verdict, undecided)
    text = (measure.gates if gates else sentence).format(
        size=measure.size(row),
        change=measure.change(row),
        interval=measure.interval_of_lead(row),
        cost=_describe_price_of_gates(rows),
        margin=measure.margin(found.margin),
        better=better,
        other=other,
        first=asked.first,
        second=asked.second,
    )
    text = capitalise(text)
    if not gates:
        text = f"{text} {_describe_costs(asked, rows)}"
    return " ".join(part for part in (text.strip(), *_describe_growth(asked, rows)) if part)


def _has_not_learnt(comparison: Compared) -> bool:
    return isinstance(comparison, Comparison) and none_has_learnt(comparison)


def answers_of_contrasts(comparison: Compared) -> list[ShortAnswer]:
    """Answer the questions of the sweep; the first, which has the headline, only if it is open."""
    found, quantity = comparison.contrasts, measure_of(comparison).quantity
    first = _first(found, measure_of(comparison))
    if found is None or first is None or _has_not_learnt(comparison):
        return []
    return [
        _answer(comparison, asked, rows)
        for asked in found.asked
        if quantity in (rows := rows_by_quantity(found, asked))
        and (asked != first or rows[quantity].verdict == OPEN)
    ]


def _answer(comparison: Compared, asked: Contrast, rows: dict[str, Any]) -> ShortAnswer:
    measure = measure_of(comparison)
    row = rows[measure.quantity]
    better, _ = measure.leads(asked, row)
    lead = measure.lead.format(
        size=measure.size(row),
        change=measure.change(row),
        better=better,
        first=asked.first,
        interval=measure.interval_of_lead(row),
    )
    conclusion = {YES: capitalise(better), NO: "No difference that matters", OPEN: "Not decided"}
    plan, command = _plan(comparison, row) if row.verdict == OPEN else ("", "")
    return ShortAnswer(
        topic=f"{capitalise(shorten(asked.first))} or {shorten(asked.second)}?",
        conclusion=conclusion[row.verdict],
        reason=" ".join(part for part in (lead, _describe_costs(asked, rows), plan) if part),
        command=command,
    )


def describe_contrasts(comparison: Compared) -> str:
    """Say what the figure of contrasts shows, and how they were chosen."""
    found = comparison.contrasts
    assert found is not None
    sentences = [measure_of(comparison).dots]
    own = [name_question(one) for one in found.asked if one.weights]
    if own:
        sentences.append(
            f"The groups of {join_names(own)} were chosen by hand and may differ in more."
        )
    if found.single:
        are = "is" if len(found.single) == 1 else "are"
        sentences.append(f"{join_names(found.single)} {are} left out, as one seed decides nothing.")
    return " ".join([*sentences, _describe_declaration(comparison, found)])


def _describe_declaration(comparison: Compared, found: Contrasts) -> str:
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


def _first(found: Contrasts | None, measure: Measure) -> Contrast | None:
    if found is None:
        return None
    known = set(found.table.contrast[found.table.quantity == measure.quantity])
    return next((one for one in found.asked if one.name in known), None)


def rows_by_quantity(found: Contrasts, asked: Contrast) -> dict[str, Any]:
    """Return the row of each quantity that was asked of a contrast."""
    table = found.table[found.table.contrast == asked.name]
    return {str(row.quantity): row for row in rows_of(table)}


def _plan(comparison: Compared, row: Any) -> tuple[str, str]:
    """Say how many seeds would decide it and how long they take; also return what to type."""
    if math.isnan(row.p_value):
        one = comparison.summary.runs.max() == 1
        which = "One seed" if one else "An architecture with one seed left"
        return f"{which} decides nothing. To train more:", _command(comparison, 3)
    assert comparison.contrasts is not None
    margin = measure_of(comparison).margin(comparison.contrasts.margin)
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


def _command(comparison: Compared, seeds: int) -> str:
    given = ",".join(str(number) for number in range(seeds))
    if seeds > _FEW_SEEDS:
        given = f"$(seq -s, 0 {seeds - 1})"
    return again_with(comparison.experiment, f"seed={given}")


def _describe_costs(asked: Contrast, rows: dict[str, Any]) -> str:
    row, by_token = _time_of_training(rows)
    if row is None:
        return ""
    ratio = math.exp(abs(row.estimate))
    if ratio < ALIKE:
        return f"Both train in the same time{by_token}."
    slower = asked.first if row.estimate > 0 else asked.second
    return f"Training takes {format_ratio(ratio)} times as long{by_token} with {slower}."


def _time_of_training(rows: dict[str, Any]) -> tuple[Any, str]:
    """Return the row of training time, and words that say by what it is.

    Where training ended after different numbers of tokens, the time by token says what a network costs.
    """
    total, by_token = rows.get("log_train_seconds"), rows.get("log_seconds_per_token")
    if total is None or by_token is None:
        return total, ""
    is_alike = abs(total.estimate - by_token.estimate) < math.log(ALIKE)
    return (total, "") if is_alike else (by_token, " by token")


def _describe_price_of_gates(rows: dict[str, Any]) -> str:
    row, by_token = _time_of_training(rows)
    if row is None:
        return ""
    ratio = math.exp(row.estimate)
    if ratio < ALIKE:
        return "" if 1 / ratio > ALIKE else f", for the same training time{by_token}"
    return f", for {format_ratio(ratio)} times the training time{by_token}"


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
        gains, _ = ACCURACY.leads(asked, row)
        size = ACCURACY.size(row)
        return f"{capitalise(gains)} gain {size} {over} ({ACCURACY.interval_of_lead(row)})."
    ahead = accuracy.estimate > 0
    interval = format_lead(*((row.ci_low, row.ci_high) if ahead else (-row.ci_high, -row.ci_low)))
    if row.verdict == YES:
        verb = "grows" if (row.estimate > 0) == ahead else "shrinks"
        return f"Their lead {verb} by {ACCURACY.size(row)} {over} ({interval})."
    if row.verdict == NO:
        return f"Their lead stays the same {over} ({interval})."
    return ""  # not decided: the table of the figure has it
