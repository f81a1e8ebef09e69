"""Write what `--help` says of a program: what it is for, and its own settings.

Meaning, default and allowed values come from the dataclasses of the configuration, and the choices from
the files in `conf/`. Nothing is composed, so that help appears at once, whatever else is on the command
line.
"""

from __future__ import annotations

import dataclasses
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import omegaconf
import yaml

from pipeline.config.keys import choices, default_of, expected_value, is_group, options
from pipeline.config.schema import CONF, KINDS, SECTIONS, RunConfig
from pipeline.config.tasks import TaskConfig
from pipeline.config.texts import DataConfig

EXPERIMENT = "experiment"
# What a program needs to find the runs of an experiment.
TRACKED = (EXPERIMENT, "name", "root", "tracking")
EVERYTHING = (EXPERIMENT, *(entry.name for entry in dataclasses.fields(RunConfig)))
_COMMON = {"data": DataConfig, "task": TaskConfig}  # what all kinds of a section have
_COLUMN, _GAP = 30, 2  # the width of the names of settings
_FOOTER = (
    "Flags: --cfg job shows the configuration and ends, --info says how it is composed, --hydra-help "
    "lists those of the configuration system itself.",
    "Exit status: 0 all asked for is done; 1 something failed, named on the last lines; 2 the "
    "configuration is wrong; 130 stopped by hand.",
)


@dataclass(frozen=True)
class Program:
    """Describe a program for its help.

    about: what it does, how it is called, and examples. settings: the names of the settings and sections
    of a run that have an effect on it. without: keys of these sections that have none. words: what its
    own arguments mean, by name.
    """

    about: str
    settings: tuple[str, ...]
    words: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    @property
    def computes(self) -> bool:
        """Return whether it computes with networks on this machine."""
        return "device" in self.settings

    @property
    def trains(self) -> bool:
        """Return whether it trains networks, which takes memory."""
        return "train" in self.settings


class _Entry(NamedTuple):
    """A setting as it is typed, with its default, and what is said of it."""

    typed: str
    said: str


def describe_program(program: Program) -> str:
    """Return the help of a program, as wide as the terminal and at most 100 characters."""
    width = max(60, min(100, shutil.get_terminal_size().columns))
    parts = [program.about.strip()]
    for heading, entries in _groups(program):
        lines = [line for entry in entries for line in _lay_out(entry, width)]
        parts.append("\n".join([f"{heading}:", "", *lines]))
    parts.append("\n".join(textwrap.fill(line, width) for line in _FOOTER))
    return "\n\n".join(parts)


def _groups(program: Program) -> Iterator[tuple[str, list[_Entry]]]:
    if program.words:
        yield "Arguments", [_Entry(f"{name}=...", said) for name, said in program.words.items()]
    top = [name for name in program.settings if name not in program.words]
    yield "Settings", [_describe_choice(EXPERIMENT) if n == EXPERIMENT else _of_run(n) for n in top]
    for name in top:
        if name in SECTIONS:
            listed = _of_section(name, SECTIONS[name], _defaults_of(name))
            left_out = tuple(f"{key}=" for key in program.without)
            yield (
                f"Settings of {name}",
                [entry for entry in listed if not entry.typed.startswith(left_out)],
            )
        elif name in KINDS:
            yield from _of_kinds(name)


def _of_kinds(section: str) -> Iterator[tuple[str, list[_Entry]]]:
    """Describe what all kinds of a section have in common, then what each has of its own."""
    common = _COMMON[section]
    groups = [(f"Settings of {section}", _of_section(section, common))]
    for kind, node in KINDS[section].items():
        groups.append((f"Settings of {section}={kind}", _of_section(section, node, known=common)))
    yield from ((heading, entries) for heading, entries in groups if entries)


def _of_run(name: str) -> _Entry:
    if is_group(name):
        return _describe_choice(name)
    return _describe("", _fields(RunConfig)[name], get_type_hints(RunConfig)[name], {})


def _describe_choice(group: str) -> _Entry:
    """Describe a group of files in `conf/`, of which one is chosen."""
    said = "a named sweep with its settings, and its name"
    if group != EXPERIMENT:
        said = _fields(RunConfig)[group].metadata["about"]
    if len(options(group)) > 1:
        said += f"; {expected_value(group)}"
    return _Entry(f"{group}={chosen_option(group)}", said)


def _of_section(
    section: str,
    node: type,
    defaults: Mapping[str, Any] | None = None,
    known: type | None = None,
) -> list[_Entry]:
    """Describe the settings of a section, without those that are alike in `known`."""
    hints, others = get_type_hints(node), _fields(known) if known else {}
    return [
        _describe(f"{section}.", entry, hints[name], defaults or {})
        for name, entry in _fields(node).items()
        if "about" in entry.metadata and not (name in others and _same(entry, others[name]))
    ]


def _same(one: dataclasses.Field[Any], other: dataclasses.Field[Any]) -> bool:
    return one.metadata == other.metadata and default_of(one) == default_of(other)


def _describe(
    prefix: str, entry: dataclasses.Field[Any], hint: Any, defaults: Mapping[str, Any]
) -> _Entry:
    """Describe a setting; `defaults` come before its own."""
    value = defaults.get(entry.name, default_of(entry))
    typed = f"{prefix}{entry.name}={write_value(value)}"
    allowed = choices(hint) or entry.metadata.get("expected", "")
    return _Entry(typed, "; ".join(part for part in (entry.metadata["about"], allowed) if part))


def write_value(value: Any) -> str:
    """Write a value as it is typed on the command line; "..." where there is none."""
    if value is omegaconf.MISSING or "${" in str(value):
        return "..."
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, list):
        return f"[{','.join(map(write_value, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def _lay_out(entry: _Entry, width: int) -> list[str]:
    lines = textwrap.wrap(entry.said, width - _COLUMN - _GAP)
    first = f"  {entry.typed}"
    if len(first) <= _COLUMN:
        first, lines = first.ljust(_COLUMN + _GAP) + lines[0], lines[1:]
    return [first, *(" " * (_COLUMN + _GAP) + line for line in lines)]


def _fields(node: type) -> dict[str, dataclasses.Field[Any]]:
    return {entry.name: entry for entry in dataclasses.fields(node)}


@cache
def chosen_option(group: str) -> str:
    """Return the option of a group that is taken without another."""
    listed = _read(CONF / "config.yaml")["defaults"]
    chosen = next(one[group] for one in listed if isinstance(one, dict) and group in one)
    return write_value(chosen)


def _defaults_of(section: str) -> dict[str, Any]:
    """Return what the chosen file of a section sets."""
    values = _read(CONF / section / f"{chosen_option(section)}.yaml")
    return {name: value for name, value in values.items() if name != "defaults"}


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text("utf-8"))
