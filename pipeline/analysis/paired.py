"""Describe a pair of architectures: which networks were right where the others were not, and who wins.

`correct` is <bool>[runs, reviews]; `first` and `second` are the rows of the runs of either architecture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from pipeline.analysis.statistics import Floats, Rows


def mcnemar_p_values(only_first: ArrayLike, only_second: ArrayLike) -> Floats:
    """Compute McNemar's exact one-sided test that the first of two networks is right no more often.

    Args:
      only_first: the number of reviews that only the first had right; any shape.
      only_second: the number that only the second had right; the same shape.

    Returns:
      One-sided p values of that shape. A two-sided one is twice the smaller of both directions, at
      most 1.
    """
    first, second = (np.asarray(count, np.intp) for count in (only_first, only_second))
    return np.asarray(special.bdtrc(first - 1, first + second, 0.5), dtype=np.float64)


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


def effect_size(accuracy_a: float, accuracy_b: float) -> float:
    """Return Cohen's h, the difference of two proportions after the arcsine transform."""
    return float(2 * (np.arcsin(np.sqrt(accuracy_a)) - np.arcsin(np.sqrt(accuracy_b))))


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
    return float(special.stdtr(freedom, gap / np.sqrt(parts.sum())))
