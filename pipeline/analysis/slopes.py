"""Test whether a gap between architectures grows with length, distance, or the amount that is read.

The model is `correct ~ run x log2(values)`, fitted by `pipeline.analysis.statistics`, with reviews and
seeds covered by the intervals.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from pipeline.analysis import statistics
from pipeline.analysis.logistic import fit_by_doubling
from pipeline.analysis.multiple import holm

TREND_COLUMNS = tuple(
    "slope slope_low slope_high p_value p_holm at_short at_short_low at_short_high"
    " at_long at_long_low at_long_high change change_low change_high".split()
)


@dataclass(frozen=True)
class Trends:
    """How accuracy changes with a value such as the length of reviews.

    slopes: architecture and `TREND_COLUMNS`: the slope in log odds per doubling, the fitted accuracy
      at `short` and at `long`, and the change between them, each with its interval.
    gaps: architecture_a, architecture_b and `TREND_COLUMNS` of a minus b; the p values are those of
      the difference of slopes, corrected for all pairs.
    short, long: the 10th and the 90th percentile of the values.
    change_by_run: of every run, the change of its fitted accuracy from `short` to `long`.
    members: the rows of each architecture's runs.
    """

    slopes: pd.DataFrame
    gaps: pd.DataFrame
    short: float
    long: float
    change_by_run: statistics.RunEstimates
    members: Mapping[str, statistics.Rows]


def find_trends(
    correct: NDArray[np.bool_],
    values: ArrayLike,
    members: Mapping[str, statistics.Rows],
    reviews: ArrayLike | None = None,
    unpaired: Collection[str] = (),
) -> Trends:
    """Fit a slope to every run, and compare the slopes of the architectures.

    Args:
      correct: <bool>[runs, readings].
      values: <number>[readings], at least 0; 1 is added to all if any is below 1.
      members: the rows of each architecture's runs.
      reviews: [readings], the review of each reading; without it, every reading is its own review.
      unpaired: architectures without gaps to others.
    """
    rising = np.asarray(values, dtype=np.float64)
    # A distance may be 0, which has no logarithm.
    offset = 0 if rising.min() >= 1 else 1
    short, long = (float(end) for end in np.percentile(rising, [10, 90]))
    fits = fit_by_doubling(correct, np.log2(rising + offset), reviews)
    start, end = float(np.log2(short + offset)), float(np.log2(long + offset))
    places = {
        "slope": fits.slope(),
        "at_short": fits.accuracy_at(start),
        "at_long": fits.accuracy_at(end),
        "change": fits.change(start, end),
    }
    slopes = [
        {"architecture": name} | _describe(places, [(1.0, rows)]) for name, rows in members.items()
    ]
    gaps = [
        {"architecture_a": a, "architecture_b": b}
        | _describe(places, [(1.0, members[a]), (-1.0, members[b])])
        for a, b in combinations([name for name in members if name not in unpaired], 2)
    ]
    columns = list(TREND_COLUMNS)
    return Trends(
        slopes=_with_holm(pd.DataFrame(slopes, columns=["architecture", *columns])),
        gaps=_with_holm(pd.DataFrame(gaps, columns=["architecture_a", "architecture_b", *columns])),
        short=short,
        long=long,
        change_by_run=places["change"],
        members=members,
    )


def _describe(
    places: Mapping[str, statistics.RunEstimates],
    terms: Sequence[tuple[float, statistics.Rows]],
) -> dict[str, float]:
    row = {}
    for name, estimates in places.items():
        found = statistics.contrast(estimates, terms)
        row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        if name == "slope":
            row["p_value"] = found.p_value if found.seeds_counted else np.nan
    return row


def _with_holm(table: pd.DataFrame) -> pd.DataFrame:
    """Fill `p_holm` with Holm's correction of `p_value` over the whole table."""
    return table.assign(p_holm=holm(table.p_value.astype(float)))
