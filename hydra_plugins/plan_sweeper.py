"""Provide the sweeper of this project. Hydra's own would compose every job two more times."""

from __future__ import annotations

from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class PlanSweeper(Sweeper):
    """Launch the jobs of the plan, which was composed and checked when the sweep started.

    With `precision`, further seeds follow until the contrasts of the sweep are known as precisely.
    """

    def __init__(self, **params: Any) -> None:
        self.launcher: Launcher | None = None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        from pipeline.sweeps.callback import current_sweep

        assert self.launcher is not None
        sweep, launched = current_sweep(), 0
        while launched < len(sweep.plan.jobs):
            self.launcher.launch(sweep.plan.overrides[launched:], initial_job_idx=launched)
            launched = len(sweep.plan.jobs)
            sweep.add_seeds()
