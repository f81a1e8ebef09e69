"""One job of a sweep, in a process of its own: what it holds in memory is gone when it ends.

It lives no longer than the sweep: when the process that started it is gone, so is it, at once and
without a word, and the next launch goes on from its last epoch.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pipeline.config.command_line import report_error
from pipeline.config.compose import from_plain

FINISHED, FAILED, DIVERGED, ABANDONED = 0, 1, 3, 4


def main() -> None:
    """Runs the job that the file named on the command line describes."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    for name in ("absl", "alembic", "mlflow"):  # their INFO is about themselves
        logging.getLogger(name).setLevel(logging.WARNING)
    description = Path(sys.argv[1])
    job = json.loads(description.read_text())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the sweep, which ends its jobs
    threading.Thread(target=_follow, args=(job["launcher"], os.getppid()), daemon=True).start()
    from pipeline.runs.start import run

    config = from_plain(job["config"])
    try:
        outcome = run(config, job["concurrent_runs"], job["parent_run_id"], description.parent)
    except Exception as error:
        report_error(error)
        sys.exit(FAILED)
    sys.exit(FINISHED if outcome == "finished" else DIVERGED)


def launcher() -> dict[str, Any]:
    """The process that a sweep lives in, for its jobs to know."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "batch": os.environ.get("SLURM_JOB_ID"),
    }


def is_gone(launcher: dict[str, Any]) -> bool:
    """Whether the process of the sweep is gone, as far as can be seen from here: a cluster's job does
    not see it, and outlives it."""
    here = (socket.gethostname(), os.environ.get("SLURM_JOB_ID"))
    if (launcher["host"], launcher["batch"]) != here:
        return False
    try:
        os.kill(launcher["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it lives, as somebody else
        return False
    return False


def _follow(launcher: dict[str, Any], parent: int) -> None:
    while os.getppid() == parent and not is_gone(launcher):
        time.sleep(0.5)
    os._exit(ABANDONED)


if __name__ == "__main__":
    main()
