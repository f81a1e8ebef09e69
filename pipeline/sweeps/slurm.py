"""The jobs of a sweep on Slurm: submitted as one array, waited for, cancelled.

Hydra's submitit plugin starts a job on its node, and puts one that is preempted or out of time into
the queue again. It is not left to wait for them: it drops all jobs with the first one that dies, and
learns of a death from Slurm's accounting alone, which many clusters do without.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.singleton import Singleton
from omegaconf import DictConfig

from pipeline.errors import ConfigError, Failure

if TYPE_CHECKING:
    from submitit import Job

    from pipeline.tracking import Store

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0  # between looks at the files of the jobs
_ASK_SECONDS = 20.0  # between questions to Slurm, which answers all of its users
_GONE = "gone"  # Slurm forgets a job some minutes after its end
_DEAD = frozenset(
    "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED TIMEOUT".split()
) | {_GONE}
# Slurm from 22.05 on does not tell a step how many CPUs its job has for each task.
_HAND_ON_CPUS = '[ -z "$SLURM_CPUS_PER_TASK" ] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK'


def uses_slurm(launcher: DictConfig) -> bool:
    """Whether a launcher hands its jobs to Slurm, where each has its own cores."""
    return "submitit_folder" in launcher


def need_sbatch(launcher: DictConfig) -> None:
    """Raises `ConfigError` where a sweep is to be submitted from a machine that cannot."""
    if uses_slurm(launcher) and shutil.which("sbatch") is None:
        raise ConfigError(
            "hydra/launcher is slurm, and this machine has no sbatch; launch on a machine of the "
            "cluster, or leave the launcher out"
        )


def refuse_single_run(launcher: DictConfig) -> None:
    """Raises `ConfigError` for one run, which Hydra would compute here, and be it on a login node."""
    if uses_slurm(launcher):
        raise ConfigError("hydra/launcher is slurm, which is for sweeps; add -m, or leave it out")


def warn_of_one_file(store: Store) -> None:
    if store.is_local:
        log.warning(
            "All runs write into one SQLite file: where they run on several machines, launch with "
            "tracking.uri=http://..., the address of an MLflow server"
        )


@contextmanager
def warnings_held() -> Iterator[None]:
    """A process begun in here never hears Slurm's warnings.

    Slurm sends them to every process of a job. They are for submitit, in this one: it puts the job into
    the queue again, or lets it go on until Slurm kills it. A process that they ended would look failed.
    """
    in_job = os.environ.get("SUBMITIT_EXECUTOR") == "slurm"
    warnings = {signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2} if in_job else set()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, warnings)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def submit(
    run: Callable[..., Any],
    params: dict[str, Any],
    job_overrides: Sequence[Sequence[str]],
    first: int,
) -> list[Job[Any]]:
    """The jobs as an array of Slurm's.

    `run`: starts a job, as Hydra's plugin does. `params`: what `hydra.launcher` holds. `first`: number
    of the first job.

    Raises:
      Failure: Slurm does not take them.
    """
    import submitit
    from submitit.core.utils import FailedJobError

    params = dict(params)
    folder, most = params.pop("submitit_folder"), params.pop("max_num_timeout")
    params["setup"] = [_HAND_ON_CPUS, *(params["setup"] or [])]
    executor = submitit.AutoExecutor(folder, "slurm", slurm_max_num_timeout=most)
    executor.update_parameters(**{f"slurm_{key}": value for key, value in params.items()})
    state = Singleton.get_state()
    calls = [
        (list(overrides), "hydra.sweep.dir", number, str(number), state)
        for number, overrides in enumerate(job_overrides, first)
    ]
    try:
        with _outside_of_a_job():
            jobs = executor.map_array(run, *zip(*calls, strict=True))
    except FailedJobError as error:
        reason = " ".join(str(error).split())
        raise Failure(f"Slurm does not take the sweep: {reason}") from error
    log.warning("Submitted to Slurm as job %s (squeue --jobs=%s)", *[_number(jobs)] * 2)
    return jobs


@contextmanager
def _outside_of_a_job() -> Iterator[None]:
    """A sweep may be launched in a job of Slurm's, whose settings are not for those it submits."""
    from submitit.helpers import clean_env

    where = os.environ.get("SLURM_CONF")
    with clean_env():
        if where:
            os.environ["SLURM_CONF"] = where
        yield


def wait(jobs: list[Job[Any]]) -> Iterator[tuple[int, str]]:
    """Until all jobs have ended, repeating their lines; the position of each that died, and of what."""
    left = [_Awaited(job, position) for position, job in enumerate(jobs)]
    asked = time.monotonic()
    while left:
        time.sleep(_LOOK_SECONDS)
        states = None
        if time.monotonic() - asked >= _ASK_SECONDS:
            states, asked = _ask_for_states(_number(jobs)), time.monotonic()
        for job in list(left):
            ending = job.ending(states)
            job.repeat_lines()
            if ending is not None:
                left.remove(job)
                if ending:
                    yield job.position, ending


def cancel(jobs: list[Job[Any]]) -> None:
    """Ends the jobs at once: those that wait, and by SIGKILL those that run."""
    number = _number(jobs)
    for command in (["scancel", number], ["scancel", "--signal=KILL", number]):
        subprocess.run(command, capture_output=True, check=False)
    for _ in range(10):
        if set((_ask_for_states(number) or {}).values()) <= _DEAD:
            return
        time.sleep(1)


@dataclass
class _Awaited:
    """A job that has not ended. repeated: bytes of its output; seen_dead: how often, in a row, Slurm
    called it dead, which it does for a moment of one that has just ended or begins again.
    """

    job: Job[Any]
    position: int
    repeated: int = 0
    seen_dead: int = 0

    def ending(self, states: dict[str, str] | None) -> str | None:
        """What it died of, or nothing where it came to its end; None while it has not ended.

        states: of the jobs that Slurm knows, where it was asked.
        """
        output = self.job.paths.stdout
        if self.job.paths.result_pickle.exists():
            return f"its job failed; see {output}" if self.job.exception() else ""
        if states is not None:
            state = states.get(self.job.job_id, _GONE)
            self.seen_dead = self.seen_dead + 1 if state in _DEAD else 0
            if self.seen_dead > 1:
                return f"Slurm ended job {self.job.job_id}: {state}; see {output}"
        return None

    def repeat_lines(self) -> None:
        try:
            with self.job.paths.stdout.open("rb") as file:
                file.seek(self.repeated)
                new = file.read()
        except OSError:  # it has not begun
            return
        whole = new[: new.rfind(b"\n") + 1]
        self.repeated += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            if not line.startswith("submitit "):  # about itself
                print(line, flush=True)


def _number(jobs: list[Job[Any]]) -> str:
    return jobs[0].job_id.split("_")[0]


def _ask_for_states(number: str) -> dict[str, str] | None:
    """Slurm's state of each job of an array; None where Slurm does not answer."""
    command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i %T"]
    command.append(f"--jobs={number}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {} if "Invalid job id" in done.stderr else None
    return dict(line.split() for line in done.stdout.splitlines())
