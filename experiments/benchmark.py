"""Measure how fast the project trains, compared with its peers, and what many runs and texts cost.

python -m experiments.benchmark                                      all, one after the other
python -m experiments.benchmark training --seconds 3 --rounds 5
python -m experiments.benchmark language --seconds 3 --rounds 5
python -m experiments.benchmark report                               of up to 450 runs
python -m experiments.benchmark reading                              of up to a million texts
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from pathlib import Path

from pipeline.config.command_line import report_error
from pipeline.config.programs import as_started, say
from pipeline.config.schema import ROOT
from pipeline.processes import use_scratch

PARTS = REPORT, READING, TRAINING, LANGUAGE = "report", "reading", "training", "language"


def main() -> None:
    said, _, examples = as_started(__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog=as_started("python -m experiments.benchmark"),
        description=said,
        epilog="examples:\n" + textwrap.indent(examples, "  "),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("part", nargs="?", choices=PARTS, help="what to measure; default: all")
    folder = ROOT / "reports" / "benchmark"
    add("--seconds", type=float, default=3.0, help="of a turn of training; default: %(default)s")
    add("--rounds", type=int, default=5, help="turns of each variant; default: %(default)s")
    add("--folder", type=Path, default=folder, help="of the results; default: %(default)s")
    options = parser.parse_args()
    use_scratch(ROOT)
    say("Loading what is measured")
    # Imported only now: they take seconds.
    from pipeline.benchmark.language import benchmark_language
    from pipeline.benchmark.measure import benchmark
    from pipeline.benchmark.reading import benchmark_reading
    from pipeline.benchmark.reporting import benchmark_reports
    from pipeline.benchmark.variants import ENVIRONMENT

    try:
        parts = [options.part] if options.part else PARTS
        if REPORT in parts:
            benchmark_reports(options.folder)
        if READING in parts:
            benchmark_reading(options.folder)
        os.environ.update(ENVIRONMENT)
        if LANGUAGE in parts:
            benchmark_language(options.seconds, options.rounds, options.folder)
        if TRAINING in parts:
            benchmark(options.seconds, options.rounds, options.folder)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sys.exit(report_error(error))


if __name__ == "__main__":
    main()
