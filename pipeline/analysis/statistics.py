"""Compute intervals, paired tests and slopes: pure functions over arrays with a row for each run.

A comparison has two sources of chance: the seeds and the reviews. Every architecture is scored on the
same reviews, so the reviews are resampled once for all runs together, and differences are paired. The
seeds of an architecture are few, often three. Resampling three values gives far too narrow intervals
(Hesterberg 2015, American Statistician 69:371), so the seeds' part is Student's t on the variance of
the runs. There are two ways to combine it with the reviews' part. Adding the squares of both half-widths
(MOVER: Zou and Donner 2008, Statistics in Medicine 27:1693) gives slightly too wide intervals; one t
with Satterthwaite's degrees of freedom (1946, Biometrics Bulletin 2:110) gives too narrow ones,
especially far out in the tails, which Holm's correction uses. The mean of the two half-widths has the
nominal coverage in both places, with three seeds and with ten, as `tests/analysis/simulate_intervals.py`
measures.

Throughout, `correct` is <bool>[runs, reviews], and `members` are the rows of one architecture's runs. A
run's estimate may be anything that is computed from that run alone: its accuracy, its slope over length,
its half-life.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats
from statsmodels.stats.proportion import proportion_confint, proportion_effectsize

Floats = NDArray[np.float64]
Rows = Sequence[int] | NDArray[np.integer]

CONFIDENCE = 0.95
POWER = 0.8
_CHUNK = 8_000_000  # weights in memory at a time: 32 MB
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


def resample_reviews(
    correct: NDArray[np.bool_ | np.int8],
    groups: NDArray[np.bool_],
    rng: np.random.Generator,
    replicates: int = 1000,
) -> list[RunEstimates]:
    """Return the accuracy of every run within each group of reviews, and the covariance over reviews.

    All runs have the same weights in a replicate. The weights are exponential (the Bayesian bootstrap;
    Rubin 1981, Annals of Statistics 9:130), so that not even a small group is ever empty.

    Args:
      correct: <bool>[runs, reviews]; or <int8>[runs, reviews], differences of correctness: -1, 0 or 1.
      groups: <bool>[groups, reviews], which reviews are in which group; no group may be empty.
      rng: the same generator state gives the same intervals.
      replicates: the number of resamples.

    Returns:
      The estimates for each group.
    """
    if not groups.any(axis=1).all():
        raise ValueError("a group without reviews has no accuracy")
    reviews = correct.shape[1]
    scores = correct.T.astype(np.float32)
    indices = [np.flatnonzero(group) for group in groups]
    draws = np.empty((len(indices), replicates, len(correct)))
    step = max(1, _CHUNK // reviews)
    for start in range(0, replicates, step):
        stop = min(start + step, replicates)
        weights = rng.standard_exponential((stop - start, reviews), dtype=np.float32)
        for group, chosen in enumerate(indices):
            within = weights if len(chosen) == reviews else weights[:, chosen]
            total = within.sum(axis=1, keepdims=True)
            draws[group, start:stop] = within @ scores[chosen] / total
    return [
        RunEstimates(correct[:, chosen].mean(axis=1), np.atleast_2d(np.cov(draw, rowvar=False)))
        for chosen, draw in zip(indices, draws, strict=True)
    ]


@dataclass(frozen=True)
class _Parts:
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
            freedom = _welch_freedom(drawn, [f for _, f in self.of_seeds])
            reaches = _join(tail, self.from_reviews, sum(drawn), freedom)

        def power(value: float) -> float:
            return float(special.ndtr((value - reaches) / deviation).mean())

        most = float(np.max(reaches)) + 10 * deviation
        return optimize.brentq(lambda value: power(value) - POWER, 0.0, most)  # pyright: ignore[reportReturnType]

    def with_seeds(self, seeds: int) -> _Parts:
        """Return the same contrast as if every architecture had so many seeds."""
        of_seeds = tuple((v * (f + 1) / seeds, seeds - 1) for v, f in self.of_seeds)
        total = sum(v for v, _ in of_seeds)
        if total == 0:
            return self
        freedom = _welch_freedom([v for v, _ in of_seeds], [f for _, f in of_seeds])
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


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    If an architecture has a single run, `seeds_counted` is false: the interval and the p value are about
    these networks on other reviews and say nothing about another seed. An accuracy has neither p value
    nor smallest detectable value, as it is not tested against zero. Both are computed on demand, because
    they are not needed for the thousands of intervals along curves.
    """

    value: float
    low: float
    high: float
    seeds_counted: bool
    _parts: _Parts | None = None
    _comparisons: int = 1

    @cached_property
    def p_value(self) -> float:
        return self._parts.p_value() if self._parts is not None else float("nan")

    @cached_property
    def detectable(self) -> float:
        """The smallest true value that 80 % of such sweeps would distinguish from zero."""
        if self._parts is None or not self.seeds_counted:
            return float("nan")
        return self._parts.detectable(_tail(self._comparisons))

    def beyond(self, value: float) -> float:
        """Return the one-sided p value that the truth is at most `value`."""
        return self._one_sided(self.value - value)

    def below(self, value: float) -> float:
        """Return the one-sided p value that the truth is at least `value`."""
        return self._one_sided(value - self.value)

    def _one_sided(self, distance: float) -> float:
        assert self._parts is not None
        half = replace(self._parts, value=distance).p_value() / 2
        return half if distance > 0 else 1 - half

    def seeds_to_detect(self, value: float, comparisons: int, most: int) -> int | None:
        """Return the fewest seeds of each architecture by which 80 % of sweeps would detect `value`.

        None if not even `most` seeds would, as when the reviews are too few.
        """
        assert self._parts is not None
        parts, tail = self._parts, _tail(comparisons)
        counts = range(2, most + 1)
        enough = bisect_left(counts, -value, key=lambda n: -parts.with_seeds(n).detectable(tail))
        return counts[enough] if enough < len(counts) else None


def _tail(comparisons: int) -> float:
    """Return the one-sided tail of the first step of Holm's correction."""
    return (1 - CONFIDENCE) / 2 / max(comparisons, 1)


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


def _decompose(estimates: RunEstimates, terms: Sequence[tuple[float, Rows]]) -> _Parts:
    """Decompose the variance of a sum of means over runs by source.

    The variance between runs includes some variance over reviews (each run errs on its own reviews), and
    the resampling includes it again. That part, the mean variance minus the mean covariance of an
    architecture's runs, is subtracted from the reviews' variance so that it counts once.
    """
    values, covariance = estimates.values, estimates.covariance
    weights = np.zeros(len(values))
    shared, seed_variances, freedoms = 0.0, [], []
    for factor, members in terms:
        rows = np.asarray(members)
        count = len(rows)
        weights[rows] += factor / count
        if count > 1:
            block = covariance[np.ix_(rows, rows)]
            own = block.trace() / count - (block.sum() - block.trace()) / (count * (count - 1))
            shared += factor**2 * max(own, 0.0) / count
            seed_variances.append(factor**2 * values[rows].var(ddof=1) / count)
            freedoms.append(count - 1)
    used = np.flatnonzero(weights)  # so that the NaN of another run does not spread
    from_reviews = float(weights[used] @ covariance[np.ix_(used, used)] @ weights[used])
    seeds_counted = len(seed_variances) == len(terms)
    from_seeds = float(sum(seed_variances)) if seeds_counted else 0.0
    return _Parts(
        value=float(weights[used] @ values[used]),
        from_reviews=max(from_reviews - shared, 0.0) if seeds_counted else from_reviews,
        from_seeds=from_seeds,
        freedom=_welch_freedom(seed_variances, freedoms) if from_seeds > 0 else float("inf"),
        seeds_counted=seeds_counted,
        of_seeds=tuple(zip(seed_variances, freedoms, strict=True)),
    )


def _join(tail: float, reviews: float, seeds: Any, freedom: Any) -> Any:
    """Return the half-width from both variances, as the module explains; `seeds` is above 0."""
    normal, total = -special.ndtri(tail), reviews + seeds
    t_seeds = -special.stdtrit(freedom, tail)
    t_all = -special.stdtrit(freedom * (total / seeds) ** 2, tail)
    squares_added = normal**2 * reviews + t_seeds**2 * seeds
    return (np.sqrt(squares_added) + t_all * np.sqrt(total)) / 2


def _welch_freedom(variances: Sequence[Any], freedoms: Sequence[int]) -> Any:
    """Return the degrees of freedom of a positive sum of variances (Welch 1947, Biometrika 34:28)."""
    squares = sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    return sum(variances) ** 2 / squares


def contrast(
    estimates: RunEstimates,
    terms: Sequence[tuple[float, Rows]],
    comparisons: int = 1,
    reviews: int | None = None,
) -> Interval:
    """Return a weighted sum of architectures' means, such as the difference `[(1, a), (-1, b)]`.

    Args:
      estimates: the runs' estimates.
      terms: a factor and the rows of the runs, for each architecture.
      comparisons: the number of tests made; `detectable` allows for Holm's first step.
      reviews: for a difference between accuracies, the number of reviews. If all answers agree, nothing
        varies, and any difference, even one from rounding, would be certain. So one further review is
        assumed to be answered differently, half of it in favour of each side (Agresti and Min 2005,
        Statistics in Medicine 24:729), which is negligible among thousands of reviews.
    """
    parts = _decompose(estimates, terms)
    if reviews is not None:
        parts = replace(parts, from_reviews=parts.from_reviews + 1 / (reviews + 2) ** 2)
    reach = parts.reach((1 - CONFIDENCE) / 2)
    return Interval(
        value=parts.value,
        low=parts.value - reach,
        high=parts.value + reach,
        seeds_counted=parts.seeds_counted,
        _parts=parts,
        _comparisons=comparisons,
    )


def accuracy_interval(estimates: RunEstimates, members: Rows, reviews: int) -> Interval:
    """Return the accuracy of an architecture, its mean over runs, from 0 to 1.

    The reviews' part is Wilson's interval, as a normal interval has no width if every answer is right.
    Its number of reviews is the one that gives the resampled variance.

    Args:
      estimates: the accuracies of all runs within some group of reviews.
      members: the rows of this architecture's runs.
      reviews: the number of reviews in the group.
    """
    parts = _decompose(estimates, [(1.0, members)])
    share = parts.value
    # The number of independent reviews that gives this variance; if all are right, the actual number.
    effective = share * (1 - share) / max(parts.from_reviews, 1e-12) or float(reviews)
    tail = (1 - CONFIDENCE) / 2
    wilson = proportion_confint(share * effective, effective, 2 * tail, method="wilson")
    below, above = (((end - share) / special.ndtri(tail)) ** 2 for end in wilson)
    return Interval(
        value=share,
        low=max(0.0, share - parts.reach(tail, below)),
        high=min(1.0, share + parts.reach(tail, above)),
        seeds_counted=parts.seeds_counted,
    )


def mcnemar_p_values(only_first: ArrayLike, only_second: ArrayLike) -> Floats:
    """Compute McNemar's exact one-sided test that the first of two networks is right no more often.

    Args:
      only_first: the number of reviews that only the first had right; any shape.
      only_second: the number that only the second had right; the same shape.

    Returns:
      One-sided p values of that shape. A two-sided one is twice the smaller of both directions, at
      most 1.
    """
    first, second = np.asarray(only_first), np.asarray(only_second)
    return np.asarray(stats.binom.sf(first - 1, first + second, 0.5), dtype=np.float64)


def mcnemar_over_seeds(correct: NDArray[np.bool_], first: Rows, second: Rows) -> float:
    """Combine McNemar's tests of all pairs of seeds of two architectures into one two-sided p value.

    The pairs share runs and reviews, so their p values are dependent, and Fisher's or Stouffer's
    combination would be invalid. Twice the median is valid under any dependence (Meinshausen, Meier and
    Buehlmann 2009, JASA 104:1671). It is computed for each direction, so that pairs that disagree on
    the winner do not add up. The test concerns these networks only, not other seeds.
    """
    a = correct[np.asarray(first)].astype(np.float64)
    b = correct[np.asarray(second)].astype(np.float64)
    only_a, only_b = a @ (1 - b).T, (1 - a) @ b.T
    directions = [
        min(1.0, 2 * float(np.median(p)))
        for p in (mcnemar_p_values(only_a, only_b), mcnemar_p_values(only_b, only_a))
    ]
    return min(1.0, 2 * min(directions))


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


def effect_size(accuracy_a: float, accuracy_b: float) -> float:
    """Return Cohen's h, the difference of two proportions after the arcsine transform."""
    return float(proportion_effectsize(accuracy_a, accuracy_b))


def probability_of_winning(first: ArrayLike, second: ArrayLike) -> float:
    """Estimate the probability that a new run of the first scores above a new run of the second.

    Args:
      first: accuracies of the runs of the first architecture, on one set of reviews.
      second: accuracies of the runs of the second, on the same reviews.

    Returns:
      The probability by Welch's t for the difference of two new draws; NaN with fewer than two runs of
      either.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(len(a), len(b)) < 2:
        return float("nan")
    gap = float(a.mean() - b.mean())
    parts = np.array([a.var(ddof=1) * (1 + 1 / len(a)), b.var(ddof=1) * (1 + 1 / len(b))])
    if parts.sum() == 0:
        return 0.5 if gap == 0 else float(gap > 0)
    freedom = parts.sum() ** 2 / (parts**2 / np.array([len(a) - 1, len(b) - 1])).sum()
    return float(stats.t.cdf(gap / np.sqrt(parts.sum()), freedom))
