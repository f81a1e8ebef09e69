"""Run one job of a sweep in its own process, so that its memory is freed when it ends.

The job ends as soon as the process that launched it is gone. The next launch resumes it after its last
complete epoch.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.config.command_line import end_at_once, report_error
from pipeline.config.compose import as_plain, from_plain
from pipeline.config.schema import RunConfig
from pipeline.errors import DataError
from pipeline.files import replacing
from pipeline.processes import end_with_parent, exit_when, use_scratch

FILE = "job.json"
FINISHED, FAILED, DIVERGED, NO_DATA = (
    0,
    1,
    3,
    5,
)  # exit statuses; of an abandoned one `processes.ABANDONED`


@dataclass(frozen=True)
class LauncherProcess:
    """Identify the process that launched a sweep. batch: the id of the Slurm job it runs in, if any."""

    host: str
    pid: int
    batch: str | None

    @classmethod
    def here(cls) -> LauncherProcess:
        return cls(socket.gethostname(), os.getpid(), os.environ.get("SLURM_JOB_ID"))

    def is_gone(self) -> bool:
        """Return whether the process has ended. False where it is not visible, as from another node."""
        if (self.host, self.batch) != (socket.gethostname(), os.environ.get("SLURM_JOB_ID")):
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it exists, but belongs to another user
            return False
        return False


@dataclass(frozen=True)
class JobDescription:
    """Describe a job; stored as `job.json` in its folder.

    folder: for the job's files; concurrent_runs: how many jobs share the machine; echo_output: whether
    the launcher prints the job's output, which would break a live table.
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
        with replacing(self.folder / FILE, alone=True) as temporary:
            temporary.write_text(json.dumps(plain, indent=1))

    @classmethod
    def read(cls, folder: Path) -> JobDescription:
        plain = json.loads((folder / FILE).read_text())
        plain["config"] = from_plain(plain["config"])
        plain["launcher"] = LauncherProcess(**plain["launcher"])
        return cls(folder, **plain)

    @property
    def title(self) -> str:
        """Return the prefix of its printed lines, padded to a common width."""
        return self.config.title.ljust(26)

    @property
    def output(self) -> Path:
        """Return the path of the file with its output."""
        return self.folder / "output.log"


def main() -> None:
    """Run the job whose folder is the first argument on the command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    for name in ("absl", "alembic", "mlflow"):  # they only log about themselves at INFO
        logging.getLogger(name).setLevel(logging.WARNING)
    end_at_once()
    end_with_parent()
    job = JobDescription.read(Path(sys.argv[1]))
    use_scratch(Path(job.config.root))
    exit_when(job.launcher.is_gone)  # which on a cluster is not the parent
    logging.info("Loading MLflow")
    # Imported only now: it takes seconds, during which the launcher may end.
    from pipeline.runs.start import run

    logging.info("Opening the tracking store")
    try:
        outcome = run(job.config, job.concurrent_runs, job.parent_run_id, job.folder)
    except Exception as error:
        report_error(error)
        sys.exit(NO_DATA if isinstance(error, DataError) else FAILED)
    sys.exit(FINISHED if outcome == "finished" else DIVERGED)


if __name__ == "__main__":
    main()
