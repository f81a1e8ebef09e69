"""Compute intervals and tests of contrasts: pure functions over arrays with a row for each run.

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

import numpy as np
from numpy.typing import NDArray
from scipy import special

from pipeline.analysis.variances import Floats as Floats
from pipeline.analysis.variances import Parts, Rows, RunEstimates, decompose

CONFIDENCE = 0.95
_CHUNK = 8_000_000  # weights in memory at a time: 32 MB


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


def resample_ratios(
    totals: Floats, sizes: Floats, rng: np.random.Generator, replicates: int = 1000
) -> RunEstimates:
    """Return, for every run, the sum of `totals` over that of `sizes`, as `resample_reviews` does.

    Args:
      totals: <float>[runs, reviews], such as the loss on each text.
      sizes: <float>[runs, reviews], such as its tokens.
    """
    reviews = totals.shape[1]
    draws = np.empty((replicates, len(totals)))
    step = max(1, _CHUNK // (2 * reviews))
    for start in range(0, replicates, step):
        stop = min(start + step, replicates)
        weights = rng.standard_exponential((stop - start, reviews))
        draws[start:stop] = (weights @ totals.T) / (weights @ sizes.T)
    return RunEstimates(
        totals.sum(axis=1) / sizes.sum(axis=1), np.atleast_2d(np.cov(draws, rowvar=False))
    )


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    If an architecture has a single run, `seeds_counted` is false: the interval and the p value are about
    these networks on other reviews and say nothing about another seed. An accuracy has no p value, as it
    is not tested against zero. It is computed on demand, because it is not needed for the thousands of
    intervals along curves.
    """

    value: float
    low: float
    high: float
    seeds_counted: bool
    _parts: Parts | None = None

    @cached_property
    def p_value(self) -> float:
        return self._parts.p_value() if self._parts is not None else float("nan")

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

        Args:
          comparisons: the number of tests made; the first step of Holm's correction is allowed for.
        """
        assert self._parts is not None
        parts, tail = self._parts, (1 - CONFIDENCE) / 2 / max(comparisons, 1)
        counts = range(2, most + 1)
        enough = bisect_left(counts, -value, key=lambda n: -parts.with_seeds(n).detectable(tail))
        return counts[enough] if enough < len(counts) else None


def contrast(
    estimates: RunEstimates,
    terms: Sequence[tuple[float, Rows]],
    reviews: int | None = None,
) -> Interval:
    """Return a weighted sum of architectures' means, such as the difference `[(1, a), (-1, b)]`.

    Args:
      estimates: the runs' estimates.
      terms: a factor and the rows of the runs, for each architecture.
      reviews: for a difference between accuracies, the number of reviews. If all answers agree, nothing
        varies, and any difference, even one from rounding, would be certain. So one further review is
        assumed to be answered differently, half of it in favour of each side (Agresti and Min 2005,
        Statistics in Medicine 24:729), which is negligible among thousands of reviews.
    """
    parts = decompose(estimates, terms)
    if reviews is not None:
        parts = replace(parts, from_reviews=parts.from_reviews + 1 / (reviews + 2) ** 2)
    reach = parts.reach((1 - CONFIDENCE) / 2)
    return Interval(
        value=parts.value,
        low=parts.value - reach,
        high=parts.value + reach,
        seeds_counted=parts.seeds_counted,
        _parts=parts,
    )


def _wilson(share: float, count: float) -> tuple[float, float]:
    """Return the score interval of a share of `count` draws (Wilson 1927, JASA 22:209)."""
    deviate = special.ndtri((1 + CONFIDENCE) / 2)
    less = 1 + deviate**2 / count
    middle = (share + deviate**2 / (2 * count)) / less
    reach = deviate * math.sqrt(share * (1 - share) / count + (deviate / (2 * count)) ** 2) / less
    return middle - reach, middle + reach


def accuracy_interval(estimates: RunEstimates, members: Rows, reviews: int) -> Interval:
    """Return the accuracy of an architecture, its mean over runs, from 0 to 1.

    The reviews' part is Wilson's interval, as a normal interval has no width if every answer is right.
    Its number of reviews is the one that gives the resampled variance.

    Args:
      estimates: the accuracies of all runs within some group of reviews.
      members: the rows of this architecture's runs.
      reviews: the number of reviews in the group.
    """
    parts = decompose(estimates, [(1.0, members)])
    share = parts.value
    # The number of independent reviews that gives this variance; if all are right, the actual number.
    effective = share * (1 - share) / max(parts.from_reviews, 1e-12) or float(reviews)
    tail = (1 - CONFIDENCE) / 2
    below, above = (((end - share) / special.ndtri(tail)) ** 2 for end in _wilson(share, effective))
    return Interval(
        value=share,
        low=max(0.0, share - parts.reach(tail, below)),
        high=min(1.0, share + parts.reach(tail, above)),
        seeds_counted=parts.seeds_counted,
    )
