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

SIDES = {"after": "after them", "before": "before them", "both": "on both sides"}
_FEW = 4  # the most networks that are named one by one
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


def describe_distance(frame: pd.DataFrame, reaches: pd.DataFrame, side: str) -> str:
    """Say who keeps half of the margin with the most neutral words, and who has none."""
    furthest, reviews = int(frame.distance.max()), int(frame.reviews.iloc[0])
    grouped = _by_answer(reaches)
    kept = [*grouped["beyond"], *grouped["rises"]]
    judged = len(kept) + len(grouped["number"])
    text = f"The same {reviews:,} short texts, read whole: no evidence is lost, it is only moved."
    if judged:
        who = f"{len(kept)} of {judged}" if kept and judged > _FEW else join_names(kept or ["none"])
        keep = "keeps" if len(kept) < 2 and not (kept and judged > _FEW) else "keep"
        rest = "; a cross marks where another has lost it" * bool(grouped["number"])
        text += f" With {furthest} words {SIDES[side]}, {who} {keep} half of the margin{rest}."
    if grouped["nothing"]:
        text += f" No margin above zero is shown for {join_names(grouped['nothing'])}."
    return text


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


def describe_probes(memory: Memory) -> list[str]:
    """Say how the texts of the probes were chosen, and what that does to the numbers."""
    known = set(memory.curves.probe)
    sentences = []
    if "distance" in known:
        text = (
            "The short texts with neutral words are those that the order-free baseline classifies "
            "correctly and most confidently."
        )
        if BASELINE in set(memory.curves.architecture):
            text += (
                f" {BASELINE} forgets nothing by construction: texts and words were chosen with it."
            )
        sentences.append(f"{text} {_describe_filler(memory)}".strip())
    if "context" in known:
        sentences.append(
            "Cutting a long review removes evidence as well as distance; neutral words separate the two."
        )
    return sentences


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
    """Say how many tokens the most and the least demanding network need."""
    text = f"{int(frame.reviews.iloc[0]):,} long reviews, of which only the {ENDS[end]} tokens are read."
    grouped = _by_answer(reaches)
    numbers = sorted(grouped["number"], key=lambda row: row.value)
    parts = [f"{row.value:.0f} ({row.architecture})" for row in (*numbers[:1], *numbers[1:][-1:])]
    if grouped["beyond"]:
        parts = [*parts[:1], f"the whole text ({all_or_each(grouped['beyond'], len(reaches))})"]
    if parts:
        text += f" A point below the full accuracy takes {' to '.join(parts)}."
    if grouped["nothing"]:
        text += f" Not shown to be better than chance: {join_names(grouped['nothing'])}."
    return text


def describe_quiz(memory: Memory) -> str:
    """Say who passes the quiz furthest back."""
    reaches = memory.reaches[(memory.reaches.measure == "under_75")].dropna(subset="value")
    text = "“lesson” is the lesson's sentence followed by neutral words."
    if reaches.empty:
        return text
    best = reaches[reaches.value == reaches.value.max()]
    names, row = list(best.architecture), next(rows_of(best))
    has = "has" if len(names) == 1 else "have"
    where = "at every distance" if math.isinf(row.value) else f"up to {row.value:.0f} words back"
    return f"{join_names(names)} {has} both answers right on {PASSING:.0%} of the texts {where}. {text}"
