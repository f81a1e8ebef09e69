"""Provide the launcher `hydra/launcher=slurm`: Hydra looks for launchers in this package alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omegaconf import OmegaConf

from hydra_plugins._launcher import SweepLauncher


class SlurmLauncher(SweepLauncher):
    """Submit all jobs of a sweep to Slurm at once."""

    def __init__(self, **params: Any) -> None:
        plain = OmegaConf.to_container(OmegaConf.create(params), resolve=True)
        assert isinstance(plain, dict)
        self.params = {str(name): value for name, value in plain.items()}

    def run_jobs(self, jobs: Sequence[Any]) -> None:
        from pipeline.sweeps.slurm import run_jobs
        from pipeline.sweeps.watch import record_result

        run_jobs(jobs, self.params, record_result)
