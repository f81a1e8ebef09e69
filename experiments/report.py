"""Write the report of an experiment again from its tracked runs, without training.

Usage: python -m experiments.report [setting=value ...]

  python -m experiments.report experiment=imdb     of the newest sweep of a named experiment
  python -m experiments.report name=mine           of a sweep by hand that was called so
"""

from __future__ import annotations

from omegaconf import DictConfig

from pipeline.config.command_line import report_error, run_program
from pipeline.config.compose import build
from pipeline.config.help import TRACKED, Program
from pipeline.config.programs import say


def main() -> None:
    run_program(report, Program(__doc__ or "", TRACKED), mode="RUN")


def report(tree: DictConfig) -> int:
    """Write the report of an experiment's newest sweep, and return the exit status."""
    config = build(tree)
    say("Loading MLflow")
    # Imported only now: it takes seconds.
    from pipeline.sweeps.finish import rewrite_report

    try:
        rewrite_report(config)
    except Exception as error:
        return report_error(error)
    return 0


if __name__ == "__main__":
    main()
