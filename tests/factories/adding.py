"""Runs over the adding problem that nobody trained."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.analysis.adding import AddingRuns
from pipeline.analysis.tracked import SweepFacts

# Architecture, length, seed -> steps to solve it; None is not at all.
STEPS: dict[tuple[str, int, int], int | None] = {
    ("gru", 50, 0): 900,
    ("gru", 50, 1): 1_100,
    ("gru", 200, 0): 2_900,
    ("gru", 200, 1): 2_500,
    ("simple_rnn", 50, 0): 4_000,
    ("simple_rnn", 50, 1): None,
    ("simple_rnn", 200, 0): None,
    ("simple_rnn", 200, 1): None,
}


def make_adding_runs(
    steps: dict[tuple[str, int, int], int | None] = STEPS, **changes: object
) -> AddingRuns:
    rows, histories = [], []
    for place, ((architecture, length, seed), solved) in enumerate(steps.items()):
        run_id = f"{place:032x}"
        done = solved or 5_000
        way = np.linspace(0.2, 0.0015 if solved else 0.16, 10)
        at = np.linspace(100, done, 10).astype(int)
        histories.append(pd.DataFrame({"run_id": run_id, "step": at, "val_mse": way}))
        rows.append(
            {
                "run_id": run_id,
                "architecture": architecture,
                "length": length,
                "seed": seed,
                "status": "finished",
                "failure": None,
                "solved": float(solved is not None),
                "steps_to_solve": solved,
                "steps": done,
                "max_steps": 5_000,
                "best_mse": way.min(),
                "test_mse": way.min(),
                "cell": architecture,
                "num_layers": 1,
                "bidirectional": False,
                "batch_size": 64,
                "learning_rate": 1e-3,
                "global_clipnorm": 1.0,
                "started": pd.Timestamp("2026-01-01", tz="UTC"),
                "git_dirty": False,
                **changes,
            }
        )
    facts = SweepFacts("parent", "2026-01-01 00:00 UTC", (100,), "mlflow.db")
    runs = pd.DataFrame(rows).convert_dtypes()
    return AddingRuns("adding", runs, pd.concat(histories, ignore_index=True), facts)
