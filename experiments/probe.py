"""Probe tracked runs without training them again.

python -m experiments.probe experiment=imdb              all finished runs without these tables, and
                                                         the baseline if it is missing
python -m experiments.probe experiment=imdb run=<id>     one run, even if it has these tables

The probes use the settings of the command line, such as `probe.distance_reviews=500`; data, vocabulary
and network are those of each run.
"""

from __future__ import annotations

from omegaconf import DictConfig

from pipeline.config.command_line import report_error, run_program, take_word
from pipeline.config.compose import build
from pipeline.runs.start import probe_tracked


def main() -> None:
    run_id = take_word("run")

    def task(tree: DictConfig) -> int:
        return probe(tree, run_id)

    run_program(task, mode="RUN", about=__doc__)


def probe(tree: DictConfig, run_id: str | None) -> int:
    """Probe one tracked run, or all without the tables of these settings; return the exit status."""
    config = build(tree)
    try:
        failed = probe_tracked(config, run_id)
    except Exception as error:
        return report_error(error)
    for name, reason in failed.items():
        print(f"Not probed: {name}: {reason}")
    return 1 if failed else 0


if __name__ == "__main__":
    main()
