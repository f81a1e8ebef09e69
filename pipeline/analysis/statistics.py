"""Intervals, paired tests and slopes: pure functions over arrays, a row for each run.

Two things are chance in a comparison: which seeds were drawn, and which reviews. Every architecture
is scored on the same reviews, so the reviews are resampled once for all runs together, and a
difference keeps what the runs share. The seeds of an architecture are few, often three. Resampling
three of anything gives far too narrow intervals (Hesterberg 2015, American Statistician 69:371),
so the level of the seeds has its closed form instead: Student's t on the spread of the runs. There
are two ways to join it with the reviews' part. To add the squares of both half-widths (MOVER: Zou
and Donner 2008, Statistics in Medicine 27:1693) errs on the wide side; one t with Satterthwaite's
degrees of freedom (1946, Biometrics Bulletin 2:110) on the narrow side, the more so far out in the
tails, where Holm's correction looks. The mean of the two has the nominal coverage in both places, with
three seeds and with ten, as `tests/analysis/simulate_intervals.py` measures.

What is the same everywhere: `correct` is <bool>[runs, reviews], `members` are the rows of the runs
of one architecture, and a run's estimate may be anything one can compute from that run alone: its
accuracy, its slope over length, the distance at which its signal has halved.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.stats.proportion import proportion_confint, proportion_effectsize
from statsmodels.tools.sm_exceptions import PerfectSeparationError, PerfectSeparationWarning
from statsmodels.tools.tools import add_constant

Floats = NDArray[np.float64]
Rows = Sequence[int] | NDArray[np.integer]

CONFIDENCE = 0.95
POWER = 0.8
_CHUNK = 8_000_000  # weights held at a time: 32 MB
_DRAWS = 16  # of the spread of each architecture's seeds
_SMALLEST_TAIL = 1e-40  # with one degree of freedom, its square still fits into a float


@dataclass(frozen=True)
class RunEstimates:
    """A quantity of each run, and how the runs' estimates move together with the reviews drawn.

    values: <float>[runs]; covariance: <float>[runs, runs], over reviews, the seeds held fixed.
    """

    values: Floats
    covariance: Floats


def resample_reviews(
    correct: NDArray[np.bool_ | np.int8],
    groups: NDArray[np.bool_],
    rng: np.random.Generator,
    replicates: int = 1000,
) -> list[RunEstimates]:
    """The accuracy of every run within each group of reviews, under resampled reviews.

    All runs are scored with the same weights in a replicate. The weights are exponential (the
    Bayesian bootstrap; Rubin 1981, Annals of Statistics 9:130): however small, no group is empty.

    Args:
      correct: <bool>[runs, reviews]; or <int8>, differences between runs, where -1 is lost and 1 won.
      groups: <bool>[groups, reviews], which reviews are in which group; none may be empty.
      rng: the same generator state gives the same intervals.
      replicates: how often the reviews are resampled.

    Returns:
      An entry for each group.
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
    """A contrast taken apart. Variances; `freedom` belongs to the variance from seeds."""

    value: float
    from_reviews: float
    from_seeds: float
    freedom: float
    seeds_counted: bool
    of_seeds: tuple[tuple[float, int], ...] = ()  # each architecture's variance, degrees of freedom

    def reach(self, tail: float, from_reviews: float | None = None) -> float:
        """The distance from the value that leaves `tail` of the probability beyond it, one side.

        `from_reviews` takes the place of the variance of that name.
        """
        reviews = self.from_reviews if from_reviews is None else from_reviews
        if self.from_seeds == 0:
            return -float(special.ndtri(tail)) * math.sqrt(reviews)
        return float(_join(tail, reviews, self.from_seeds, self.freedom))

    def detectable(self, tail: float) -> float:
        """The true value at which `POWER` of such sweeps have an interval of these tails without zero.

        The reach differs from sweep to sweep, as few seeds spread now more and now less: it is worked
        out for many draws of the spreads, equally likely ones, around those that were found.
        """
        deviation = math.sqrt(self.from_reviews + self.from_seeds)
        if deviation == 0:
            return 0.0
        reaches = np.array([self.reach(tail)])
        if self.from_seeds > 0:
            steps = (np.arange(_DRAWS) + 0.5) / _DRAWS
            drawn = np.meshgrid(*(v * special.chdtri(f, steps) / f for v, f in self.of_seeds))
            freedom = _welch_freedom(drawn, [f for _, f in self.of_seeds])
            reaches = _join(tail, self.from_reviews, sum(drawn), freedom)

        def power(value: float) -> float:
            return float(special.ndtr((value - reaches) / deviation).mean())

        most = float(np.max(reaches)) + 10 * deviation
        return optimize.brentq(lambda value: power(value) - POWER, 0.0, most)  # pyright: ignore[reportReturnType]

    def p_value(self) -> float:
        """Two-sided: twice the tail at which the interval just touches zero."""
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
    """An estimate with what is known of it.

    `seeds_counted` is false where an architecture has a single run: then the interval and the p
    value are about these very networks on other reviews, and say nothing of another seed. A share has
    neither p value nor smallest detectable value: there is no zero to tell it from. Both are worked out
    when they are asked for, which for the thousands of intervals along curves nobody does.
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
        """The smallest true value that 80 % of such sweeps would have told from zero."""
        if self._parts is None or not self.seeds_counted:
            return float("nan")
        tail = (1 - CONFIDENCE) / 2 / max(self._comparisons, 1)
        return self._parts.detectable(tail)


def _take_apart(estimates: RunEstimates, terms: Sequence[tuple[float, Rows]]) -> _Parts:
    """The variance of a sum of means over runs, by source.

    The spread of the runs holds some chance of the reviews too (a run errs on its own reviews), and
    so does the resampling: that share, the mean variance less the mean covariance of an
    architecture's runs, is taken out of the reviews' part so that it is counted once.
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
    used = np.flatnonzero(weights)  # what is unknown of other runs must not spread to these
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
    """The reach of an interval from both variances, that of the seeds above 0: see the module."""
    normal, total = -special.ndtri(tail), reviews + seeds
    t_seeds = -special.stdtrit(freedom, tail)
    t_all = -special.stdtrit(freedom * (total / seeds) ** 2, tail)
    squares_added = normal**2 * reviews + t_seeds**2 * seeds
    return (np.sqrt(squares_added) + t_all * np.sqrt(total)) / 2


def _welch_freedom(variances: Sequence[Any], freedoms: Sequence[int]) -> Any:
    """Of a sum of variances, which is above 0 (Welch 1947, Biometrika 34:28)."""
    squares = sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    return sum(variances) ** 2 / squares


def contrast(
    estimates: RunEstimates,
    terms: Sequence[tuple[float, Rows]],
    comparisons: int = 1,
    reviews: int | None = None,
) -> Interval:
    """A sum of architectures' means, such as a difference: `[(1, rows_a), (-1, rows_b)]`.

    Args:
      estimates: the runs' estimates.
      terms: a factor and the rows of an architecture's runs, each.
      comparisons: among how many tests this one stands; `detectable` allows for Holm's first step.
      reviews: of a difference between accuracies, how many reviews they are of. Where all answers
        are alike nothing varies, and any difference, that of two roundings even, would be certain. So
        one more review is taken to be answered differently, half of it in favour of each side (Agresti
        and Min 2005, Statistics in Medicine 24:729): of thousands of reviews that is nothing.
    """
    parts = _take_apart(estimates, terms)
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
    """The accuracy of an architecture: its mean over runs, from 0 to 1.

    The reviews' part is Wilson's interval, for a plain one has no width where every answer is
    right; the number of reviews in it is the one that would give the resampled variance.

    Args:
      estimates: the accuracies of all runs within some group of reviews.
      members: the rows of this architecture's runs.
      reviews: how many reviews the group has.
    """
    parts = _take_apart(estimates, [(1.0, members)])
    share = parts.value
    # As many independent reviews as would give this variance; where all are right, as there are.
    worth = share * (1 - share) / max(parts.from_reviews, 1e-12) or float(reviews)
    tail = (1 - CONFIDENCE) / 2
    wilson = proportion_confint(share * worth, worth, 2 * tail, method="wilson")
    below, above = (((end - share) / special.ndtri(tail)) ** 2 for end in wilson)
    return Interval(
        value=share,
        low=max(0.0, share - parts.reach(tail, below)),
        high=min(1.0, share + parts.reach(tail, above)),
        seeds_counted=parts.seeds_counted,
    )


def mcnemar_p_values(only_first: ArrayLike, only_second: ArrayLike) -> Floats:
    """McNemar's exact test, one-sided: that the first of two networks is right no more often.

    Args:
      only_first: how many reviews only the first had right; any shape.
      only_second: likewise the second, the same shape.

    Returns:
      p values of that shape; the two-sided one is twice the smaller of both directions, at most 1.
    """
    first, second = np.asarray(only_first), np.asarray(only_second)
    return np.asarray(stats.binom.sf(first - 1, first + second, 0.5), dtype=np.float64)


def mcnemar_over_seeds(correct: NDArray[np.bool_], first: Rows, second: Rows) -> float:
    """McNemar's test for every pair of seeds of two architectures, as one two-sided p value.

    The pairs share runs and reviews, so their p values depend on each other and Fisher's or
    Stouffer's combination would not hold. Twice the median holds under any dependence (Meinshausen,
    Meier and Buehlmann 2009, JASA 104:1671). It is taken in each direction, so that pairs which
    disagree on the winner do not add up. It is about these networks: other seeds are not in it.
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
    """Holm's correction over the tests that were made; NaN stays NaN and does not count.

    (statsmodels' `multipletests` does the same, to the last digit a test says, but collects garbage
    at each call, which in a simulation takes most of the time.)
    """
    raw = np.asarray(p_values, dtype=np.float64)
    made = np.flatnonzero(np.isfinite(raw))
    order = made[np.argsort(raw[made])]
    corrected = np.full(raw.shape, np.nan)
    steps = np.arange(len(order), 0, -1) * raw[order]
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def effect_size(accuracy_a: float, accuracy_b: float) -> float:
    """Cohen's h, the difference of two proportions after the arcsine transform."""
    return float(proportion_effectsize(accuracy_a, accuracy_b))


def probability_of_winning(first: ArrayLike, second: ArrayLike) -> float:
    """The probability that a new run of the first scores above a new run of the second.

    Args:
      first: accuracies of the first's runs, on one set of reviews.
      second: likewise the second's.

    Returns:
      By Welch's t for the difference of two new draws; NaN with fewer than two runs of either.
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


@dataclass(frozen=True)
class LogisticFits:
    """`correct ~ 1 + doublings` for each run, and the covariance of all coefficients over reviews.

    intercepts, slopes: <float>[runs], in log odds, NaN where a run is right (or wrong) everywhere;
    covariance: <float>[2 * runs, 2 * runs], all intercepts and then all slopes.
    """

    intercepts: Floats
    slopes: Floats
    covariance: Floats

    def slope(self) -> RunEstimates:
        """Log odds for each doubling."""
        runs = len(self.slopes)
        return RunEstimates(self.slopes, self.covariance[runs:, runs:])

    def accuracy_at(self, doublings: float) -> RunEstimates:
        """The fitted accuracy of each run at one place; the covariance by the delta method."""
        values, gradient = self._at(doublings)
        return RunEstimates(values, self._spread(gradient))

    def change(self, start: float, end: float) -> RunEstimates:
        """The fitted accuracy at `end` less that at `start`."""
        first, last = self._at(start), self._at(end)
        gradient = last[1] - first[1]
        return RunEstimates(last[0] - first[0], self._spread(gradient))

    def _at(self, doublings: float) -> tuple[Floats, Floats]:
        """The fitted accuracies <float>[runs], and their gradient <float>[2, runs]."""
        values = special.expit(self.intercepts + self.slopes * doublings)
        in_intercept = values * (1 - values)
        return values, np.stack([in_intercept, in_intercept * doublings])

    def _spread(self, gradient: Floats) -> Floats:
        """The covariance <float>[runs, runs]; that of two runs knows no third, which may be NaN."""
        runs = len(self.slopes)
        blocks = self.covariance.reshape(2, runs, 2, runs)
        return np.einsum("ir,irjs,js->rs", gradient, blocks, gradient)


def fit_by_doubling(
    correct: NDArray[np.bool_], doublings: Floats, reviews: ArrayLike | None = None
) -> LogisticFits:
    """Does a run do worse as something doubles? The model `correct ~ run x doublings`, in full.

    With an intercept and a slope for each run, the model falls apart into a logistic regression for
    each. What stays joint is the covariance: the same review is in all of them, so it is clustered
    by review (the sandwich of statsmodels' `cov_type="cluster"`, without its small-sample factor).

    Args:
      correct: <bool>[runs, readings].
      doublings: <float>[readings], log2 of a length or a distance.
      reviews: [readings], which review each is a reading of, where one is read several times; without
        it each reading is of a review of its own.
    """
    runs = len(correct)
    fits = np.full((runs, 2), np.nan)
    influence = np.full((len(doublings), 2, runs), np.nan)
    design = add_constant(np.asarray(doublings, dtype=np.float64), has_constant="add")
    for run, right in enumerate(correct.astype(np.float64)):
        if right.min() == right.max() or np.ptp(doublings) == 0:
            continue
        with warnings.catch_warnings(), np.errstate(over="ignore"):
            warnings.simplefilter("error", PerfectSeparationWarning)
            try:
                fit = GLM(right, design, family=Binomial()).fit()
            except (PerfectSeparationError, PerfectSeparationWarning):
                continue
        fits[run] = fit.params
        expected = np.asarray(fit.fittedvalues)
        bread = np.linalg.inv(design.T @ (design * (expected * (1 - expected))[:, None]))
        influence[:, :, run] = design * (right - expected)[:, None] @ bread
    stacked = influence.reshape(len(doublings), 2 * runs)
    if reviews is not None:
        _, review = np.unique(np.asarray(reviews), return_inverse=True)
        summed = np.zeros((int(review.max()) + 1, 2 * runs))
        np.add.at(summed, review, stacked)
        stacked = summed
    return LogisticFits(fits[:, 0], fits[:, 1], stacked.T @ stacked)
