"""A composed tree -> a checked `RunConfig`.

Hydra composes the files under `conf/` onto the dataclasses of `pipeline.config.schema`; `build` turns
the tree into plain objects and checks every value, so that each stage can trust the sub-config it is
given.
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
from pipeline.config import parameter_counts as sizes
from pipeline.config.schema import (
    BASELINE,
    CONF,
    DATA,
    SECTIONS,
    AddingConfig,
    ArchitectureConfig,
    Device,
    ForgetBias,
    RunConfig,
)
from pipeline.errors import ConfigError


def register_schemas() -> None:
    """Makes the dataclasses known to Hydra, under the names that the files in `conf/` build on."""
    OmegaConf.register_new_resolver("default_workers", default_workers, replace=True)
    store = ConfigStore.instance()
    store.store(name="run_schema", node=RunConfig)
    for name, node in (DATA | SECTIONS).items():
        store.store(group="schema", name=name, node=node)


def default_workers(device: Device | str) -> int:
    """Runs at a time: one for each core this process may use, and one alone on a GPU."""
    kind = getattr(device, "name", device)  # OmegaConf hands over the member of the enum
    on_gpu = kind == "gpu" or (kind == "auto" and has_gpu())
    return 1 if on_gpu else available_cores()


def available_cores() -> int:
    """The cores this process may use; in a job of Slurm's those it was given, bound to them or not."""
    bound = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if bound else os.cpu_count() or 1
    return min(cores, int(os.environ.get("SLURM_CPUS_ON_NODE", cores)))


def has_gpu() -> bool:
    """Whether an NVIDIA device is visible, found out without TensorFlow."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(Path("/dev").glob("nvidia[0-9]*"))


def build(tree: DictConfig) -> RunConfig:
    """The composed tree as checked objects.

    Raises:
      ConfigError: a value is missing or outside what its field may hold.
    """
    _refuse_unknown(RunConfig, tree)
    try:
        config = OmegaConf.to_object(tree)
    except MissingMandatoryValue as error:
        key = str(error.full_key)
        raise ConfigError(f"{key} is not set; give it as {key}=...") from None
    assert isinstance(config, RunConfig)
    check(config)
    _resolve_architecture(config)
    _resolve_paths(config)
    return baseline_of(config) if config.baseline else config


def _refuse_unknown(schema: type, tree: DictConfig, prefix: str = "") -> None:
    """Hydra lets `+name=value` add any key, which would then do nothing."""
    known = {entry.name for entry in dataclasses.fields(schema)}
    for name in tree:
        if name not in known:
            raise ConfigError(
                f"unknown key {prefix}{name}; {schema.__name__} has {', '.join(sorted(known))}"
            )
        if not OmegaConf.is_missing(tree, name) and isinstance(tree[name], DictConfig):
            section = OmegaConf.get_type(tree, name)
            assert section is not None
            _refuse_unknown(section, tree[name], f"{prefix}{name}.")


def _resolve_architecture(config: RunConfig) -> None:
    """What follows from other settings, so that it stands with the run: units, and steps to remember."""
    architecture = config.architecture
    if architecture.forget_bias != ForgetBias.unit:
        able = [cell.name for cell in cells() if cell.has_forget_bias]
        if architecture.cell not in able:
            raise ConfigError(
                f"architecture.forget_bias is {architecture.forget_bias.name}, which is for "
                f"{' or '.join(able)}; with architecture.cell {architecture.cell} it may hold unit"
            )
    if architecture.forget_bias == ForgetBias.chrono and architecture.chrono_steps is None:
        read = config.tokenizer.max_length
        read = config.data.length if isinstance(config.data, AddingConfig) else read
        architecture.chrono_steps = max(2, read)
    if architecture.recurrent_parameters is not None:
        layers = architecture.recurrent_layers
        if config.data.features is not None:
            layers = dataclasses.replace(layers, features=config.data.features)
        architecture.units = _solve_units(architecture, layers)


def _solve_units(architecture: ArchitectureConfig, layers: sizes.RecurrentLayers) -> int:
    weights = architecture.recurrent_parameters
    assert weights is not None
    units = layers.solve_units(weights)
    found = layers.count_weights(units)
    if abs(found - weights) > sizes.TOLERANCE * weights:
        raise ConfigError(
            f"architecture.recurrent_parameters is {weights}, and no units of {architecture.name} come "
            f"within {sizes.TOLERANCE:.0%} of it; it may hold {found}, the weights of {units} units"
        )
    return units


def _resolve_paths(config: RunConfig) -> None:
    """Paths as seen from where the program was started: jobs run elsewhere."""
    config.root = str(Path(config.root).expanduser().resolve())
    for name in ("path", "test_path", "data_dir"):
        value = getattr(config.data, name, None)
        if value and "://" not in value:
            setattr(config.data, name, str(Path(value).expanduser().resolve()))


def check(config: RunConfig) -> None:
    """Raises `ConfigError` for the first value that its field may not hold."""
    if "@" in (config.tracking.uri or ""):
        # Not shown: the configuration is kept with every run, and so would be what is secret in it.
        raise ConfigError(
            "tracking.uri holds a user or a password; take them out of the address, and set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, in the "
            "environment"
        )
    for key, value, metadata in _walk(config):
        if "check" in metadata and not metadata["check"](value):
            raise ConfigError(f"{key} is {_shown(value)}; it may hold {metadata['may_hold']}")
    if config.architecture.name == BASELINE and not config.baseline:
        raise ConfigError(
            f"architecture.name is {BASELINE}, which is the baseline's (baseline=true)"
        )
    if config.baseline and isinstance(config.data, AddingConfig):
        raise ConfigError(
            "baseline is true, which is for texts; with data=adding it may hold false"
        )


def baseline_of(config: RunConfig) -> RunConfig:
    """The order-free baseline that stands beside a run: on the same texts, which it reads whole.

    It asks for no GPU: there is often none where the sweep of a cluster is launched.
    """
    return dataclasses.replace(
        config,
        tokenizer=dataclasses.replace(config.tokenizer, max_length=2**31 - 1),
        architecture=dataclasses.replace(config.architecture, name=BASELINE),
        device=dataclasses.replace(config.device, kind=Device.cpu),
        seed=0,
        baseline=True,
    )


def may_hold(key: str) -> str | None:
    """What the value at a dotted key such as `architecture.units` may hold, where that is said."""
    for known, entry in _fields():
        if known == key:
            return entry.metadata.get("may_hold")
    return None


def known_keys() -> set[str]:
    """Every dotted key that a run may set."""
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


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_shown, value))}]"
    return value.name if isinstance(value, Enum) else repr(value)


def as_plain(config: Any) -> dict[str, Any]:
    """A config as nested dictionaries of JSON values, enums by name."""
    return json.loads(json.dumps(dataclasses.asdict(config), default=lambda value: value.name))


def as_used(config: RunConfig) -> dict[str, Any]:
    """`as_plain` without what does nothing with the data of this run."""
    plain = as_plain(config)
    for key in config.data.unused:
        *sections, name = key.split(".")
        del (plain[sections[0]] if sections else plain)[name]
    return plain


def without_effect(config: RunConfig) -> list[str]:
    """The dotted keys that hold other than their default and do nothing with the data of this run."""
    sections = {name: section() for name, section in SECTIONS.items()}
    standard = dataclasses.replace(config, data=type(config.data)(), tuned=[], **sections)
    defaults = {key: value for key, value, _ in _walk(standard)}
    unused = tuple(f"{key}." for key in config.data.unused)
    return [
        key
        for key, value, _ in _walk(config)
        if f"{key}.".startswith(unused) and value != defaults[key]
    ]


def from_plain(plain: dict[str, Any]) -> RunConfig:
    """The config that `as_plain` gave.

    Raises:
      ConfigError: it is of another version, or no longer holds, such as the path of a table.
    """
    sections = {name: section() for name, section in SECTIONS.items()}
    if "control" in plain:  # what `baseline` was called in stores of version 0.1
        plain = {"baseline" if key == "control" else key: value for key, value in plain.items()}
    try:
        schema = RunConfig(data=DATA[plain["data"]["kind"]](), **sections)
        tree = OmegaConf.merge(OmegaConf.structured(schema), plain)
    except (OmegaConfBaseException, KeyError, TypeError) as error:
        raise ConfigError(f"not a configuration of a run: {str(error).splitlines()[0]}") from error
    assert isinstance(tree, DictConfig)
    return build(tree)


def load_architectures() -> dict[str, ArchitectureConfig]:
    """Every preset of `conf/architecture`."""
    register_schemas()
    names = sorted(path.stem for path in (CONF / "architecture").glob("*.yaml"))
    with initialize_config_dir(str(CONF), version_base="1.3"):
        trees = [compose("config", overrides=[f"architecture={name}"]) for name in names]
    return {name: build(tree).architecture for name, tree in zip(names, trees, strict=True)}
