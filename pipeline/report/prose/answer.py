"""The answer at the top of the page: who leads, for which reader, and what a sweep held equal.

A sentence claims a difference only where the corrected test shows it, and a tie only where the
difference is known to be smaller than the margin; otherwise it says that it cannot tell, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.analysis.pairwise import Breakdown
from pipeline.analysis.selection import describe_tuning
from pipeline.config.parameter_counts import TOLERANCE
from pipeline.report.formats import (
    listed,
    shown_count,
    shown_interval,
    shown_range,
    shown_seconds,
    shown_share,
)
from pipeline.report.prose.sweep import describe_lost


@dataclass(frozen=True)
class Reader:
    """An answer for somebody: who asks, what they should take, and why."""

    asks: str
    take: str
    because: str


@dataclass(frozen=True)
class Standing:
    """Who leads, and what is shown of the others against the leader."""

    leader: str
    accuracy: float
    low: float
    high: float
    worse: tuple[str, ...]
    tied: tuple[str, ...]
    unclear: tuple[str, ...]
    most: str  # how the leader's accuracy stands to the others', in words

    @property
    def candidates(self) -> tuple[str, ...]:
        """All that may be the best, as far as these runs can tell."""
        return (self.leader, *self.tied, *self.unclear)


def find_standing(accuracy: pd.DataFrame, pairs: pd.DataFrame) -> Standing:
    """Who leads on some reviews.

    Args:
      accuracy: a row for each architecture, with accuracy, ci_low and ci_high.
      pairs: the verdicts of every two on the same reviews.
    """
    order = accuracy.sort_values("accuracy", ascending=False, kind="stable")
    first, *others = rows_of(order)
    verdicts = {}
    for pair in rows_of(pairs):
        verdicts[pair.architecture_a, pair.architecture_b] = pair.verdict
        verdicts[pair.architecture_b, pair.architecture_a] = {
            "better": "worse",
            "worse": "better",
        }.get(pair.verdict, pair.verdict)

    def having(verdict: str) -> tuple[str, ...]:
        names = [other.architecture for other in others]
        return tuple(name for name in names if verdicts[first.architecture, name] == verdict)

    shared = any(np.isclose(other.accuracy, first.accuracy, rtol=1e-9) for other in others)
    return Standing(
        leader=first.architecture,
        accuracy=first.accuracy,
        low=first.ci_low,
        high=first.ci_high,
        worse=having("better"),
        tied=having("tied"),
        unclear=having("not enough runs"),
        most="as much as any" if shared else "the highest",
    )


def headline(comparison: Comparison) -> str:
    """The answer over all reviews."""
    if comparison.summary.empty:
        return "No run has finished with predictions, so there is nothing to compare yet."
    found = find_standing(comparison.summary, comparison.pairwise)
    several = len(comparison.questions) > 1
    right = "has all answers right" if several else "is right"
    right = "has both answers right" if len(comparison.questions) == 3 else right
    said = (
        f"{found.leader} {right} on {shown_share(found.accuracy)} of the test texts "
        f"(95% interval {shown_interval(found.low, found.high)})"
    )
    if _none_has_learnt(comparison):
        return (
            f"{said}, {found.most}. Always giving the commonest answer would be right on "
            f"{shown_share(comparison.chance[0])}: no network is shown to have learnt the task."
        )
    if len(comparison.summary) == 1:
        return f"{said}. There is no other architecture to compare it with."
    if not comparison.summary.seeds_counted.any():
        return (
            f"{said}, {found.most}. But with one seed each, this sweep compares these very networks: "
            "which architecture is better it cannot tell."
        )
    counted = comparison.summary.set_index("architecture").seeds_counted
    said += f", {found.most}" + ("" if counted[found.leader] else ", with a single seed")
    return f"{said}. {_against(found, comparison)}".strip()


def _none_has_learnt(comparison: Comparison) -> bool:
    """Whether always giving the commonest answer may be as good as any network."""
    return bool((comparison.summary.ci_low <= comparison.chance[0]).all())


def _against(found: Standing, comparison: Comparison) -> str:
    parts = []
    if found.worse:
        parts.append(f"It is better than {_grouped(found.worse, comparison)}.")
    if found.tied:
        margin = f"{100 * comparison.tie_margin:g} points"
        parts.append(f"It is tied, to within {margin}, with {_grouped(found.tied, comparison)}.")
    if found.unclear:
        others = _grouped(found.unclear, comparison, "or")
        parts.append(f"Against {others}, {_seeds(comparison)} cannot tell.")
    return " ".join(parts)


def _grouped(names: Sequence[str], comparison: Comparison, last: str = "and") -> str:
    """Names, those of a whole cell as one."""
    said, rest = [], list(names)
    for cell, family in comparison.summary.groupby("cell", sort=False).architecture:
        if len(family) > 1 and set(family) <= set(rest) and len(family) < len(comparison.summary):
            said.append(f"every {cell} variant")
            rest = [name for name in rest if name not in set(family)]
    return listed([*said, *rest], last)


def readers(comparison: Comparison) -> list[Reader]:
    """Answers for the shortest texts, the longest texts and the smallest budget."""
    if len(comparison.summary) < 2:
        return []
    answers = []
    breakdown = comparison.by_distance or comparison.by_length
    if breakdown is not None and breakdown.pairwise.low.nunique() > 1:
        unit = "words" if comparison.by_distance is None else "words after the deciding ones"
        ends = breakdown.pairwise.low.min(), breakdown.pairwise.low.max()
        for low, texts in zip(ends, ("Short texts", "Long texts"), strict=True):
            answers.append(_reader_of_group(comparison, breakdown, int(low), texts, unit))
    cheapest = _cheapest(comparison)
    return [*answers, *([cheapest] if cheapest else [])]


def _reader_of_group(
    comparison: Comparison, breakdown: Breakdown, low: int, texts: str, unit: str
) -> Reader:
    accuracy = breakdown.accuracy
    group = accuracy[(accuracy.question == comparison.questions[0]) & (accuracy.low == low)]
    found = find_standing(group, breakdown.pairwise[breakdown.pairwise.low == low])
    place = shown_range(low, group.high.iloc[0])
    asks = f"{texts}: {place} {unit}"
    leads = f"{found.leader} scores {shown_share(found.accuracy)}, {found.most}"
    if _several_seeds(comparison):
        return Reader(asks, _take(found, comparison), f"{leads}. {_against(found, comparison)}")
    least = next(rows_of(group.sort_values("accuracy")))
    if np.isclose(least.accuracy, found.accuracy, rtol=1e-9):
        if len(group) == 1:
            return Reader(
                asks, found.leader, f"{found.leader} scores {shown_share(found.accuracy)}."
            )
        return Reader(
            asks, "no difference", f"All score {shown_share(found.accuracy)}, with one seed."
        )
    because = f"{leads}; {least.architecture} scores {shown_share(least.accuracy)}, the lowest."
    return Reader(asks, f"{found.leader}, as far as one seed goes", because)


def _take(found: Standing, comparison: Comparison) -> str:
    if len(found.candidates) == 1:
        return found.leader
    if not found.worse:
        return f"{_seeds(comparison)} cannot tell" if found.unclear else "Any: all are tied"
    if len(found.candidates) <= 3:
        named = listed([found.leader, *found.tied], "or")
        return f"{named}, as far as {_seeds(comparison)} tell" if found.unclear else named
    return f"Anything but {_grouped(found.worse, comparison)}"


def _cheapest(comparison: Comparison) -> Reader | None:
    """The least training time among those that may be the best and score about as much."""
    cost = comparison.cost.set_index("architecture")
    if cost.train_seconds.isna().any() or "train_seconds" in held_equal(comparison):
        return None
    found = find_standing(comparison.summary, comparison.pairwise)
    if _none_has_learnt(comparison):
        return None
    accuracies = comparison.summary.set_index("architecture").accuracy
    close = accuracies[accuracies >= found.accuracy - comparison.tie_margin].index
    seconds = cost.train_seconds.loc[[name for name in found.candidates if name in close]]
    name = str(seconds.idxmin())
    accuracy = accuracies[name]
    because = (
        f"{name} trains in {shown_seconds(seconds[name])}, has "
        f"{shown_count(cost.parameters[name])} parameters and scores {shown_share(accuracy)}"
    )
    if name == found.leader:
        because += f", {found.most}."
    else:
        leader = f"{shown_share(found.accuracy)} in {shown_seconds(seconds[found.leader])}"
        verb = "scores more"
        if _several_seeds(comparison):
            verb = "is not shown to be better, after the correction over all pairs"
        because += f". {found.leader} {verb}: {leader}."
    because += _of_baseline(comparison, seconds[name])
    if not cost.alone.all():
        because += " Other work ran at the same time, so read the times with care."
    take = name if _several_seeds(comparison) else f"{name}, as far as one seed goes"
    return Reader("The smallest budget", take, because)


def _of_baseline(comparison: Comparison, seconds: float) -> str:
    """The baseline beside the smallest budget, where it costs less and is right at least as often."""
    baseline = comparison.baseline
    if baseline is None:
        return ""
    run = baseline.run.iloc[0]
    overall = baseline.leads[baseline.leads.along == "all"]
    overall = overall[overall.question == comparison.questions[0]]
    if not run.train_seconds < seconds or (overall.ci_low > 0).any():
        return ""
    return (
        f" No network at all costs less: the baseline, {baseline.name}, trains in "
        f"{shown_seconds(run.train_seconds)} and no network is shown to be better."
    )


def held_equal(comparison: Comparison) -> dict[str, str]:
    """Which of units, recurrent_parameters and train_seconds all architectures share, and how much.

    Nothing, for a single architecture.
    """
    runs = comparison.runs[comparison.runs.compared]
    if len(comparison.summary) < 2:
        return {}
    equal = {}
    weights = comparison.cost.recurrent_parameters
    if weights.notna().all() and weights.max() <= (1 + 2 * TOLERANCE) * weights.min():
        both = dict.fromkeys([shown_count(weights.min()), shown_count(weights.max())])
        equal["recurrent_parameters"] = f"{' to '.join(both)} weights in the recurrent layers"
    if runs.max_seconds.notna().all() and runs.max_seconds.nunique() == 1:
        equal["train_seconds"] = f"{shown_seconds(runs.max_seconds.iloc[0])} of training"
    if runs.units.notna().all() and runs.units.nunique() == 1:
        equal["units"] = f"{shown_count(runs.units.iloc[0])} units"
    return equal


def where_tuning_matters(comparison: Comparison, leagues: Sequence[Comparison]) -> list[str]:
    """For a sweep that tunes nothing, what each league that does shows."""
    said = []
    for league in leagues if comparison.tuning is None else ():
        if league.tuning is None or league.summary.empty:
            continue
        found = find_standing(league.summary, league.pairwise)
        if found.worse:
            said.append(
                f"Nothing was tuned here. In {league.experiment}, where "
                f"{listed(league.tuning.settings)} is chosen on validation, {found.leader} "
                f"({shown_share(found.accuracy)}) is shown to be better than {listed(found.worse)}."
            )
    return said


def describe_leagues(leagues: Sequence[Comparison]) -> list[tuple[str, str]]:
    """For each league its name, what it holds equal and tunes, and what it found.

    With what a reader must know of it; of the first one, whose page this is, that stands elsewhere.
    """
    said = []
    for league in leagues:
        equal = listed(list(held_equal(league).values()) or ["nothing but the texts"])
        rates = league.runs.learning_rate.dropna().unique()
        if league.tuning is not None:
            equal += f"; {listed(league.tuning.settings)} chosen on validation"
        elif len(rates) == 1:
            equal += f"; learning rate {rates[0]:g} for all, not tuned"
        found = [headline(league)]
        if league is not leagues[0]:
            found += [describe_tuning(league.tuning)] if league.tuning else []
            found += describe_lost(league)
        said.append((f"{league.experiment}: {equal}.", " ".join(found)))
    return said


def _seeds(comparison: Comparison) -> str:
    counts = sorted(set(comparison.summary.runs))
    if counts[-1] == 1:
        return "one seed"
    return f"{counts[-1]} seeds" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


def _several_seeds(comparison: Comparison) -> bool:
    return bool(comparison.summary.seeds_counted.any())
