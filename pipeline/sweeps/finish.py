"""The end of a sweep: a comparison of what is tracked, a page, and the metrics of the parent run."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline.analysis.adding import AddingResults, AddingRuns, summarise
from pipeline.analysis.comparison import Comparison, TrackedRuns, compare
from pipeline.analysis.selection import describe_run
from pipeline.config.schema import BASELINE, RunConfig
from pipeline.errors import ReportError, TrackingError
from pipeline.report import describe_steps, write_adding_report, write_report
from pipeline.report.formats import rows_of
from pipeline.tracking import RunRecorder, Store
from pipeline.tracking.load import find_sweep, holds_adding, load_adding, load_runs

# Experiments that compare the same architectures, each with something else held equal.
LEAGUES = ("equal_units", "equal_parameters", "equal_time")


def end_sweep(store: Store, parent: RunRecorder) -> int:
    """Ends the parent run of a sweep with its metrics and its page; returns the exit status, which is 1
    where a run has not finished.
    """
    try:
        tracked = load_tracked(store, parent.run_id)
    except TrackingError as error:
        parent.end("failed", str(error))
        raise
    failed = tracked.runs[tracked.runs.status != "finished"]
    partial = "" if failed.empty else f"partial: {len(failed)} runs not finished"
    parent.end("finished" if failed.empty else "failed", partial)
    if isinstance(tracked, AddingRuns):
        settings = ("length",)
        yardstick, page = make_yardstick(tracked, store)
        parent.metrics(aggregate_steps(yardstick))
    else:
        settings = tracked.sweep.tuned
        comparison, page = make_report(tracked, store)
        parent.metrics(aggregate_accuracies(comparison.runs))
    parent.file(page, "report")  # so that it is also where only the server is seen
    pages = "make ui" if store.is_local else store.shown_uri
    print(f"\nReport: {page}\nCompare the runs in MLflow: {pages}")
    for run in failed.itertuples():
        print(f"Not finished: {describe_run(run, settings)}: {run.status}, {run.failure}")
    return 0 if failed.empty else 1


def load_tracked(store: Store, sweep_id: str | None = None) -> TrackedRuns | AddingRuns:
    """Returns a sweep of an experiment, the newest unless `sweep_id` names another; without any sweep,
    all runs.
    """
    load = load_adding if holds_adding(store, sweep_id) else load_runs
    return load(store, sweep_id)


def make_report(tracked: TrackedRuns, store: Store) -> tuple[Comparison, Path]:
    """Writes `reports/<experiment>/`; returns the comparison and its page.

    The same runs give the same intervals. The page shows the leagues that were run on the same data too.
    """
    comparison = compare(tracked, np.random.default_rng(0))
    folder = store.root / "reports" / tracked.experiment
    leagues = find_leagues(comparison, store)
    return comparison, write_report(comparison, tracked, folder, leagues)


def find_leagues(comparison: Comparison, store: Store) -> list[Comparison]:
    """Returns the other leagues, each in its newest sweep over the data of `comparison`."""
    data = comparison.runs.data_fingerprint.dropna().unique()
    found = []
    for name in LEAGUES:
        other = store.beside(name) if name != comparison.experiment and len(data) == 1 else None
        sweep = find_sweep(other, data[0]) if other else None
        if other is None or sweep is None:
            continue
        try:
            tracked = load_runs(other, sweep)
            # The baseline is the same in all leagues, and part of the sweep itself.
            networks = tracked.runs[tracked.runs.architecture != BASELINE]
            league = compare(replace(tracked, runs=networks), np.random.default_rng(0))
        except ReportError as error:
            print(f"The report leaves out {name}: {error}")
            continue
        if not league.summary.empty:
            found.append(league)
    return found


def make_yardstick(tracked: AddingRuns, store: Store) -> tuple[AddingResults, Path]:
    """Writes `reports/<experiment>/` and shows the steps on the terminal."""
    yardstick = summarise(tracked)
    page = write_adding_report(yardstick, tracked, store.root / "reports" / tracked.experiment)
    table = Table(title="Steps to solve each length", title_justify="left")
    table.add_column("length", no_wrap=True)
    for length in yardstick.lengths:
        table.add_column(f"{length:,}", justify="right")
    for name, *cells in describe_steps(yardstick):
        table.add_row(name, *cells)
    Console().print(table)
    return yardstick, page


def aggregate_steps(yardstick: AddingResults) -> dict[str, float]:
    """Returns, for the parent run, the share of seeds that solved each length and their median steps."""
    metrics = {}
    for row in rows_of(yardstick.summary[yardstick.summary.ended > 0]):
        architecture = re.sub(r"[^\w./ -]", "", row.architecture)  # what MLflow takes in a name
        name = f"{architecture} length {row.length}"
        metrics[f"solved/{name}"] = row.solved / row.ended
        if row.solved:
            metrics[f"steps_to_solve/{name}"] = row.steps
    return metrics


def aggregate_accuracies(runs: pd.DataFrame) -> dict[str, float]:
    """Returns mean, spread and best test accuracy of each architecture and setting, for MLflow's page.

    runs: those of a comparison, which names architectures by the settings they differ in.
    """
    metrics = {}
    finished = runs[(runs.status == "finished") & runs.chosen]
    for architecture, group in finished.groupby("architecture"):
        accuracies = group.test_accuracy.astype(float)
        name = re.sub(r"[^\w./ -]", "", str(architecture))  # what MLflow takes in a name
        metrics[f"mean/{name}"] = accuracies.mean()
        metrics[f"best/{name}"] = accuracies.max()
        if len(accuracies) > 1:
            metrics[f"spread/{name}"] = accuracies.std(ddof=1)
    return metrics


def report_again(config: RunConfig) -> Path:
    """Writes the report of an experiment's newest sweep again; returns its page."""
    store = Store.of(config)
    tracked = load_tracked(store)
    if isinstance(tracked, AddingRuns):
        return make_yardstick(tracked, store)[1]
    return make_report(tracked, store)[1]
