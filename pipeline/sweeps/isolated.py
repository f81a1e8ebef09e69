"""A job of a sweep in a process of its own, watched from the process that Hydra runs jobs in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.compose import as_plain
from pipeline.config.schema import RunConfig
from pipeline.runs.status import State, update_standing
from pipeline.sweeps.job import ABANDONED, DIVERGED, FAILED, FINISHED, is_gone
from pipeline.sweeps.slurm import warnings_held

if TYPE_CHECKING:
    from pipeline.tracking import Store
    from pipeline.tracking.store import Run

_STATES = {FINISHED: State.done, DIVERGED: State.diverged}


def run_job(config: RunConfig, sweep_dir: Path, job_dir: Path) -> int:
    """Runs one job in a process of its own; the exit status. Its lines are kept in `output.log` and
    repeated behind its name, unless a table shows how the sweep goes.
    """
    from pipeline.runs.start import find_done
    from pipeline.tracking import Store

    word = json.loads((sweep_dir / "sweep.json").read_text())
    if os.getpid() != word["launcher"]["pid"]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process of the sweep ends this one
    with _failure_left_in(job_dir):
        store = Store.of(config)
        done = find_done(store, config)
        if done is None:
            _run_in_process(store, config, word, job_dir)
        else:
            _leave_out(done, word, job_dir)
    # The sweep goes on; its end finds in the store what failed.
    return 0


def _leave_out(done: Run, word: dict[str, Any], job_dir: Path) -> None:
    """Leaves word of a job whose result the store holds."""
    finished, metrics = done.data.tags["outcome"] == "finished", done.data.metrics
    update_standing(
        job_dir,
        state=State.done_before if finished else State.diverged,
        val_accuracy=metrics.get("best/val_accuracy"),
        test_accuracy=metrics.get("test/accuracy"),
    )
    if word["lines"]:
        from pipeline.runs.start import say_done

        say_done(done)


def _run_in_process(store: Store, config: RunConfig, word: dict[str, Any], job_dir: Path) -> None:
    """A job that dies without a word is recorded as failed, with what the system says of its end."""
    from pipeline.tracking import ensure_failed

    update_standing(job_dir, state=State.running, epochs=config.train.epochs, started=time.time())
    description = job_dir / "job.json"
    if config.baseline:
        word = word | {"concurrent_runs": 1}  # it goes ahead of all others
    description.write_text(json.dumps({"config": as_plain(config)} | word, indent=1))
    output = job_dir / "output.log"
    reason = ""
    try:
        status = _run_process(description, output, padded_name(config) if word["lines"] else None)
    except Exception as error:  # as of Slurm's time limit, when it comes once too often
        status, reason = FAILED, " ".join(str(error).split())
    if is_gone(word["launcher"]):
        os._exit(ABANDONED)  # nobody waits for this process, and what was cut off is gone on with
    if status not in _STATES:
        reason = reason or (_last_line(output) if status == FAILED else _reason(status))
        ensure_failed(store, config, word["parent_run_id"], reason)
        if word["lines"]:
            print(f"{padded_name(config)}  {reason}; see {output}", flush=True)
    state = _STATES.get(status, State.failed)
    update_standing(job_dir, state=state, reason=reason, ended=time.time())


@contextmanager
def _failure_left_in(job_dir: Path) -> Iterator[None]:
    """Lets the table know of what keeps a job from running at all, such as a store without an answer."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:500] or type(error).__name__
        update_standing(job_dir, state=State.failed, reason=reason, ended=time.time())
        raise


def _run_process(description: Path, output: Path, name: str | None) -> int:
    with output.open("a") as kept, _begin(description) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                kept.write(line)
                kept.flush()
                if name is not None:
                    print(f"{name}  {line}", end="", flush=True)
        except BaseException:  # this process is stopped: the job loses nothing but its epoch
            process.kill()
            raise
    return process.returncode


def _begin(description: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pipeline.sweeps.job", str(description)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "100"}
    with warnings_held():
        return subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )


def _last_line(output: Path) -> str:
    lines = output.read_text().strip().splitlines()
    return lines[-1][:500] if lines else "failed without a word"


def _reason(status: int) -> str:
    if status >= 0:
        return f"its process ended with status {status}"
    name = signal.Signals(-status).name
    hint = ", as when memory runs out" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{hint}"


def padded_name(config: RunConfig) -> str:
    """What its lines begin with, as wide as that of any other."""
    return config.title.ljust(26)
