"""Run the jobs of a sweep on Slurm: submit them as one array, wait for them, and cancel them.

submitit starts each job on its node and requeues it when it is preempted or out of time. Waiting is
implemented here: submitit detects dead jobs only by Slurm's accounting, which many clusters lack.
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

_POLL_SECONDS = 2.0  # between checks of the jobs' files
_SQUEUE_SECONDS = 20.0  # between calls of squeue, which load the controller for all users
_GONE = "gone from the queue"  # Slurm forgets a job some minutes after its end
_ENDED_STATES = frozenset(
    "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED TIMEOUT".split()
) | {_GONE}
# Since 22.05 Slurm does not pass the number of CPUs per task of a job on to its steps.
_PASS_ON_CPUS = '[ -z "$SLURM_CPUS_PER_TASK" ] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK'


def run_jobs(
    jobs: Sequence[JobDescription],
    params: dict[str, Any],
    on_end: Callable[[JobDescription, JobResult], None],
) -> None:
    """Submit jobs to Slurm, and return when all have ended.

    params: the settings under `hydra.launcher`; on_end: called for each job that Slurm ended, while
    the others record their own result. If this function is stopped, it cancels the remaining jobs.

    Raises:
      Failure: Slurm rejects the jobs.
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
    """Run the job described in a folder; submitit calls this on the node.

    When Slurm preempts the job or its time is up, submitit calls `checkpoint` and submits the result.
    """

    def __call__(self, folder: Path) -> None:
        job = JobDescription.read(folder)
        record_result(job, run_job(job))

    def checkpoint(self, folder: Path) -> DelayedSubmission:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, folder)


def submit(folders: Sequence[Path], params: dict[str, Any]) -> list[Job[Any]]:
    """Submit the jobs described in `folders` as one Slurm array.

    Raises:
      Failure: Slurm rejects the jobs.
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
        raise Failure(f"Slurm rejects the sweep: {reason}") from error
    log.warning("Submitted to Slurm as job %s (squeue --jobs=%s)", *[_array_id(jobs)] * 2)
    return jobs


@contextmanager
def _clean_slurm_environment() -> Iterator[None]:
    """Hide the environment of the Slurm job that launches the sweep, if any, from the submitted jobs."""
    from submitit.helpers import clean_env

    where = os.environ.get("SLURM_CONF")
    with clean_env():
        if where:
            os.environ["SLURM_CONF"] = where
        yield


def wait(jobs: list[Job[Any]]) -> Iterator[tuple[int, str]]:
    """Wait until all jobs have ended, and print their output.

    Yields:
      (position, reason) of each job that Slurm ended or that failed outside of its run.
    """
    left = [_SubmittedJob(job, position) for position, job in enumerate(jobs)]
    asked = time.monotonic()
    while left:
        time.sleep(_POLL_SECONDS)
        states = None
        if time.monotonic() - asked >= _SQUEUE_SECONDS:
            states, asked = _query_states(_array_id(jobs)), time.monotonic()
        for job in list(left):
            reason = job.end_reason(states)
            job.print_lines()
            if reason is not None:
                left.remove(job)
                if reason:
                    yield job.position, reason


def cancel(jobs: list[Job[Any]]) -> None:
    """Cancel the jobs at once: running ones by SIGKILL."""
    array_id = _array_id(jobs)
    for command in (["scancel", array_id], ["scancel", "--signal=KILL", array_id]):
        subprocess.run(command, capture_output=True, check=False)
    for _ in range(10):
        if set((_query_states(array_id) or {}).values()) <= _ENDED_STATES:
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

    def end_reason(self, states: dict[str, str] | None) -> str | None:
        """Return why the job died, "" if it ended by itself, None if it has not ended.

        states: Slurm's state of each job, None if it was not queried.
        """
        output = self.job.paths.stdout
        if self.job.paths.result_pickle.exists():
            return f"the job failed; see {output}" if self.job.exception() else ""
        if states is not None:
            state = states.get(self.job.job_id, _GONE)
            self.times_seen_dead = self.times_seen_dead + 1 if state in _ENDED_STATES else 0
            if self.times_seen_dead > 1:
                return f"Slurm ended job {self.job.job_id}: {state}; see {output}"
        return None

    def print_lines(self) -> None:
        """Print the complete lines that the job has written since the last call."""
        try:
            with self.job.paths.stdout.open("rb") as file:
                file.seek(self.printed)
                new = file.read()
        except OSError:  # not started yet
            return
        whole = new[: new.rfind(b"\n") + 1]
        self.printed += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            if not line.startswith("submitit "):  # submitit's own log
                print(line, flush=True)


def _array_id(jobs: list[Job[Any]]) -> str:
    return jobs[0].job_id.split("_")[0]


def _query_states(array_id: str) -> dict[str, str] | None:
    """Return Slurm's state of each job of an array, or None if Slurm does not answer."""
    command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i %T"]
    command.append(f"--jobs={array_id}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {} if "Invalid job id" in done.stderr else None
    return dict(line.split() for line in done.stdout.splitlines())
