"""The jobs of a sweep on Slurm: submitted as one array, waited for, cancelled.

submitit starts a job on its node, and puts one that is preempted or out of time into the queue again.
Waiting is done here: submitit learns of a death from Slurm's accounting alone, which many clusters do
without.
"""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import Failure
from pipeline.runs.status import JobState
from pipeline.sweeps.job import JobDescription
from pipeline.sweeps.watch import JobResult, record_result, run_job

if TYPE_CHECKING:  # an optional package
    from submitit import Job
    from submitit.helpers import DelayedSubmission

log = logging.getLogger(__name__)

_POLL_SECONDS = 2.0  # between looks at the files of the jobs
_SQUEUE_SECONDS = 20.0  # between questions to Slurm, which answers all of its users
_GONE = "gone"  # Slurm forgets a job some minutes after its end
_ENDED_STATES = frozenset(
    "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED TIMEOUT".split()
) | {_GONE}
# Slurm from 22.05 on does not tell a step how many CPUs its job has for each task.
_PASS_ON_CPUS = '[ -z "$SLURM_CPUS_PER_TASK" ] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK'


def run_jobs(
    jobs: Sequence[JobDescription],
    params: dict[str, Any],
    on_end: Callable[[JobDescription, JobResult], None],
) -> None:
    """Submits jobs to Slurm and returns when all have ended.

    params: what `hydra.launcher` holds. `on_end` is called for each job that Slurm ended; the others
    record how they ended by themselves. Whatever stops this function cancels all that has not ended.

    Raises:
      Failure: Slurm does not take them.
    """
    if not jobs:
        return
    submitted = submit([job.folder for job in jobs], params)
    try:
        for position, reason in wait(submitted):
            on_end(jobs[position], JobResult(JobState.failed, reason))
    except BaseException:
        cancel(submitted)
        raise


class NodeJob:
    """What submitit calls on a node: it runs the job that a folder describes.

    submitit asks for its checkpoint when Slurm preempts the job or its time is up, and submits that.
    """

    def __call__(self, folder: Path) -> None:
        job = JobDescription.read(folder)
        record_result(job, run_job(job))

    def checkpoint(self, folder: Path) -> DelayedSubmission:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, folder)


def submit(folders: Sequence[Path], params: dict[str, Any]) -> list[Job[Any]]:
    """Submits the jobs that are described in `folders` as an array of Slurm's.

    Raises:
      Failure: Slurm does not take them.
    """
    import submitit
    from submitit.core.utils import FailedJobError

    params = dict(params)
    folder, most = params.pop("submitit_folder"), params.pop("max_num_timeout")
    params["setup"] = [_PASS_ON_CPUS, *(params["setup"] or [])]
    executor = submitit.AutoExecutor(folder, "slurm", slurm_max_num_timeout=most)
    executor.update_parameters(**{f"slurm_{key}": value for key, value in params.items()})
    try:
        with _clean_slurm_environment():
            jobs = executor.map_array(NodeJob(), folders)
    except FailedJobError as error:
        reason = " ".join(str(error).split())
        raise Failure(f"Slurm does not take the sweep: {reason}") from error
    log.warning("Submitted to Slurm as job %s (squeue --jobs=%s)", *[_array_id(jobs)] * 2)
    return jobs


@contextmanager
def _clean_slurm_environment() -> Iterator[None]:
    """Hides the settings of the job of Slurm's that a sweep may be launched in from those it submits."""
    from submitit.helpers import clean_env

    where = os.environ.get("SLURM_CONF")
    with clean_env():
        if where:
            os.environ["SLURM_CONF"] = where
        yield


def wait(jobs: list[Job[Any]]) -> Iterator[tuple[int, str]]:
    """Waits until all jobs have ended, and repeats their lines.

    Yields: the position of each job that died, and why.
    """
    left = [_SubmittedJob(job, position) for position, job in enumerate(jobs)]
    asked = time.monotonic()
    while left:
        time.sleep(_POLL_SECONDS)
        states = None
        if time.monotonic() - asked >= _SQUEUE_SECONDS:
            states, asked = _query_states(_array_id(jobs)), time.monotonic()
        for job in list(left):
            ending = job.ending(states)
            job.repeat_lines()
            if ending is not None:
                left.remove(job)
                if ending:
                    yield job.position, ending


def cancel(jobs: list[Job[Any]]) -> None:
    """Ends the jobs at once: those that wait, and by SIGKILL those that run."""
    number = _array_id(jobs)
    for command in (["scancel", number], ["scancel", "--signal=KILL", number]):
        subprocess.run(command, capture_output=True, check=False)
    for _ in range(10):
        if set((_query_states(number) or {}).values()) <= _ENDED_STATES:
            return
        time.sleep(1)


@dataclass
class _SubmittedJob:
    """Track a job that has not ended.

    printed: bytes of its output that were printed; times_seen_dead: in how many successive queries
    Slurm reported it as ended. One is not enough: Slurm does so for a moment when a job finishes or is
    requeued.
    """

    job: Job[Any]
    position: int
    printed: int = 0
    times_seen_dead: int = 0

    def ending(self, states: dict[str, str] | None) -> str | None:
        """What it died of, or nothing where it ended by itself; None while it has not ended.

        states: of the jobs that Slurm knows, where it was asked.
        """
        output = self.job.paths.stdout
        if self.job.paths.result_pickle.exists():
            return f"its job failed; see {output}" if self.job.exception() else ""
        if states is not None:
            state = states.get(self.job.job_id, _GONE)
            self.times_seen_dead = self.times_seen_dead + 1 if state in _ENDED_STATES else 0
            if self.times_seen_dead > 1:
                return f"Slurm ended job {self.job.job_id}: {state}; see {output}"
        return None

    def repeat_lines(self) -> None:
        try:
            with self.job.paths.stdout.open("rb") as file:
                file.seek(self.printed)
                new = file.read()
        except OSError:  # it has not begun
            return
        whole = new[: new.rfind(b"\n") + 1]
        self.printed += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            if not line.startswith("submitit "):  # about itself
                print(line, flush=True)


def _array_id(jobs: list[Job[Any]]) -> str:
    return jobs[0].job_id.split("_")[0]


def _query_states(number: str) -> dict[str, str] | None:
    """Slurm's state of each job of an array; None where Slurm does not answer."""
    command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i %T"]
    command.append(f"--jobs={number}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {} if "Invalid job id" in done.stderr else None
    return dict(line.split() for line in done.stdout.splitlines())
