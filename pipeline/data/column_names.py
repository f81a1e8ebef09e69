"""Compare the names of columns as people read them, and choose how they can be typed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_LONGEST_TYPED = 60


def fold_name(name: str) -> str:
    """Return a name as it is seen: in one normal form, nothing invisible in it, with single spaces."""
    if not (name.isascii() and name.isprintable()):
        name = "".join(filter(_is_seen, unicodedata.normalize("NFC", name)))
    return " ".join(name.split())


def _is_seen(character: str) -> bool:
    invisible = unicodedata.category(character) in ("Cf", "Cc") or "\ufe00" <= character <= "\ufe0f"
    return character.isspace() or not invisible


def find_column(columns: Sequence[str], name: str) -> list[int]:
    """Return the places of the columns of that name, or of the one with that number, from 1."""
    folded = fold_name(name)
    for places in (
        [at for at, one in enumerate(columns) if one.strip() == name.strip()],
        [at for at, one in enumerate(columns) if fold_name(one) == folded],
    ):
        if places:
            return places
    is_number = re.fullmatch("[1-9][0-9]{0,6}", folded)
    return [int(folded) - 1] if is_number and int(folded) <= len(columns) else []


def type_column(columns: Sequence[str], place: int) -> str | None:
    """Return what is typed for a column: its name, or its number where the name cannot be typed."""
    for typed in (fold_name(columns[place]), str(place + 1)):
        if _can_be_typed(typed) and find_column(columns, typed) == [place]:
            return typed
    return None


def _can_be_typed(name: str) -> bool:
    """Return whether the command line takes a name as it is, and a message shows it whole."""
    quoted = re.fullmatch(r"'.*'|\".*\"", name)
    return (
        0 < len(name) <= _LONGEST_TYPED
        and name.isprintable()
        and name != "null"
        and "${" not in name
        and quoted is None
    )
