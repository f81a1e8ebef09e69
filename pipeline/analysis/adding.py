"""Count the steps that each architecture took to solve each length of the adding problem.

A run either solves its length after some number of steps or does not within its budget. Several seeds
show how much of that is chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.analysis.selection import name_by_settings
from pipeline.analysis.tracked import SweepFacts
from pipeline.config.data import AddingConfig
from pipeline.config.settings import settings_of

_COLUMNS = tuple(one.column for one in settings_of(AddingConfig) if one.names_a_variant)
RUN_COLUMNS = (
    *"run_id architecture length seed status failure solved steps_to_solve steps".split(),
    *"best_mse test_mse".split(),
    *_COLUMNS,
    *"parameters recurrent_parameters train_seconds peak_memory_mb fingerprint".split(),
    *"data_fingerprint device threads concurrent_runs git_commit git_dirty versions".split(),
    "started",
)


@dataclass(frozen=True)
class AddingRuns:
    """A sweep over the adding problem, as tracked.

    runs: a row for each planned run, with `RUN_COLUMNS`; steps_to_solve is missing if the run did not
      solve its length, solved if it did not end.
    history: run_id, step, train_mse, val_mse.
    """

    experiment: str
    runs: pd.DataFrame
    history: pd.DataFrame
    sweep: SweepFacts


@dataclass(frozen=True)
class AddingResults:
    """The results that the page and the tables show.

    runs: those of `AddingRuns`, with `architecture` made unique to its settings.
    summary: a row for each architecture and length: architecture, length, planned, ended (finished or
      diverged), diverged, solved, steps (the median over the runs that solved it, else missing),
      steps_low, steps_high, best_mse (the lowest of any run), max_steps, cell, num_layers,
      bidirectional.
    """

    experiment: str
    runs: pd.DataFrame
    summary: pd.DataFrame

    @property
    def lengths(self) -> list[int]:
        return sorted(int(length) for length in self.summary.length.unique())

    @property
    def architectures(self) -> pd.DataFrame:
        """Return a row for each architecture: most lengths solved first, then fewest steps."""
        groups = self.summary.groupby("architecture", sort=False)
        first = groups.first().reset_index()[
            ["architecture", "cell", "num_layers", "bidirectional"]
        ]
        rank = groups.agg(solved=("solved", "sum"), steps=("steps", "sum"))
        order = rank.sort_values(["solved", "steps"], ascending=[False, True], kind="stable").index
        return first.set_index("architecture").loc[order].reset_index()


def summarise(tracked: AddingRuns) -> AddingResults:
    """Summarise the runs of each architecture and length; of repeated runs only the newest counts."""
    runs = tracked.runs.reindex(columns=list(RUN_COLUMNS)).reset_index(drop=True)
    runs["architecture"] = name_by_settings(runs, _COLUMNS)
    order = ["architecture", "length", "seed"]
    runs = runs.sort_values([*order, "started"], na_position="first", kind="stable")
    runs = runs.drop_duplicates(order, keep="last", ignore_index=True)
    rows = [_summarise(group) for _, group in runs.groupby(["architecture", "length"], sort=False)]
    return AddingResults(tracked.experiment, runs, pd.DataFrame(rows))


def _summarise(runs: pd.DataFrame) -> dict[str, Any]:
    """Summarise the seeds of one architecture at one length."""
    steps = runs.steps_to_solve.dropna().astype(float)
    begun = runs[runs.cell.notna()]
    first = (begun if len(begun) else runs).iloc[0]  # runs that never began have only their name
    return {
        "architecture": first.architecture,
        "length": int(first.length),
        "planned": len(runs),
        "ended": int(runs.status.isin(["finished", "diverged"]).sum()),
        "diverged": int((runs.status == "diverged").sum()),
        "solved": len(steps),
        "steps": steps.median() if len(steps) else np.nan,
        "steps_low": steps.min(),
        "steps_high": steps.max(),
        "best_mse": runs.best_mse.dropna().astype(float).min(),
        "max_steps": runs.max_steps.max(),
        **{name: first[name] for name in ("cell", "num_layers", "bidirectional")},
    }
