"""Say what is known of each key that a person may type: its field, what it may hold, what is like it.

Everything is derived from the dataclasses of the configuration and the files in `conf/`.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from pipeline.config.schema import CONF, KINDS, SECTIONS, RunConfig

# Settings and sections that all jobs of a sweep share, because one report compares them.
SHARED = tuple(
    "name root tracking device data task probe tuned margin contrasts precision max_seeds".split()
)
_PLAIN = {int: "a whole number", float: "a number", list: "a list, such as [1,2]"}


class Key(NamedTuple):
    """Hold the field behind a dotted key, and the type it is annotated with."""

    field: dataclasses.Field[Any]
    hint: Any

    @property
    def is_literal(self) -> bool:
        """Return whether its value is taken as it is typed: a path, a column, a name, an address."""
        return bool(self.field.metadata.get("literal"))

    @property
    def is_path(self) -> bool:
        return is_path(self.field)

    @property
    def kind(self) -> Any:
        """Return its type, without null where that is allowed too."""
        return next((one for one in get_args(self.hint) if self.may_be_null), self.hint)

    @property
    def is_list(self) -> bool:
        return get_origin(self.kind) is list

    @property
    def default(self) -> Any:
        return default_of(self.field)

    @property
    def may_be_null(self) -> bool:
        return type(None) in get_args(self.hint)

    @property
    def expected(self) -> str | None:
        """Return what its value must be; None if any text will do."""
        plain = _PLAIN.get(get_origin(self.kind) or self.kind)
        return self.field.metadata.get("expected") or choices(self.hint) or plain


def is_path(entry: dataclasses.Field[Any]) -> bool:
    """Return whether a field holds the path of a file or folder."""
    return "path" in entry.metadata or "by_content" in entry.metadata


def choices(hint: Any) -> str | None:
    """Return what may be chosen from, for an enum, a list of an enum's members, or true and false."""
    kinds = [one for one in (hint, *get_args(hint)) if isinstance(one, type)]
    enum = next((one for one in kinds if issubclass(one, Enum)), None)
    if enum is None:
        return "true or false" if hint is bool else None
    names = ", ".join(member.name for member in enum)
    if type(None) in get_args(hint):
        return f"null or one of {names}"
    return f"one of {names}" if enum is hint else f"a list out of {names}"


@cache
def known_keys() -> dict[str, Key]:
    """Return every dotted key that a run may set."""
    return dict(_keys())


def _keys() -> Iterator[tuple[str, Key]]:
    varied = ((name, node) for name, nodes in KINDS.items() for node in nodes.values())
    sections = [*SECTIONS.items(), *varied]
    for name, section in sections:
        yield from _keys_of(section, f"{name}.")
    yield from _keys_of(RunConfig, "")


def _keys_of(node: type, prefix: str) -> Iterator[tuple[str, Key]]:
    hints = get_type_hints(node)
    for entry in dataclasses.fields(node):
        yield f"{prefix}{entry.name}", Key(entry, hints[entry.name])


def kinds_with(key: str) -> list[str]:
    """Return what to choose for a setting to exist, such as `data=csv` for `data.path`."""
    section, _, name = key.partition(".")
    return [
        f"{section}={kind}"
        for kind, node in KINDS.get(section, {}).items()
        if any(field.name == name for field in dataclasses.fields(node))
    ]


def expected_value(key: str) -> str | None:
    """Return what the value at a dotted key such as `architecture.units`, or of a group, must be."""
    if is_group(key):
        return f"one of {', '.join(options(key))}"
    known = known_keys().get(key)
    return known and known.expected


def closest_key(key: str) -> str | None:
    """Return the known key that was probably meant, by its whole name, its last part or its old name."""
    leaves = {known.split(".")[-1]: known for known in known_keys()}
    found = difflib.get_close_matches(key, known_keys(), 1, 0.7)
    last = difflib.get_close_matches(key.split(".")[-1], list(leaves), 1, 0.7)
    return next(iter([*renamed(key), *found, *(leaves[leaf] for leaf in last)]), None)


def renamed(key: str) -> list[str]:
    """Return the key that once had this name."""
    return [
        new for new, known in known_keys().items() if known.field.metadata.get("formerly") == key
    ]


def default_of(entry: dataclasses.Field[Any]) -> Any:
    """Return the default of a field, `omegaconf.MISSING` where it has none."""
    if entry.default_factory is not dataclasses.MISSING:
        return entry.default_factory()
    return entry.default


def is_known(key: str) -> bool:
    """Return whether a key is that of a setting, a section or a group."""
    return is_group(key) or key in known_keys()


def is_free(key: str) -> bool:
    """Return whether a key belongs to a setting whose own keys are free, such as `contrasts.mine`."""
    known = known_keys().get(key.split(".")[0])
    return known is not None and get_origin(known.hint) is dict


def abbreviate(text: str) -> str:
    """Cut a text that is quoted in a message, so that the message stays a line."""
    return text if len(text) <= 64 else f"{text[:63]}…"


def is_group(key: str) -> bool:
    """Return whether a key chooses one of the files in a folder of `conf/`."""
    return key in ("experiment", "recipe", *KINDS, *SECTIONS)


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def is_shared(key: str) -> bool:
    """Return whether a setting or a group has one value in all runs of a sweep."""
    known = known_keys().get(key)
    if known is not None and "compared_along" in known.field.metadata:
        return False
    return key == "experiment" or key.split(".")[0] in SHARED


def explain_unknown(key: str) -> str:
    """Return what to say of a key that a run does not have, or not with these data."""
    if key in known_keys():
        return f"{key} is a setting of {' or '.join(kinds_with(key))}; add that"
    close = closest_key(key)
    listed = (
        "--cfg hydra lists all keys" if key.startswith("hydra.") else "--help lists all settings"
    )
    hint = f"did you mean {close}?" if close else listed
    return f"unknown key {abbreviate(key)}; {hint}"
