"""The process of a job, watched from the process that started it: its lines, and how it ended."""

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
from pipeline.runs.status import JobState, update_status
from pipeline.sweeps.job import DIVERGED, FAILED, FINISHED, JobDescription
from pipeline.tracking import Store, ensure_failed

_STATES = {FINISHED: JobState.done, DIVERGED: JobState.diverged}


@dataclass(frozen=True)
class JobResult:
    """How a job ended. reason: of a failure, in words."""

    state: JobState
    reason: str = ""


def start_process(job: JobDescription) -> subprocess.Popen[str]:
    """Starts the process of a job, which hears no Ctrl-C: that is for the sweep, which ends its jobs."""
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
    """A process started in here never gets a Ctrl-C, nor Slurm's warnings.

    Slurm sends its warnings to every process of a job. They are for submitit, in this process: it puts
    the job into the queue again, or lets it run until Slurm kills it. A process that they ended would
    look failed.
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
    """Runs one job until it ends. Its lines are kept, and repeated behind its name if it shows them."""
    try:
        epochs = job.config.train.epochs
        update_status(job.folder, state=JobState.running, epochs=epochs, started=time.time())
        status = _watch(job, start)
    except Exception as error:  # such as Slurm's time limit, when it has come once too often
        return JobResult(
            JobState.failed, " ".join(str(error).split())[:500] or type(error).__name__
        )
    if status in _STATES:
        return JobResult(_STATES[status])
    reason = _last_line(job.output) if status == FAILED else _describe_status(status)
    return JobResult(JobState.failed, reason)


def _watch(job: JobDescription, start: Callable[[JobDescription], subprocess.Popen[str]]) -> int:
    """Returns the exit status of the process; it is negative for a signal."""
    with job.output.open("a") as kept, start(job) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                kept.write(line)
                kept.flush()
                if job.echo_output:
                    print(f"{job.title}  {line}", end="", flush=True)
        except BaseException:  # this process is stopped: the job loses nothing but its epoch
            process.kill()
            raise
    return process.returncode


def record_result(job: JobDescription, ending: JobResult) -> None:
    """Writes how a job ended: into its folder, and a failure into the store, which may lack it."""
    try:
        update_status(job.folder, state=ending.state, reason=ending.reason, ended=time.time())
        if ending.state != JobState.failed:
            return
        if job.echo_output:
            print(f"{job.title}  {ending.reason}; see {job.output}", flush=True)
        ensure_failed(Store.of(job.config), job.config, job.parent_run_id, ending.reason)
    except Exception as error:  # such as a store that does not answer: the other jobs go on
        report_error(error)


def _last_line(output: Path) -> str:
    lines = output.read_text().strip().splitlines()
    return lines[-1][:500] if lines else "it failed and wrote nothing"


def _describe_status(status: int) -> str:
    if status >= 0:
        return f"its process ended with status {status}"
    name = signal.Signals(-status).name
    hint = ", as when memory runs out" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{hint}"
