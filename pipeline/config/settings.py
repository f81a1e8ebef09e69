"""List the settings of a run, as derived from the dataclasses of the configuration.

Tuning, the names of variants, the parameters of a tracked run, the columns of tables and the live
table all use this list, so that a new field needs no further change. The metadata of a field:

about: what it means, for the help of the programs.
literal: the command line takes it as it is typed, without Hydra's syntax of lists, quotes and braces.
path: a file or folder, relative to where the program is started; so is what counts by_content.
formerly: its name in stores of version 0.1.
tunable: a sweep may vary it only to find its best value.
column: its name in the store and in tables, if it differs from that of the field.
of_machine, of_report: it has no effect on results, only on the location of the data or the report.
by_content: a file, which counts by its content (`data_fingerprint`) and not by its path.
found_by: the setting by which a run finds its value, and which names the variant instead.
resolved_into: the setting that is solved from it, which names the variant instead.
compared_along: architectures are compared at each of its values, so that it makes no variant.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, NamedTuple, get_args, get_type_hints

from pipeline.config.data import DATA, AddingConfig
from pipeline.config.schema import (
    KINDS,
    ArchitectureConfig,
    RunConfig,
    TokenizerConfig,
    TrainConfig,
)
from pipeline.config.tasks import TASKS, ClassifyConfig, TaskConfig
from pipeline.config.texts import DataConfig

# The name of a variant has them in this order.
_SECTIONS = {
    "architecture": ArchitectureConfig,
    "tokenizer": TokenizerConfig,
    "train": TrainConfig,
}
_IN_NO_TABLE = ("of_machine", "of_report", "by_content", "found_by")


class Setting(NamedTuple):
    """Describe a setting that changes the result of a run.

    column: its name in the store and the tables. kind: int, float, bool or str. optional: whether it may
    be null.
    """

    section: str
    name: str
    column: str
    kind: type
    optional: bool
    metadata: Mapping[str, Any]

    @property
    def names_a_variant(self) -> bool:
        """Return whether two runs of one architecture that differ in it are two variants."""
        return not ("resolved_into" in self.metadata or "compared_along" in self.metadata)

    def parse(self, text: str | None) -> Any:
        """Return the value that the store holds as text; None if it holds none."""
        if self.kind is bool:
            return text == "True"
        return None if text is None else self.kind(text)


@cache
def settings_of(
    data: type[DataConfig], task: type[TaskConfig] = ClassifyConfig
) -> tuple[Setting, ...]:
    """Return the settings that have an effect on a task with these data."""
    sections = _SECTIONS | {"data": data, "task": task}
    found = [one for name, node in sections.items() for one in _settings(name, node)]
    unused = tuple(f"{key}." for key in (*data().unused, *task().unused))
    return tuple(one for one in found if not f"{one.section}.{one.name}.".startswith(unused))


def settings_by_kind(kind: str | None, task: str | None = None) -> tuple[Setting, ...]:
    """Return the settings of runs over a kind of data; an unknown kind has only the common ones.

    task: of the runs; those of older versions have none, and classify.
    """
    return settings_of(DATA.get(kind or "", DataConfig), TASKS.get(task or "", ClassifyConfig))


def variant_columns(*, optional: bool = False) -> tuple[str, ...]:
    """Return the columns that may name a variant, for all kinds of texts and tasks over them.

    optional: only those that may be null.
    """
    kinds = [node for node in DATA.values() if node is not AddingConfig]
    found = (
        one
        for task in TASKS.values()
        for node in kinds
        for one in settings_of(node, task)
        if one.names_a_variant
    )
    return tuple(dict.fromkeys(one.column for one in found if one.optional or not optional))


def values_of(config: RunConfig) -> dict[str, Any]:
    """Return the value of each setting of a run by column, enums by name."""
    values = {
        one.column: getattr(getattr(config, one.section), one.name)
        for one in settings_of(type(config.data), type(config.task))
    }
    return {name: v.name if isinstance(v, Enum) else v for name, v in values.items()}


def _settings(section: str, node: type) -> list[Setting]:
    hints = get_type_hints(node)
    return [
        Setting(
            section,
            one.name,
            _column(section, one),
            _kind(hints[one.name]),
            type(None) in get_args(hints[one.name]),
            one.metadata,
        )
        for one in dataclasses.fields(node)
        if one.name != _NAME.get(section) and not any(key in one.metadata for key in _IN_NO_TABLE)
    ]


# The field that names a section: tables have a column `architecture` and a column `data` for it.
_NAME = {"architecture": "name", "data": "kind", "task": "kind"}


def _column(section: str, field: dataclasses.Field[Any]) -> str:
    own = f"{section}_{field.name}" if section in KINDS else field.name
    return field.metadata.get("column", own)


def _kind(hint: Any) -> type:
    plain = next((one for one in get_args(hint) if one is not type(None)), hint)
    return plain if plain in (int, float, bool) else str
