"""Find the language models of an experiment that fit a classifier, which continues them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from pipeline.config.programs import find_with
from pipeline.config.schema import ArchitectureConfig, RunConfig, TokenizerConfig
from pipeline.config.tasks import Direction, LanguageConfig
from pipeline.config.texts import DataConfig
from pipeline.errors import ConfigError
from pipeline.tracking.artifacts import DamagedRun
from pipeline.tracking.damage import find_damage
from pipeline.tracking.database import exists
from pipeline.tracking.store import Store
from pipeline.tracking.trained import TrainedRun, finished_runs
from pipeline.tracking.tuned import without_rejected

# The settings in which a language model and the classifier must agree, beside those of the data.
_ALIKE = {
    "architecture": ("cell", "units", "embedding_dim", "num_layers"),
    "tokenizer": ("kind", "vocab_size"),
}


@dataclass(frozen=True)
class Start:
    """Hold the language models that start a classifier. backward: None if it has one direction."""

    forward: TrainedRun
    backward: TrainedRun | None
    tokenizer: Tokenizer

    @property
    def run_ids(self) -> list[str]:
        return [run.run_id for run in (self.forward, self.backward) if run is not None]

    def describe(self, seed: int) -> str:
        """Return which they are, for a run of that seed."""
        parts = []
        for run in filter(None, (self.forward, self.backward)):
            which = "the same seed" if run.config.seed == seed else "the best on validation"
            parts.append(f"{_named(run)}, {which}, with a validation loss of {_loss(run):.3f}")
        return "; backward from ".join(parts)

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags by which a run says from which others it started."""
        return dict(zip(("init_run", "init_run_backward"), self.run_ids, strict=False))


@dataclass(frozen=True)
class LanguageModels:
    """Choose among the finished language models of the experiment that `architecture.init` names.

    config: of any classifier that starts from them; a sweep asks for all of its own in one go.
    """

    config: RunConfig

    def choose(self, config: RunConfig) -> Start:
        """Return what starts a classifier: those of `init_runs` if they are given.

        Raises:
          ConfigError: there is none, or none fits, or it is damaged.
          TrackingError: the store cannot be read.
        """
        forward = self._choose(config, Direction.forward)
        backward = None
        if config.architecture.bidirectional:
            backward = self._choose(config, Direction.backward)
        tokenizer = self._read_tokenizer(forward)
        if backward and self._read_tokenizer(backward).to_str() != tokenizer.to_str():
            raise self._error(
                f"{_named(forward)} and {_named(backward)} have different vocabularies, and a network "
                "reads with one; train the second on the same texts: "
                f"{_command(config, Direction.backward)}"
            )
        return Start(forward, backward, tokenizer)

    def _choose(self, config: RunConfig, direction: Direction) -> TrainedRun:
        same = self._reading(direction)
        given = config.architecture.init_runs
        if given:
            same = [run for run in same if run.run_id in given]
        damaged = self._finished[1]
        if not same and damaged:
            raise self._error(str(damaged[0]))
        if not same:
            which = f" with the id {' or '.join(given)}" if given else ""
            raise self._error(
                f"{self.store.shown_uri} has no finished {direction.name} language model{which} under "
                f"that name; train one: {_command(config, direction)}"
            )
        fitting = [run for run in same if not [*_differences(config, run)]]
        if not fitting:
            closest = min(same, key=lambda run: len([*_differences(config, run)]))
            raise self._error(
                f"no {direction.name} language model there fits {config.title}: {_named(closest)} has "
                f"{', '.join(_differences(config, closest))}; train one that does: "
                f"{_command(config, direction)}"
            )
        if not given:
            fitting = [run for run in fitting if run.run_id in self._chosen] or fitting
        own = [run for run in fitting if run.config.seed == config.seed]
        return min(own or fitting, key=_loss)

    @cached_property
    def store(self) -> Store:
        tracking, root, name = (
            self.config.tracking,
            Path(self.config.root),
            self.config.architecture.init,
        )
        if tracking.uri is None and not exists(root):
            raise self._error(self._missing(str(root)))
        store = Store(tracking.uri, root, name, tracking.wait_seconds, create=False)
        if store.client.get_experiment_by_name(name) is None:
            raise self._error(self._missing(store.shown_uri))
        return store

    @cached_property
    def _finished(self) -> tuple[list[TrainedRun], list[DamagedRun]]:
        if not self.store.runs("tags.kind = 'run' and tags.outcome = 'finished'"):
            return [], []
        return finished_runs(self.store)

    @cached_property
    def _chosen(self) -> set[str]:
        """Return the ids of the runs without those whose tuned value was not chosen."""
        return {run.run_id for run in without_rejected(self.store, self._finished[0])}

    def _reading(self, direction: Direction) -> list[TrainedRun]:
        found = []
        for run in self._finished[0]:
            task = run.config.task
            if isinstance(task, LanguageConfig) and not run.config.baseline:
                found += [run] * (task.direction == direction)
        return found

    @cached_property
    def _tokenizers(self) -> dict[str, Tokenizer]:
        return {}

    def _read_tokenizer(self, run: TrainedRun) -> Tokenizer:
        """Return the tokenizer of a language model, whose other files are checked too."""
        if run.run_id not in self._tokenizers:
            self._tokenizers[run.run_id] = self._checked(run)
        return self._tokenizers[run.run_id]

    def _checked(self, run: TrainedRun) -> Tokenizer:
        tracked = run.artifacts.run
        try:
            damage = find_damage(self.store, tracked)
            if damage is not None:
                raise damage
            run.artifacts.check_model()
            tokenizer = run.tokenizer()
        except DamagedRun as error:
            raise self._error(str(error)) from error
        size = tokenizer.get_vocab_size()
        noted = tracked.data.metrics.get("data/vocab_size", size)
        if size != noted:
            raise self._error(
                f"{_named(run)} was trained with a vocabulary of {noted:.0f} tokens, and its "
                f"tokenizer.json has {size}; train it again: {_command(run.config, None)} rerun=true"
            )
        return tokenizer

    def _missing(self, where: str) -> str:
        return (
            f"there is no such experiment in {where}; train a language model under that name: "
            f"{_command(self.config, Direction.forward)}"
        )

    def _error(self, what: str) -> ConfigError:
        return ConfigError(f"architecture.init is {self.config.architecture.init}: {what}")


def with_language_models(config: RunConfig, models: LanguageModels | None = None) -> RunConfig:
    """Return a run with the ids of the language models that start it, if any do.

    models: of the experiment that it names, where several runs ask.

    Raises:
      ConfigError: none can start it.
    """
    if config.baseline or "architecture.init" in config.unused or not config.architecture.continues:
        return config
    ids = (models or LanguageModels(config)).choose(config).run_ids
    return replace(config, architecture=replace(config.architecture, init_runs=ids))


def describe_other_texts(config: RunConfig, run: TrainedRun) -> str:
    """Return what is wrong with a language model that read other texts, and what to do."""
    return (
        f"architecture.init is {config.architecture.init}: {_named(run)} was trained on other texts, or "
        "on another split of them, and may have read what this run validates or tests on; train it on "
        f"these: {_command(config, None)}"
    )


def _differences(config: RunConfig, run: TrainedRun) -> Iterator[str]:
    """Yield the settings in which a language model does not fit a run, with both values."""
    for section, names in _ALIKE.items():
        for name in names:
            yield from _difference(f"{section}.{name}", config, run)
    if run.config.data.kind != config.data.kind:
        yield from _difference("data.kind", config, run, _HELD_OUT)
        return
    for name in _deciding(config.data, "of_machine", "by_content"):
        yield from _difference(f"data.{name}", config, run, _HELD_OUT)


def _deciding(data: DataConfig, *without: str) -> list[str]:
    """Return the settings that decide which texts are read, without those that are marked so."""
    left_out = {"of_report", *without}
    found = [entry.name for entry in fields(data) if not left_out & set(entry.metadata)]
    return [name for name in found if name != "kind"]


# Of tables whose content differs `describe_other_texts` tells, when they are read.
_HELD_OUT = ", so that it may have read texts that this run validates or tests on"


def _difference(key: str, config: RunConfig, run: TrainedRun, why: str = "") -> Iterator[str]:
    section, name = key.split(".")
    theirs, ours = (getattr(getattr(one, section), name) for one in (run.config, config))
    if theirs != ours:
        yield f"{key} {_shown(theirs)}, not {_shown(ours)}{why}"


def _command(config: RunConfig, direction: Direction | None) -> str:
    """Return the command that trains a language model for a run. direction: None leaves it out."""
    words = ["task=language"]
    if direction == Direction.backward:
        words.append("task.direction=backward")
    words.append(f"data={config.data.kind}")
    words += _changed("data", config.data, type(config.data)(), _deciding(config.data))
    architecture = config.architecture
    standard = ArchitectureConfig(name=architecture.cell, cell=architecture.cell)
    words.append(f"architecture={architecture.cell}")
    words += _changed("architecture", architecture, standard, _ALIKE["architecture"])
    words += _changed("tokenizer", config.tokenizer, TokenizerConfig(), _ALIKE["tokenizer"])
    name = config.architecture.init if config.architecture.continues else config.name
    return find_with("compare", replace(config, name=name), [*words, f"seed={config.seed}"])


def _changed(section: str, node: Any, standard: Any, names: Iterable[str]) -> Iterator[str]:
    """Yield the overrides that give a section the values of `node`."""
    for name in names:
        value = getattr(node, name)
        if value != getattr(standard, name):
            yield f"{section}.{name}={_shown(value)}"


def _named(run: TrainedRun) -> str:
    return f"{run.name} (run {run.run_id[:8]})"


def _loss(run: TrainedRun) -> float:
    return run.artifacts.run.data.metrics.get("best/val_loss", math.inf)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_shown, value))}]"
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)
