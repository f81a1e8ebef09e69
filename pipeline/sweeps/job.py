"""One job of a sweep, in a process of its own: what it holds in memory is gone when it ends.

It lives no longer than the sweep: when the process that started it is gone, it ends at once and writes
nothing more, and the next launch resumes it after its last epoch.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.config.command_line import report_error
from pipeline.config.compose import as_plain, from_plain
from pipeline.config.schema import RunConfig

FILE = "job.json"
FINISHED, FAILED, DIVERGED, ABANDONED = 0, 1, 3, 4  # its exit status


@dataclass(frozen=True)
class LauncherProcess:
    """The process that a sweep lives in. batch: the job of Slurm's that it is part of, if it is."""

    host: str
    pid: int
    batch: str | None

    @classmethod
    def here(cls) -> LauncherProcess:
        return cls(socket.gethostname(), os.getpid(), os.environ.get("SLURM_JOB_ID"))

    def is_gone(self) -> bool:
        """Whether it has ended, as far as can be seen from here: a job on a cluster does not see it,
        and outlives it.
        """
        if (self.host, self.batch) != (socket.gethostname(), os.environ.get("SLURM_JOB_ID")):
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it lives, as somebody else's
            return False
        return False


@dataclass(frozen=True)
class JobDescription:
    """All that a job is started with; the file `job.json` in its folder.

    folder: of the job's files; concurrent_runs: how many jobs share the machine; echo_output: whether
    its lines are repeated where the sweep was launched, which they are unless a table is shown there.
    """

    folder: Path
    config: RunConfig
    parent_run_id: str | None
    concurrent_runs: int
    launcher: LauncherProcess
    echo_output: bool

    def write(self) -> None:
        plain: dict[str, Any] = asdict(self) | {"config": as_plain(self.config)}
        del plain["folder"]
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / FILE).write_text(json.dumps(plain, indent=1))

    @classmethod
    def read(cls, folder: Path) -> JobDescription:
        plain = json.loads((folder / FILE).read_text())
        plain["config"] = from_plain(plain["config"])
        plain["launcher"] = LauncherProcess(**plain["launcher"])
        return cls(folder, **plain)

    @property
    def title(self) -> str:
        """What its lines begin with, as wide as that of any other job."""
        return self.config.title.ljust(26)

    @property
    def output(self) -> Path:
        """Where its lines are kept."""
        return self.folder / "output.log"


def main() -> None:
    """Runs the job that is described in the folder named on the command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    for name in ("absl", "alembic", "mlflow"):  # their INFO is about themselves
        logging.getLogger(name).setLevel(logging.WARNING)
    parent = os.getppid()
    job = JobDescription.read(Path(sys.argv[1]))
    threading.Thread(target=_exit_with_launcher, args=(job.launcher, parent), daemon=True).start()
    # This import takes seconds, in which the launcher may already end.
    from pipeline.runs.start import run

    try:
        outcome = run(job.config, job.concurrent_runs, job.parent_run_id, job.folder)
    except Exception as error:
        report_error(error)
        sys.exit(FAILED)
    sys.exit(FINISHED if outcome == "finished" else DIVERGED)


def _exit_with_launcher(launcher: LauncherProcess, parent: int) -> None:
    """Ends this process within a second of its parent or its launcher."""
    while os.getppid() == parent and not launcher.is_gone():
        time.sleep(0.5)
    os._exit(ABANDONED)


if __name__ == "__main__":
    main()
