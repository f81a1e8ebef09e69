"""Compare recipes of training on validation: what each adds to the one before it.

The intervals are Student's t over seeds, the same for all recipes, so that a step is a mean of paired
differences. They hold for these validation texts. Test results are never used here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from scipy import special

from pipeline.analysis.statistics import CONFIDENCE

COLUMNS = "base recipe seeds val_accuracy low high spread step step_low step_high seconds".split()


def climb(runs: pd.DataFrame, recipes: Sequence[str]) -> pd.DataFrame | None:
    """Return a row for each architecture and recipe, in the order of the recipes.

    Args:
      runs: those of a sweep, with base (the name of the architecture), recipe, seed, compared,
        val_accuracy and train_seconds.
      recipes: in the order in which the sweep names them.

    Returns:
      `COLUMNS`, or None if the sweep has no recipes: val_accuracy, the mean over seeds as a share, with
      its interval; spread, the standard deviation over seeds; step, the mean difference from the recipe
      before over the seeds of both, with its interval; seconds of training, the mean. What takes more
      seeds than there are is NaN.
    """
    if not recipes or "recipe" not in runs:
        return None
    known = runs[runs.compared & runs.val_accuracy.notna()]
    rows: list[dict[str, Any]] = []
    for base, group in known.groupby("base", sort=True):
        before: pd.Series | None = None
        for recipe in recipes:
            own = group[group.recipe == recipe].groupby("seed")
            scores = own.val_accuracy.mean().astype(float)
            if scores.empty:
                continue
            mean, low, high = _interval(scores, 0.0, 1.0)
            steps = (scores - before).dropna() if before is not None else scores.iloc[:0]
            rows.append(
                {
                    "base": base,
                    "recipe": recipe,
                    "seeds": len(scores),
                    **dict(zip(("val_accuracy", "low", "high"), (mean, low, high), strict=True)),
                    "spread": scores.std(),
                    **dict(zip(("step", "step_low", "step_high"), _interval(steps), strict=True)),
                    "seconds": float(own.train_seconds.mean().mean()),
                }
            )
            before = scores
    return pd.DataFrame(rows, columns=COLUMNS)


def _interval(
    values: pd.Series, least: float = -1.0, most: float = 1.0
) -> tuple[float, float, float]:
    """Return the mean and its interval, which has no impossible values; NaN where values are too few."""
    if values.empty:
        return math.nan, math.nan, math.nan
    mean, count = float(values.mean()), len(values)
    if count < 2:
        return mean, math.nan, math.nan
    half = special.stdtrit(count - 1, (1 + CONFIDENCE) / 2) * values.std() / math.sqrt(count)
    return mean, max(least, float(mean - half)), min(most, float(mean + half))
