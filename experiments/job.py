"""One job of a sweep, in a process of its own: what it holds in memory is gone when it ends."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from experiments.compare import run
from experiments.program import report_error
from pipeline.config import from_plain

FINISHED, FAILED, DIVERGED = 0, 1, 3


def main() -> None:
    """Runs the job that the file named on the command line describes."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    for name in ("absl", "alembic", "mlflow"):  # their INFO is about themselves
        logging.getLogger(name).setLevel(logging.WARNING)
    job = json.loads(Path(sys.argv[1]).read_text())
    try:
        outcome = run(from_plain(job["config"]), job["concurrent_runs"], job["parent_run_id"])
    except Exception as error:
        report_error(error)
        sys.exit(FAILED)
    sys.exit(FINISHED if outcome == "finished" else DIVERGED)


if __name__ == "__main__":
    main()
