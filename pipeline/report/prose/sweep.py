"""Write the text beside figures and tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.analysis.above_simple import SIMPLE
from pipeline.analysis.compared import Compared
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.analysis.pairwise import SIGNIFICANCE, Breakdown
from pipeline.analysis.selection import describe_run
from pipeline.analysis.slopes import Trends
from pipeline.report.formats import (
    format_lead,
    format_margin,
    format_points,
    format_range,
    format_share,
    join_names,
    pluralise,
)

READING_TRENDS = (
    "The slope of each architecture and, for each pair, the difference between their slopes. A negative "
    "slope means that accuracy falls. A network that is always right has no slope."
)
READING_LEAGUES = (
    "The same architectures on the same texts, with something else held equal in each sweep."
)
READING_PUBLISHED = (
    "For orientation only: training data, model sizes and validation splits differ. Each row says what "
    "the model was trained on."
)


def describe_sweep(comparison: Comparison, started: str) -> str:
    """Say in one line what was compared."""
    return describe_runs(comparison, f"{comparison.reviews:,} test texts", started)


def describe_runs(comparison: Compared, texts: str, started: str) -> str:
    """Say in one line which runs were compared on which texts."""
    runs = comparison.runs
    data = sorted({str(name) for name in runs.data.dropna()})
    return (
        f"{pluralise(runs.architecture.nunique(), 'architecture')}, {int(runs.compared.sum())} of "
        f"{pluralise(len(runs), 'run')} compared on {texts}"
        f"{f' ({join_names(data)})' if data else ''}. Started {started}."
    )


def describe_reading(comparison: Comparison) -> str:
    """Say how to read the table of results."""
    if comparison.summary.empty:
        return ""
    return (
        "No architecture is shown to be better than those in tier 1; within a tier there is no ranking. "
        "An interval covers both sources of chance, the seeds and the texts. Always giving the "
        f"commonest answer would be right on {format_share(comparison.chance[0])}."
    )


def describe_complete(comparison: Compared) -> str:
    """Write the sentence about the runs where none is missing."""
    if comparison.tuning:
        return (
            "Every planned run finished; those with the chosen value of each setting are compared."
        )
    return "Every planned run finished and is compared."


def describe_method(comparison: Comparison) -> str:
    return (
        "Every run is scored once on the same test texts, after its epoch has been chosen on the "
        "validation split. An interval combines Student's t over the seeds with a bootstrap over the "
        "texts, with the same resampled texts for all runs. “Better” and “worse” require a p value "
        f"below {SIGNIFICANCE:g}, by Welch's test corrected for all pairs. The correction is Games and "
        "Howell's, made valid for few seeds by simulated sweeps without any difference. “Tied” means "
        "that the whole interval, without correction, lies within "
        f"{format_margin(comparison.margin)}. “Likely better” and “likely worse” require such a p value "
        "by Tukey's test, which assumes that the seeds of all architectures vary alike. Otherwise the "
        "verdict is “not enough runs”. McNemar's test (twice the median of its p values over the pairs "
        "of seeds) concerns only these trained networks, not other seeds. Whether a gap grows is tested "
        "with the logistic regression correct ~ architecture × log2(length), clustered by text."
    )


def describe_accuracy(comparison: Comparison) -> str:
    """Say how far apart the seeds are, which a mean alone would hide."""
    runs = comparison.runs[comparison.runs.compared]
    groups = runs.groupby("architecture").test_accuracy
    spread = (groups.max() - groups.min())[groups.count() > 1].astype(float)
    text = (
        "Each mark is a mean with its 95% interval, and each vertical line is a seed; the most accurate "
        "stands first."
    )
    if spread.empty:
        return f"{text} With one seed, the interval covers the chance of the reviews only."
    if not spread.any():
        return f"{text} The seeds of each architecture are equally accurate."
    widest = str(spread.idxmax())
    low, high = groups.min()[widest], groups.max()[widest]
    apart = f"from {format_share(low)} to {format_share(high)}"
    return f"{text} The seeds of {widest} are furthest apart, {apart}."


def describe_breakdown(breakdown: Breakdown, head: str, unit: str, *, gaps: bool) -> str:
    """Name the largest loss from the first group to the last; say if gaps grow."""
    main = breakdown.accuracy[breakdown.accuracy["head"] == head]
    first, last = main[main.low == main.low.min()], main[main.low == main.low.max()]
    places = [format_range(part.low.iloc[0], part.high.iloc[0]) for part in (first, last)]
    if main.low.nunique() < 2:
        return f"All texts fall into one group, {places[0]} {unit}."
    start, end = (part.set_index("architecture").accuracy for part in (first, last))
    change = (end - start).sort_values()
    least, moved = str(change.index[0]), f"From {places[0]} to {places[1]} {unit}"
    sentence = f"{moved}, no network loses accuracy."
    if change.iloc[0] < 0:
        fall = f"from {format_share(start[least])} to {format_share(end[least])}"
        sentence = f"{moved}, {least} loses most, {fall}."
    return f"{sentence} {describe_gaps(breakdown.trends)}".strip() if gaps else sentence


def describe_budget(comparison: Comparison) -> str:
    """Say that what is remembered depends on how long was trained."""
    runs = comparison.runs[comparison.runs.compared]
    name = "budget_epochs" if "budget_epochs" in runs else "epochs"
    found = runs[name].dropna().unique() if name in runs else []
    after = f" of {pluralise(int(found[0]), 'epoch')}" if len(found) == 1 else ""
    return f"This is what the networks learnt in their budget{after}; another gives another curve."


def describe_above_simple(breakdown: Breakdown) -> str:
    """Name the largest lead on the longest texts, and with whom every network is compared."""
    yardstick, leads = breakdown.yardstick, breakdown.above_simple
    longest = leads[leads.low == leads.low.max()]
    top = next(rows_of(longest.sort_values("difference", ascending=False)))
    interval = f"({format_lead(top.ci_low, top.ci_high)})"
    lead = format_points(top.difference).lstrip("+")
    text = f"On the longest texts, {top.architecture} leads {yardstick.name} by {lead} points"
    text += f" {interval}."
    if yardstick.name == SIMPLE:
        text += " Each network is compared with the simple one that is like it in all else"
        if unmatched := [name for name in yardstick.unmatched if name in set(leads.architecture)]:
            text += f"; {join_names(unmatched)} with all simple ones"
        text += "."
    return text


def describe_gaps(trends: Trends) -> str:
    """Say which gap is shown to change most: both its slope and its change in points must show it.

    Where none is, nothing is said: a contrast over groups may be surer than any pair.
    """
    gaps = trends.gaps.dropna(subset="slope")
    if gaps.empty:
        return ""
    if gaps.p_holm.isna().all():
        return "One seed cannot tell whether a gap changes with the architecture or with the seed."
    moved = (gaps.change_low > 0) | (gaps.change_high < 0)
    shown = gaps[(gaps.p_holm < SIGNIFICANCE) & moved]
    if shown.empty:
        return ""
    widest = next(rows_of(shown.sort_values("change", key=np.abs, ascending=False)))
    names, sign = (widest.architecture_a, widest.architecture_b), np.sign(widest.change)
    if sign < 0:
        names = names[::-1]
    interval = format_lead(*sorted([sign * widest.change_low, sign * widest.change_high]))
    change = format_points(abs(widest.change)).lstrip("+")
    return f"{names[0]} gains most on {names[1]}: {change} points ({interval}), as fitted."


def describe_pairs(comparison: Comparison) -> str:
    counts = comparison.pairwise.verdict.value_counts()
    clear = int(counts.get("better", 0) + counts.get("worse", 0))
    parts = [f"{clear} {'shows' if clear == 1 else 'show'} a difference"]
    likely = int(counts.get("likely better", 0) + counts.get("likely worse", 0))
    if likely:
        parts.append(f"{likely} likely {'does' if likely == 1 else 'do'}")
    if tied := int(counts.get("tied", 0)):
        are = "is" if tied == 1 else "are"
        parts.append(f"{tied} {are} tied to within {format_margin(comparison.margin)}")
    if unclear := int(counts.get("not enough runs", 0)):
        parts.append(f"{unclear} {'needs' if unclear == 1 else 'need'} more runs")
    sentence = f"Of {pluralise(len(comparison.pairwise), 'pair')}, {join_names(parts)}."
    if likely:
        sentence += " “Likely” assumes that the seeds of all architectures vary alike."
    return f"{sentence} Numbers are the row minus the column, in points."


def describe_frontier(
    names: Sequence[str],
    cost: str,
    others: bool,
    score: tuple[str, str] = ("more accurate", "accuracy rises"),
) -> str:
    """Describe a mean score against a cost, without verdicts, which are in the matrix of pairs.

    score: what is better, and what happens as it gets better.
    """
    better, moves = score
    if len(names) == 1:
        return f"On average, no network is {better} than {names[0]}, and none is lower in {cost}."
    rest = f" The others need more {cost} without being {better}." if others else ""
    return f"On average, {moves} with {cost} from {' to '.join(names)}.{rest}"


def describe_ends(comparison: Compared) -> str:
    """Say why training ended, with the number of runs for each reason; nothing where it is unknown."""
    runs = comparison.runs[comparison.runs.chosen]
    if "training_ended" not in runs or runs.training_ended.isna().all():
        return ""
    counts = runs.training_ended.value_counts()
    said = [f"{reason} ({pluralise(int(times), 'run')})" for reason, times in counts.items()]
    return f"Training ended: {'; '.join(said)}."


def describe_curves(history: pd.DataFrame) -> str:
    best = history.loc[history.groupby("run_id").val_accuracy.idxmax()]
    low, high = int(best.epoch.min()), int(best.epoch.max())
    epochs = f"epoch {low}" if low == high else f"epochs {low} to {high}"
    if set(history.seed) == {"mean"}:
        return (
            "Each line is the mean over the runs of an architecture. Their validation accuracies peak "
            f"in {epochs}."
        )
    return f"Each line is a run. The validation accuracy of the {len(best)} runs peaks in {epochs}."


def describe_lost(comparison: Compared) -> list[str]:
    """Name the runs that did not finish."""
    runs = comparison.runs
    lost = runs[~runs.compared & (runs.status != "finished")]
    settings = comparison.tuning.settings if comparison.tuning else ()
    sentences = []
    for status, group in lost.groupby(lost.status.astype(str)):
        names = join_names([describe_run(row, settings) for row in rows_of(group)])
        sentences.append(f"{pluralise(len(group), 'run')} {status}: {names}.")
    if lost.chosen.any() and not comparison.summary.empty:
        sentences.append("The numbers are those of the finished runs only.")
    return sentences


def describe_shown(comparison: Compared) -> list[str]:
    """Say which architectures the page shows, if not all."""
    every, shown = len(comparison.summary), len(comparison.shown)
    if every == shown:
        return []
    return [
        f"Figures show {shown} of {every} architectures: the best on validation of each kind of "
        "network. The tables of accuracy and cost and the CSV files have all."
    ]


def cautions(comparison: Compared) -> list[str]:
    """List what a reader must know before using a number."""
    return [
        *describe_shown(comparison),
        *comparison.notes,
        *describe_lost(comparison),
        *describe_marks(comparison),
    ]


def describe_marks(comparison: Compared) -> list[str]:
    """Say what a star beside a number means, as far as there is one."""
    sentences = []
    single = comparison.summary[~comparison.summary.seeds_counted.astype(bool)]
    if len(single):
        sentences.append(
            f"There is only one seed of {join_names(list(single.architecture))}. An interval marked * "
            "covers the chance of the texts only and says nothing about another seed."
        )
    if len(comparison.cost) and not comparison.cost.alone.all():
        sentences.append("Times marked * were, or may have been, measured while other work ran.")
    return sentences
