"""Measure how fast the project trains, compared with its peers, and what a report of many runs costs.

python -m experiments.benchmark training --seconds 3 --rounds 5
python -m experiments.benchmark report
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pipeline.benchmark.measure import benchmark
from pipeline.benchmark.reporting import benchmark_reports
from pipeline.benchmark.variants import ENVIRONMENT
from pipeline.config.command_line import report_error
from pipeline.config.programs import as_started
from pipeline.config.schema import ROOT

PARTS = REPORT, TRAINING = "report", "training"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog=as_started("python -m experiments.benchmark"),
        description="Measure how fast training is, and what a report costs.",
    )
    parser.add_argument(
        "part", nargs="?", choices=PARTS, help="what to measure (default: one after the other)"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds per turn of training")
    parser.add_argument("--rounds", type=int, default=5, help="turns per variant")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "reports" / "benchmark", help="folder of the results"
    )
    options = parser.parse_args()
    try:
        if options.part != TRAINING:
            benchmark_reports(options.folder)
        if options.part != REPORT:
            os.environ.update(ENVIRONMENT)
            benchmark(options.seconds, options.rounds, options.folder)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sys.exit(report_error(error))


if __name__ == "__main__":
    main()
