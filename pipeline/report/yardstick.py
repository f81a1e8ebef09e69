"""Yardstick -> the page of the adding problem, its tables and its figures, in the look of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.analysis.adding import AddingRuns, Yardstick
from pipeline.data.adding import SOLVED_BELOW, VARIANCE
from pipeline.report import look
from pipeline.report.cells import (
    MISSING,
    Table,
    make_table,
    rows_of,
    shown_count,
    shown_seconds,
    shown_text,
)
from pipeline.report.drawing import Figure
from pipeline.report.page import built_beside, describe_provenance, render_page, write_figures
from pipeline.report.steps import draw_steps, shown_error, shown_steps
from pipeline.report.tables import run_cell
from pipeline.report.wording import listed

# What the papers say, for orientation: their sequences differ (see `pipeline.data.adding`).
_PUBLISHED = (
    ("<source", "<network", "length", "<result"),
    ("Hochreiter & Schmidhuber 1997, Table 7", "LSTM", "100", "solved after 74,000 sequences"),
    ("Hochreiter & Schmidhuber 1997, Table 7", "LSTM", "500", "solved after 209,000 sequences"),
    ("Campos et al. 2018, Table 1", "LSTM, 110 units", "50", "solved"),
    ("Campos et al. 2018, Table 1", "GRU, 110 units", "50", "solved"),
)


def write_yardstick(yardstick: Yardstick, tracked: AddingRuns, folder: Path) -> Path:
    """Writes `index.html`, `runs.csv`, `steps_to_solve.csv` and the figures as SVG -> the page's path.

    Raises:
      ReportError: the folder cannot be written.
    """
    drawn = draw_steps(yardstick, tracked.history)
    content = _gather(yardstick, tracked, drawn)
    with built_beside(folder) as built:
        yardstick.runs.to_csv(built / "runs.csv", index=False)
        yardstick.summary.to_csv(built / "steps_to_solve.csv", index=False)
        svgs = write_figures(drawn, built)
        looks = look.assign_looks(yardstick.architectures) if drawn else []
        page = render_page("yardstick.html.j2", content, looks, svgs)
        (built / "index.html").write_text(page, encoding="utf-8")
    return folder / "index.html"


def describe_steps(yardstick: Yardstick) -> list[tuple[str, ...]]:
    """For each architecture its name and, in the order of the lengths, the steps it took."""
    cells = {(row.architecture, row.length): shown_steps(row) for row in rows_of(yardstick.summary)}
    return [
        (name, *(cells.get((name, length), MISSING) for length in yardstick.lengths))
        for name in yardstick.architectures.architecture
    ]


def headline(yardstick: Yardstick) -> str:
    """Who solves which lengths."""
    summary = yardstick.summary[yardstick.summary.ended > 0]
    if summary.empty:
        return "No run has come to its end, so there is nothing to say yet."
    by_lengths: dict[tuple[int, ...], list[str]] = {}
    for name in yardstick.architectures.architecture:
        own = summary[summary.architecture == name]
        solved = own[own.solved == own.ended].length
        if len(own):
            by_lengths.setdefault(tuple(sorted(solved)), []).append(name)
    parts = [
        f"{listed(names)} {'solves' if len(names) == 1 else 'solve'} {_lengths(solved, summary)}"
        for solved, names in by_lengths.items()
    ]
    budget = listed([shown_count(steps) for steps in sorted(summary.max_steps.unique())], "or")
    every = ", with every seed," if (summary.ended > 1).any() else ""
    return f"In at most {budget} steps{every} {'; '.join(parts)}."


def _lengths(solved: tuple[int, ...], summary: pd.DataFrame) -> str:
    if not solved:
        return "no length"
    words = listed([f"{length:,}" for length in solved])
    whole = 1 < summary.length.nunique() == len(solved)
    return f"every length ({words})" if whole else f"length{'s' * (len(solved) > 1)} {words}"


def _cautions(yardstick: Yardstick) -> list[str]:
    summary = yardstick.summary
    said = []
    if (summary.ended == 1).any():
        said.append(
            "With one seed nothing is known of another: when a network comes away from always "
            "answering the mean is in part luck, and with it the number of steps."
        )
    lost = yardstick.runs[~yardstick.runs.status.isin(["finished", "diverged"])]
    if len(lost):
        names = [f"{run.architecture} length {run.length} seed {run.seed}" for run in rows_of(lost)]
        said.append(f"Not counted, because they did not come to their end: {listed(names)}.")
    if (summary.solved < summary.ended).any():
        said.append(
            "Not solved means: not in these steps with this learning rate, which are the same for all. "
            "It does not mean that it cannot be learnt."
        )
    return said


def _gather(yardstick: Yardstick, tracked: AddingRuns, drawn: list[Figure]) -> dict[str, Any]:
    runs = yardstick.runs
    return {
        "experiment": yardstick.experiment,
        "facts": f"{len(runs)} runs. Started {tracked.sweep.started}.",
        "headline": headline(yardstick),
        "cautions": _cautions(yardstick),
        "steps": _steps_table(yardstick),
        "figures": drawn,
        "published": make_table("What the papers report", _PUBLISHED[0], _PUBLISHED[1:]),
        "method": _describe_method(yardstick),
        "runs": _runs_table(runs, tracked.sweep.run_url),
        "provenance": describe_provenance(runs.assign(data="adding"), tracked.sweep),
    }


def _describe_method(yardstick: Yardstick) -> str:
    runs = yardstick.runs

    def values(column: str) -> str:
        return listed([f"{value:g}" for value in sorted(runs[column].dropna().unique())])

    return (
        "At each step of a sequence stand a value drawn evenly from 0 to 1 and a mark, which is 1 at "
        "two steps, one drawn from each half, and 0 elsewhere; the answer is the sum of the two marked "
        "values. The recurrent layers read these two features, and one number is read off what they "
        f"give. A step is one update on {values('batch_size')} new sequences, by Adam with a learning "
        f"rate of {values('learning_rate')} and the gradient cut to a norm of "
        f"{values('global_clipnorm')}. Solved means that the mean squared error over sequences held "
        f"out is under {SOLVED_BELOW:.5f}: two orders of magnitude under {VARIANCE:.4f}, the variance "
        "of the answer, as Campos et al. (2018) have it. There training ends, so that the steps are "
        "counted to the validation that shows it."
    )


def _steps_table(yardstick: Yardstick) -> Table:
    headings = ["<architecture", *(f"length {length:,}" for length in yardstick.lengths)]
    return make_table(
        "Steps to solve it: the median of those seeds that do (lowest to highest)",
        headings,
        describe_steps(yardstick),
    )


def _runs_table(runs: pd.DataFrame, run_url: str | None) -> Table:
    headings = [
        "<architecture",
        "length",
        "seed",
        "<status",
        "steps to solve",
        "steps",
        "best error",
    ]
    headings += ["test error", "units", "parameters", "training", "<reason", "<run"]
    rows = [
        [
            run.architecture,
            shown_count(run.length),
            shown_text(run.seed),
            shown_text(run.status),
            shown_count(run.steps_to_solve),
            shown_count(run.steps),
            shown_error(run.best_mse),
            shown_error(run.test_mse),
            shown_count(run.units),
            shown_count(run.parameters),
            shown_seconds(run.train_seconds),
            shown_text(run.failure),
            run_cell(run.run_id, run_url),
        ]
        for run in rows_of(runs)
    ]
    return make_table("Every planned run", headings, rows)
