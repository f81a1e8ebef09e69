"""Fit how the accuracy of every run changes with a length or a distance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from pipeline.analysis.statistics import Floats, RunEstimates

_MOST_STEPS = 100
_TOLERANCE = 1e-8  # of the deviance


@dataclass(frozen=True)
class LogisticFits:
    """The fits of `correct ~ 1 + doublings` for each run, with the covariance of all coefficients.

    intercepts, slopes: <float>[runs], in log odds; NaN if a run is always right or always wrong, or on
      one side of a place.
    covariance: <float>[2 * runs, 2 * runs], over reviews, all intercepts before all slopes.
    """

    intercepts: Floats
    slopes: Floats
    covariance: Floats

    def slope(self) -> RunEstimates:
        """Return the slope of each run, in log odds per doubling."""
        runs = len(self.slopes)
        return RunEstimates(self.slopes, self.covariance[runs:, runs:])

    def accuracy_at(self, doublings: float) -> RunEstimates:
        """Return the fitted accuracy of each run at one place; the covariance is by the delta method."""
        values, gradient = self._at(doublings)
        return RunEstimates(values, self._spread(gradient))

    def change(self, start: float, end: float) -> RunEstimates:
        """Return the fitted accuracy at `end` minus that at `start`."""
        first, last = self._at(start), self._at(end)
        gradient = last[1] - first[1]
        return RunEstimates(last[0] - first[0], self._spread(gradient))

    def _at(self, doublings: float) -> tuple[Floats, Floats]:
        """Return the fitted accuracies <float>[runs] and their gradient <float>[2, runs]."""
        values = special.expit(self.intercepts + self.slopes * doublings)
        in_intercept = values * (1 - values)
        return values, np.stack([in_intercept, in_intercept * doublings])

    def _spread(self, gradient: Floats) -> Floats:
        """Return the covariance <float>[runs, runs]; NaN of one run does not spread to the others."""
        runs = len(self.slopes)
        blocks = self.covariance.reshape(2, runs, 2, runs)
        return np.einsum("ir,irjs,js->rs", gradient, blocks, gradient)


def fit_by_doubling(
    correct: NDArray[np.bool_], doublings: Floats, reviews: ArrayLike | None = None
) -> LogisticFits:
    """Fit the logistic model `correct ~ run x doublings`.

    With an intercept and a slope for each run, the model separates into one logistic regression per run.
    Only the covariance is joint, because all runs read the same reviews: it is clustered by review (the
    sandwich of statsmodels' `cov_type="cluster"`, without its small-sample factor).

    Args:
      correct: <bool>[runs, readings].
      doublings: <float>[readings], log2 of a length or a distance.
      reviews: [readings], the review of each reading; without it, every reading is its own review.
    """
    places, place = np.unique(np.asarray(doublings, dtype=np.float64), return_inverse=True)
    fits = _fit(*_count(correct, place), places)
    expected = special.expit(fits[:, :1] + fits[:, 1:] * places)
    influence = _scores(correct, expected, places, place, reviews)
    bread = _invert_information(np.bincount(place) * expected * (1 - expected), places)
    for run in range(len(correct)):  # in place, as it may be the largest array of a report
        influence[:, run] = bread[..., run] @ influence[:, run]
    stacked = influence.reshape(2 * len(correct), -1)
    return LogisticFits(fits[:, 0], fits[:, 1], stacked @ stacked.T)


def _count(
    correct: NDArray[np.bool_], place: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many readings were right <int>[runs, places], and how many there are <int>[places]."""
    total = np.bincount(place)
    starts = np.concatenate([[0], np.cumsum(total)[:-1]])
    ordered = correct[:, np.argsort(place, kind="stable")]
    return np.add.reduceat(ordered, starts, axis=1, dtype=np.int64), total


def _fit(right: NDArray[np.int64], total: NDArray[np.int64], places: Floats) -> Floats:
    """Return intercept and slope <float>[runs, 2] by Newton's method, for all runs at once.

    Readings at one place count together, which has the same maximum. The start, the steps and the end
    are those of statsmodels' GLM (McCullagh and Nelder 1989, Generalized Linear Models, section 2.5),
    which would take a second for a run in a sweep of hundreds.
    """
    fits = np.full((len(right), 2), np.nan)
    rows = np.flatnonzero(~_is_separated(right, total))
    if len(places) < 2 or not len(rows):
        return fits
    right = right[rows]
    # The first step is from (y + 1 / 2) / 2: equal weights, and +-(log 3 + 4 / 3) as outcomes.
    outcomes = (2 * right - total) * (math.log(3) + 4 / 3)
    start = np.stack([outcomes.sum(axis=1), outcomes @ places], axis=1)
    found = start @ _invert_information(total[None].astype(np.float64), places)[..., 0]
    deviance = np.full(len(rows), np.inf)
    for _ in range(_MOST_STEPS):
        odds = found[:, :1] + found[:, 1:] * places
        known = special.log_expit(odds) * right + special.log_expit(-odds) * (total - right)
        before, deviance = deviance, -2 * known.sum(axis=1)
        moving = np.abs(before - deviance) > _TOLERANCE
        if not moving.any():
            break
        expected = special.expit(odds)
        weights, rest = total * expected * (1 - expected), right - total * expected
        inverse = _invert_information(weights, places)
        slope = np.stack([rest.sum(axis=1), rest @ places])
        found = np.where(moving[:, None], found + np.einsum("ijr,jr->ri", inverse, slope), found)
    fits[rows] = found
    return fits


def _is_separated(right: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which runs have no finite fit: all that is right is on one side of all that is wrong."""
    last = right.shape[1] - 1
    ends = []
    for counts in (right, total - right):
        found = counts > 0
        first = np.where(found.any(axis=1), found.argmax(axis=1), last + 1)
        ends.append((first, np.where(found.any(axis=1), last - found[:, ::-1].argmax(axis=1), -1)))
    (right_first, right_last), (wrong_first, wrong_last) = ends
    return (right_last < wrong_first) | (wrong_last < right_first)


def _invert_information(weights: Floats, places: Floats) -> Floats:
    """Return the covariance <float>[2, 2, runs] of intercept and slope at weights [runs, places].

    Places are taken from their mean, so that it stays positive where nearly all weight is on one.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        total = weights.sum(axis=1)
        mean = weights @ places / total
        slope = 1 / (weights * (places - mean[:, None]) ** 2).sum(axis=1)
        return np.array([[1 / total + mean**2 * slope, -mean * slope], [-mean * slope, slope]])


def _scores(
    correct: NDArray[np.bool_],
    expected: Floats,
    places: Floats,
    place: NDArray[np.intp],
    reviews: ArrayLike | None,
) -> Floats:
    """Return the score <float>[2, runs, reviews] of each review: what it adds to the gradient."""
    rest = correct - expected[:, place]
    if reviews is None:
        return np.stack([rest, rest * places[place]])
    _, review = np.unique(np.asarray(reviews), return_inverse=True)
    ones = np.ones(len(review))
    of_review = sparse.csr_array((ones, (np.arange(len(review)), review)))
    return np.stack([rest @ of_review, (rest * places[place]) @ of_review])
