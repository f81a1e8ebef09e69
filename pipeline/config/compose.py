"""Build a checked `RunConfig` from the tree that Hydra composes.

Hydra composes the files under `conf/` onto the dataclasses of `pipeline.config.schema`; `build` turns
the tree into plain objects and checks every value, so that each stage can trust its sub-config.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from pipeline.cells import cells, find_cell
from pipeline.config import parameter_counts
from pipeline.config.data import AddingConfig
from pipeline.config.keys import abbreviate, explain_unknown, is_path, renamed
from pipeline.config.machine import available_cores, has_gpu
from pipeline.config.schema import (
    BASELINE,
    BATCH_SIZE,
    CONF,
    KINDS,
    LANGUAGE_BASELINE,
    SECTIONS,
    TUNABLE,
    ArchitectureConfig,
    Device,
    ForgetBias,
    RunConfig,
)
from pipeline.config.tasks import ClassifyConfig, LanguageConfig
from pipeline.errors import ConfigError


def register_schemas() -> None:
    """Register the dataclasses with Hydra, under the names that the files in `conf/` refer to."""
    OmegaConf.register_new_resolver("default_workers", default_workers, replace=True)
    OmegaConf.register_new_resolver(
        "absolute_path", lambda path: str(absolute_path(path)), replace=True
    )
    store = ConfigStore.instance()
    store.store(name="run_schema", node=RunConfig)
    for nodes in (SECTIONS, *KINDS.values()):
        for name, node in nodes.items():
            store.store(group="schema", name=name, node=node)


def default_workers(device: Device | str) -> int:
    """Return the number of parallel runs: one per available core, or a single one on a GPU."""
    kind = getattr(device, "name", device)  # OmegaConf passes the member of the enum
    on_gpu = kind == "gpu" or (kind == "auto" and has_gpu())
    return 1 if on_gpu else available_cores()


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
    _resolve_paths(config)
    check(config, check_files=check_files)
    _resolve_architecture(config)
    if isinstance(config.data, AddingConfig):
        config.train.batch_size = config.train.batch_size or BATCH_SIZE
    return baseline_of(config) if config.baseline else config


def _refuse_unknown(schema: type, tree: DictConfig, prefix: str = "") -> None:
    """Raise `ConfigError` for an unknown key, which Hydra accepts as `+name=value`."""
    known = {entry.name for entry in dataclasses.fields(schema)}
    for name in tree:
        if name not in known:
            raise ConfigError(explain_unknown(f"{prefix}{name}"))
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
        if architecture.continues and "architecture.init" not in config.unused:
            raise ConfigError(
                f"architecture.forget_bias is {architecture.forget_bias.name}, but the biases come from "
                f"the language models of architecture.init={architecture.init}; leave it out, and train "
                "those with it"
            )
    if architecture.forget_bias == ForgetBias.chrono and architecture.chrono_steps is None:
        architecture.chrono_steps = max(2, _longest_memory(config))
    if architecture.recurrent_parameters is not None:
        layers = architecture.recurrent_layers
        if config.data.features is not None:
            layers = dataclasses.replace(layers, features=config.data.features)
        architecture.units = _solve_units(architecture, layers)


def _longest_memory(config: RunConfig) -> int:
    """Return the number of steps over which a network may learn to remember."""
    if isinstance(config.data, AddingConfig):
        return config.data.length
    if isinstance(config.task, LanguageConfig):
        return config.task.bptt
    return config.tokenizer.max_length


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
    for section in (config, config.data):
        for entry in dataclasses.fields(section):
            value = getattr(section, entry.name)
            if is_path(entry) and isinstance(value, str) and "://" not in value:
                setattr(section, entry.name, str(absolute_path(value)))


def absolute_path(path: str) -> Path:
    """Return a path as it was meant where the program was started, whatever the working folder is now.

    Hydra changes it with `hydra.job.chdir=true`. A `~` at its beginning is the home folder.

    Raises:
      ConfigError: there is no such home folder, or no working folder.
    """
    expanded = os.path.expanduser(path)
    if expanded.startswith("~") and not os.path.exists(expanded):
        raise ConfigError(f"{abbreviate(path)}: this machine has no user of that name")
    if os.path.isabs(expanded):
        return Path(expanded).resolve()
    return Path(_started_in(), expanded).resolve()


def _started_in() -> str:
    if HydraConfig.initialized() and HydraConfig.get().job.chdir:
        return HydraConfig.get().runtime.cwd
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise ConfigError(
            "the folder that this program was started in is gone; start it in another"
        ) from None


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
        if not _is_allowed(value, metadata):
            said = abbreviate(_format(value))
            raise ConfigError(f"{key} is {said}; it must be {metadata['expected']}")
    for section, nodes in KINDS.items():
        held = getattr(config, section)
        if nodes.get(held.kind) is not type(held):
            kind = next((kind for kind, node in nodes.items() if node is type(held)), None)
            raise ConfigError(
                f"{section}.kind is {abbreviate(repr(held.kind))}, but the {section} chosen is {kind}; "
                f"choose it by {section}=..., and leave {section}.kind out"
            )
    _check_language(config)
    for name, value in config.tuned_values().items():
        if value is None and not config.baseline:
            key = f"{TUNABLE[name]}.{name}"
            raise ConfigError(
                f"tuned names {name}, but {key} is null; give its values: -m {key}=16,64"
            )
    if config.architecture.name in (BASELINE, LANGUAGE_BASELINE) and not config.baseline:
        raise ConfigError(
            f"architecture.name is {config.architecture.name}, which is reserved for the baseline "
            "(baseline=true)"
        )
    if config.baseline and isinstance(config.data, AddingConfig):
        raise ConfigError(
            "baseline is true, but the baseline needs texts; with data=adding it must be false"
        )


def _check_language(config: RunConfig) -> None:
    if not isinstance(config.task, LanguageConfig):
        return
    architecture = config.architecture
    if isinstance(config.data, AddingConfig):
        raise ConfigError("task is language, which needs texts; choose other data than adding")
    if architecture.bidirectional and not config.baseline:
        raise ConfigError(
            f"architecture {architecture.name} is bidirectional, and would read the tokens that it has "
            "to predict; with task=language choose one of one direction, such as architecture=lstm"
        )
    if find_cell(architecture.cell).step is None:
        raise ConfigError(
            f"architecture.cell is {architecture.cell}, whose state cannot be carried from step to "
            "step, as it has no step of its own; with task=language choose another cell"
        )


def baseline_of(config: RunConfig) -> RunConfig:
    """Return the configuration of the baseline for a run: the same texts, read whole.

    It runs on the CPU: the machine that launches the sweep of a cluster often has no GPU.
    """
    return dataclasses.replace(
        config,
        tokenizer=dataclasses.replace(config.tokenizer, max_length=2**31 - 1),
        architecture=dataclasses.replace(config.architecture, name=config.baseline_name),
        device=dataclasses.replace(config.device, kind=Device.cpu),
        seed=0,
        recipe="",
        baseline=True,
    )


def _is_allowed(value: Any, metadata: Mapping[str, Any]) -> bool:
    """Return whether the check of a field accepts a value. One that it cannot look at is refused."""
    try:
        return "check" not in metadata or bool(metadata["check"](value))
    except (TypeError, ValueError, AttributeError, OverflowError, OSError):
        return False


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
    """Return `as_plain` without the settings that have no effect on this run."""
    plain = as_plain(config)
    for key in config.unused:
        *sections, name = key.split(".")
        del (plain[sections[0]] if sections else plain)[name]
    return plain


def without_effect(config: RunConfig) -> list[str]:
    """Return the keys that were set to other than their default but have no effect on this run."""
    sections = {name: section() for name, section in SECTIONS.items()}
    standard = dataclasses.replace(
        config, data=type(config.data)(), task=type(config.task)(), tuned=[], **sections
    )
    defaults = {key: value for key, value, _ in _walk(standard)}
    unused = tuple(f"{key}." for key in config.unused)
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
    plain = {next(iter(renamed(key)), key): value for key, value in plain.items()}
    plain.setdefault("task", {"kind": ClassifyConfig.kind})  # of versions that had no other
    try:
        kinds = {name: nodes[plain[name]["kind"]]() for name, nodes in KINDS.items()}
        schema = RunConfig(**kinds, **sections)
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
