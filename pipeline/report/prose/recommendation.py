"""Say which architecture to use, the cheapest of those that may be the best, and what others add."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.contrasts import Contrast
from pipeline.analysis.frames import rows_of
from pipeline.analysis.verdicts import NO, YES
from pipeline.cells import find_cell, is_cell
from pipeline.report.formats import (
    capitalise,
    format_count,
    format_ratio,
    format_seconds,
    format_share,
    join_names,
)
from pipeline.report.prose.answer import find_leader, held_equal, none_has_learnt
from pipeline.report.prose.contrasts import ALIKE, rows_by_quantity


def recommend(comparison: Comparison) -> str:
    """Recommend an architecture in a few sentences; nothing where nothing can be recommended."""
    name = choose(comparison)
    if name is None:
        return ""
    chosen = next(rows_of(comparison.summary[comparison.summary.architecture == name]))
    baseline = _baseline(comparison, chosen)
    use = "If you need a network, use" if baseline else "Use"
    text = f"{use} {in_words(chosen, comparison)}: it is right on {format_share(chosen.accuracy)}"
    seconds = comparison.cost.set_index("architecture").train_seconds[name]
    if pd.notna(seconds):
        text += f" and trains in {format_seconds(seconds)}"
    alone = "" if comparison.summary.seeds_counted.any() else " One seed cannot confirm it."
    parts = (
        baseline,
        f"{text}.{alone}",
        _leader(comparison, name),
        _alternatives(comparison, name),
    )
    return " ".join(part for part in parts if part)


def choose(comparison: Comparison) -> str | None:
    """Return the cheapest architecture that may be the best, None where none can be recommended.

    Of each question with an answer it has the better side or, where none is better, the cheaper one. It
    is not shown to be worse than the most accurate one, and scores within the margin of the most
    accurate of those that are left, so that what merely could not be judged is not recommended.
    """
    if len(comparison.summary) < 2 or none_has_learnt(comparison):
        return None
    best = find_leader(comparison.summary, comparison.pairwise)
    dropped = {*_dropped(comparison), *best.worse}
    left = comparison.summary[~comparison.summary.architecture.isin(dropped)]
    summary = comparison.summary if left.empty else left
    pairs = comparison.pairwise
    among = pairs.architecture_a.isin(summary.architecture)
    among &= pairs.architecture_b.isin(summary.architecture)
    found = find_leader(summary, pairs[among])
    if comparison.cost.train_seconds.isna().any() or "train_seconds" in held_equal(comparison):
        return found.leader
    accuracies = summary.set_index("architecture").accuracy
    close = accuracies.index[accuracies >= found.accuracy - comparison.margin]
    seconds = comparison.cost.set_index("architecture").train_seconds
    return str(seconds[[name for name in found.candidates if name in close]].idxmin())


def in_words(row: Any, comparison: Comparison) -> str:
    """Describe an architecture, such as "a bidirectional LSTM of 64 units"."""
    if not is_cell(row.cell):
        return row.architecture
    cell = find_cell(row.cell)
    layers = {1: "", 2: "two-layer "}.get(row.num_layers, f"{row.num_layers}-layer ")
    shape = layers + ("bidirectional " if row.bidirectional else "")
    article = "a" if shape else cell.article
    text = f"{article} {shape}{cell.title} of {format_count(row.units)} units"
    same = comparison.summary[["cell", "num_layers", "bidirectional", "units"]]
    alike = (same == [row.cell, row.num_layers, row.bidirectional, row.units]).all(axis=1)
    return f"{text} ({row.architecture})" if alike.sum() > 1 else text


def _leader(comparison: Comparison, name: str) -> str:
    found = find_leader(comparison.summary, comparison.pairwise)
    if found.leader == name:
        return ""
    return f"{found.leader} scores {format_share(found.accuracy)}, but is not shown to be better."


def _sides(comparison: Comparison, asked: Contrast) -> tuple[set[str], set[str]]:
    """Return the architectures of both sides of a contrast, by their names in the comparison."""
    runs = comparison.runs[comparison.runs.compared]
    names = dict(zip(runs.get("variant", runs.architecture), runs.architecture, strict=True))
    first = {names.get(one, one) for stratum in asked.strata for one in stratum[0]}
    second = {names.get(one, one) for stratum in asked.strata for one in stratum[1]}
    return first, second


def _dropped(comparison: Comparison) -> set[str]:
    """Return the architectures on the worse side of a question, or on the dearer one of equals."""
    dropped: set[str] = set()
    for asked, row in _answered(comparison):
        first, second = _sides(comparison, asked)
        if row.verdict == YES:
            dropped |= second if row.estimate > 0 else first
        elif row.verdict == NO and comparison.contrasts is not None:
            cost = rows_by_quantity(comparison.contrasts, asked).get("log_train_seconds")
            if cost is not None:
                dropped |= first if cost.estimate > 0 else second
    return dropped


def _answered(comparison: Comparison) -> list[tuple[Contrast, Any]]:
    found = comparison.contrasts
    if found is None:
        return []
    rows = [(one, rows_by_quantity(found, one).get("accuracy")) for one in found.asked]
    return [(one, row) for one, row in rows if row is not None]


def _alternatives(comparison: Comparison, name: str) -> str:
    """Say of each question on which the architecture has a side what the other side would give."""
    found = comparison.contrasts
    if found is None:
        return ""
    sentences, unknown = [], []
    for place, (asked, row) in enumerate(_answered(comparison)):
        first, second = _sides(comparison, asked)
        if name not in first | second:
            continue
        other = asked.second if name in first else asked.first
        if row.verdict == NO:
            ratio = _price(rows_by_quantity(found, asked), name in first)
            sentences.append(f"{capitalise(other)} would gain nothing that matters{ratio}.")
        elif row.verdict != YES:
            unknown.append(other)
        elif place:  # the headline has the first
            sentences.append(f"{capitalise(other)} would score lower.")
    if unknown:
        sentences.append(f"Whether {join_names(unknown, 'or')} would gain anything is not decided.")
    return " ".join(sentences)


def _price(rows: dict[str, Any], is_first: bool) -> str:
    """Say how much longer the other side trains, if it does."""
    row = rows.get("log_train_seconds")
    if row is None:
        return ""
    ratio = math.exp(-row.estimate if is_first else row.estimate)
    return f" and take {format_ratio(ratio)} times as long" if ratio > ALIKE else ""


def _baseline(comparison: Comparison, chosen: Any) -> str:
    """Recommend the baseline where the network is not shown to be better and takes longer."""
    baseline = comparison.baseline
    if baseline is None:
        return ""
    own = baseline.leads[
        (baseline.leads.along == "all")
        & (baseline.leads["head"] == comparison.heads[0])
        & (baseline.leads.architecture == chosen.architecture)
    ]
    seconds = baseline.run.train_seconds.iloc[0]
    cost = comparison.cost.set_index("architecture").train_seconds[chosen.architecture]
    if pd.isna(seconds) or pd.isna(cost) or seconds >= cost or (own.ci_low > 0).any():
        return ""
    well = "better" if (own.ci_high < 0).all() else "as well"
    return f"Use the baseline: it does {well}, after {format_seconds(seconds)} of training."
