"""Summarise how far back the architectures remember, from the tables of the probes.

All runs were probed on the same reviews under the same conditions; `pipeline.analysis.statistics` covers
reviews and seeds in the intervals. The order-free baseline is treated as an architecture with one run.
Shares are from 0 to 1; margins are logits signed by the true class.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis import statistics
from pipeline.analysis.curves import (
    Curves,
    effective_context,
    half_life,
    half_lives,
    resample_curves,
)
from pipeline.analysis.probe_tables import (
    Layout,
    Mask,
    Row,
    lay_out,
    name_left_out,
    reach_row,
    with_ends,
)
from pipeline.analysis.recall import find_passing, score_quiz
from pipeline.analysis.slopes import Trends, find_trends
from pipeline.analysis.verdicts import Quantity

CURVE_COLUMNS = tuple(
    "architecture probe condition distance reviews runs accuracy ci_low ci_high agrees commonest"
    " margin margin_low margin_high relative relative_low relative_high".split()
)
REACH_COLUMNS = tuple("architecture probe measure head value low high furthest rises".split())
QUIZ_COLUMNS = tuple("architecture head texts low high reviews accuracy ci_low ci_high".split())
# The condition that the others of a probe are compared with.
_REFERENCE = {"context": "whole", "distance": "plain"}


QUIZ, HALF_LIFE = ("under_75", "both"), ("half_life_both", "")


@dataclass(frozen=True)
class Memory:
    """The results of the probes for every architecture and the baseline.

    curves: `CURVE_COLUMNS` for each architecture, probe, condition and distance (NA for the whole
      text): accuracy with its interval, the share of answers that agree with those under the reference
      condition, the share of the first head's commonest answer, and the first head's mean margin, also
      relative to that under the reference condition.
    reaches: `REACH_COLUMNS`: effective contexts, half-lives (head "" is the first), and the distance up
      to which the quiz is passed. An infinite end lies beyond `furthest`; the value is NaN if there
      was nothing to lose.
    quiz: `QUIZ_COLUMNS` for all texts and for some kinds, by distance from low to high, both included;
      one range covers all distances. Head `both` means all heads right.
    notes: what a reader must know before using a number.
    trends: by condition, how accuracy changes with the number of neutral words or of tokens read.
    half_lives: `log_half_life` of every run, with neutral words on both sides; None without that probe.
    """

    curves: pd.DataFrame
    reaches: pd.DataFrame
    quiz: pd.DataFrame
    notes: tuple[str, ...]
    trends: Mapping[str, Trends]
    half_lives: Quantity | None = None

    @property
    def main_reach(self) -> tuple[str, str]:
        """Return the measure and the head that answer how far back the networks remember.

        Where the place of the evidence is known, the distance up to which they answer well. Else the
        half-life with neutral words on both sides: words after the text alone would not test a backward
        layer, which reads the text last.
        """
        known = (self.reaches.measure == QUIZ[0]).any()
        return QUIZ if known else HALF_LIFE


def summarise_memory(
    probes: Mapping[str, pd.DataFrame],
    runs: pd.DataFrame,
    rng: np.random.Generator,
    unpaired: Collection[str] = (),
) -> Memory | None:
    """Summarise the probes of context, distance and quiz; None if no run has any of them.

    Args:
      probes: for each probe the joined tables of all runs, with `run_id`.
      runs: run_id and architecture of the runs to compare, including the baseline's.
      rng: resamples the reviews.
      unpaired: architectures whose trends are not compared with those of others.
    """
    curves: list[Row] = []
    reaches: list[Row] = []
    quiz: list[Row] = []
    notes: list[str] = []
    trends: dict[str, Trends] = {}
    halves: Quantity | None = None
    for probe, table in probes.items():
        if probe != "quiz" and probe not in _REFERENCE:
            continue
        layout, left_out = lay_out(table, runs)
        notes += [name_left_out(probe, left_out)] if len(left_out) else []
        if layout is None:
            continue
        if probe == "quiz":
            quiz += score_quiz(layout, rng)
            reaches += find_passing(layout, rng)
        else:
            scores = _resample(layout, probe, rng)
            curves += _describe_curves(layout, scores)
            reaches += _find_reaches(layout, scores)
            trends |= _find_trends(layout, scores, unpaired)
            halves = halves or _find_half_lives(layout, scores)
    if not curves and not quiz:
        return None
    return Memory(
        pd.DataFrame(curves, columns=list(CURVE_COLUMNS)).astype({"distance": "Int64"}),
        pd.DataFrame(reaches, columns=list(REACH_COLUMNS)),
        pd.DataFrame(quiz, columns=list(QUIZ_COLUMNS)),
        tuple(notes),
        trends,
        halves,
    )


class _Condition(NamedTuple):
    name: str
    distance: int | None
    rows: Mask  # of a table


@dataclass(frozen=True)
class _ProbeScores:
    """A probe's conditions, the reference first, and every run's scores under them.

    margins: by head; the first head is "".
    agreement: <float>[runs, conditions], the share of answers as under the reference.
    commonest: <float>[runs, conditions], the share of the first head's commonest answer.
    chance: the accuracy of always giving the commonest right answer.
    """

    probe: str
    conditions: list[_Condition]
    accuracy: Curves
    margins: dict[str, Curves]
    agreement: NDArray[np.float64]
    commonest: NDArray[np.float64]
    reviews: int
    chance: float


def _resample(layout: Layout, probe: str, rng: np.random.Generator) -> _ProbeScores:
    conditions = _find_conditions(layout.first, _REFERENCE[probe])

    def by_condition(column: str) -> NDArray[np.float64]:
        stacked = [layout.stack(column, condition.rows) for condition in conditions]
        return np.stack(stacked, axis=1).astype(np.float64)

    correct = by_condition("correct")
    columns = {c.removesuffix("margin").rstrip("_"): c for c in layout.columns("margin")}
    labels = layout.first.loc[conditions[0].rows, layout.columns("label")].astype(object)
    return _ProbeScores(
        probe=probe,
        conditions=conditions,
        accuracy=resample_curves(correct, rng),
        margins={
            head: resample_curves(by_condition(column), rng) for head, column in columns.items()
        },
        agreement=by_condition("agrees").mean(axis=2),
        commonest=np.stack(
            [_share_of_commonest(layout.stack("predicted", one.rows)) for one in conditions], axis=1
        ),
        reviews=correct.shape[2],
        chance=float(labels.value_counts(normalize=True).iloc[0]),
    )


def _share_of_commonest(answers: NDArray) -> NDArray[np.float64]:
    """Return the share <float>[runs] of the commonest of answers [runs, reviews]."""
    return np.max([(answers == one).mean(axis=1) for one in pd.unique(answers.ravel())], axis=0)


def _find_conditions(table: pd.DataFrame, reference: str) -> list[_Condition]:
    found = []
    for name, part in table.groupby("condition", sort=False, observed=True):
        for distance in sorted(part.distance.dropna().unique()) or [None]:
            there = table.distance.isna() if distance is None else table.distance == distance
            rows = ((table.condition == name) & there).to_numpy(dtype=bool)
            found.append(_Condition(str(name), None if distance is None else int(distance), rows))
    return sorted(found, key=lambda one: one.name != reference)


def _describe_curves(layout: Layout, scores: _ProbeScores) -> list[Row]:
    margins = scores.margins[""]
    # These hold all runs, so they are computed once for all architectures.
    places = range(len(scores.conditions))
    accuracies = [scores.accuracy.only(place) for place in places]
    means = [margins.only(place) for place in places]
    shares = [margins.relative_to(0, place) for place in places]
    rows: list[Row] = []
    for name, members in layout.members.items():
        known = statistics.contrast(means[0], [(1.0, members)]).low > 0
        for place, condition in enumerate(scores.conditions):
            accuracy = statistics.accuracy_interval(accuracies[place], members, scores.reviews)
            rows.append(
                {
                    "architecture": name,
                    "probe": scores.probe,
                    "condition": condition.name,
                    "distance": condition.distance,
                    "reviews": scores.reviews,
                    "runs": len(members),
                    "accuracy": accuracy.value,
                    "ci_low": accuracy.low,
                    "ci_high": accuracy.high,
                    "agrees": float(scores.agreement[members, place].mean()),
                    "commonest": float(scores.commonest[members, place].mean()),
                    **with_ends("margin", means[place], members),
                    # Relative to a margin that may be zero, it would be noise.
                    **(with_ends("relative", shares[place], members) if known else {}),
                }
            )
    return rows


def _find_sides(scores: _ProbeScores) -> dict[str, list[int]]:
    """Return, for each condition's name, its places at rising distances."""
    sides: dict[str, list[int]] = {}
    for place, condition in enumerate(scores.conditions[1:], start=1):
        sides.setdefault(condition.name, []).append(place)
    sides.pop("alone", None)
    return sides


def _find_reaches(layout: Layout, scores: _ProbeScores) -> list[Row]:
    """Find the effective contexts, or the half-lives of every head, for each side."""
    sides = _find_sides(scores)
    rows = []
    for name, members in layout.members.items():
        own = range(len(members))
        for side, places in sides.items():
            lengths = [scores.conditions[place].distance or 0 for place in places]
            if scores.probe == "context":
                curves = scores.accuracy.of(members).under([*places, 0])
                reach = effective_context(lengths, curves, own, scores.chance)
                found = {("effective", ""): reach}
            else:
                found = {
                    ("half_life", head): half_life(
                        [0, *lengths], curves.of(members).under([0, *places]), own
                    )
                    for head, curves in scores.margins.items()
                }
            rows += [
                reach_row(name, scores.probe, f"{measure}_{side}", head, reach)
                for (measure, head), reach in found.items()
            ]
    return rows


def _find_half_lives(layout: Layout, scores: _ProbeScores) -> Quantity | None:
    """Return the half-lives of the first head's margin, with neutral words on both sides."""
    places = _find_sides(scores).get("both") if scores.probe == "distance" else None
    if not places:
        return None
    distances = [0, *(scores.conditions[place].distance or 0 for place in places)]
    found = half_lives(distances, scores.margins[""].under([0, *places]))
    longest = float(np.log(distances[-1]))
    return Quantity("log_half_life", found, layout.members, longest=longest)


def _find_trends(
    layout: Layout, scores: _ProbeScores, unpaired: Collection[str]
) -> dict[str, Trends]:
    """Fit, for each side, how accuracy changes with distance, starting from no neutral words."""
    found = {}
    for side, places in _find_sides(scores).items():
        read = [scores.conditions[place] for place in places]
        if scores.probe == "distance":
            read.insert(0, scores.conditions[0])
        reviews = [layout.first.review_id.to_numpy()[one.rows] for one in read]
        found[side] = find_trends(
            np.concatenate([layout.stack("correct", one.rows) for one in read], axis=1).astype(
                bool
            ),
            np.concatenate([np.full(scores.reviews, one.distance or 0) for one in read]),
            layout.members,
            np.concatenate(reviews),
            unpaired,
        )
    return found
