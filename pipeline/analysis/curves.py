"""Compute curves of scores and how far they reach: pure functions over arrays.

A curve is the mean score of every run under rising conditions, on the same reviews and on resampled
ones; `pipeline.analysis.statistics` combines these with the seeds into an interval at each place. A
reach is the place at which a curve falls below some level, with its interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.analysis.groups import even_ranges
from pipeline.analysis.statistics import (
    Floats,
    Interval,
    Rows,
    RunEstimates,
    contrast,
    resample_reviews,
)

PASSING = 0.75  # the quiz is passed where this share of its texts has all answers right


@dataclass(frozen=True)
class Curves:
    """The mean score of every run under every condition, on the same reviews.

    values: <float>[runs, conditions].
    draws: <float>[replicates, runs, conditions], the same on resampled reviews.
    """

    values: Floats
    draws: Floats

    def only(self, condition: int) -> RunEstimates:
        """Return the scores under one condition."""
        return RunEstimates(self.values[:, condition], _covariance(self.draws[:, :, condition]))

    def difference(self, condition: int, base: int, factor: float = 1.0) -> RunEstimates:
        """Return the score under a condition minus `factor` times that under `base`."""
        draws = self.draws[:, :, condition] - factor * self.draws[:, :, base]
        values = self.values[:, condition] - factor * self.values[:, base]
        return RunEstimates(values, _covariance(draws))

    def of(self, members: Rows) -> Curves:
        """Return the curves of some runs: the covariance of hundreds with each other takes long."""
        chosen = np.asarray(members)
        return Curves(self.values[chosen], self.draws[:, chosen])

    def under(self, conditions: Sequence[int]) -> Curves:
        """Return the curves under some of the conditions, in the given order."""
        chosen = list(conditions)
        return Curves(self.values[:, chosen], self.draws[:, :, chosen])

    def relative_to(self, base: int, condition: int) -> RunEstimates:
        """Return the score under a condition as a share of that under `base`."""
        draws = self.draws[:, :, condition] / self.draws[:, :, base]
        return RunEstimates(self.values[:, condition] / self.values[:, base], _covariance(draws))


def _covariance(draws: Floats) -> Floats:
    """Return the covariance <float>[runs, runs] of <float>[replicates, runs]."""
    centred = draws - draws.mean(axis=0)
    return centred.T @ centred / (len(draws) - 1)


def resample_curves(scores: ArrayLike, rng: np.random.Generator, replicates: int = 1000) -> Curves:
    """Return the means of `scores` <float>[runs, conditions, reviews], also on resampled reviews.

    A review has the same weight under all conditions and for all runs, as in `resample_reviews`, so
    that comparisons are paired by review.
    """
    scores = np.asarray(scores, dtype=np.float64)
    runs, conditions, reviews = scores.shape
    weights = rng.standard_exponential((replicates, reviews))
    weights /= weights.sum(axis=1, keepdims=True)
    flat = scores.reshape(runs * conditions, reviews)
    draws = (flat @ weights.T).reshape(runs, conditions, replicates)
    # Callers take one condition at a time, so its draws are contiguous.
    by_condition = np.ascontiguousarray(draws.transpose(1, 2, 0))
    return Curves(scores.mean(axis=2), by_condition.transpose(1, 2, 0))


@dataclass(frozen=True)
class Reach:
    """A place on a scale that was measured up to `furthest`, with its interval.

    Infinite ends lie beyond `furthest`. `value` is NaN if there was nothing to lose. `rises`: the curve
    is significantly higher at `furthest` than at the start.
    """

    value: float
    low: float
    high: float
    furthest: float
    rises: bool = False


def fall_below_zero(
    places: ArrayLike, estimates: Sequence[RunEstimates], members: Rows
) -> tuple[float, float, float]:
    """Find where a curve first falls below zero, with the interval of that place.

    The curve is linear between places. The result is infinite if the curve stays above zero, and the
    first place if it starts below. The interval holds the places where the pointwise interval of the
    curve contains zero, as for a median survival time (Brookmeyer and Crowley 1982, Biometrics 38:29).
    So it covers seeds and reviews, and its ends may be infinite.

    Args:
      places: rising.
      estimates: the curve of every run at each place.
      members: the rows of the runs of one architecture.

    Returns:
      The place, and the low and the high end of its interval.
    """
    found = [contrast(estimate, [(1.0, members)]) for estimate in estimates]
    value, low, high = (
        _first_below(np.asarray(places, dtype=np.float64), np.array(curve))
        for curve in zip(*((one.value, one.low, one.high) for one in found), strict=True)
    )
    return value, low, high


def _first_below(places: Floats, curve: Floats) -> float:
    below = np.flatnonzero(curve < 0)
    if not len(below):
        return float("inf")
    after = int(below[0])
    if after == 0:
        return float(places[0])
    start, end = curve[after - 1], curve[after]
    return float(places[after - 1] + (places[after] - places[after - 1]) * start / (start - end))


def half_lives(distances: ArrayLike, curves: Curves) -> RunEstimates:
    """Return the logarithm of the half-life of every run, as in `half_life`.

    A half-life beyond the furthest distance counts as that distance, as how far beyond it lies was not
    measured; one below 1 counts as 1. A run whose score at distance 0 is not shown to be above zero has
    NaN.

    Args:
      distances: <float>[conditions], rising, the first being 0.
      curves: the conditions are those distances.
    """
    places = np.asarray(distances, dtype=np.float64)
    start = curves.only(0)
    learnt = [contrast(start, [(1.0, [run])]).low > 0 for run in range(len(curves.values))]
    values = _log_halves(places, curves.values)
    covariance = np.atleast_2d(_covariance(_log_halves(places, curves.draws)))
    return RunEstimates(np.where(learnt, values, np.nan), covariance)


def _log_halves(places: Floats, curves: Floats) -> Floats:
    """Return the logarithm of where each curve <float>[..., places] first halves, from 1 to the end."""
    above = curves - curves[..., :1] / 2
    below = above < 0
    after = np.maximum(below.argmax(axis=-1), 1)[..., None]
    start = np.take_along_axis(above, after - 1, -1)[..., 0]
    end = np.take_along_axis(above, after, -1)[..., 0]
    near, far = places[after[..., 0] - 1], places[after[..., 0]]
    fallen = below.any(axis=-1) & ~below[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(fallen, near + (far - near) * start / (start - end), places[-1])
    return np.log(np.clip(np.where(below[..., 0], 0.0, found), 1.0, places[-1]))


def half_life(distances: ArrayLike, curves: Curves, members: Rows) -> Reach:
    """Find the distance at which the mean score of an architecture has first halved.

    The ratio to the start is tested as a difference, score(d) - score(0) / 2, whose interval is valid
    even if the start is uncertain (Fieller 1954, JRSS B 16:175).

    Args:
      distances: <float>[conditions], rising, the first being 0.
      curves: the conditions are those distances.
      members: the rows of the runs of one architecture.

    Returns:
      The half-life; `value` is NaN if the score at distance 0 is not shown to be above zero.
    """
    distances = np.asarray(distances, dtype=np.float64)
    last, furthest = len(distances) - 1, float(distances[-1])
    if contrast(curves.only(0), [(1.0, members)]).low <= 0:
        return Reach(math.nan, math.nan, math.nan, furthest)
    halves = [curves.difference(place, 0, 0.5) for place in range(len(distances))]
    value, low, high = fall_below_zero(distances, halves, members)
    change = contrast(curves.difference(last, 0), [(1.0, members)])
    return Reach(value, low, high, furthest, rises=math.isinf(value) and change.low > 0)


def share_of(curves: Curves, whole: int, part: int, members: Rows) -> Interval | None:
    """Return the mean score under `part` as a share of that under `whole`.

    It is a ratio of means over the runs, so that no run with a small score decides it; its interval is
    that of the ratio, linearised (Cochran 1977, Sampling Techniques, 6.4).

    Returns:
      None if the score under `whole` is not shown to be above zero.
    """
    if contrast(curves.only(whole), [(1.0, members)]).low <= 0:
        return None
    size = float(curves.values[members, whole].mean())
    share = float(curves.values[members, part].mean()) / size
    # The mean of this linear score over the runs is the share itself.
    apart = curves.difference(part, whole, share)
    estimates = RunEstimates(share + apart.values / size, apart.covariance / size**2)
    return contrast(estimates, [(1.0, members)])


def effective_context(
    lengths: ArrayLike, curves: Curves, members: Rows, chance: float, tolerance: float = 0.01
) -> Reach:
    """Find the shortest context from which accuracy stays within `tolerance` of the full text's.

    By the pointwise intervals of the paired differences, the interval runs from the shortest length
    that may satisfy this to the shortest that certainly does. Only lengths that were read are results.

    Args:
      lengths: <int>[conditions - 1], rising.
      curves: accuracies at those lengths and, as the last condition, on the full text.
      members: the rows of the runs of one architecture.
      chance: the accuracy of always giving the commonest answer.

    Returns:
      The context; `value` is NaN if accuracy on the full text is not shown to be above chance.
    """
    lengths = np.asarray(lengths, dtype=np.float64)
    if contrast(curves.only(-1), [(1.0, members)]).low <= chance:
        return Reach(math.nan, math.nan, math.nan, float(lengths[-1]))
    differences = [
        contrast(curves.difference(place, -1), [(1.0, members)]) for place in range(len(lengths))
    ]

    def shortest(of: Sequence[float]) -> float:
        short = np.flatnonzero(np.array(of) < -tolerance - 1e-9)
        first = int(short[-1]) + 1 if len(short) else 0
        return float(lengths[first]) if first < len(lengths) else math.inf

    return Reach(
        value=shortest([one.value for one in differences]),
        low=shortest([one.high for one in differences]),
        high=shortest([one.low for one in differences]),
        furthest=float(lengths[-1]),
    )


def distance_under(
    level: float,
    correct: NDArray[np.bool_],
    distances: NDArray[np.integer],
    members: Sequence[Rows],
    rng: np.random.Generator,
) -> list[Reach]:
    """Find the distance at which the accuracy of each architecture falls below `level`.

    Texts are grouped by `even_ranges`, and each group is placed at its mean distance. The first is
    also placed at 0, so that the result is 0 if accuracy is below `level` from the start.

    Args:
      level: from 0 to 1.
      correct: <bool>[runs, reviews].
      distances: <int>[reviews].
      members: the rows of the runs of each architecture.
      rng: resamples the reviews.
    """
    furthest = int(distances.max())
    inside = [(distances >= low) & (distances <= high) for low, high in even_ranges(furthest)]
    groups = np.stack([group for group in inside if group.any()])
    places = [0.0, *(float(distances[group].mean()) for group in groups)]
    found = resample_reviews(correct, groups, rng)
    above = [RunEstimates(one.values - level, one.covariance) for one in (found[0], *found)]
    return [Reach(*fall_below_zero(places, above, rows), furthest) for rows in members]


def describe_reach(reach: Reach, beyond: str) -> str:
    """Format a reach, such as "57 (48 to 66)" or "beyond 800 (520 to beyond 800)".

    `beyond`: the text for an infinite end, such as "whole text".
    """
    if math.isnan(reach.value):
        return "nothing to lose"
    value, low, high = (
        beyond if math.isinf(end) else f"{end:.0f}" if end >= 10 else f"{end:.2g}"
        for end in (reach.value, reach.low, reach.high)
    )
    if reach.rises:
        return "rises"
    return value if low == high else f"{value} ({low} to {high})"
