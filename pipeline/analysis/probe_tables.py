"""Align the tables of a probe, so that every run has the same rows in the same order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis.curves import Reach
from pipeline.config.programs import as_started

PROBE_AGAIN = as_started("The program experiments.probe can probe them again.")
Row = dict[str, object]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Layout:
    """One probe's tables, one for each run, with the same rows in the same order."""

    tables: list[pd.DataFrame]
    members: dict[str, NDArray[np.intp]]  # the tables of each architecture

    @property
    def first(self) -> pd.DataFrame:
        return self.tables[0]

    def columns(self, suffix: str) -> list[str]:
        return [name for name in map(str, self.first.columns) if name.endswith(suffix)]

    def stack(self, column: str, rows: Mask) -> NDArray:
        """Return the values [runs, rows] of a column."""
        return np.stack([table[column].to_numpy()[rows] for table in self.tables])


def lay_out(table: pd.DataFrame, runs: pd.DataFrame) -> tuple[Layout | None, pd.DataFrame]:
    """Align the runs that were probed with the same rows as most; also return those left out."""
    keys = ["condition", "distance", "review_id"]
    tables = {
        run: part.sort_values(keys, kind="stable", ignore_index=True)
        for run, part in table.groupby("run_id", sort=False)
    }
    digests = [
        str(pd.util.hash_pandas_object(tables[run][keys]).sum()) if run in tables else ""
        for run in runs.run_id
    ]
    if not any(digests):
        return None, runs
    commonest, _ = Counter(filter(None, digests)).most_common(1)[0]
    same = np.array([one == commonest for one in digests])
    chosen = runs[same].reset_index(drop=True)
    members = chosen.groupby("architecture", sort=False).indices
    layout = Layout(
        [tables[run] for run in chosen.run_id],
        {str(name): np.asarray(index) for name, index in members.items()},
    )
    return layout, runs[~same]


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
