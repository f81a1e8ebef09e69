"""Write the text about the probes: how far back the networks remember."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.curves import PASSING
from pipeline.analysis.frames import rows_of
from pipeline.analysis.memory import HALF_LIFE, QUIZ, Memory
from pipeline.config.schema import BASELINE
from pipeline.report.formats import (
    all_or_each,
    format_reach,
    format_share,
    join_names,
    join_values,
)
from pipeline.report.prose.answer import ShortAnswer

SIDES = {"after": "after them", "before": "before them", "both": "on both sides"}
_REASONS = {
    QUIZ: f"All answers are right on {PASSING:.0%} of the texts whose evidence is at most so far from "
    "the end: {}.",
    HALF_LIFE: "With as many neutral words before a short text as after it, half of the margin is left "
    "after {}.",
}
_FEW = 4  # the most networks that are named one by one
ENDS = {"tail": "last", "head": "first"}
CUTTING = (
    "Long texts are read with only their last or first words. That removes evidence as well as "
    "distance; neutral words separate the two."
)


def answer_how_far_back(comparison: Comparison) -> list[ShortAnswer]:
    """Answer how far back the networks remember; empty where that was not measured."""
    if comparison.memory is None:
        return []
    reaches = comparison.memory.reaches
    reaches = reaches[reaches.architecture.isin(comparison.summary.architecture)]
    main = comparison.memory.main_reach
    rows = _rows_of(reaches, main)
    silent = set(comparison.unlearnt)
    grouped = by_answer(rows[~rows.architecture.isin(silent)])
    unlearnt = [row.architecture for row in rows_of(rows) if row.architecture in silent]
    unlearnt += grouped["nothing"]
    kept = [*grouped["beyond"], *grouped["rises"]]
    numbers = sorted(grouped["number"], key=lambda row: -row.value)
    if not kept and not numbers:
        return []
    furthest = f"{rows.furthest.iloc[0]:.0f}"
    if len(kept) == len(comparison.summary) > 1:
        conclusion = f"Beyond {furthest} words: every network"
    elif kept:
        conclusion = f"Beyond {furthest} words: {join_names(kept)}"
    elif len(numbers) == 1:
        conclusion = f"{format_reach(numbers[0])} words"
    else:
        conclusion = f"{numbers[-1].value:.0f} to {numbers[0].value:.0f} words, "
        apart = numbers[-1].high < numbers[0].low
        conclusion += "depending on the architecture" if apart else "in an uncertain order"
    ends = [(row.value, f"{format_reach(row)} words for {row.architecture}") for row in numbers]
    parts = [join_values(ends)] if ends else []
    parts += [f"more than {furthest} words for {join_names(kept)}"] if kept else []
    reason = _REASONS[main].format("; ".join(parts))
    if main == QUIZ:
        neutral = _rows_of(reaches, HALF_LIFE)
        held = by_answer(neutral)["beyond"]
        lost = [row.architecture for row in numbers if row.architecture in held]
        reason += _describe_overwritten(lost, neutral.furthest.max())
    if unlearnt:
        reason += f" {describe_unlearnt(unlearnt)}"
    return [ShortAnswer("How far back?", conclusion, reason)]


def _rows_of(reaches: pd.DataFrame, measured: tuple[str, str]) -> pd.DataFrame:
    """Return the rows of a measure and a head."""
    measure, head = measured
    return reaches[(reaches.measure == measure) & (reaches["head"] == head)]


def _describe_overwritten(names: Sequence[str], words: float) -> str:
    """Say who keeps its margin over neutral words alone, so that something else costs it the answer."""
    if not names:
        return ""
    has = "has" if len(names) == 1 else "have"
    return (
        f" With neutral words alone in between, {join_names(names)} {has} more than half of the margin "
        f"left after {words:.0f}: it seems to be other opinions that overwrite the answer."
    )


def describe_neutral_words(memory: Memory) -> str:
    """Say what is done with neutral words, and to which texts."""
    curves = memory.curves[memory.curves.probe == "distance"]
    text = (
        f"{int(curves.reviews.iloc[0]):,} short texts with clear evidence are read again with more and "
        "more neutral words around them. No evidence is lost; it only moves away from the end of "
        "reading."
    )
    if BASELINE in set(curves.architecture):
        text += f" {BASELINE} chose texts and words, so by construction it forgets nothing."
    return text


def describe_lean(memory: Memory) -> str:
    """Say how neutral the neutral words are: read alone, they should get every answer equally often."""
    alone = memory.curves[memory.curves.condition == "alone"]
    if alone.empty:
        return ""
    alone = alone[alone.distance == alone.distance.max()].sort_values("commonest")
    first, last = alone.iloc[0], alone.iloc[-1]
    text = (
        f"Read alone, {int(last.distance)} neutral words get the same answer in "
        f"{format_share(first.commonest)} of readings by {first.architecture}"
    )
    if len(alone) > 1:
        text += f" and in {format_share(last.commonest)} by {last.architecture}"
    return (
        f"{text}. Such a lean shifts accuracies, but not the mean margin over texts of every class."
    )


def describe_unlearnt(names: Sequence[str]) -> str:
    """Say once whose half-lives are left out."""
    has, it_is = ("have", "they are") if len(names) > 1 else ("has", "it is")
    return (
        f"{join_names(names)} {has} learnt nothing that could fade: on short texts with clear evidence "
        f"{it_is} not shown to answer better than chance."
    )


def describe_distance(reaches: pd.DataFrame) -> str:
    """Say after how many neutral words half of the margin is left."""
    own = reaches[reaches.architecture != BASELINE]
    grouped = by_answer(own)
    text = say_ends(
        grouped["number"],
        "Half of the margin (a cross) is left after {} words in {}",
        lambda row: f"{row.value:.0f}",
    )
    if grouped["beyond"]:
        who = all_or_each(grouped["beyond"], len(own))
        of_it = "of it" if text else "of the margin"
        text += f" More than half {of_it} is left after {own.furthest.iloc[0]:.0f} words in {who}."
    if grouped["rises"]:
        text += f" The margin of {join_names(grouped['rises'])} rises."
    return text.strip()


def by_answer(reaches: pd.DataFrame) -> dict[str, list[Any]]:
    """Group reaches: rows of a number, and names of those beyond the furthest, rising or of nothing."""
    grouped: dict[str, list[Any]] = {"number": [], "beyond": [], "rises": [], "nothing": []}
    for row in rows_of(reaches):
        if math.isnan(row.value):
            grouped["nothing"].append(row.architecture)
        elif row.rises:
            grouped["rises"].append(row.architecture)
        elif math.isinf(row.value):
            grouped["beyond"].append(row.architecture)
        else:
            grouped["number"].append(row)
    return grouped


def say_ends(rows: list[Any], sentence: str, show: Callable[[Any], str]) -> str:
    """Say the shortest and the longest reach in a sentence with two gaps: the number and the name."""
    if not rows:
        return ""
    first, *_, last = sorted([rows[0], *rows], key=lambda row: row.value)
    said = sentence.format(show(first), first.architecture)
    if len(rows) > 1:
        said += f" and after {show(last)} in {last.architecture}"
    return said + (", the others in between." if len(rows) > 2 else ".")


def describe_context(frame: pd.DataFrame, reaches: pd.DataFrame, end: str) -> str:
    """Say how many tokens are enough."""
    grouped = by_answer(reaches)
    text = f"{int(frame.reviews.iloc[0]):,} long texts are read."
    if grouped["number"]:
        first, *_, last = sorted(
            [grouped["number"][0], *grouped["number"]], key=lambda row: row.value
        )
        text += (
            f" The {ENDS[end]} {first.value:.0f} tokens bring {first.architecture} within a point of "
            "its full accuracy"
        )
        others = len(grouped["number"]) > 1 and last.value > first.value
        text += f"; {last.architecture} needs {last.value:.0f}." if others else "."
    if grouped["beyond"]:
        who = all_or_each(grouped["beyond"], len(reaches))
        text += f" Only the whole text is enough for {who}."
    return text


def describe_quiz(memory: Memory) -> str:
    """Say who passes the quiz furthest back, and what the kinds of texts are."""
    reaches = memory.reaches[(memory.reaches.measure == "under_75")].dropna(subset="value")
    text = "“lesson” is the lesson's sentence followed by neutral words."
    kinds = set(memory.quiz.texts)
    if "with distractors" in kinds:
        text += (
            " Distractors are sentences that hold other subjects or opinions, which do not count."
        )
    if "contradicted" in kinds:
        text += " In contradicted texts the sentence that decides holds both sentiments."
    if {"with distractors", "without distractors"} <= kinds:
        text += (
            " The kinds differ in distance too, as the more words follow, the more distractors are "
            "among them: compare them at like distances, in the table."
        )
    if reaches.empty:
        return text
    best = reaches[reaches.value == reaches.value.max()]
    names, row = list(best.architecture), next(rows_of(best))
    has = "has" if len(names) == 1 else "have"
    where = "at every distance" if math.isinf(row.value) else f"up to {row.value:.0f} words back"
    return f"{join_names(names)} {has} both answers right on {PASSING:.0%} of the texts {where}. {text}"
