"""Read the labels of a table: which are the same, how they are sorted, which look like mistakes."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from pipeline.data.cleaning import clean_text, drop_invisible
from pipeline.data.containers import shorten

_NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?")
_SIGNS = {"−": "-", "－": "-", "＋": "+", "．": ".", "٫": "."}
# As databases and programs write that there is no value.
_NULLS = frozenset("null none na n/a nan nat nil #n/a #null! \\n".split())

# Letters that look like Latin ones, Arabic ones with the same shape, and what only draws a word out.
_TWINS = str.maketrans(
    "АВЕЁКМНОРСТУХІЈЅаеёорсухіјѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧοىیکأإآٱة‐‑‒–—’‘`´",
    "ABEEKMHOPCTYXIJSaeeopcyxijsABEZHIKMNOPTYXoييكااااه-----''''",
    "ـ\u200c\u200d",
)
_POINTS = re.compile("[\u0591-\u05c7\u064b-\u0652\u0670]")  # vowels of Hebrew and Arabic
_JOINED = re.compile(r"(?<=[^\W\d])[-_](?=[^\W\d])")  # "non-fiction", but not "A-" or "3-5"
_CODE = re.compile(r"([+-]?)0*([0-9]+(?:[.,][0-9]{1,2})?)")  # "007" or "5,0", but not "1,000"


def as_label(value: str) -> str:
    """Return a label as it is shown: cleaned, and a number without what does not change it.

    "1", "1.0", "+1" and the same in digits of another script are one label; "01" stays, since it may
    be a code.
    """
    # A label that is nothing but markup, such as "<none>", is meant.
    label = unicodedata.normalize("NFC", clean_text(value) or drop_invisible(value))
    plain = "".join(
        str(unicodedata.decimal(one)) if one.isdecimal() else _SIGNS.get(one, one) for one in label
    )
    number = _NUMBER.fullmatch(plain)
    if number is None:
        return label
    if number[2].startswith("0") and number[2] != "0":
        return plain
    places = (number[3] or "").rstrip("0")
    sign = "-" if number[1] == "-" and (number[2] != "0" or places) else ""
    return f"{sign}{number[2]}{'.' * bool(places)}{places}"


def is_number(label: str) -> bool:
    return _NUMBER.fullmatch(label) is not None


def means_none(label: str) -> bool:
    """Return whether a label is what programs write where there is none, such as NULL or NaN."""
    return label.casefold() in _NULLS


def sort_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Return labels in order: numbers by value, then texts with the numbers in them by value."""
    return tuple(sorted(set(labels), key=_order))


def _order(label: str) -> tuple[Any, ...]:
    if is_number(label):
        return 0, float(label), (), label
    parts = re.split(r"([0-9]+)", label)
    # Texts stand at even places, numbers at odd ones, so that only like is compared with like.
    return 1, 0.0, tuple(int(one) if at % 2 else one for at, one in enumerate(parts)), label


def look_of(label: str) -> str:
    """Return what labels have in common that a reader would take for one."""
    number = _CODE.fullmatch(label)
    if number is not None:
        return f"number {float(number[1] + number[2].replace(',', '.')):g}"
    # Before the case is folded, as a capital may have a twin where the small letter has none.
    plain = unicodedata.normalize("NFKC", label).translate(_TWINS).casefold()
    plain = _POINTS.sub("", plain)
    return "".join(_JOINED.sub("", plain).split()) or label


def find_look_alikes(labels: Iterable[str]) -> list[list[str]]:
    """Return the groups of labels that differ by case, spaces, or how a sign is written alone."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        groups[look_of(label)].append(label)
    return [group for group in groups.values() if len(group) > 1]


def show_apart(label: str, others: Iterable[str]) -> str:
    """Return a label for a message, with the name of the first letter that others only seem to have."""
    known = set("".join(others).casefold())
    odd = [one for one in label if not one.isascii() and one.casefold() not in known]
    twins = [one for one in odd if one in map(chr, _TWINS)]
    name = f" (with {unicodedata.name(twins[0], 'an unnamed character')})" if twins else ""
    return f"{shorten(label, 40)}{name}"
