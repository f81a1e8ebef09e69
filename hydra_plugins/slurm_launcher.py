"""The launcher `hydra/launcher=slurm`. Hydra takes launchers from this package alone, and imports them
all at every start: what this one needs is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class SlurmLauncher(Launcher):
    """Submits the jobs of a sweep to Slurm at once, and returns when all have ended."""

    def __init__(self, **params: Any) -> None:
        plain = OmegaConf.to_container(OmegaConf.create(params), resolve=True)
        assert isinstance(plain, dict)
        self.params = {str(name): value for name, value in plain.items()}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Needs nothing of Hydra's: the sweep holds the configurations."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        from pipeline.sweeps.callback import current_sweep
        from pipeline.sweeps.slurm import run_jobs
        from pipeline.sweeps.watch import record_result

        jobs = current_sweep().describe_jobs(job_overrides, initial_job_idx)
        run_jobs(jobs, self.params, record_result)
        return [JobReturn(status=JobStatus.COMPLETED) for _ in job_overrides]
