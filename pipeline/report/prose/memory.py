"""Write the text about the probes: how far back the networks remember."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.curves import PASSING
from pipeline.analysis.frames import rows_of
from pipeline.analysis.memory import Memory
from pipeline.config.schema import BASELINE
from pipeline.report.formats import (
    all_or_each,
    format_half_life,
    format_reach,
    format_share,
    join_names,
    join_values,
)
from pipeline.report.prose.answer import ShortAnswer
from pipeline.report.prose.sweep import describe_gaps

SIDES = {"after": "after them", "before": "before them", "both": "on both sides"}
ENDS = {"tail": "last", "head": "first"}


def answer_how_far_back(comparison: Comparison) -> list[ShortAnswer]:
    """Answer how far back the networks remember, by half-lives with neutral words on both sides.

    Words after the text alone would not test a backward layer, which reads the text last. The result
    is empty where no half-life was measured.
    """
    if comparison.memory is None:
        return []
    reaches = comparison.memory.reaches
    rows = reaches[(reaches.measure == "half_life_both") & (reaches["head"] == "")]
    rows = rows[rows.architecture.isin(comparison.summary.architecture)]
    grouped = _by_answer(rows)
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
    reason = (
        "With as many neutral words before a short text as after it, half of the margin is left after "
        f"{'; '.join(parts)}."
    )
    if grouped["nothing"]:
        reason += f" No margin above zero is shown for {join_names(grouped['nothing'])}."
    return [ShortAnswer("How far back?", conclusion, reason)]


def describe_distance(memory: Memory, frame: pd.DataFrame, reaches: pd.DataFrame, side: str) -> str:
    furthest = int(frame.distance.max())
    reviews = int(frame.reviews.iloc[0])
    text = (
        f"{reviews:,} short texts that the order-free baseline classifies correctly and most "
        f"confidently, read whole with up to {furthest} neutral words {SIDES[side]}. No evidence is "
        "lost; it is only moved. A cross marks the half-life."
    )
    grouped = _by_answer(reaches)
    parts = _spread_of(grouped["number"])
    if grouped["beyond"]:
        parts.append(f"beyond {furthest} for {all_or_each(grouped['beyond'], len(reaches))}")
    text += f" Half-lives in words: {'; '.join(parts)}." if parts else ""
    if grouped["rises"]:
        text += f" The margin of {join_names(grouped['rises'])} rises."
    if grouped["nothing"]:
        text += f" No margin above zero is shown for {join_names(grouped['nothing'])}."
    trends = memory.trends.get(side)
    gaps = describe_gaps(trends, "neutral words") if trends else ""
    if BASELINE in set(frame.architecture):
        text += (
            f" {BASELINE} forgets nothing by construction: the texts and the neutral words were "
            "chosen with it."
        )
    text += f" In accuracy: {gaps[:1].lower()}{gaps[1:]}" if gaps else ""
    return f"{text} {_describe_filler(memory)}".strip()


def describe_fading(halves: pd.DataFrame) -> str:
    """Say after how many steps half of a signal inside the networks is left."""
    grouped = _by_answer(halves)
    unordered = {*grouped["rises"], *grouped["nothing"]}
    texts = [
        (row.value, f"{format_half_life(row)} for {row.architecture}")
        for row in rows_of(halves[~halves.architecture.isin(unordered)])
    ]
    text = (
        f"Half of it (dotted) is left after this many steps: {join_values(texts)}." if texts else ""
    )
    if grouped["rises"]:
        text += f" It grows with the steps in {join_names(grouped['rises'])}."
    if grouped["nothing"]:
        text += f" None that could fade is shown in {join_names(grouped['nothing'])}."
    return text.strip()


def _by_answer(reaches: pd.DataFrame) -> dict[str, list[Any]]:
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


def _spread_of(reaches: list[Any]) -> list[str]:
    texts = [(row.value, f"{format_reach(row)} for {row.architecture}") for row in reaches]
    return [join_values(texts)] if texts else []


def _describe_filler(memory: Memory) -> str:
    """Say how neutral the neutral words are: read alone, they should get every answer equally often."""
    alone = memory.curves[memory.curves.condition == "alone"]
    if alone.empty:
        return ""
    alone = alone[alone.distance == alone.distance.max()].sort_values("commonest")
    ends = [f"{format_share(row.commonest)} for {row.architecture}" for row in rows_of(alone)]
    text = ends[0] if len(ends) == 1 else f"{ends[0]} to {ends[-1]}"
    return (
        f"Read alone, {int(alone.distance.iloc[0])} neutral words get the same answer in this share of "
        f"readings: {text}. Such a bias shifts the accuracies at long distances, but not the mean "
        "margin, which is taken over texts of every class."
    )


def describe_context(frame: pd.DataFrame, reaches: pd.DataFrame, end: str) -> str:
    text = (
        f"{int(frame.reviews.iloc[0]):,} long reviews. Cutting removes evidence as well as distance; "
        "the figures with neutral words separate the two."
    )
    grouped = _by_answer(reaches)
    parts = _spread_of(grouped["number"])
    if grouped["beyond"]:
        parts.append(f"the whole text for {all_or_each(grouped['beyond'], len(reaches))}")
    if parts:
        text += f" Tokens needed to stay within a point of the full accuracy: {'; '.join(parts)}."
    if grouped["nothing"]:
        text += f" Not shown to be better than chance: {join_names(grouped['nothing'])}."
    return text


def describe_quiz(memory: Memory) -> str:
    reaches = memory.reaches[memory.reaches.measure == "under_75"]
    passed = [(row.value, f"{row.architecture} {format_reach(row)}") for row in rows_of(reaches)]
    return (
        f"Accuracy by kind of text, over all distances. Both answers are right on {PASSING:.0%} of the "
        f"texts up to this distance in words: {join_values(passed)}. “lesson” is the lesson's "
        "sentence followed by neutral words."
    )
