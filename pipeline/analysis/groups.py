"""Texts grouped along something that rises, such as their length: every cut into ranges is made here.

It imports nothing of this package: what a run counts by length is cut here too, and with it this file
belongs to the code that its fingerprint covers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

End = TypeVar("End", bound="int | None")


@dataclass(frozen=True)
class Group:
    """Reviews along something, from `low` up to and with `high`, an open end being None."""

    along: str
    low: int
    high: int | None
    members: NDArray[np.bool_]


def rising_groups(values: pd.Series, edges: Iterable[int], end: int | None = None) -> list[Group]:
    """Return the groups, but for empty ones, that begin at 0 and at each edge.

    end: with which the last one ends, None where it is open.
    """
    groups = []
    for low, high in _ranges(edges, end):
        members = ((values >= low) & (high is None or values <= high)).to_numpy()
        groups.append(Group(str(values.name), low, high, members))
    return [group for group in groups if group.members.any()]


def even_ranges(furthest: int) -> list[tuple[int, int]]:
    """Return about eight ranges of whole numbers with round edges that cover 0 to `furthest`, both
    ends included; a short rest goes with the last.
    """
    width = next((w for w in (1, 2, 5, 10, 25, 50, 100) if w * 8 >= furthest), furthest // 8 + 1)
    return _ranges(range(width, furthest + 1 - width // 2, width), furthest)


def _ranges(edges: Iterable[int], end: End) -> list[tuple[int, int | End]]:
    starts = [0, *edges]
    return list(zip(starts, [*(start - 1 for start in starts[1:]), end], strict=True))
