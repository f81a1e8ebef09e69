"""The sentences beside figures and tables: what the numbers say, careful where the numbers are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.analysis.pairwise import SIGNIFICANCE, Breakdown
from pipeline.analysis.selection import describe_run
from pipeline.analysis.slopes import Trends
from pipeline.report.formats import (
    counted,
    listed,
    shown_interval,
    shown_points,
    shown_range,
    shown_share,
)

READING_TRENDS = (
    "A slope for each architecture and, for every two, the difference of their slopes. Below zero: the "
    "more of it, the worse. A network that is right on everything has no slope."
)
READING_LEAGUES = (
    "The same architectures on the same texts, with something else held equal in each sweep."
)
READING_PUBLISHED = (
    "For orientation only: other training data, other sizes, other splits for choosing. Each row says "
    "what it was trained on."
)


def describe_sweep(comparison: Comparison, started: str) -> str:
    """What was compared, in a line."""
    runs = comparison.runs
    data = sorted({str(name) for name in runs.data.dropna()})
    return (
        f"{counted(runs.architecture.nunique(), 'architecture')}, {int(runs.compared.sum())} of "
        f"{counted(len(runs), 'run')} compared on {comparison.reviews:,} test texts"
        f"{f' ({listed(data)})' if data else ''}. Started {started}."
    )


def describe_reading(comparison: Comparison) -> str:
    """How to read the table of results."""
    if comparison.summary.empty:
        return ""
    return (
        "Tier 1 holds what nothing is shown to be better than; within a tier there is no rank. "
        "An interval counts both sources of chance, the seeds and the texts. Always giving the "
        f"commonest answer would be right on {shown_share(comparison.chance[0])}."
    )


def describe_complete(comparison: Comparison) -> str:
    """What is said of the runs where none is missing."""
    if comparison.tuning:
        return "Every planned run finished; of each architecture those of its chosen value are compared."
    return "Every planned run finished and is compared."


def describe_method(comparison: Comparison) -> str:
    return (
        "Every run is scored on the same test texts, once, after its epoch was chosen on the "
        "validation split. An interval joins Student's t over the seeds with a bootstrap of the "
        "texts, drawn alike for all runs. “Better” and “worse” need a p value below "
        f"{SIGNIFICANCE:g} after Holm's correction over all pairs; “tied” means that the whole "
        f"interval lies within {100 * comparison.tie_margin:g} points, for each pair by itself; else it "
        "is “not enough runs”. McNemar's test (its p values over the pairs of seeds combined as twice "
        "their median) is about these very networks: it knows no other seed. Whether a gap grows is "
        "asked of the model correct ~ architecture × log2(length), a logistic regression "
        "clustered by text."
    )


def describe_accuracy(comparison: Comparison) -> str:
    """How far the seeds lie apart, which a mean alone would hide."""
    runs = comparison.runs[comparison.runs.compared]
    groups = runs.groupby("architecture").test_accuracy
    spread = (groups.max() - groups.min())[groups.count() > 1].astype(float)
    said = "A mark is the mean with its 95% interval, an upright line a seed."
    if spread.empty:
        return f"{said} With one seed, the interval knows the chance of the reviews only."
    widest = str(spread.idxmax())
    low, high = groups.min()[widest], groups.max()[widest]
    apart = f"{shown_share(low)} to {shown_share(high)} for {widest}"
    return f"{said} The seeds of one architecture lie up to this far apart: {apart}."


def describe_breakdown(breakdown: Breakdown, question: str, unit: str, *, gaps: bool) -> str:
    """Who loses most and who least from the first group to the last, and whether gaps grow."""
    main = breakdown.accuracy[breakdown.accuracy.question == question]
    first, last = main[main.low == main.low.min()], main[main.low == main.low.max()]
    places = [shown_range(part.low.iloc[0], part.high.iloc[0]) for part in (first, last)]
    if main.low.nunique() < 2:
        return f"All texts fall into one group, {places[0]} {unit}."
    start, end = (part.set_index("architecture").accuracy for part in (first, last))
    change = (end - start).sort_values()
    ends = list(dict.fromkeys([str(change.index[0]), str(change.index[-1])]))
    said = [f"{n} goes from {shown_share(start[n])} to {shown_share(end[n])}" for n in ends]
    sentence = f"From {places[0]} to {places[1]} {unit}, {listed(said)}."
    return f"{sentence} {describe_gaps(breakdown.trends, unit)}".strip() if gaps else sentence


def describe_gaps(trends: Trends, unit: str) -> str:
    """Whether a gap is shown to grow: by the slopes, and by what they come to in points."""
    gaps = trends.gaps.dropna(subset="slope")
    if gaps.empty:
        return ""
    if gaps.p_holm.isna().all():
        return "Whether a gap changes with the architecture or with the seed, one seed cannot tell."
    moved = (gaps.change_low > 0) | (gaps.change_high < 0)
    shown = gaps[(gaps.p_holm < SIGNIFICANCE) & moved]
    if shown.empty:
        return "No gap between two architectures is shown to change along the way."
    widest = next(rows_of(shown.sort_values("change", key=np.abs, ascending=False)))
    names, sign = (widest.architecture_a, widest.architecture_b), np.sign(widest.change)
    if sign < 0:
        names = names[::-1]
    interval = sorted([sign * widest.change_low, sign * widest.change_high])
    return (
        f"As fitted, the lead of {names[0]} over {names[1]} goes from "
        f"{shown_points(sign * widest.at_short)} points at {trends.short:.0f} {unit} to "
        f"{shown_points(sign * widest.at_long)} at {trends.long:.0f}, a change of "
        f"{shown_points(sign * widest.change)} ({shown_interval(*interval, points=True)})."
    )


def describe_pairs(comparison: Comparison) -> str:
    counts = comparison.pairwise.verdict.value_counts()
    clear = int(counts.get("better", 0) + counts.get("worse", 0))
    said = [f"Of {len(comparison.pairwise)} pairs, {clear} show a difference"]
    if tied := int(counts.get("tied", 0)):
        are = "is" if tied == 1 else "are"
        said.append(f"{tied} {are} tied to within {100 * comparison.tie_margin:g} points")
    if unclear := int(counts.get("not enough runs", 0)):
        said.append(f"for {unclear} there are not enough runs")
    sentence = f"{', '.join(said)}."
    seen = comparison.pairwise.detectable.dropna()
    if len(seen):
        ends = list(dict.fromkeys(map(_shown_detectable, (seen.min(), seen.max()))))
        sentence += (
            " A number is the row less the column, in points; the smallest difference that four "
            f"of five such sweeps would have seen is {' to '.join(ends)} points, by the pair."
        )
    return sentence


def _shown_detectable(difference: float) -> str:
    """Few runs that disagree would have seen nothing that there can be."""
    return f"{100 * difference:.1f}" if difference < 1 else "more than 100"


def describe_frontier(names: Sequence[str], cost: str, others: bool) -> str:
    """What the means say of a cost; verdicts stand in the matrix."""
    if len(names) == 1:
        return f"By their means, {names[0]} is both the most accurate and the lowest in {cost}."
    rest = f" The others have more {cost} and no more accuracy." if others else ""
    return f"By their means, accuracy rises with {cost} along {listed(names)}.{rest}"


def describe_curves(history: pd.DataFrame) -> str:
    best = history.loc[history.groupby("run_id").val_accuracy.idxmax()]
    low, high = int(best.epoch.min()), int(best.epoch.max())
    epochs = f"epoch {low}" if low == high else f"epochs {low} to {high}"
    return f"A line is a run; the validation accuracy of the {len(best)} runs peaks in {epochs}."


def describe_lost(comparison: Comparison) -> list[str]:
    """Which runs did not finish."""
    runs = comparison.runs
    lost = runs[~runs.compared & (runs.status != "finished")]
    settings = comparison.tuning.settings if comparison.tuning else ()
    said = []
    for status, group in lost.groupby(lost.status.astype(str)):
        names = listed([describe_run(row, settings) for row in rows_of(group)])
        said.append(f"{counted(len(group), 'run')} {status}: {names}.")
    if lost.chosen.any() and not comparison.summary.empty:
        said.append("Accuracies are those of the finished runs alone.")
    return said


def cautions(comparison: Comparison) -> list[str]:
    """What a reader must know before using a number."""
    said = [*comparison.notes, *describe_lost(comparison)]
    single = comparison.summary[~comparison.summary.seeds_counted.astype(bool)]
    if len(single):
        said.append(
            f"Of {listed(list(single.architecture))} there is one seed, so nothing is known of "
            "another: an interval marked * counts the chance of the reviews only."
        )
    if len(comparison.cost) and not comparison.cost.alone.all():
        said.append("Times marked * were taken while other work ran, or may have been.")
    return said
