"""The report of an experiment again, from what is tracked, without training.

python -m experiments.report experiment=imdb
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from omegaconf import DictConfig

from experiments.adding import make_yardstick
from experiments.program import report_error, run_program
from pipeline.comparison import Comparison, TrackedRuns, compare
from pipeline.config import build
from pipeline.report import write_report
from pipeline.yardstick import AddingRuns

if TYPE_CHECKING:
    from pipeline.tracking import Store


def main() -> None:
    run_program(report, mode="RUN")


def report(tree: DictConfig) -> int:
    from pipeline.tracking import Store

    config = build(tree)
    try:
        tracked, root = load_tracked(Store.of(config)), Path(config.root)
        if isinstance(tracked, AddingRuns):
            _, page = make_yardstick(tracked, root)
        else:
            _, page = make_report(tracked, root)
    except Exception as error:
        return report_error(error)
    print(f"Report: {page}")
    return 0


def load_tracked(store: Store, sweep_id: str | None = None) -> TrackedRuns | AddingRuns:
    """A sweep of an experiment, the newest unless `sweep_id` names another; without one, all runs."""
    from pipeline.tracking import holds_adding, load_adding, load_runs

    load = load_adding if holds_adding(store, sweep_id) else load_runs
    return load(store, sweep_id)


def make_report(tracked: TrackedRuns, root: Path) -> tuple[Comparison, Path]:
    """Writes `reports/<experiment>/`; the comparison and its page. The same runs give the same
    intervals.
    """
    comparison = compare(tracked, np.random.default_rng(0))
    return comparison, write_report(comparison, tracked, root / "reports" / tracked.experiment)


if __name__ == "__main__":
    main()
