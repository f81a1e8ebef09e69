"""The base of both launchers. Hydra looks for no launcher in a file whose name begins with `_`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class SweepLauncher(Launcher):
    """Hand the jobs of the sweep to `run_jobs`, which returns when all have ended."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Do nothing: the sweep holds the configurations."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        # Hydra imports all launchers at every start, so imports that take time are inside functions.
        from pipeline.sweeps.callback import current_sweep

        self.run_jobs(current_sweep().describe_jobs(job_overrides, initial_job_idx))
        return [JobReturn(status=JobStatus.COMPLETED) for _ in job_overrides]

    @abstractmethod
    def run_jobs(self, jobs: Sequence[Any]) -> None:
        """Run jobs, each described by a `pipeline.sweeps.job.JobDescription`."""
