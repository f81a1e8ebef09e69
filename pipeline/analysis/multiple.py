"""Correct p values for the number of tests: Holm's method, and the pairs of several architectures.

For pairs the textbook has Games and Howell's test (1976, Journal of Educational Statistics 1:113), which
holds Welch's t of each pair against the studentized range. The range takes all pairs to have one
estimate of the variance. With three seeds of nine architectures the test calls some pair better in 9 to
12 % of sweeps without any difference, while Holm's method on Welch's tests does so in 2 to 4 % and finds
half as much. So the statistic of Games and Howell is kept, but judged by simulated sweeps without any
difference, in which seeds and reviews vary as much as they do in the sweep (a parametric bootstrap:
Krishnamoorthy, Lu and Mathew 2007, Computational Statistics & Data Analysis 51:5731). The largest
difference is corrected for all pairs, a smaller one for those that differ no more (Westfall and Young
1993, Resampling-Based Multiple Testing, algorithm 2.8).

Tukey's honestly significant difference takes the seeds of all architectures to vary alike, and has the
degrees of freedom of all runs. It finds far more, and errs more often where the assumption is wrong.
`tests/analysis/simulate_contrasts.py` measures all of this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from pipeline.analysis.variances import (
    POWER,
    Floats,
    Rows,
    RunEstimates,
    split_means,
    welch_freedom,
)

SIGNIFICANCE = 0.05
_WIDTHS = 200  # of the simulated sweeps, by which the detectable difference is found
_CHUNK = 2_000_000  # statistics in memory at a time
# Quantiles at this tail have the shape that the studentized range's have over degrees of freedom. Which
# shape it is decides the power only, as simulated sweeps are judged by the same one.
_TAIL = 0.01
_FREEDOMS = np.geomspace(1, 1e6, 400)
_QUANTILES = -special.stdtrit(_FREEDOMS, _TAIL)


def holm(p_values: ArrayLike) -> Floats:
    """Apply Holm's correction; NaN stays NaN and does not count as a test.

    statsmodels' `multipletests` gives the same numbers (a test compares them), but it collects garbage
    at each call, which takes most of the time of a simulation.
    """
    raw = np.asarray(p_values, dtype=np.float64)
    made = np.flatnonzero(np.isfinite(raw))
    order = made[np.argsort(raw[made])]
    corrected = np.full(raw.shape, np.nan)
    steps = np.arange(len(order), 0, -1) * raw[order]
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


@dataclass(frozen=True)
class PairTests:
    """The tests of all pairs of architectures, in the order of `itertools.combinations`.

    adjusted: p values corrected for all pairs, none below one over `sweeps`; NaN where an architecture
      has one run.
    if_alike: the same if the seeds of all architectures vary alike; NaN if none has two runs.
    detectable: the true difference at which `POWER` of such sweeps would have `adjusted` below
      `SIGNIFICANCE`.
    """

    adjusted: Floats
    if_alike: Floats
    detectable: Floats


def compare_pairs(
    estimates: RunEstimates,
    members: Sequence[Rows],
    rng: np.random.Generator,
    reviews: int | None,
    sweeps: int = 4000,
) -> PairTests:
    """Test all pairs of architectures together.

    Args:
      estimates: the accuracies of the runs.
      members: the rows of the runs of each architecture.
      rng: draws the simulated sweeps.
      reviews: of accuracies, how many reviews; see `statistics.contrast`.
      sweeps: simulated ones; by 4000 a p value of 0.05 is known to 0.003.
    """
    first, second = np.triu_indices(len(members), 1)
    adjusted, if_alike, detectable = np.full((3, len(first)), np.nan)
    if len(first) == 0:
        return PairTests(adjusted, if_alike, detectable)
    means = split_means(estimates, members)
    shared = means.from_reviews
    if reviews is not None:  # half of the one review that `statistics.contrast` adds to each pair
        shared = shared + np.eye(len(members)) / (reviews + 2) ** 2 / 2
    freedoms = means.counts - 1
    several = np.flatnonzero(freedoms > 0)
    if len(several):
        pooled = float(means.variances[several] @ freedoms[several] / freedoms.sum())
        if_alike, *_ = _judge(
            means.values, shared, _Alike(pooled, int(freedoms.sum()), means.counts), rng, sweeps
        )
    if len(several) > 1:
        own = _Own(means.variances[several] / means.counts[several], freedoms[several])
        counted = np.isin(first, several) & np.isin(second, several)
        adjusted[counted], reaches, deviations = _judge(
            means.values[several], shared[np.ix_(several, several)], own, rng, sweeps
        )
        detectable[counted] = _detect(reaches, deviations)
    return PairTests(adjusted, if_alike, detectable)


@dataclass(frozen=True)
class _Own:
    """The seeds of each architecture vary on their own.

    variances: of the means, by architecture. freedoms: their degrees of freedom.
    """

    variances: Floats
    freedoms: NDArray[np.integer]

    def draw(self, rng: np.random.Generator, sweeps: int) -> Floats:
        """Return <float>[sweeps, architectures], the variances that as many sweeps would estimate."""
        shape = (sweeps, len(self.variances))
        return self.variances * rng.chisquare(self.freedoms, shape) / self.freedoms

    def freedom(self, variances: Floats, first: Rows, second: Rows) -> Floats:
        """Return the degrees of freedom of the sum of two of <float>[..., architectures] variances."""
        a, b = np.maximum(variances, 1e-30)[..., first], np.maximum(variances, 1e-30)[..., second]
        return welch_freedom((a, b), (self.freedoms[first], self.freedoms[second]))


@dataclass(frozen=True)
class _Alike:
    """The seeds of all architectures vary alike.

    variance: of a run. degrees: of freedom. counts: the runs of each architecture.
    """

    variance: float
    degrees: int
    counts: NDArray[np.integer]

    @property
    def variances(self) -> Floats:
        return self.variance / self.counts

    def draw(self, rng: np.random.Generator, sweeps: int) -> Floats:
        return self.variances * rng.chisquare(self.degrees, (sweeps, 1)) / self.degrees

    def freedom(self, variances: Floats, first: Rows, second: Rows) -> Floats:
        return np.full((*variances.shape[:-1], len(first)), float(self.degrees))


def _judge(
    values: Floats,
    from_reviews: Floats,
    spread: _Own | _Alike,
    rng: np.random.Generator,
    sweeps: int,
) -> tuple[Floats, Floats, Floats]:
    """Return the corrected p value of every pair, and the last two arguments of `_detect`.

    Args:
      values: of the architectures.
      from_reviews: <float>[architectures, architectures], the covariance that the reviews add.
    """
    first, second = np.triu_indices(len(values), 1)
    own = np.diag(from_reviews)
    reviews = np.maximum(own[first] + own[second] - 2 * from_reviews[first, second], 1e-30)

    def width(variances: Floats) -> Floats:
        quantile = np.interp(spread.freedom(variances, first, second), _FREEDOMS, _QUANTILES)
        seeds = variances[..., first] + variances[..., second]
        return np.sqrt(special.ndtri(_TAIL) ** 2 * reviews + quantile**2 * seeds)

    def gaps(means: Floats) -> Floats:
        return np.abs(means[..., first] - means[..., second])

    seen = gaps(values) / width(spread.variances)
    order = np.argsort(seen)
    sizes, vectors = np.linalg.eigh(from_reviews)
    root = vectors * np.sqrt(
        np.maximum(sizes, 0)
    )  # of resampled numbers, so some may be below zero
    largest, beyond, widths = [], np.zeros(len(seen)), np.empty((0, len(seen)))
    for size in _chunks(sweeps, len(seen)):
        shape = (size, len(values))
        errors = rng.standard_normal(shape) @ root.T
        errors += rng.standard_normal(shape) * np.sqrt(spread.variances)
        drawn = width(spread.draw(rng, size))
        # The largest statistic of each pair and of those that differ less.
        running = np.maximum.accumulate((gaps(errors) / drawn)[:, order], axis=1)
        beyond += (running >= seen[order]).sum(axis=0)
        largest.append(running[:, -1])
        widths = np.concatenate([widths, drawn[: _WIDTHS - len(widths)]])
    share = (1 + beyond) / (1 + sweeps)
    adjusted = np.empty(len(seen))
    adjusted[order] = np.maximum.accumulate(share[::-1])[::-1]
    limit = np.quantile(np.concatenate(largest), 1 - SIGNIFICANCE)
    deviations = np.sqrt(reviews + spread.variances[first] + spread.variances[second])
    return adjusted, limit * widths, deviations


def _detect(reaches: Floats, deviations: Floats) -> Floats:
    """Return the true differences that `POWER` of sweeps would find, by halving the range.

    Args:
      reaches: <float>[sweeps, pairs], beyond which a sweep finds a difference.
      deviations: <float>[pairs], of an estimated difference.
    """
    low, high = np.zeros(len(deviations)), reaches.max(axis=0) + 10 * deviations
    for _ in range(40):
        middle = (low + high) / 2
        found = special.ndtr((middle - reaches) / deviations).mean(axis=0) >= POWER
        low, high = np.where(found, low, middle), np.where(found, middle, high)
    return high


def _chunks(sweeps: int, pairs: int) -> Iterator[int]:
    """Return of how many simulated sweeps the statistics are computed at a time."""
    step = max(1, _CHUNK // pairs)
    for start in range(0, sweeps, step):
        yield min(step, sweeps - start)
