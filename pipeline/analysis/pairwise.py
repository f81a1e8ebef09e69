"""Compute the accuracy of every architecture and the verdict on every pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis import paired, statistics
from pipeline.analysis.above_simple import Yardstick, leads_over
from pipeline.analysis.answers import AlignedAnswers
from pipeline.analysis.baseline import Baseline, compare_to_baseline
from pipeline.analysis.crowd import choose_shown
from pipeline.analysis.frames import rows_of
from pipeline.analysis.groups import Group
from pipeline.analysis.multiple import SIGNIFICANCE, compare_pairs
from pipeline.analysis.slopes import Trends, find_trends
from pipeline.analysis.verdicts import Quantity, members_of

PAIR_COLUMNS = tuple(
    "architecture_a architecture_b difference ci_low ci_high p_value p_adjusted p_if_alike verdict"
    " detectable effect_size probability_a_wins mcnemar_p runs_a runs_b".split()
)
# A verdict on a against b, as one on b against a.
OPPOSITE = {
    "better": "worse",
    "worse": "better",
    "likely better": "likely worse",
    "likely worse": "likely better",
}


@dataclass(frozen=True)
class Breakdown:
    """Accuracy within groups of reviews of rising length or distance.

    accuracy: head, architecture, low, high (NA: open), reviews, accuracy, ci_low, ci_high,
      seeds_counted.
    by_run: head, run_id, architecture, seed, low, high, accuracy.
    pairwise: low, high and the columns of `Comparison.pairwise`, for the first entry of `heads` and the
      architectures that the page shows.
    trends: how accuracy changes with length or distance, for the same entry.
    above_simple: `LEAD_COLUMNS`, low, high, reviews: by how much each architecture is ahead of the
      `yardstick`, the simple cells if there are any, for the same entry.
    """

    accuracy: pd.DataFrame
    by_run: pd.DataFrame
    pairwise: pd.DataFrame
    trends: Trends
    above_simple: pd.DataFrame
    yardstick: Yardstick


class Evaluator:
    """Computes statistics for every architecture and pair, from one set of aligned answers."""

    def __init__(
        self,
        chosen: pd.DataFrame,
        answers: AlignedAnswers,
        rng: np.random.Generator,
        replicates: int,
        margin: float,
    ) -> None:
        self._chosen, self._answers = chosen, answers
        self._rng, self._replicates, self._margin = rng, replicates, margin
        self._members = members_of(chosen)
        self._shown = choose_shown(chosen)
        everything = np.ones((1, len(answers.traits)), dtype=bool)
        self.overall = {head: self._resample(head, everything)[0] for head in answers.heads}

    def _resample(self, head: str, groups: NDArray[np.bool_]) -> list[statistics.RunEstimates]:
        return statistics.resample_reviews(
            self._answers.correct[head], groups, self._rng, self._replicates
        )

    def compare_to_baseline(
        self, correct: dict[str, NDArray[np.bool_]], run: pd.DataFrame, groups: list[Group]
    ) -> Baseline:
        """Compare every architecture with the baseline, which was right where `correct` is true."""
        networks = self._answers.correct
        return compare_to_baseline(
            run, correct, networks, self._members, groups, self._rng.spawn(1)[0]
        )

    def summary(self, runs: pd.DataFrame, pairwise: pd.DataFrame) -> pd.DataFrame:
        """Return `Comparison.summary`, given the planned runs and the verdicts on every pair."""
        planned = runs.groupby("architecture").size()
        main, *further = self._answers.heads
        accuracy = self._accuracies(self.overall[main], len(self._answers.traits))
        facts = self._chosen.groupby("architecture", sort=False).agg(
            {
                "cell": "first",
                "num_layers": "first",
                "bidirectional": "first",
                "units": "first",
                "val_accuracy": "mean",
            }
        )
        table = accuracy.drop(columns="reviews").merge(facts, on="architecture")
        table["runs"] = [len(self._members[name]) for name in table.architecture]
        table["planned"] = planned[table.architecture].to_numpy()
        table["tier"] = find_tiers(self._members, pairwise)
        for head in further:
            part = self._accuracies(self.overall[head], len(self._answers.traits))
            for column in ("accuracy", "ci_low", "ci_high"):
                table[f"{column}_{head}"] = part[column]
        return table.sort_values("accuracy", ascending=False, ignore_index=True)

    def accuracies(self, lengths: list[Group], margin: float) -> list[Quantity]:
        """Return the accuracy of every run over all reviews and, of several lengths, the longest."""
        reviews = len(self._answers.traits)
        main = self._answers.heads[0]
        found = [Quantity("accuracy", self.overall[main], self._members, margin, reviews)]
        if len(lengths) > 1:
            long = lengths[-1].members
            (estimates,) = statistics.resample_reviews(
                self._answers.correct[main], long[None], self._rng.spawn(1)[0], self._replicates
            )
            size = int(long.sum())
            found.append(Quantity("accuracy_long_texts", estimates, self._members, margin, size))
        return found

    def _accuracies(self, estimates: statistics.RunEstimates, reviews: int) -> pd.DataFrame:
        found = {
            n: statistics.accuracy_interval(estimates, rows, reviews)
            for n, rows in self._members.items()
        }
        return pd.DataFrame(
            [
                {
                    "architecture": name,
                    "reviews": reviews,
                    "accuracy": interval.value,
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                    "seeds_counted": interval.seeds_counted,
                }
                for name, interval in found.items()
            ]
        )

    def pairwise(
        self,
        estimates: statistics.RunEstimates,
        head: str,
        members: NDArray[np.bool_] | None = None,
    ) -> pd.DataFrame:
        """Compare pairs of architectures on some reviews, with p values corrected for them.

        Within `members` of the reviews only the pairs of `choose_shown`.
        """
        names = self._members if members is None else self._shown
        pairs = list(combinations(names, 2))
        correct = self._answers.correct[head]
        correct = correct if members is None else correct[:, members]
        table = judge_pairs(
            estimates, {name: self._members[name] for name in names}, self._margin, correct.shape[1]
        )
        rows = [(self._members[a], self._members[b]) for a, b in pairs]
        means = [(estimates.values[a].mean(), estimates.values[b].mean()) for a, b in rows]
        return table.assign(
            effect_size=[paired.effect_size(float(a), float(b)) for a, b in means],
            mcnemar_p=[paired.mcnemar_over_seeds(correct, a, b) for a, b in rows],
        )[list(PAIR_COLUMNS)]

    def break_down(
        self,
        values: pd.Series,
        groups: list[Group],
        heads: tuple[str, ...],
        yardstick: Yardstick,
    ) -> Breakdown:
        """Compute accuracies along `values`; all else only for the first of `heads`."""
        accuracy, by_run, pairwise, leads = [], [], [], []
        for head in heads:
            estimates = self._resample(head, np.stack([group.members for group in groups]))
            for group, estimate in zip(groups, estimates, strict=True):
                place = {"head": head, "low": group.low, "high": group.high}
                accuracy.append(
                    self._accuracies(estimate, int(group.members.sum())).assign(**place)
                )
                by_run.append(
                    self._chosen[["run_id", "architecture", "seed"]].assign(
                        accuracy=estimate.values, **place
                    )
                )
                if head == heads[0]:
                    pairs = self.pairwise(estimate, head, group.members)
                    pairwise.append(pairs.assign(low=group.low, high=group.high))
                    reviews = int(group.members.sum())
                    lead = leads_over(yardstick, estimate, self._members, reviews)
                    leads.append(lead.assign(low=group.low, high=group.high, reviews=reviews))
        return Breakdown(
            accuracy=_ranged(accuracy),
            by_run=_ranged(by_run),
            pairwise=_ranged(pairwise),
            trends=find_trends(
                self._answers.correct[heads[0]],
                values.to_numpy(),
                self._members,
                unpaired=set(self._members) - set(self._shown),
            ),
            above_simple=_ranged(leads),
            yardstick=yardstick,
        )


def judge_pairs(
    estimates: statistics.RunEstimates,
    members: Mapping[str, NDArray[np.intp]],
    margin: float,
    reviews: int | None = None,
) -> pd.DataFrame:
    """Compare each pair of architectures, with p values corrected for all.

    Args:
      estimates: scores, of which a higher one is better.
      members: the rows of each architecture's runs.
      margin: the smallest difference that matters.
      reviews: of accuracies, how many reviews; see `statistics.contrast`.

    Returns:
      The columns of `PAIR_COLUMNS` that do not need the single answers.
    """
    pairs = list(combinations(members, 2))
    rows = [_pair(pair, estimates, members, reviews) for pair in pairs]
    # Their own generator, so that no other number depends on the pairs.
    tests = compare_pairs(estimates, list(members.values()), np.random.default_rng(0), reviews)
    columns = [name for name in PAIR_COLUMNS if name not in ("effect_size", "mcnemar_p")]
    table = pd.DataFrame(rows, columns=columns).assign(
        p_if_alike=tests.if_alike, detectable=tests.detectable
    )
    # By chance of the simulated sweeps it may be a little less, which would make no sense.
    table["p_adjusted"] = np.maximum(tests.adjusted, table.p_value.astype(float))
    table["verdict"] = [_verdict(pair, margin) for pair in rows_of(table)]
    return table


def _pair(
    pair: tuple[str, str],
    estimates: statistics.RunEstimates,
    members: Mapping[str, NDArray[np.intp]],
    reviews: int | None,
) -> dict[str, object]:
    a, b = pair
    first, second = members[a], members[b]
    gap = statistics.contrast(estimates, [(1.0, first), (-1.0, second)], reviews)
    wins = paired.probability_of_winning(estimates.values[first], estimates.values[second])
    return {
        "architecture_a": a,
        "architecture_b": b,
        "difference": gap.value,
        "ci_low": gap.low,
        "ci_high": gap.high,
        "p_value": gap.p_value if gap.seeds_counted else np.nan,
        "probability_a_wins": wins,
        "runs_a": len(first),
        "runs_b": len(second),
    }


def _verdict(pair: Any, margin: float) -> str:
    """Say what is shown, then what is shown if all seeds vary alike; else more runs are needed."""
    ahead = "better" if pair.difference > 0 else "worse"
    if pair.p_adjusted < SIGNIFICANCE:
        return ahead
    if np.isfinite(pair.p_adjusted) and max(-pair.ci_low, pair.ci_high) < margin:
        return "tied"
    return f"likely {ahead}" if pair.p_if_alike < SIGNIFICANCE else "not enough runs"


def find_tiers(members: Mapping[str, NDArray[np.intp]], pairwise: pd.DataFrame) -> list[int | None]:
    """Return each tier: 1 if none is better, 2 if only those of tier 1 are, and so on."""
    a, b = pairwise.architecture_a, pairwise.architecture_b
    won, lost = pairwise.verdict == "better", pairwise.verdict == "worse"
    tiers: dict[str, int] = {}
    while len(tiers) < len(members):
        rest = [name for name in members if name not in tiers]
        beaten = {*b[won & a.isin(rest)], *a[lost & b.isin(rest)]}
        level = max(tiers.values(), default=0) + 1
        tiers |= dict.fromkeys([name for name in rest if name not in beaten] or rest, level)
    return [tiers[name] if len(rows) > 1 else None for name, rows in members.items()]


def _ranged(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Join tables with their ranges first; an open end is NA in an integer column."""
    table = pd.concat(parts, ignore_index=True)
    table = table.astype({"low": "Int64", "high": "Int64"})
    ahead = [column for column in ("head", "architecture", "low", "high") if column in table]
    return table[[*ahead, *(column for column in table if column not in ahead)]]
