"""Write the answer at the top of the page: which architecture leads, when, and what was held equal.

A sentence claims a difference only where the corrected test shows it, and a tie only where the
interval lies within the margin. Otherwise it says that the runs cannot tell, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.analysis.compared import Compared
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.analysis.pairwise import OPPOSITE, Breakdown
from pipeline.analysis.selection import describe_tuning
from pipeline.config.parameter_counts import TOLERANCE
from pipeline.report.formats import (
    format_count,
    format_interval,
    format_margin,
    format_range,
    format_seconds,
    format_share,
    join_names,
)
from pipeline.report.prose.sweep import describe_lost


@dataclass(frozen=True)
class ShortAnswer:
    """One of the short answers under the headline.

    command: what to type to know more, if anything.
    """

    topic: str
    conclusion: str
    reason: str
    command: str = ""


@dataclass(frozen=True)
class LeaderVerdicts:
    """The most accurate architecture, and the verdicts on the others against it.

    unclear: neither worse nor tied; of these `likely_worse` are worse if all seeds vary alike.
    """

    leader: str
    accuracy: float
    low: float
    high: float
    worse: tuple[str, ...]
    tied: tuple[str, ...]
    likely_worse: tuple[str, ...]
    unclear: tuple[str, ...]
    rank: str  # of the leader's accuracy, in words

    @property
    def candidates(self) -> tuple[str, ...]:
        """Return all architectures that these runs do not show to be worse."""
        return (self.leader, *self.tied, *self.unclear)


def find_leader(accuracy: pd.DataFrame, pairs: pd.DataFrame) -> LeaderVerdicts:
    """Find the most accurate architecture on some reviews.

    Args:
      accuracy: a row for each architecture, with accuracy, ci_low and ci_high.
      pairs: the verdict on each pair, on the same reviews.
    """
    order = accuracy.sort_values("accuracy", ascending=False, kind="stable")
    first, *others = rows_of(order)
    verdicts = {}
    for pair in rows_of(pairs):
        verdicts[pair.architecture_a, pair.architecture_b] = pair.verdict
        opposite = OPPOSITE.get(pair.verdict, pair.verdict)
        verdicts[pair.architecture_b, pair.architecture_a] = opposite

    def with_verdict(*wanted: str) -> tuple[str, ...]:
        names = [other.architecture for other in others]
        return tuple(name for name in names if verdicts[first.architecture, name] in wanted)

    shared = any(np.isclose(other.accuracy, first.accuracy, rtol=1e-9) for other in others)
    return LeaderVerdicts(
        leader=first.architecture,
        accuracy=first.accuracy,
        low=first.ci_low,
        high=first.ci_high,
        worse=with_verdict("better"),
        tied=with_verdict("tied"),
        likely_worse=with_verdict("likely better"),
        unclear=with_verdict("likely better", "likely worse", "not enough runs"),
        rank="the joint highest" if shared else "the highest",
    )


def headline(comparison: Comparison) -> str:
    """Write the answer over all reviews."""
    if comparison.summary.empty:
        return "No run has finished with predictions, so there is nothing to compare yet."
    found = find_leader(comparison.summary, comparison.pairwise)
    several = len(comparison.heads) > 1
    right = "has all answers right" if several else "is right"
    right = "has both answers right" if len(comparison.heads) == 3 else right
    text = (
        f"{found.leader} {right} on {format_share(found.accuracy)} of the test texts "
        f"(95% interval {format_interval(found.low, found.high)})"
    )
    if none_has_learnt(comparison):
        return (
            f"{text}, {found.rank}. Always giving the commonest answer would be right on "
            f"{format_share(comparison.chance[0])}: no network is shown to have learnt the task."
        )
    if len(comparison.summary) == 1:
        return f"{text}. There is no other architecture to compare it with."
    if not comparison.summary.seeds_counted.any():
        return (
            f"{text}, {found.rank}. With one seed each, this sweep compares individual networks and "
            "cannot tell which architecture is better."
        )
    counted = comparison.summary.set_index("architecture").seeds_counted
    text += f", {found.rank}" + ("" if counted[found.leader] else ", with a single seed")
    return f"{text}. {_against(found, comparison)}".strip()


def none_has_learnt(comparison: Comparison) -> bool:
    """Return whether always giving the commonest answer may be as good as any network."""
    return bool((comparison.summary.ci_low <= comparison.chance[0]).all())


def _against(found: LeaderVerdicts, comparison: Comparison) -> str:
    parts = []
    if found.worse:
        parts.append(f"It is better than {_name_groups(found.worse, comparison)}.")
    if found.tied:
        margin = format_margin(comparison.margin)
        parts.append(
            f"It is tied, to within {margin}, with {_name_groups(found.tied, comparison)}."
        )
    if found.likely_worse:
        parts.append(f"It is likely better than {_name_groups(found.likely_worse, comparison)}.")
    if rest := [name for name in found.unclear if name not in found.likely_worse]:
        others = _name_groups(rest, comparison, "or")
        parts.append(f"Against {others}, {_too_few_seeds(comparison)}.")
    return " ".join(parts)


def _name_groups(names: Sequence[str], comparison: Comparison, last: str = "and") -> str:
    """Join names, writing "every lstm variant" where all variants of a cell are among them."""
    groups, rest = [], list(names)
    for cell, family in comparison.summary.groupby("cell", sort=False).architecture:
        if len(family) > 1 and set(family) <= set(rest) and len(family) < len(comparison.summary):
            groups.append(f"every {cell} variant")
            rest = [name for name in rest if name not in set(family)]
    return join_names([*groups, *rest], last)


def answers_by_length(comparison: Comparison) -> list[ShortAnswer]:
    """Say which architecture leads on the shortest and on the longest texts."""
    if len(comparison.summary) < 2:
        return []
    answers = []
    breakdown = comparison.by_distance or comparison.by_length
    if breakdown is not None and breakdown.pairwise.low.nunique() > 1:
        unit = "words" if comparison.by_distance is None else "words after the evidence"
        ends = breakdown.pairwise.low.min(), breakdown.pairwise.low.max()
        for low, texts in zip(ends, ("Short texts", "Long texts"), strict=True):
            answers.append(_answer_for_group(comparison, breakdown, int(low), texts, unit))
    return answers


def _answer_for_group(
    comparison: Comparison, breakdown: Breakdown, low: int, texts: str, unit: str
) -> ShortAnswer:
    accuracy = breakdown.accuracy
    group = accuracy[(accuracy["head"] == comparison.heads[0]) & (accuracy.low == low)]
    found = find_leader(group, breakdown.pairwise[breakdown.pairwise.low == low])
    place = format_range(low, group.high.iloc[0])
    topic = f"{texts}: {place} {unit}"
    leads = f"{found.leader} scores {format_share(found.accuracy)}, {found.rank}"
    if _several_seeds(comparison):
        return ShortAnswer(
            topic, _conclude(found, comparison), f"{leads}. {_against(found, comparison)}"
        )
    lowest = next(rows_of(group.sort_values("accuracy")))
    if np.isclose(lowest.accuracy, found.accuracy, rtol=1e-9):
        if len(group) == 1:
            return ShortAnswer(
                topic, found.leader, f"{found.leader} scores {format_share(found.accuracy)}."
            )
        return ShortAnswer(
            topic, "no difference", f"All score {format_share(found.accuracy)}, with one seed."
        )
    reason = f"{leads}; {lowest.architecture} scores {format_share(lowest.accuracy)}, the lowest."
    return ShortAnswer(topic, f"{found.leader}, judging by one seed", reason)


def _conclude(found: LeaderVerdicts, comparison: Comparison) -> str:
    if len(found.candidates) == 1:
        return found.leader
    if not found.worse:
        return _too_few_seeds(comparison) if found.unclear else "Any: all are tied"
    if len(found.candidates) <= 3:
        named = join_names([found.leader, *found.tied], "or")
        return f"{named}, as far as {_seeds(comparison)} can tell" if found.unclear else named
    return f"Any except {_name_groups(found.worse, comparison)}"


def held_equal(comparison: Compared) -> dict[str, str]:
    """Describe which of units, recurrent_parameters and train_seconds all architectures share.

    The result is empty for a single architecture.
    """
    runs = comparison.runs[comparison.runs.compared]
    if len(comparison.summary) < 2:
        return {}
    equal = {}
    weights = comparison.cost.recurrent_parameters
    if weights.notna().all() and weights.max() <= (1 + 2 * TOLERANCE) * weights.min():
        both = dict.fromkeys([format_count(weights.min()), format_count(weights.max())])
        equal["recurrent_parameters"] = f"{' to '.join(both)} weights in the recurrent layers"
    if runs.max_seconds.notna().all() and runs.max_seconds.nunique() == 1:
        equal["train_seconds"] = f"{format_seconds(runs.max_seconds.iloc[0])} of training"
    if runs.units.notna().all() and runs.units.nunique() == 1:
        equal["units"] = f"{format_count(runs.units.iloc[0])} units"
    return equal


def where_tuning_matters(comparison: Comparison, leagues: Sequence[Comparison]) -> list[str]:
    """Describe what the tuned leagues show, beside a sweep in which nothing was tuned."""
    sentences = []
    for league in leagues if comparison.tuning is None else ():
        if league.tuning is None or league.summary.empty:
            continue
        found = find_leader(league.summary, league.pairwise)
        if found.worse:
            sentences.append(
                f"Nothing was tuned here. In {league.experiment}, where "
                f"{join_names(league.tuning.settings)} is chosen on validation, {found.leader} "
                f"({format_share(found.accuracy)}) is shown to be better than {join_names(found.worse)}."
            )
    return sentences


def describe_leagues(leagues: Sequence[Comparison]) -> list[tuple[str, str]]:
    """Describe what each league holds equal and tunes, and what it found.

    The lost runs and the tuning of the first league are left out: this is its page, which has them
    elsewhere.
    """
    sentences = []
    for league in leagues:
        equal = join_names(list(held_equal(league).values()) or ["nothing but the texts"])
        rates = league.runs.learning_rate.dropna().unique()
        if league.tuning is not None:
            equal += f"; {join_names(league.tuning.settings)} chosen on validation"
        elif len(rates) == 1:
            equal += f"; learning rate {rates[0]:g} for all, not tuned"
        found = [headline(league)]
        if league is not leagues[0]:
            found += [describe_tuning(league.tuning)] if league.tuning else []
            found += describe_lost(league)
        sentences.append((f"{league.experiment}: {equal}.", " ".join(found)))
    return sentences


def _too_few_seeds(comparison: Comparison) -> str:
    seeds = _seeds(comparison)
    return f"{seeds} {'is' if seeds == 'one seed' else 'are'} too few to tell"


def _seeds(comparison: Comparison) -> str:
    counts = sorted(set(comparison.summary.runs))
    if counts[-1] == 1:
        return "one seed"
    return f"{counts[-1]} seeds" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


def _several_seeds(comparison: Comparison) -> bool:
    return bool(comparison.summary.seeds_counted.any())
