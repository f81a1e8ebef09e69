"""The report of an experiment again, from what is tracked, without training.

python -m experiments.report experiment=imdb
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from experiments.program import report_error, run_program
from pipeline.comparison import Comparison, TrackedRuns, compare
from pipeline.config import build
from pipeline.report import write_report


def main() -> None:
    run_program(report, mode="RUN")


def report(tree: DictConfig) -> int:
    from pipeline.tracking import Store, load_runs

    config = build(tree)
    try:
        _, page = make_report(load_runs(Store.of(config)), Path(config.root))
    except Exception as error:
        return report_error(error)
    print(f"Report: {page}")
    return 0


def make_report(tracked: TrackedRuns, root: Path) -> tuple[Comparison, Path]:
    """Writes `reports/<experiment>/`; the comparison and its page. The same runs give the same
    intervals.
    """
    comparison = compare(tracked, np.random.default_rng(0))
    return comparison, write_report(comparison, tracked, root / "reports" / tracked.experiment)


if __name__ == "__main__":
    main()
