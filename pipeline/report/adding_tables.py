"""Make the tables of the adding problem."""

from __future__ import annotations

import pandas as pd

from pipeline.analysis.adding import AddingResults
from pipeline.analysis.frames import rows_of
from pipeline.report.formats import MISSING, format_count, format_error, format_steps
from pipeline.report.run_tables import run_column
from pipeline.report.tables import (
    ARCHITECTURE,
    SEED,
    TRAINING,
    Column,
    Table,
    make_table,
)

LENGTH = Column("length", "length", format_count)
STEPS_TO_SOLVE = Column("steps to solve", "steps_to_solve", format_count)
STEPS = Column("steps", "steps", format_count)
# What the papers say, for orientation: their sequences differ (see `pipeline.data.adding`).
_PUBLISHED = (
    ("Hochreiter & Schmidhuber 1997, Table 7", "LSTM", "100", "solved after 74,000 sequences"),
    ("Hochreiter & Schmidhuber 1997, Table 7", "LSTM", "500", "solved after 209,000 sequences"),
    ("Campos et al. 2018, Table 1", "LSTM, 110 units", "50", "solved"),
    ("Campos et al. 2018, Table 1", "GRU, 110 units", "50", "solved"),
)


def describe_steps(results: AddingResults) -> list[tuple[str, ...]]:
    """Return, for each architecture, its name and the steps it took at each length."""
    cells = {(row.architecture, row.length): format_steps(row) for row in rows_of(results.summary)}
    return [
        (name, *(cells.get((name, length), MISSING) for length in results.lengths))
        for name in results.architectures.architecture
    ]


def steps_table(results: AddingResults) -> Table:
    lengths = [f"length {length:,}" for length in results.lengths]
    columns = [ARCHITECTURE, *(Column(name, name) for name in lengths)]
    frame = pd.DataFrame(describe_steps(results), columns=["architecture", *lengths])
    caption = "Steps to solve the problem: the median over the seeds that do (lowest to highest)"
    return make_table(caption, columns, frame)


def published_table() -> Table:
    columns = [
        Column("source", "source", words=True),
        Column("network", "network", words=True),
        Column("length", "length"),
        Column("result", "result", words=True),
    ]
    frame = pd.DataFrame(_PUBLISHED, columns=["source", "network", "length", "result"])
    return make_table("What the papers report", columns, frame)


def runs_table(runs: pd.DataFrame, run_url: str | None) -> Table:
    columns = [
        ARCHITECTURE,
        LENGTH,
        SEED,
        Column("status", "status", words=True),
        STEPS_TO_SOLVE,
        STEPS,
        Column("best error", "best_mse", format_error),
        Column("test error", "test_mse", format_error),
        Column("units", "units", format_count),
        Column("parameters", "parameters", format_count),
        TRAINING,
        Column("reason", "failure", words=True),
        run_column(run_url),
    ]
    return make_table("Every planned run", columns, runs)


def errors_table(length: int, results: AddingResults) -> Table:
    columns = [
        ARCHITECTURE,
        Column("lowest error", "best_mse", format_error),
        Column("solved", lambda row: f"{row.solved} of {row.ended}"),
        Column("steps to solve", format_steps),
    ]
    own = results.summary[results.summary.length == length]
    return make_table(f"Length {length:,}", columns, own)


def steps_by_run_table(ended: pd.DataFrame) -> Table:
    columns = [ARCHITECTURE, LENGTH, SEED, STEPS_TO_SOLVE, STEPS]
    return make_table("Each run that ended", columns, ended)
