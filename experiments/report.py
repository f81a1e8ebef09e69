"""The report of an experiment again, from what is tracked, without training.

python -m experiments.report experiment=imdb
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from omegaconf import DictConfig

from experiments.adding import make_yardstick
from experiments.program import report_error, run_program
from pipeline.answers import ReportError
from pipeline.comparison import Comparison, TrackedRuns, compare
from pipeline.composition import build
from pipeline.config import CONTROL
from pipeline.report import write_report
from pipeline.yardstick import AddingRuns

if TYPE_CHECKING:
    from pipeline.tracking import Store

# Experiments that compare the same architectures, each with something else held equal.
LEAGUES = ("equal_units", "equal_parameters", "equal_time")


def main() -> None:
    run_program(report, mode="RUN")


def report(tree: DictConfig) -> int:
    from pipeline.tracking import Store

    config = build(tree)
    try:
        store = Store.of(config)
        tracked = load_tracked(store)
        if isinstance(tracked, AddingRuns):
            _, page = make_yardstick(tracked, store)
        else:
            _, page = make_report(tracked, store)
    except Exception as error:
        return report_error(error)
    print(f"Report: {page}")
    return 0


def load_tracked(store: Store, sweep_id: str | None = None) -> TrackedRuns | AddingRuns:
    """A sweep of an experiment, the newest unless `sweep_id` names another; without one, all runs."""
    from pipeline.tracking.load import holds_adding, load_adding, load_runs

    load = load_adding if holds_adding(store, sweep_id) else load_runs
    return load(store, sweep_id)


def make_report(tracked: TrackedRuns, store: Store) -> tuple[Comparison, Path]:
    """Writes `reports/<experiment>/`; the comparison and its page. The same runs give the same
    intervals. Beside it stand the leagues that were run on the same data.
    """
    comparison = compare(tracked, np.random.default_rng(0))
    folder = store.root / "reports" / tracked.experiment
    leagues = find_leagues(comparison, store)
    return comparison, write_report(comparison, tracked, folder, leagues)


def find_leagues(comparison: Comparison, store: Store) -> list[Comparison]:
    """The other leagues, each in its newest sweep over the data of `comparison`."""
    from pipeline.tracking.load import find_sweep, load_runs

    data = comparison.runs.data_fingerprint.dropna().unique()
    found = []
    for name in LEAGUES:
        other = store.beside(name) if name != comparison.experiment and len(data) == 1 else None
        sweep = find_sweep(other, data[0]) if other else None
        if other is None or sweep is None:
            continue
        try:
            tracked = load_runs(other, sweep)
            # The control is the same for all, and stands beside the sweep itself.
            networks = tracked.runs[tracked.runs.architecture != CONTROL]
            league = compare(replace(tracked, runs=networks), np.random.default_rng(0))
        except ReportError as error:
            print(f"{name} does not stand beside it: {error}")
            continue
        if not league.summary.empty:
            found.append(league)
    return found


if __name__ == "__main__":
    main()
