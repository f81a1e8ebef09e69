"""The launcher `hydra/launcher=slurm`: every job of a sweep is a job of Slurm's. Hydra takes launchers
from this package alone.

Hydra's submitit plugin submits the jobs, starts them on their nodes and puts one that is preempted or
out of time into the queue again. Waiting is done here, because the plugin drops all jobs with the
first one that dies, and asks Slurm's accounting, without which many clusters live, which one has.
"""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from submitit import SlurmJob

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0  # between looks at the files of the jobs
_ASK_SECONDS = 20.0  # between questions to Slurm, which answers all of its users
_GONE = "gone"  # Slurm forgets a job some minutes after its end
_DEAD = frozenset(
    "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED TIMEOUT".split()
) | {_GONE}
# Slurm from 22.05 on does not tell a step how many CPUs its job has for each task.
_HAND_ON_CPUS = '[ -z "$SLURM_CPUS_PER_TASK" ] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK'


class SlurmLauncher(Launcher):
    """Submits the jobs of a sweep at once, says what they say, and returns when all have ended.

    A job that dies does not stop the others: its run is recorded as failed. Stopping the sweep cancels
    what has not ended.
    """

    def __init__(self, **params: Any) -> None:
        # Hydra imports every launcher at every start: what this one needs is imported when it is used.
        from hydra_plugins.hydra_submitit_launcher import submitit_launcher

        self.plugin = submitit_launcher.SlurmLauncher(**params)

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.plugin.setup(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        from experiments.sweep import fail_job

        jobs = self._submit(job_overrides, initial_job_idx)
        number = jobs[0].job_id.split("_")[0]
        log.warning("Submitted to Slurm as job %s (squeue --jobs=%s)", number, number)
        try:
            for position, reason in _wait(jobs, number):
                fail_job(initial_job_idx + position, reason)
        except KeyboardInterrupt:
            _cancel(number)
            raise
        return [JobReturn(status=JobStatus.COMPLETED) for _ in jobs]

    def _submit(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[SlurmJob[Any]]:
        """The jobs as an array of Slurm's.

        Raises:
          Failure: Slurm does not take them.
        """
        import submitit
        from submitit.core.utils import FailedJobError

        from experiments.program import Failure

        params = dict(self.plugin.params)
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
                return executor.map_array(self.plugin, *zip(*calls, strict=True))
        except FailedJobError as error:
            reason = " ".join(str(error).split())
            raise Failure(f"Slurm does not take the sweep: {reason}") from error


@contextmanager
def _outside_of_a_job() -> Iterator[None]:
    """A sweep may itself be launched in a job of Slurm's, whose settings are not for those it submits."""
    from submitit.helpers import clean_env

    where = os.environ.get("SLURM_CONF")
    with clean_env():
        if where:
            os.environ["SLURM_CONF"] = where
        yield


def _wait(jobs: list[SlurmJob[Any]], number: str) -> Iterator[tuple[int, str]]:
    """Until all jobs have ended; yields the position of each that died, and of what."""
    left = [_Awaited(job, position) for position, job in enumerate(jobs)]
    asked = time.monotonic()
    while left:
        time.sleep(_LOOK_SECONDS)
        states = None
        if time.monotonic() - asked >= _ASK_SECONDS:
            states, asked = _ask_for_states(number), time.monotonic()
        for job in list(left):
            ending = job.ending(states)
            job.repeat_lines()
            if ending is not None:
                left.remove(job)
                if ending:
                    yield job.position, ending


@dataclass
class _Awaited:
    """A job that has not ended. repeated: bytes of its output; seen_dead: how often, in a row, Slurm
    called it dead, which it does for a moment of one that has just ended or begins again.
    """

    job: SlurmJob[Any]
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


def _ask_for_states(number: str) -> dict[str, str] | None:
    """Slurm's state of each job of an array; None where Slurm does not answer."""
    command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i %T"]
    command.append(f"--jobs={number}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {} if "Invalid job id" in done.stderr else None
    return dict(line.split() for line in done.stdout.splitlines())


def _cancel(number: str) -> None:
    """Ends the jobs at once: those that wait, and by SIGKILL those that run."""
    for command in (["scancel", number], ["scancel", "--signal=KILL", number]):
        subprocess.run(command, capture_output=True, check=False)
    for _ in range(10):
        if set((_ask_for_states(number) or {}).values()) <= _DEAD:
            return
        time.sleep(1)
