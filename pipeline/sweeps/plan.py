"""Plan a sweep: compose and check the configuration of every job once, before any work."""

from __future__ import annotations

import importlib.util
import itertools
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from pipeline.config.compose import build
from pipeline.config.data import AddingConfig
from pipeline.config.keys import SHARED
from pipeline.config.machine import check_device, check_memory, runs_that_fit
from pipeline.config.programs import describe_install
from pipeline.config.schema import ArchitectureConfig, RunConfig
from pipeline.config.typed import refuse_interval
from pipeline.errors import ConfigError

_MOST_RUNS = 10_000  # of one sweep: each is composed and checked before the first begins


@dataclass(frozen=True)
class PlannedJob:
    """Hold the configuration of a job and the overrides that it was composed from."""

    config: RunConfig
    overrides: list[str]


@dataclass(frozen=True)
class Plan:
    """Hold the jobs of a sweep and how they are run.

    jobs: in the order of their numbers; folder: for the sweep's files, with a subfolder for each job;
    parallel_jobs: the maximum number of concurrent jobs; on_cluster: whether Slurm runs them.
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

    def with_configs(self, configs: Sequence[RunConfig]) -> Plan:
        """Return the plan with other configurations of its jobs, in their order."""
        jobs = [replace(job, config=one) for job, one in zip(self.jobs, configs, strict=True)]
        return replace(self, jobs=jobs)

    def with_another_seed(self) -> Plan:
        """Return the plan with a further seed of every architecture, tuned values included.

        What starts its networks is to be found anew, unless it was given.
        """
        seed = max(config.seed for config in self.configs) + 1
        first = [job for job in self.jobs if job.config.seed == self.jobs[0].config.seed]
        added = [
            PlannedJob(
                replace(job.config, seed=seed, architecture=_begin_anew(job)),
                [*(one for one in job.overrides if not one.startswith("seed=")), f"seed={seed}"],
            )
            for job in first
        ]
        return replace(self, jobs=[*self.jobs, *added])


def _begin_anew(job: PlannedJob) -> ArchitectureConfig:
    """Return the architecture of a job as it was composed, before its `init_runs` were found."""
    given = any(one.startswith("architecture.init_runs=") for one in job.overrides)
    architecture = job.config.architecture
    return architecture if given else replace(architecture, init_runs=[])


def make_plan(config: DictConfig) -> Plan:
    """Compose and check every job of a sweep.

    config: the composed configuration, including Hydra's own.

    Raises:
      ConfigError: a setting is invalid, or differs between jobs although all must share it, or the
        launcher cannot be used here.
    """
    jobs = [
        PlannedJob(build(compose("config", overrides=overrides)), overrides)
        for overrides in expand_overrides(_parse_overrides(config))
    ]
    configs = [job.config for job in jobs]
    _check_shared_settings(configs)
    _check_contrasts(configs)
    launcher = config.hydra.launcher
    _check_launcher(launcher)
    on_cluster = uses_slurm(launcher)
    most = launcher.array_parallelism if on_cluster else _check_machine(configs)
    folder = Path(config.hydra.sweep.dir).resolve()
    return Plan(jobs, folder, min(most, len(jobs)), on_cluster)


def _parse_overrides(config: DictConfig) -> list[Override]:
    """Return the overrides of the experiment, then those of the command line, which take precedence."""
    params = OmegaConf.to_container(config.hydra.sweeper.get("params") or OmegaConf.create({}))
    assert isinstance(params, dict)
    texts = [f"{key}={value}" for key, value in params.items()]
    texts += list(config.hydra.overrides.task)
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    try:
        return parser.parse_overrides(texts)
    except HydraException as error:
        wrong = getattr(error, "override", texts)
        raise ConfigError(f"hydra.sweeper.params has {wrong}, which cannot be read") from None


def expand_overrides(overrides: list[Override]) -> list[list[str]]:
    """Return the overrides of every job: all combinations of values, the last list varying fastest.

    Raises:
      ConfigError: an override gives no values, a range instead of a list, or too many.
    """
    choices: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        choices[key] = [f"{key}={value}" for value in _values(key, override)]
    runs = math.prod(map(len, choices.values()))
    if runs > _MOST_RUNS:
        largest = max(choices, key=lambda key: len(choices[key]))
        raise ConfigError(
            f"{largest} has too many values: a run for every combination of values would be more than "
            f"{_MOST_RUNS:,} runs; give fewer"
        )
    return [list(job) for job in itertools.product(*choices.values())]


def _values(key: str, override: Override) -> list[str]:
    refuse_interval(override)
    if not override.is_sweep_override():
        return [override.get_value_element_as_str()]
    try:
        values = list(itertools.islice(override.sweep_string_iterator(), _MOST_RUNS + 1))
    except (ValueError, ZeroDivisionError) as error:  # such as a range with a step of 0
        raise ConfigError(f"{override.input_line} has no values: {error}") from None
    if not values:
        hint = f"{key}=0,1,2" if key == "seed" else f"{key}=..., with commas between"
        raise ConfigError(f"{override.input_line} has no values; write {hint}")
    return values


def _check_machine(configs: list[RunConfig]) -> int:
    """Return how many jobs may run at a time on this machine: as asked, and as fit into its memory."""
    check_device(configs[0].device)
    for config in configs:
        check_memory(config)
    return min(configs[0].device.workers, *map(runs_that_fit, configs))


def _check_shared_settings(configs: list[RunConfig]) -> None:
    for key in SHARED:
        if any(_shared_value(config, key) != _shared_value(configs[0], key) for config in configs):
            raise ConfigError(
                f"{key} has several values; all runs of a sweep share one: launch a sweep for each"
            )


def _check_contrasts(configs: list[RunConfig]) -> None:
    known = list(dict.fromkeys(config.architecture.name for config in configs))
    for name, weights in configs[0].contrasts.items():
        for architecture in weights:
            if architecture not in known:
                raise ConfigError(
                    f"contrasts.{name} names {architecture}, which is not in this sweep; it may name "
                    f"{', '.join(known)}"
                )
        if not any(weights.values()) or abs(sum(weights.values())) > 1e-9:
            shown = ", ".join(f"{one} {weight:g}" for one, weight in weights.items())
            raise ConfigError(f"contrasts.{name} is {shown}; its weights must sum to zero")


def _shared_value(config: RunConfig, key: str) -> Any:
    """Return the part of a setting that runs must share: the adding problem's length may vary."""
    value = getattr(config, key)
    return replace(value, length=2) if isinstance(value, AddingConfig) else value


def uses_slurm(launcher: DictConfig) -> bool:
    """Return whether a launcher submits its jobs to Slurm, where each has its own cores."""
    return "submitit_folder" in launcher


def _check_launcher(launcher: DictConfig) -> None:
    if not launcher.get("_target_", "").startswith(("hydra_plugins.cores", "hydra_plugins.slurm")):
        raise ConfigError("hydra/launcher is one of Hydra's own; use cores or slurm")
    if not uses_slurm(launcher):
        return
    if importlib.util.find_spec("submitit") is None:
        raise ConfigError(
            "hydra/launcher is slurm, but submitit is not installed; run "
            f"{describe_install('slurm')}"
        )
    if shutil.which("sbatch") is None:
        raise ConfigError(
            "hydra/launcher is slurm, but this machine has no sbatch; launch on a machine of the "
            "cluster, or leave the launcher out"
        )


def reject_single_run(launcher: DictConfig) -> None:
    """Reject the Slurm launcher for a single run, which Hydra would compute here, on the login node.

    Raises:
      ConfigError: the launcher is Slurm.
    """
    if uses_slurm(launcher):
        raise ConfigError("hydra/launcher is slurm, which needs a sweep; add -m, or leave it out")
