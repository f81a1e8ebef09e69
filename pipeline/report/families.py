"""Put architectures in one order, and into families that share a panel of a figure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import pandas as pd

from pipeline.analysis.frames import rows_of
from pipeline.cells import find_cell, is_cell

FEW = 4  # the most architectures that can be told apart in one panel
_SHAPES = {
    (False, False): "one layer",
    (True, False): "two directions",
    (False, True): "stacked",
    (True, True): "stacked, two directions",
}


def by_family(summary: pd.DataFrame) -> pd.DataFrame:
    """Sort architectures by cell, those without gates first, then by direction, layers and name."""

    def place(row: Any) -> tuple[Hashable, ...]:
        cell = find_cell(row.cell) if is_cell(row.cell) else None
        gates = (cell.keep_gate is not None, -len(cell.gates)) if cell else (True, 0)
        both, stacked = shape_of(row)
        return (*gates, str(row.cell), stacked, both, row.architecture)

    rows = list(rows_of(summary))
    return summary.iloc[sorted(range(len(rows)), key=lambda number: place(rows[number]))]


def shape_of(row: Any) -> tuple[bool, bool]:
    """Return whether an architecture reads in both directions, and whether it has several layers."""
    both = not pd.isna(row.bidirectional) and bool(row.bidirectional)
    return both, not pd.isna(row.num_layers) and row.num_layers > 1


def name_families(rows: Sequence[Any]) -> dict[str, str]:
    """Name the family of each architecture: its cell, divided until a family has at most `FEW`."""
    families: dict[str, str] = {}
    for cell, members in _grouped(rows, lambda row: _title(row.cell)):
        if len(members) <= FEW:
            families |= {row.architecture: cell for row in members}
            continue
        for shape, alike in _grouped(members, lambda row: _SHAPES[shape_of(row)]):
            parts = [alike[start : start + FEW] for start in range(0, len(alike), FEW)]
            for number, part in enumerate(parts, start=1):
                title = f"{cell}, {shape}" + f" ({number} of {len(parts)})" * (len(parts) > 1)
                families |= {row.architecture: title for row in part}
    return families


def _grouped(rows: Iterable[Any], key: Callable[[Any], str]) -> Iterable[tuple[str, list[Any]]]:
    """Group rows in the order in which their keys come first."""
    groups: dict[str, list[Any]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups.items()


def _title(cell: Any) -> str:
    return find_cell(cell).title if is_cell(cell) else str(cell)
