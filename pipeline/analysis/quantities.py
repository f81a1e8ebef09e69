"""Gather what is asked of every run beside its accuracy: how that changes, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.analysis import statistics
from pipeline.analysis.memory import Memory
from pipeline.analysis.pairwise import Breakdown
from pipeline.analysis.tracked import COSTS
from pipeline.analysis.verdicts import Quantity, members_of


def change_quantities(
    by_length: Breakdown | None,
    by_distance: Breakdown | None,
    memory: Memory | None,
    margin: float,
) -> list[Quantity]:
    """Return how the accuracy of every run changes with length, distance and neutral words."""
    found = {
        "change_with_length": by_length.trends if by_length else None,
        "change_with_distance": by_distance.trends if by_distance else None,
        "change_with_neutral_words": memory.trends.get("both") if memory else None,
    }
    return [
        Quantity(name, trends.change_by_run, trends.members, margin)
        for name, trends in found.items()
        if trends is not None
    ]


def cost_quantities(
    chosen: pd.DataFrame, names: Sequence[str] = ("train_seconds", "parameters")
) -> list[Quantity]:
    """Return the logarithms of what every run cost, as far as all costs are known.

    names: the columns of the costs.
    """
    rows = members_of(chosen)
    none = np.zeros((len(chosen), len(chosen)))
    return [
        Quantity(
            f"log_{name}",
            statistics.RunEstimates(
                np.log(pd.to_numeric(chosen[name]).astype(float).to_numpy()), none
            ),
            rows,
        )
        for name in names
        if chosen[name].notna().all()
    ]


def mean_costs(chosen: pd.DataFrame) -> pd.DataFrame:
    """Return architecture and the means of `COSTS` over its runs; `alone` if no other work ran."""
    numbers = chosen[[*COSTS, "concurrent_runs"]].apply(pd.to_numeric, errors="coerce")
    numbers = numbers.astype("Float64").astype(float)  # infinity is no whole number
    groups = numbers.groupby(chosen.architecture, sort=False)
    table = groups[list(COSTS)].mean().reset_index()
    table["alone"] = (groups.concurrent_runs.max().fillna(np.inf) <= 1).to_numpy()
    return table
