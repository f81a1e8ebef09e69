"""Provide the launcher `hydra/launcher=cores`: Hydra looks for launchers in this package alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra_plugins._launcher import SweepLauncher


class CoresLauncher(SweepLauncher):
    """Run the jobs of a sweep in parallel on this machine."""

    def run_jobs(self, jobs: Sequence[Any]) -> None:
        from pipeline.sweeps.callback import current_sweep
        from pipeline.sweeps.cores import run_jobs
        from pipeline.sweeps.watch import record_result

        run_jobs(jobs, current_sweep().plan.parallel_jobs, record_result)
