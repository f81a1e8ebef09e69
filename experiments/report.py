"""Write the report of an experiment again from its tracked runs, without training.

python -m experiments.report experiment=imdb
"""

from __future__ import annotations

from omegaconf import DictConfig

from pipeline.config.command_line import report_error, run_program
from pipeline.config.compose import build
from pipeline.sweeps.finish import rewrite_report


def main() -> None:
    run_program(report, mode="RUN", about=__doc__)


def report(tree: DictConfig) -> int:
    """Write the report of an experiment's newest sweep, and return the exit status."""
    config = build(tree)
    try:
        page = rewrite_report(config)
    except Exception as error:
        return report_error(error)
    print(f"Report: {page}")
    return 0


if __name__ == "__main__":
    main()
