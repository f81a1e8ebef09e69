"""The sentences about the probes: how far back the networks remember."""

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
    listed,
    shown_half_life,
    shown_reach,
    shown_share,
    spread,
)
from pipeline.report.prose.answer import Reader
from pipeline.report.prose.sweep import describe_gaps

SIDES = {"after": "after them", "before": "before them", "both": "on both sides"}
ENDS = {"tail": "last", "head": "first"}


def answer_reader(comparison: Comparison) -> list[Reader]:
    """For the reader who asks how far back: the half-lives of the margin, where they were measured.

    With words on both sides, for a network that also reads from the end reaches the text last, as if
    nothing stood behind it, where there are words behind it alone.
    """
    if comparison.memory is None:
        return []
    reaches = comparison.memory.reaches
    rows = reaches[(reaches.measure == "half_life_both") & (reaches.question == "")]
    rows = rows[rows.architecture.isin(comparison.summary.architecture)]
    grouped = _by_answer(rows)
    kept = [*grouped["beyond"], *grouped["rises"]]
    numbers = sorted(grouped["number"], key=lambda row: -row.value)
    if not kept and not numbers:
        return []
    furthest = f"{rows.furthest.iloc[0]:.0f}"
    if len(kept) == len(comparison.summary) > 1:
        take = f"Every network, beyond {furthest} words"
    elif kept:
        take = f"Beyond {furthest} words: {listed(kept)}"
    elif len(numbers) == 1:
        take = f"{shown_reach(numbers[0])} words"
    else:
        take = f"{numbers[-1].value:.0f} to {numbers[0].value:.0f} words, "
        apart = numbers[-1].high < numbers[0].low
        take += "by the architecture" if apart else "whose is more cannot be told"
    ends = [(row.value, f"{shown_reach(row)} words for {row.architecture}") for row in numbers]
    said = [spread(ends)] if ends else []
    said += [f"more than {furthest} words for {listed(kept)}"] if kept else []
    because = (
        "With as many neutral words before a short text as after it, half of the margin is left after "
        f"{listed(said)}."
    )
    if grouped["nothing"]:
        because += f" No margin that could be lost is shown of {listed(grouped['nothing'])}."
    return [Reader("How far back?", take, because)]


def describe_distance(memory: Memory, frame: pd.DataFrame, reaches: pd.DataFrame, side: str) -> str:
    furthest = int(frame.distance.max())
    reviews = int(frame.reviews.iloc[0])
    said = (
        f"{reviews:,} short texts that the order-free baseline has right and is surest of, read whole "
        f"with up to {furthest} neutral words {SIDES[side]}: nothing of the evidence is lost, it is "
        "only moved. A cross is the half-life."
    )
    grouped = _by_answer(reaches)
    parts = _spread_of(grouped["number"])
    if grouped["beyond"]:
        parts.append(f"beyond {furthest} for {all_or_each(grouped['beyond'], len(reaches))}")
    said += f" In words: {'; '.join(parts)}." if parts else ""
    if grouped["rises"]:
        said += f" The margin of {listed(grouped['rises'])} rises."
    if grouped["nothing"]:
        said += f" No margin that could be lost is shown of {listed(grouped['nothing'])}."
    trends = memory.trends.get(side)
    gaps = describe_gaps(trends, "neutral words") if trends else ""
    if BASELINE in set(frame.architecture):
        said += (
            f" {BASELINE} forgets nothing by construction: texts and neutral words are its choice."
        )
    said += f" In accuracy: {gaps[:1].lower()}{gaps[1:]}" if gaps else ""
    return f"{said} {_describe_filler(memory)}".strip()


def describe_fading(halves: pd.DataFrame) -> str:
    """After how many steps half of a signal inside the networks is left."""
    grouped = _by_answer(halves)
    unordered = {*grouped["rises"], *grouped["nothing"]}
    texts = [
        (row.value, f"{shown_half_life(row)} for {row.architecture}")
        for row in rows_of(halves[~halves.architecture.isin(unordered)])
    ]
    said = f"Half of it (dotted) is left after this many steps: {spread(texts)}." if texts else ""
    if grouped["rises"]:
        said += f" It grows with the steps in {listed(grouped['rises'])}."
    if grouped["nothing"]:
        said += f" None that could fade is shown in {listed(grouped['nothing'])}."
    return said.strip()


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
    texts = [(row.value, f"{shown_reach(row)} for {row.architecture}") for row in reaches]
    return [spread(texts)] if texts else []


def _describe_filler(memory: Memory) -> str:
    """How neutral the neutral words are: alone, a network should answer now this, now that."""
    alone = memory.curves[memory.curves.condition == "alone"]
    if alone.empty:
        return ""
    alone = alone[alone.distance == alone.distance.max()].sort_values("commonest")
    ends = [f"{shown_share(row.commonest)} of {row.architecture}" for row in rows_of(alone)]
    said = ends[0] if len(ends) == 1 else f"{ends[0]} to {ends[-1]}"
    return (
        f"Read alone, {int(alone.distance.iloc[0])} neutral words get one and the same answer in this "
        f"share of readings: {said}. Such a lean shifts the accuracies further out; the mean margin, "
        "over texts of every answer, it leaves where it is."
    )


def describe_context(frame: pd.DataFrame, reaches: pd.DataFrame, end: str) -> str:
    said = (
        f"{int(frame.reviews.iloc[0]):,} long reviews. Cutting takes evidence away as well as distance, "
        "which the neutral words further up keep apart."
    )
    grouped = _by_answer(reaches)
    parts = _spread_of(grouped["number"])
    if grouped["beyond"]:
        parts.append(f"the whole text for {all_or_each(grouped['beyond'], len(reaches))}")
    if parts:
        said += f" Within a point of the full accuracy from this many on: {'; '.join(parts)}."
    if grouped["nothing"]:
        said += f" Not shown to be better than chance: {listed(grouped['nothing'])}."
    return said


def describe_quiz(memory: Memory) -> str:
    reaches = memory.reaches[memory.reaches.measure == "under_75"]
    passed = [(row.value, f"{row.architecture} {shown_reach(row)}") for row in rows_of(reaches)]
    return (
        f"By kind of text, over all distances. Both are right on {PASSING:.0%} of the texts up to "
        f"this many words in between: {spread(passed)}. The lesson "
        "is its sentence with neutral words after it."
    )
