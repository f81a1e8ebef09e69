"""How far a job of a sweep is: a small file in its folder.

The process of the job and the one that watches it write the file, never at the same time, and the table
of the sweep reads it. A file works with every launcher, also where a job runs on another machine that
shares the folder.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

FILE = "progress.json"


class JobState(Enum):
    waiting = "waiting"
    running = "running"
    done = "done"
    done_before = "done before"  # the store held its result already
    diverged = "diverged"
    failed = "failed"


@dataclass(frozen=True)
class JobStatus:
    """epoch: the one in training, or the last one, 0 before the first; share: of that epoch, 0 to 1;
    val_accuracy: of the last whole epoch, and of the kept one in the end; tokens_per_second: of the
    last whole epoch; resumed: epochs that were done before the job was interrupted; started, ended:
    seconds since 1970; reason: of a failure, in words.
    """

    state: JobState = JobState.waiting
    epoch: int = 0
    epochs: int = 0
    share: float = 0.0
    val_accuracy: float | None = None
    test_accuracy: float | None = None
    tokens_per_second: float | None = None
    resumed: int = 0
    started: float | None = None
    ended: float | None = None
    reason: str = ""

    @property
    def is_over(self) -> bool:
        return self.state not in (JobState.waiting, JobState.running)

    @property
    def progress(self) -> float:
        """The share of all epochs that is done; training that stops early ends before 1."""
        return self._share(0)

    @property
    def progress_since_resume(self) -> float:
        """The share of the epochs that were left when the job began."""
        return self._share(self.resumed)

    def _share(self, before: int) -> float:
        left = self.epochs - before
        return max(0.0, self.epoch - 1 + self.share - before) / left if left > 0 else 0.0

    def seconds(self, now: float) -> float | None:
        """How long the job ran, or has run by `now`; never negative where clocks differ."""
        if self.started is None:
            return None
        return max(0.0, (self.ended or now) - self.started)

    def expected_seconds(self, now: float) -> float:
        """How long the job lasts if every epoch takes as long as those until `now`."""
        return (self.seconds(now) or 0.0) / (self.progress_since_resume or 1.0)


def read_status(folder: Path) -> JobStatus | None:
    """None where the job has written nothing yet, or nothing that can be read at this moment."""
    try:
        plain = json.loads((folder / FILE).read_text())
        return JobStatus(**plain | {"state": JobState[plain["state"]]})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def update_status(folder: Path, **changes: Any) -> None:
    """Writes what has changed. A reader finds the file as it was or as it is, never half of it."""
    status = replace(read_status(folder) or JobStatus(), **changes)
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f"{FILE}.{os.getpid()}.tmp"
    beside.write_text(json.dumps(asdict(status) | {"state": status.state.name}))
    beside.replace(folder / FILE)
