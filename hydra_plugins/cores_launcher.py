"""Provide the launcher `hydra/launcher=cores`.

Hydra imports all modules of this package at every start, so imports that take time are inside functions.
"""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class CoresLauncher(Launcher):
    """Run the jobs of a sweep in parallel on this machine."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Do nothing: the sweep holds the configurations."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs, and return when all have ended."""
        from pipeline.sweeps.callback import current_sweep
        from pipeline.sweeps.cores import run_jobs
        from pipeline.sweeps.watch import record_result

        jobs = current_sweep().describe_jobs(job_overrides, initial_job_idx)
        run_jobs(jobs, self.workers, record_result)
        return [JobReturn(status=JobStatus.COMPLETED) for _ in job_overrides]
