"""Start the process of a job, collect its output, and record how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.command_line import report_error
from pipeline.config.programs import say
from pipeline.runs.status import JobState, update_status
from pipeline.sweeps.job import DIVERGED, FAILED, FINISHED, NO_DATA, JobDescription
from pipeline.tracking import Store, ensure_failed

_STATES = {FINISHED: JobState.done, DIVERGED: JobState.diverged}


@dataclass(frozen=True)
class JobResult:
    """Hold the final state of a job and, if it failed, the reason.

    was_killed: a signal ended its process, which says nothing about its settings; has_no_data: the data
    cannot be used, by any run.
    """

    state: JobState
    reason: str = ""
    was_killed: bool = False
    has_no_data: bool = False


def start_process(job: JobDescription) -> subprocess.Popen[str]:
    """Start the process of a job. It ignores Ctrl-C: the sweep handles that and ends its jobs."""
    command = [sys.executable, "-m", "pipeline.sweeps.job", str(job.folder)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "100"}
    with signals_blocked():
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Block Ctrl-C, and Slurm's warning signals, for processes started in the block.

    Slurm sends its warnings to all processes of a job. Only submitit, in this process, must handle them:
    it requeues the job or lets it run until Slurm kills it. A child ended by a warning would count as
    failed.
    """
    held = {signal.SIGINT}
    if os.environ.get("SUBMITIT_EXECUTOR") == "slurm":
        held |= {signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_job(
    job: JobDescription,
    start: Callable[[JobDescription], subprocess.Popen[str]] = start_process,
) -> JobResult:
    """Run one job until it ends. Its output is written to its file, and printed with `echo_output`."""
    try:
        update_status(job.folder, state=JobState.running, started=time.time(), reason="")
        if job.echo_output:
            say(f"{job.title}  Starting")
        status = _watch(job, start)
    except Exception as error:  # for example, submitit has requeued the job too often
        return JobResult(
            JobState.failed, " ".join(str(error).split())[:500] or type(error).__name__
        )
    if status in _STATES:
        return JobResult(_STATES[status])
    reason = _last_line(job.output) if status in (FAILED, NO_DATA) else _describe_status(status)
    return JobResult(JobState.failed, reason, was_killed=status < 0, has_no_data=status == NO_DATA)


def _watch(job: JobDescription, start: Callable[[JobDescription], subprocess.Popen[str]]) -> int:
    """Return the exit status of the process; negative if a signal ended it."""
    with job.output.open("a") as kept, start(job) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                kept.write(line)
                kept.flush()
                if job.echo_output:
                    print(f"{job.title}  {line}", end="", flush=True)
        except BaseException:  # this process is being stopped: only the current epoch is lost
            process.kill()
            raise
    return process.returncode


def put_back(job: JobDescription, result: JobResult) -> None:
    """Show a job as waiting again, and say why."""
    update_status(job.folder, state=JobState.waiting, reason=result.reason)
    if job.echo_output:
        say(f"{job.title}  {result.reason}; it is resumed after the other runs")


def record_result(job: JobDescription, result: JobResult) -> None:
    """Write the result of a job to its folder, and make sure that the store has a failure."""
    try:
        update_status(job.folder, state=result.state, reason=result.reason, ended=time.time())
        if result.state != JobState.failed:
            return
        if job.echo_output:
            print(f"{job.title}  {result.reason}; see {job.output}", flush=True)
        ensure_failed(Store.of(job.config), job.config, job.parent_run_id, result.reason)
    except Exception as error:  # for example, the store does not answer: other jobs continue
        report_error(error)


def _last_line(output: Path) -> str:
    lines = output.read_text().strip().splitlines()
    return lines[-1][:500] if lines else "the job failed without output"


def _describe_status(status: int) -> str:
    if status >= 0:
        return f"the job's process exited with status {status}"
    name = signal.Signals(-status).name
    hint = ", possibly out of memory" if name == "SIGKILL" else ""
    return f"the job's process was ended by {name}{hint}"
