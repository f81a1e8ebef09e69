"""Exchange the progress of a job of a sweep through a small file in its folder.

The job and the process that watches it write the file, never at the same time; the sweep's table reads
it. A file works with every launcher, even if the job runs on another machine that shares the folder.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from pipeline.files import replacing

FILE = "progress.json"


class JobState(Enum):
    """Name the state of a job, as the sweep's table shows it."""

    waiting = "waiting"
    running = "running"
    done = "done"
    done_before = "done before"  # by an earlier launch
    diverged = "diverged"
    failed = "failed"


@dataclass(frozen=True)
class JobStatus:
    """Describe the progress of a job.

    epoch: the current or last one, 0 before the first; share: the part of it that is done, 0 to 1;
    val_accuracy, or val_perplexity of a language model: of the last complete epoch, at the end of the
    best one; tokens_per_second: of the last
    complete epoch; resumed: epochs completed before the last interruption; started, ended: seconds
    since 1970; reason: of a failure; stage: what a running job does, in one word.
    """

    state: JobState = JobState.waiting
    epoch: int = 0
    epochs: int = 0
    share: float = 0.0
    val_accuracy: float | None = None
    test_accuracy: float | None = None
    val_perplexity: float | None = None
    test_perplexity: float | None = None
    tokens_per_second: float | None = None
    resumed: int = 0
    started: float | None = None
    ended: float | None = None
    reason: str = ""
    stage: str = ""

    @property
    def is_over(self) -> bool:
        return self.state not in (JobState.waiting, JobState.running)

    @property
    def progress(self) -> float:
        """Return the share of all epochs that is done; below 1 at the end after early stopping."""
        return self._share(0)

    @property
    def progress_since_resume(self) -> float:
        """Return the share that is done of the epochs remaining when the job started or resumed."""
        return self._share(self.resumed)

    def _share(self, before: int) -> float:
        left = self.epochs - before
        return max(0.0, self.epoch - 1 + self.share - before) / left if left > 0 else 0.0

    def seconds(self, now: float) -> float | None:
        """Return how long the job has run by `now`, or ran; never negative, even if clocks differ."""
        if self.started is None:
            return None
        return max(0.0, (self.ended or now) - self.started)

    def expected_seconds(self, now: float) -> float:
        """Estimate the total duration of the job from its pace until `now`."""
        return (self.seconds(now) or 0.0) / (self.progress_since_resume or 1.0)


def read_status(folder: Path) -> JobStatus | None:
    """Return the status of a job, or None if its file is missing or not readable at the moment."""
    try:
        plain = json.loads((folder / FILE).read_text())
        return JobStatus(**plain | {"state": JobState[plain["state"]]})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def update_status(folder: Path, **changes: Any) -> None:
    """Change fields of a job's status. The file is replaced atomically.

    The launcher writes it before and after the job, the job meanwhile: never two at once.
    """
    status = replace(read_status(folder) or JobStatus(), **changes)
    with replacing(folder / FILE, alone=True) as temporary:
        temporary.write_text(json.dumps(asdict(status) | {"state": status.state.name}))
