"""Decide contrasts: a difference, no difference that matters, or how many seeds would tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis import statistics
from pipeline.analysis.contrasts import Contrast, as_configured, derive_contrasts
from pipeline.analysis.frames import rows_of
from pipeline.analysis.multiple import SIGNIFICANCE, holm
from pipeline.analysis.tracked import SweepFacts

CONTRAST_COLUMNS = tuple(
    "contrast quantity estimate ci_low ci_high p_value p_holm verdict seeds_to_decide"
    " minutes_to_decide declared".split()
)
YES, NO, OPEN = "yes", "no difference that matters", "not decided"
_MOST_SEEDS = 200  # a plan beyond it is none


@dataclass(frozen=True)
class Quantity:
    """Something measured of every run, whose contrasts are asked for.

    estimates: of every run. rows: the rows of the runs of each variant.
    margin: the smallest difference that matters, None where none is set.
    reviews: of an accuracy, how many reviews; see `statistics.contrast`.
    longest: the value that stands for all beyond it, if any.
    """

    name: str
    estimates: statistics.RunEstimates
    rows: Mapping[str, statistics.Rows]
    margin: float | None = None
    reviews: int | None = None
    longest: float | None = None

    def answers(self, terms: Sequence[tuple[float, statistics.Rows]]) -> bool:
        """Return whether the runs of a contrast have values that can be compared."""
        values = [self.estimates.values[np.asarray(rows)] for _, rows in terms]
        known = all(np.isfinite(one).all() for one in values)
        # Where all lie beyond what was measured nothing is known of their difference.
        measured = self.longest is None or any((one < self.longest).any() for one in values)
        return bool(values) and known and measured


def decide_contrasts(
    contrasts: Sequence[Contrast],
    quantities: Sequence[Quantity],
    minutes: Mapping[str, float],
    declared: bool,
) -> pd.DataFrame:
    """Return `CONTRAST_COLUMNS` for every contrast and quantity that the runs have.

    Differences are shares for accuracies and natural logarithms of ratios for `log_` quantities. The
    p values of a quantity are corrected for all contrasts by Holm's method, those of equivalence too.

    Args:
      minutes: of one run of each variant, on the machine that trained it.
    """
    tables = [_test(contrasts, one, minutes) for one in quantities]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=list(CONTRAST_COLUMNS))
    order = {one.name: place for place, one in enumerate(contrasts)}
    ordered = table.assign(declared=declared).sort_values(
        "contrast", key=lambda names: names.map(order), kind="stable", ignore_index=True
    )
    return ordered[list(CONTRAST_COLUMNS)]


def _test(
    contrasts: Sequence[Contrast], quantity: Quantity, minutes: Mapping[str, float]
) -> pd.DataFrame:
    found = []
    for one in contrasts:
        terms = one.terms(quantity.rows)
        if not quantity.answers(terms):
            continue
        found.append((one, statistics.contrast(quantity.estimates, terms, quantity.reviews)))
    table = pd.DataFrame(
        [
            {
                "contrast": one.name,
                "quantity": quantity.name,
                "estimate": gap.value,
                "ci_low": gap.low,
                "ci_high": gap.high,
                "p_value": gap.p_value if gap.seeds_counted else np.nan,
                "p_same": _equivalence(gap, quantity.margin),
            }
            for one, gap in found
        ],
        columns=[*CONTRAST_COLUMNS[:6], "p_same"],
    )
    table["p_holm"] = holm(table.p_value.astype(float))
    table["p_same"] = holm(table.p_same.astype(float))
    table["verdict"] = [_decide(row) for row in rows_of(table)]
    plans = [
        _plan(gap, quantity, one, len(contrasts), minutes) if verdict == OPEN else (np.nan, np.nan)
        for (one, gap), verdict in zip(found, table.verdict, strict=True)
    ]
    table[["seeds_to_decide", "minutes_to_decide"]] = np.array(plans, dtype=float).reshape(-1, 2)
    return table


def _equivalence(gap: statistics.Interval, margin: float | None) -> float:
    """Return the p value of two one-sided tests that the difference is within the margin.

    Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657.
    """
    if margin is None or not gap.seeds_counted:
        return math.nan
    return max(gap.beyond(-margin), gap.below(margin))


def _decide(row: Any) -> str:
    if row.p_same < SIGNIFICANCE / 2:  # so that the 95 % interval lies within the margin
        return NO
    return YES if row.p_holm < SIGNIFICANCE else OPEN


def _plan(
    gap: statistics.Interval,
    quantity: Quantity,
    one: Contrast,
    comparisons: int,
    minutes: Mapping[str, float],
) -> tuple[float, float]:
    """Return how many seeds each variant needs in all, and the minutes that the missing ones take.

    With so many seeds a difference of the margin would be found in 80 % of sweeps.
    """
    if quantity.margin is None or not gap.seeds_counted:
        return math.nan, math.nan
    seeds = gap.seeds_to_detect(quantity.margin, comparisons, _MOST_SEEDS)
    if seeds is None:
        return math.nan, math.nan
    variants = [name for name in one.variants() if name in quantity.rows]
    missing = {name: max(0, seeds - len(quantity.rows[name])) for name in variants}
    return float(seeds), sum(count * minutes.get(name, math.nan) for name, count in missing.items())


@dataclass(frozen=True)
class Contrasts:
    """What a sweep asks, and the answers.

    asked: the contrasts. table: `CONTRAST_COLUMNS`. margin: the smallest difference that matters.
    declared: whether they were tracked before any of the runs began. known_before: of runs that are
    declared otherwise, how many began earlier. single: variants left out, as one run of them is left.
    """

    asked: tuple[Contrast, ...]
    table: pd.DataFrame
    margin: float
    declared: bool
    known_before: int = 0
    single: tuple[str, ...] = ()


def answer_contrasts(
    chosen: pd.DataFrame,
    quantities: Sequence[Quantity],
    sweep: SweepFacts,
) -> Contrasts:
    """Answer the declared contrasts or, where none were declared, those that follow from the runs.

    Args:
      chosen: the runs that are compared, with the columns of `SETTINGS`, their architectures made unique
        to their settings and, with declared contrasts, `variant`.
      sweep: the margin and what was declared.
      quantities: their rows are by architecture.
    """
    if sweep.contrasts is None:
        asked, names = derive_contrasts(as_configured(chosen), {}), {}
    else:
        asked = sweep.contrasts
        first = chosen.drop_duplicates("variant")
        names = dict(zip(first.variant, first.architecture, strict=True))
    # Contrasts are over the names of the plan; runs are by the names of the comparison.
    by_variant = [
        replace(one, rows={v: one.rows[a] for v, a in names.items() if a in one.rows})
        if names
        else one
        for one in quantities
    ]
    seconds = pd.to_numeric(chosen.train_seconds).astype("Float64").astype(float)
    seconds /= pd.to_numeric(chosen.concurrent_runs).astype("Float64").astype(float).fillna(1)
    key = chosen.architecture if sweep.contrasts is None else chosen.variant
    minutes = {str(name): float(value) / 60 for name, value in seconds.groupby(key).mean().items()}
    declared = sweep.contrasts is not None and not sweep.known_before
    table = decide_contrasts(asked, by_variant, minutes, declared)
    rows = by_variant[0].rows
    single = dict.fromkeys(name for one in asked for name in one.left_out(rows))
    return Contrasts(asked, table, sweep.margin, declared, sweep.known_before, tuple(single))


def members_of(runs: pd.DataFrame) -> dict[str, NDArray[np.intp]]:
    """Return the rows of each architecture's runs."""
    groups = runs.reset_index(drop=True).groupby("architecture", sort=False).indices
    return {str(name): np.asarray(rows) for name, rows in groups.items()}
