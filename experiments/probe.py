"""Probe tracked runs without training them again.

Usage: python -m experiments.probe [setting=value ...]

  python -m experiments.probe experiment=imdb              all finished runs without these tables, and
                                                           the baseline if it is missing
  python -m experiments.probe experiment=imdb run=<id>     one run, even if it has these tables
  python -m experiments.probe experiment=imdb probe.distance_reviews=500

The probes use the settings of the command line; data, vocabulary and network are those of each run.
"""

from __future__ import annotations

from omegaconf import DictConfig

from pipeline.config.command_line import report_error, run_program, take_word
from pipeline.config.compose import build
from pipeline.config.help import TRACKED, Program
from pipeline.config.programs import say

WORDS = {"run": "the id of one run; default: all finished runs without these tables"}
PROGRAM = Program(__doc__ or "", (*TRACKED, "probe", "device"), WORDS, ("device.workers",))


def main() -> None:
    run_id = take_word("run")

    def task(tree: DictConfig) -> int:
        return probe(tree, run_id)

    run_program(task, PROGRAM, mode="RUN")


def probe(tree: DictConfig, run_id: str | None) -> int:
    """Probe one tracked run, or all without the tables of these settings; return the exit status."""
    config = build(tree)
    say("Loading MLflow")
    # Imported only now: it takes seconds.
    from pipeline.runs.start import probe_tracked

    try:
        failed = probe_tracked(config, run_id)
    except Exception as error:
        return report_error(error)
    for name, reason in failed.items():
        print(f"Not probed: {name}: {reason}")
    return 1 if failed else 0


if __name__ == "__main__":
    main()
