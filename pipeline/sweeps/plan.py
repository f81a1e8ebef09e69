"""The plan of a sweep: the checked configuration of every job, composed once, before any work."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from pipeline.config.compose import build
from pipeline.config.schema import AddingConfig, RunConfig
from pipeline.errors import ConfigError

# What the jobs of a sweep have in common, since they are compared on one report.
_SHARED = ("name", "root", "tracking", "device", "data", "probe", "tuned")


@dataclass(frozen=True)
class PlannedJob:
    """overrides: those that its configuration was composed from."""

    config: RunConfig
    overrides: list[str]


@dataclass(frozen=True)
class Plan:
    """jobs: in the order of their numbers; folder: what the sweep writes beside the store, a folder
    for each job among it; parallel_jobs: how many jobs run side by side; on_cluster: on Slurm.
    """

    jobs: list[PlannedJob]
    folder: Path
    parallel_jobs: int
    on_cluster: bool

    @property
    def configs(self) -> list[RunConfig]:
        return [job.config for job in self.jobs]

    @property
    def overrides(self) -> list[list[str]]:
        return [job.overrides for job in self.jobs]


def make_plan(config: DictConfig) -> Plan:
    """Composes and checks every job of a sweep.

    config: the composed configuration, with what Hydra holds of itself.

    Raises:
      ConfigError: the first value, of the first job, that its key may not hold, or that differs
        between jobs where all must share it; or the launcher cannot be used here.
    """
    jobs = [
        PlannedJob(build(compose("config", overrides=overrides)), overrides)
        for overrides in expand_overrides(_parse_overrides(config))
    ]
    _check_shared_settings([job.config for job in jobs])
    launcher = config.hydra.launcher
    _check_launcher(launcher)
    on_cluster = uses_slurm(launcher)
    most = launcher.array_parallelism if on_cluster else jobs[0].config.device.workers
    folder = Path(config.hydra.sweep.dir).resolve()
    return Plan(jobs, folder, min(most, len(jobs)), on_cluster)


def _parse_overrides(config: DictConfig) -> list[Override]:
    """The overrides of the experiment, and then those of the command line, which win."""
    params = OmegaConf.to_container(config.hydra.sweeper.get("params") or OmegaConf.create({}))
    assert isinstance(params, dict)
    texts = [f"{key}={value}" for key, value in params.items()]
    texts += list(config.hydra.overrides.task)
    loader = GlobalHydra.instance().config_loader()
    return OverridesParser.create(config_loader=loader).parse_overrides(texts)


def expand_overrides(overrides: list[Override]) -> list[list[str]]:
    """Returns the overrides of every job: one of each list of values, the last list varying fastest.

    Raises:
      ConfigError: an override names a range of values without naming the values.
    """
    choices: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        if not override.is_sweep_override():
            values = [override.get_value_element_as_str()]
        elif override.is_discrete_sweep():
            values = list(override.sweep_string_iterator())
        else:
            raise ConfigError(
                f"{override.input_line} names no values; {key} may hold a list of values, such as 1,2"
            )
        choices[key] = [f"{key}={value}" for value in values]
    return [list(job) for job in itertools.product(*choices.values())]


def _check_shared_settings(configs: list[RunConfig]) -> None:
    for key in _SHARED:
        if any(_shared_value(config, key) != _shared_value(configs[0], key) for config in configs):
            raise ConfigError(
                f"{key} holds several values; one sweep, which is one report, has one"
            )


def _shared_value(config: RunConfig, key: str) -> Any:
    """What the runs of a sweep have in common, which the length of the adding problem need not be."""
    value = getattr(config, key)
    return replace(value, length=2) if isinstance(value, AddingConfig) else value


def uses_slurm(launcher: DictConfig) -> bool:
    """Whether a launcher hands its jobs to Slurm, where each has its own cores."""
    return "submitit_folder" in launcher


def _check_launcher(launcher: DictConfig) -> None:
    if not launcher.get("_target_", "").startswith(("hydra_plugins.cores", "hydra_plugins.slurm")):
        raise ConfigError("hydra/launcher is one of Hydra's own; it may hold cores or slurm")
    if not uses_slurm(launcher):
        return
    if importlib.util.find_spec("submitit") is None:
        raise ConfigError(
            "hydra/launcher is slurm, whose packages are missing; pip install -e '.[slurm]'"
        )
    if shutil.which("sbatch") is None:
        raise ConfigError(
            "hydra/launcher is slurm, and this machine has no sbatch; launch on a machine of the "
            "cluster, or leave the launcher out"
        )


def reject_single_run(launcher: DictConfig) -> None:
    """Raises `ConfigError` for one run, which Hydra would compute here, and be it on a login node."""
    if uses_slurm(launcher):
        raise ConfigError("hydra/launcher is slurm, which is for sweeps; add -m, or leave it out")
