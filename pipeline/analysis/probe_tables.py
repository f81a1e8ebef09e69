"""Align the tables of a probe, so that every run has the same rows in the same order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis.curves import Reach
from pipeline.analysis.frames import rank
from pipeline.analysis.statistics import Rows, RunEstimates, contrast
from pipeline.config.programs import as_started

PROBE_AGAIN = as_started("The program experiments.probe can probe them again.")
Row = dict[str, object]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Layout:
    """One probe's tables, one for each run, with the same rows in the same order.

    table: the joined table of all runs. rows: <int>[runs, rows], the places of every run's rows in it.
    members: the runs of each architecture.
    """

    table: pd.DataFrame
    rows: NDArray[np.intp]
    members: dict[str, NDArray[np.intp]]

    @cached_property
    def first(self) -> pd.DataFrame:
        return self.table.iloc[self.rows[0]].reset_index(drop=True)

    def columns(self, suffix: str) -> list[str]:
        return [name for name in map(str, self.table.columns) if name.endswith(suffix)]

    def stack(self, column: str, rows: Mask) -> NDArray:
        """Return the values [runs, rows] of a column; of texts, a number for each distinct one."""
        values = self.table[column]
        numbers = values.dtype.kind in "bif" and not isinstance(values.dtype, pd.CategoricalDtype)
        return (values.to_numpy() if numbers else rank(values)[0])[self.rows[:, rows]]


def lay_out(table: pd.DataFrame, runs: pd.DataFrame) -> tuple[Layout | None, pd.DataFrame]:
    """Align the runs that were probed with the same rows as most; also return those left out."""
    keys = _number_rows(table)
    found = table.groupby("run_id", sort=False, observed=True).indices
    rows = {run: found[run] for run in runs.run_id if run in found}
    rows = {run: places[np.argsort(keys[places], kind="stable")] for run, places in rows.items()}
    digests = [
        blake2b(keys[rows[run]].tobytes()).hexdigest() if run in rows else "" for run in runs.run_id
    ]
    if not any(digests):
        return None, runs
    commonest, _ = Counter(filter(None, digests)).most_common(1)[0]
    same = np.array([one == commonest for one in digests])
    chosen = runs[same].reset_index(drop=True)
    members = chosen.groupby("architecture", sort=False).indices
    layout = Layout(
        table,
        np.stack([rows[run] for run in chosen.run_id]),
        {str(name): np.asarray(index) for name, index in members.items()},
    )
    return layout, runs[~same]


def _number_rows(table: pd.DataFrame) -> NDArray[np.int64]:
    """Return a number for every row, by which rows sort by condition, distance and review."""
    numbers = np.zeros(len(table), dtype=np.int64)
    for name in ("condition", "distance", "review_id"):
        places, distinct = rank(table[name])
        numbers = numbers * (len(distinct) + 1) + places
    return numbers


def name_left_out(probe: str, runs: pd.DataFrame) -> str:
    which = ", ".join(f"{row.architecture} ({row.run_id})" for row in runs.itertuples())
    return (
        f"Not in the figures of the {probe} probe, because they lack it or were probed with other "
        f"settings: {which}. {PROBE_AGAIN}"
    )


def reach_row(name: str, probe: str, measure: str, head: str, reach: Reach) -> Row:
    return {
        "architecture": name,
        "probe": probe,
        "measure": measure,
        "head": head,
        "value": reach.value,
        "low": reach.low,
        "high": reach.high,
        "furthest": reach.furthest,
        "rises": reach.rises,
    }


def with_ends(name: str, estimates: RunEstimates, members: Rows) -> Row:
    """Return the mean of an architecture's runs as `<name>`, with the ends of its interval."""
    found = contrast(estimates, [(1.0, members)])
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
