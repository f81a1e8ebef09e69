"""Fit how the accuracy of every run changes with a length or a distance."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.tools.sm_exceptions import PerfectSeparationError, PerfectSeparationWarning
from statsmodels.tools.tools import add_constant

from pipeline.analysis.statistics import Floats, RunEstimates


@dataclass(frozen=True)
class LogisticFits:
    """The fits of `correct ~ 1 + doublings` for each run, with the covariance of all coefficients.

    intercepts, slopes: <float>[runs], in log odds; NaN if a run is always right or always wrong.
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
