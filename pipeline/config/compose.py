"""Build a checked `RunConfig` from the tree that Hydra composes.

Hydra composes the files under `conf/` onto the dataclasses of `pipeline.config.schema`; `build` turns
the tree into plain objects and checks every value, so that each stage can trust its sub-config.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from pipeline.cells import cells
from pipeline.config import parameter_counts
from pipeline.config.data import DATA, AddingConfig
from pipeline.config.schema import (
    BASELINE,
    CONF,
    SECTIONS,
    ArchitectureConfig,
    Device,
    ForgetBias,
    RunConfig,
)
from pipeline.errors import ConfigError


def register_schemas() -> None:
    """Register the dataclasses with Hydra, under the names that the files in `conf/` refer to."""
    OmegaConf.register_new_resolver("default_workers", default_workers, replace=True)
    store = ConfigStore.instance()
    store.store(name="run_schema", node=RunConfig)
    for name, node in (DATA | SECTIONS).items():
        store.store(group="schema", name=name, node=node)


def default_workers(device: Device | str) -> int:
    """Return the number of parallel runs: one per available core, or a single one on a GPU."""
    kind = getattr(device, "name", device)  # OmegaConf passes the member of the enum
    on_gpu = kind == "gpu" or (kind == "auto" and has_gpu())
    return 1 if on_gpu else available_cores()


def available_cores() -> int:
    """Return how many cores this process may use; in a Slurm job, at most those allocated to it."""
    bound = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if bound else os.cpu_count() or 1
    return min(cores, int(os.environ.get("SLURM_CPUS_ON_NODE", cores)))


def has_gpu() -> bool:
    """Return whether an NVIDIA device is visible, without importing TensorFlow."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(Path("/dev").glob("nvidia[0-9]*"))


def build(tree: DictConfig, *, check_files: bool = True) -> RunConfig:
    """Return the composed tree as checked objects.

    check_files: whether the files that it names must exist.

    Raises:
      ConfigError: a value is missing or not allowed.
    """
    _refuse_unknown(RunConfig, tree)
    try:
        config = OmegaConf.to_object(tree)
    except MissingMandatoryValue as error:
        key = str(error.full_key)
        raise ConfigError(f"{key} is not set; add {key}=...") from None
    assert isinstance(config, RunConfig)
    check(config, check_files=check_files)
    _resolve_architecture(config)
    _resolve_paths(config)
    return baseline_of(config) if config.baseline else config


def _refuse_unknown(schema: type, tree: DictConfig, prefix: str = "") -> None:
    """Raise `ConfigError` for an unknown key, which Hydra accepts as `+name=value`."""
    known = {entry.name for entry in dataclasses.fields(schema)}
    for name in tree:
        if name not in known:
            raise ConfigError(
                f"unknown key {prefix}{name}; {schema.__name__} has {', '.join(sorted(known))}"
            )
        if not OmegaConf.is_missing(tree, name) and isinstance(tree[name], DictConfig):
            section = OmegaConf.get_type(tree, name)
            if section is None or not dataclasses.is_dataclass(section):
                continue  # free keys, such as the names of contrasts
            _refuse_unknown(section, tree[name], f"{prefix}{name}.")


def _resolve_architecture(config: RunConfig) -> None:
    """Set `units` and `chrono_steps` from other settings, so that they are stored with the run."""
    architecture = config.architecture
    if architecture.forget_bias != ForgetBias.unit:
        able = [cell.name for cell in cells() if cell.has_forget_bias]
        if architecture.cell not in able:
            raise ConfigError(
                f"architecture.forget_bias is {architecture.forget_bias.name}, which requires cell "
                f"{' or '.join(able)}; with architecture.cell={architecture.cell} it must be unit"
            )
    if architecture.forget_bias == ForgetBias.chrono and architecture.chrono_steps is None:
        steps = config.tokenizer.max_length
        steps = config.data.length if isinstance(config.data, AddingConfig) else steps
        architecture.chrono_steps = max(2, steps)
    if architecture.recurrent_parameters is not None:
        layers = architecture.recurrent_layers
        if config.data.features is not None:
            layers = dataclasses.replace(layers, features=config.data.features)
        architecture.units = _solve_units(architecture, layers)


def _solve_units(architecture: ArchitectureConfig, layers: parameter_counts.RecurrentLayers) -> int:
    weights = architecture.recurrent_parameters
    assert weights is not None
    units = layers.solve_units(weights)
    found = layers.count_weights(units)
    if abs(found - weights) > parameter_counts.TOLERANCE * weights:
        raise ConfigError(
            f"architecture.recurrent_parameters is {weights}, and no number of units of "
            f"{architecture.name} comes within {parameter_counts.TOLERANCE:.0%} of it; the closest is "
            f"{found}, with {units} units"
        )
    return units


def _resolve_paths(config: RunConfig) -> None:
    """Make paths absolute, because jobs run in other folders."""
    config.root = str(Path(config.root).expanduser().resolve())
    for name in ("path", "test_path", "data_dir"):
        value = getattr(config.data, name, None)
        if value and "://" not in value:
            setattr(config.data, name, str(Path(value).expanduser().resolve()))


def check(config: RunConfig, *, check_files: bool = True) -> None:
    """Raise `ConfigError` for the first value that is not allowed."""
    if "@" in (config.tracking.uri or ""):
        # Do not print the address: a configuration is stored with every run, secrets included.
        raise ConfigError(
            "tracking.uri contains a user or a password; remove them from the address and set the "
            "environment variables MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
            "MLFLOW_TRACKING_TOKEN"
        )
    for key, value, metadata in _walk(config):
        if "by_content" in metadata and not check_files:
            continue
        if "check" in metadata and not metadata["check"](value):
            raise ConfigError(f"{key} is {_format(value)}; it must be {metadata['expected']}")
    if config.architecture.name == BASELINE and not config.baseline:
        raise ConfigError(
            f"architecture.name is {BASELINE}, which is reserved for the baseline (baseline=true)"
        )
    if config.baseline and isinstance(config.data, AddingConfig):
        raise ConfigError(
            "baseline is true, but the baseline needs texts; with data=adding it must be false"
        )


def baseline_of(config: RunConfig) -> RunConfig:
    """Return the configuration of the baseline for a run: the same texts, read whole.

    It runs on the CPU: the machine that launches the sweep of a cluster often has no GPU.
    """
    return dataclasses.replace(
        config,
        tokenizer=dataclasses.replace(config.tokenizer, max_length=2**31 - 1),
        architecture=dataclasses.replace(config.architecture, name=BASELINE),
        device=dataclasses.replace(config.device, kind=Device.cpu),
        seed=0,
        baseline=True,
    )


def expected_value(key: str) -> str | None:
    """Return what the value at a dotted key such as `architecture.units` must be, if it is checked."""
    for known, entry in _fields():
        if known == key:
            return entry.metadata.get("expected")
    return None


def known_keys() -> set[str]:
    """Return every dotted key that a run may set."""
    return {key for key, _ in _fields()}


def _fields() -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    sections = [*SECTIONS.items(), *(("data", node) for node in DATA.values())]
    for name, section in sections:
        for entry in dataclasses.fields(section):
            yield f"{name}.{entry.name}", entry
    for entry in dataclasses.fields(RunConfig):
        yield entry.name, entry


def _walk(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    for entry in dataclasses.fields(config):
        value = getattr(config, entry.name)
        if dataclasses.is_dataclass(value):
            yield from _walk(value, f"{prefix}{entry.name}.")
        else:
            yield f"{prefix}{entry.name}", value, entry.metadata


def _format(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_format, value))}]"
    return value.name if isinstance(value, Enum) else repr(value)


def as_plain(config: Any) -> dict[str, Any]:
    """Return a config as nested dictionaries of JSON values, enums by name."""
    return json.loads(json.dumps(dataclasses.asdict(config), default=lambda value: value.name))


def as_used(config: RunConfig) -> dict[str, Any]:
    """Return `as_plain` without the settings that have no effect on the data of this run."""
    plain = as_plain(config)
    for key in config.data.unused:
        *sections, name = key.split(".")
        del (plain[sections[0]] if sections else plain)[name]
    return plain


def without_effect(config: RunConfig) -> list[str]:
    """Return the keys that were set to other than their default but have no effect on this run."""
    sections = {name: section() for name, section in SECTIONS.items()}
    standard = dataclasses.replace(config, data=type(config.data)(), tuned=[], **sections)
    defaults = {key: value for key, value, _ in _walk(standard)}
    unused = tuple(f"{key}." for key in config.data.unused)
    return [
        key
        for key, value, _ in _walk(config)
        if f"{key}.".startswith(unused) and value != defaults[key]
    ]


def from_plain(plain: dict[str, Any], *, check_files: bool = True) -> RunConfig:
    """Return the config that `as_plain` wrote.

    check_files: whether its tables must still be where they were.

    Raises:
      ConfigError: it is of another version or no longer valid, such as the path of a removed table.
    """
    sections = {name: section() for name, section in SECTIONS.items()}
    if "control" in plain:  # the name of `baseline` in stores of version 0.1
        plain = {"baseline" if key == "control" else key: value for key, value in plain.items()}
    try:
        schema = RunConfig(data=DATA[plain["data"]["kind"]](), **sections)
        tree = OmegaConf.merge(OmegaConf.structured(schema), plain)
    except (OmegaConfBaseException, KeyError, TypeError) as error:
        raise ConfigError(f"not a configuration of a run: {str(error).splitlines()[0]}") from error
    assert isinstance(tree, DictConfig)
    return build(tree, check_files=check_files)


def load_architectures() -> dict[str, ArchitectureConfig]:
    """Return every preset of `conf/architecture`, by name."""
    register_schemas()
    names = sorted(path.stem for path in (CONF / "architecture").glob("*.yaml"))
    with initialize_config_dir(str(CONF), version_base="1.3"):
        trees = [compose("config", overrides=[f"architecture={name}"]) for name in names]
    return {name: build(tree).architecture for name, tree in zip(names, trees, strict=True)}
