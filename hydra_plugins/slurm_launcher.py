"""The launcher `hydra/launcher=slurm`. Hydra takes launchers from this package alone, and imports them
all at every start: what this one needs is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class SlurmLauncher(Launcher):
    """Submits the jobs of a sweep at once and returns when all have ended.

    A job that dies does not stop the others: its run is recorded as failed. Stopping the sweep cancels
    what has not ended.
    """

    def __init__(self, **params: Any) -> None:
        from hydra_plugins.hydra_submitit_launcher import submitit_launcher

        self.plugin = submitit_launcher.SlurmLauncher(**params)

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.plugin.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        from pipeline.sweeps.callback import fail_job
        from pipeline.sweeps.slurm import cancel, submit, wait

        jobs = submit(self.plugin, self.plugin.params, job_overrides, initial_job_idx)
        try:
            for position, reason in wait(jobs):
                fail_job(initial_job_idx + position, reason)
        except KeyboardInterrupt:
            cancel(jobs)
            raise
        return [JobReturn(status=JobStatus.COMPLETED) for _ in jobs]
