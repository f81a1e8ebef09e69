"""Compute by how much every architecture is ahead of the simple cells, on a group of reviews."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline.analysis import statistics
from pipeline.analysis.contrasts import as_configured, derive_contrasts
from pipeline.cells import find_cell, is_cell

SIMPLE, ALL = "the simple cells", "the mean of all"
LEAD_COLUMNS = ("architecture", "difference", "ci_low", "ci_high", "seeds_counted", "against")


@dataclass(frozen=True)
class Yardstick:
    """With whom every architecture is compared.

    name: of them all, in words. others: for each architecture, the ones whose mean is subtracted.
    unmatched: gated cells that no simple cell is like in all else.
    """

    name: str
    others: Mapping[str, tuple[str, ...]]
    unmatched: tuple[str, ...] = ()


def choose_yardstick(runs: pd.DataFrame, tuned: Collection[str] = ()) -> Yardstick:
    """Compare gated cells with the simple cells that are the same in all else.

    A gated cell without such a match is compared with all simple cells. In a sweep that does not have
    both, every architecture is compared with the mean of all.

    Args:
      runs: architecture, cell and the columns of the settings.
      tuned: settings whose values were chosen, in which a match may differ.
    """
    variants = runs.drop_duplicates("architecture").drop(columns=list(tuned), errors="ignore")
    names = list(map(str, variants.architecture))
    gated = {
        name: find_cell(cell).keep_gate is not None
        for name, cell in zip(names, variants.cell, strict=True)
        if is_cell(cell)
    }
    simple = tuple(name for name in names if gated.get(name) is False)
    if not (simple and any(gated.values())):
        return Yardstick(ALL, {name: tuple(names) for name in names} if len(names) > 1 else {})
    found = derive_contrasts(as_configured(variants), {})
    strata = [s for one in found if one.name == "gated_vs_simple" for s in one.strata]
    matched = {name: second for first, second in strata for name in first}
    others = {name: matched.get(name, simple) for name in names if name not in simple}
    return Yardstick(SIMPLE, others, tuple(name for name in others if name not in matched))


def leads_over(
    yardstick: Yardstick,
    estimates: statistics.RunEstimates,
    members: Mapping[str, statistics.Rows],
    reviews: int,
) -> pd.DataFrame:
    """Return `LEAD_COLUMNS` for each architecture.

    Args:
      estimates: the accuracies of all runs on some reviews.
      members: the rows of each architecture's runs.
      reviews: the number of reviews.
    """
    rows = []
    for name, others in yardstick.others.items():
        weights = dict.fromkeys(others, -1 / len(others))
        weights[name] = weights.get(name, 0.0) + 1
        terms = [(weight, members[one]) for one, weight in weights.items()]
        gap = statistics.contrast(estimates, terms, reviews=reviews)
        against = yardstick.name if yardstick.name == ALL else ", ".join(others)
        rows.append((name, gap.value, gap.low, gap.high, gap.seeds_counted, against))
    return pd.DataFrame(rows, columns=list(LEAD_COLUMNS))
