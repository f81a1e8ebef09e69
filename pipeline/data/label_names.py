"""Read the labels of a table: which are the same, how they are sorted, which look like mistakes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.data.cleaning import clean_text
from pipeline.data.containers import shorten

_NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?")


def as_label(value: str) -> str:
    """Return a label as it is shown: cleaned, and a number without what does not change it.

    "1", "1.0" and "+1" are one label; "01" stays, since it may be a code.
    """
    label = clean_text(value)
    number = _NUMBER.fullmatch(label)
    if number is None or (number[2].startswith("0") and number[2] != "0"):
        return label
    places = (number[3] or "").rstrip("0")
    sign = "-" if number[1] == "-" and (number[2] != "0" or places) else ""
    return f"{sign}{number[2]}{'.' * bool(places)}{places}"


def sort_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Return labels in order: numbers by value, then texts with the numbers in them by value."""
    return tuple(sorted(set(labels), key=_order))


def _order(label: str) -> tuple[Any, ...]:
    if _NUMBER.fullmatch(label):
        return 0, float(label), (), label
    parts = re.split(r"([0-9]+)", label)
    # Texts stand at even places, numbers at odd ones, so that only like is compared with like.
    return 1, 0.0, tuple(int(one) if at % 2 else one for at, one in enumerate(parts)), label


def describe_look_alikes(counts: Mapping[str, int]) -> list[str]:
    """Return a line for each group of labels that differ only by case or white space."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in counts:
        groups["".join(label.casefold().split())].append(label)
    return [
        " and ".join(f"{shorten(label, 40)} ({counts[label]:,} rows)" for label in group[:4])
        for group in groups.values()
        if len(group) > 1
    ]
