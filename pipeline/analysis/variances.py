"""Divide the variance of a contrast into what seeds and what reviews add, and join the two again.

The module `pipeline.analysis.statistics` says why they are joined so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Floats = NDArray[np.float64]
Rows = Sequence[int] | NDArray[np.integer]

POWER = 0.8
_DRAWS = 16  # of the variance of each architecture's seeds
_SMALLEST_TAIL = 1e-40  # with one degree of freedom, the quantile's square is still a finite float


@dataclass(frozen=True)
class RunEstimates:
    """An estimate for each run, and the covariance of these estimates.

    values: <float>[runs].
    covariance: <float>[runs, runs], over resampled reviews, with the seeds held fixed.
    """

    values: Floats
    covariance: Floats


@dataclass(frozen=True)
class Parts:
    """A contrast and its variance by source.

    from_reviews, from_seeds: variances. freedom: the degrees of freedom of `from_seeds`.
    of_seeds: the variance and the degrees of freedom of each architecture.
    """

    value: float
    from_reviews: float
    from_seeds: float
    freedom: float
    seeds_counted: bool
    of_seeds: tuple[tuple[float, int], ...] = ()

    def reach(self, tail: float, from_reviews: float | None = None) -> float:
        """Return the half-width of the interval whose one-sided tail probability is `tail`.

        `from_reviews` replaces the variance of that name.
        """
        reviews = self.from_reviews if from_reviews is None else from_reviews
        if self.from_seeds == 0:
            return -float(special.ndtri(tail)) * math.sqrt(reviews)
        return float(_join(tail, reviews, self.from_seeds, self.freedom))

    def detectable(self, tail: float) -> float:
        """Return the true value at which a share `POWER` of such sweeps would exclude zero.

        The half-width differs between sweeps, because the variance of a few seeds does. So it is
        computed for equally likely draws of the variances, given the observed ones.
        """
        deviation = math.sqrt(self.from_reviews + self.from_seeds)
        if deviation == 0:
            return 0.0
        reaches = np.array([self.reach(tail)])
        if self.from_seeds > 0:
            drawn = _draw_variances(self.of_seeds)
            freedom = welch_freedom(drawn, [f for _, f in self.of_seeds])
            reaches = _join(tail, self.from_reviews, sum(drawn), freedom)

        def power(value: float) -> float:
            return float(special.ndtr((value - reaches) / deviation).mean())

        most = float(np.max(reaches)) + 10 * deviation
        return optimize.brentq(lambda value: power(value) - POWER, 0.0, most)  # pyright: ignore[reportReturnType]

    def with_seeds(self, seeds: int) -> Parts:
        """Return the same contrast as if every architecture had so many seeds."""
        of_seeds = tuple((v * (f + 1) / seeds, seeds - 1) for v, f in self.of_seeds)
        total = sum(v for v, _ in of_seeds)
        if total == 0:
            return self
        freedom = welch_freedom([v for v, _ in of_seeds], [f for _, f in of_seeds])
        return replace(self, from_seeds=total, freedom=freedom, of_seeds=of_seeds)

    def p_value(self) -> float:
        """Return the two-sided p value: twice the tail at which the interval just touches zero."""
        distance = abs(self.value)
        if not np.isfinite(distance):
            return float("nan")
        if self.reach(_SMALLEST_TAIL) <= distance:
            return 2 * _SMALLEST_TAIL if distance > 0 else 1.0

        def beyond(log_tail: float) -> float:
            return self.reach(math.exp(log_tail)) - distance

        log_tail = optimize.brentq(beyond, math.log(_SMALLEST_TAIL), math.log(0.5))
        return min(1.0, 2 * math.exp(log_tail))  # pyright: ignore[reportArgumentType]


def decompose(estimates: RunEstimates, terms: Sequence[tuple[float, Rows]]) -> Parts:
    """Decompose the variance of a sum of means over runs by source."""
    values, covariance = estimates.values, estimates.covariance
    weights = np.zeros(len(values))
    shared, seed_variances, freedoms = 0.0, [], []
    for factor, members in terms:
        rows = np.asarray(members)
        count = len(rows)
        weights[rows] += factor / count
        if count > 1:
            shared += factor**2 * _counted_twice(covariance[np.ix_(rows, rows)])
            seed_variances.append(factor**2 * values[rows].var(ddof=1) / count)
            freedoms.append(count - 1)
    used = np.flatnonzero(weights)  # so that the NaN of another run does not spread
    from_reviews = float(weights[used] @ covariance[np.ix_(used, used)] @ weights[used])
    seeds_counted = len(seed_variances) == len(terms)
    from_seeds = float(sum(seed_variances)) if seeds_counted else 0.0
    return Parts(
        value=float(weights[used] @ values[used]),
        # Rounding may leave less than nothing.
        from_reviews=max(from_reviews - (shared if seeds_counted else 0.0), 0.0),
        from_seeds=from_seeds,
        freedom=welch_freedom(seed_variances, freedoms) if from_seeds > 0 else float("inf"),
        seeds_counted=seeds_counted,
        of_seeds=tuple(zip(seed_variances, freedoms, strict=True)),
    )


def _counted_twice(block: Floats) -> float:
    """Return what both sources have of the variance of the mean of an architecture's runs.

    The variance between runs includes some variance over reviews (each run errs on its own reviews), and
    the resampling includes it again. That part, the mean variance minus the mean covariance of the
    runs, is subtracted from the reviews' variance so that it counts once.

    Args:
      block: <float>[runs, runs], the covariance of two or more runs over reviews.
    """
    count = len(block)
    own = block.trace() / count - (block.sum() - block.trace()) / (count * (count - 1))
    return max(own, 0.0) / count


@dataclass(frozen=True)
class Means:
    """The means of the architectures' runs and what varies in them.

    counts: of runs. variances: of the runs of each, 0 of a single one.
    from_reviews: <float>[architectures, architectures], the covariance of the means over reviews.
    """

    values: Floats
    counts: NDArray[np.integer]
    variances: Floats
    from_reviews: Floats


def split_means(estimates: RunEstimates, members: Sequence[Rows]) -> Means:
    """Return the mean of each architecture's runs, and what seeds and reviews add to its variance."""
    rows = [np.asarray(one) for one in members]
    counts = np.array([len(one) for one in rows])
    weights = np.zeros((len(rows), len(estimates.values)))
    for place, one in enumerate(rows):
        weights[place, one] = 1 / len(one)
    from_reviews = weights @ estimates.covariance @ weights.T
    variances = np.zeros(len(rows))
    for place in np.flatnonzero(counts > 1):
        one = rows[place]
        from_reviews[place, place] -= _counted_twice(estimates.covariance[np.ix_(one, one)])
        variances[place] = estimates.values[one].var(ddof=1)
    return Means(weights @ estimates.values, counts, variances, from_reviews)


def _join(tail: float, reviews: float, seeds: Any, freedom: Any) -> Any:
    """Return the half-width from both variances, as the module explains; `seeds` is above 0."""
    normal, total = -special.ndtri(tail), reviews + seeds
    t_seeds = -special.stdtrit(freedom, tail)
    t_all = -special.stdtrit(freedom * (total / seeds) ** 2, tail)
    squares_added = normal**2 * reviews + t_seeds**2 * seeds
    return (np.sqrt(squares_added) + t_all * np.sqrt(total)) / 2


def welch_freedom(variances: Sequence[Any], freedoms: Sequence[Any]) -> Any:
    """Return the degrees of freedom of a positive sum of variances (Welch 1947, Biometrika 34:28).

    Of two variances it is the usual estimate. Of many, with a degree of freedom or two each, that one is
    far too low, and Welch's other one, from the unbiased estimates of the squared variances, a little
    too high where one of them is large. So their mean is taken: with two seeds 96 % of the intervals of
    a contrast hold the truth, in place of 98 %.
    """
    total = sum(variances)
    usual = total**2 / sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    if len(variances) < 3:
        return usual
    other = total**2 / sum(v**2 / (f + 2) for v, f in zip(variances, freedoms, strict=True)) - 2
    return (usual + np.clip(other, usual, sum(freedoms))) / 2


def _draw_variances(of_seeds: Sequence[tuple[float, int]]) -> list[Any]:
    """Return equally likely draws of the variance of each architecture's seeds.

    Of two architectures all combinations of quantiles are taken; of more, which would be too many,
    random ones, the same each time.
    """
    if len(of_seeds) <= 2:
        steps = (np.arange(_DRAWS) + 0.5) / _DRAWS
        return list(np.meshgrid(*(v * special.chdtri(f, steps) / f for v, f in of_seeds)))
    rng = np.random.default_rng(0)
    return [v * rng.chisquare(f, _DRAWS**2) / f for v, f in of_seeds]
