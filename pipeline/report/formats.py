"""Values as a reader sees them, and tables of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

MISSING = "–"


@dataclass(frozen=True)
class Column:
    heading: str
    numeric: bool = True


@dataclass(frozen=True)
class Cell:
    """Text as shown; `full` is what it stands for where it is shortened, `link` an address."""

    text: str
    full: str = ""
    link: str = ""


@dataclass(frozen=True)
class Table:
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """Rows with the columns as attributes; Any, for pandas cannot say what a column holds."""
    return frame.itertuples(index=False)


def unless_missing(write: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: MISSING if pd.isna(value) else write(value)


shown_share = unless_missing(lambda value: f"{100 * value:.1f}%")
shown_points = unless_missing(lambda points: f"{100 * points:+.1f}".replace("-", "−"))
shown_megabytes = unless_missing(lambda megabytes: f"{megabytes:,.0f} MB")
shown_count = unless_missing(lambda value: f"{value:,.0f}")
shown_text = unless_missing(str)
shown_p = unless_missing(lambda value: "< 0.0001" if value < 1e-4 else f"{value:.4f}")
shown_setting = unless_missing(lambda value: f"{value:g}")
shown_number = unless_missing(lambda value: f"{value:.2f}".replace("-", "−"))


def shown_seconds(value: Any) -> str:
    if pd.isna(value):
        return MISSING
    if value < 120:
        return f"{value:.3g} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def shown_interval(low: Any, high: Any, points: bool = False) -> str:
    """Two ends of an interval of shares, in percent or, for a difference, in points."""
    if pd.isna(low) or pd.isna(high):
        return MISSING
    if points:
        return f"{shown_points(low)} to {shown_points(high)}"
    return f"{100 * low:.1f} to {100 * high:.1f}%"


def shown_ends(low: Any, high: Any) -> str:
    """Two ends of an interval of numbers that are no shares."""
    if pd.isna(low) or pd.isna(high):
        return MISSING
    return f"{shown_number(low)} to {shown_number(high)}"


def shown_range(low: Any, high: Any) -> str:
    return f"{low} and more" if pd.isna(high) else f"{low}–{high}"


def make_table(
    caption: str, headings: Iterable[str], rows: Iterable[Iterable[str | Cell]]
) -> Table:
    """A heading that begins with '<' is that of a column of words, set to the left."""
    columns = tuple(Column(h.removeprefix("<"), not h.startswith("<")) for h in headings)
    cells = tuple(
        tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in row) for row in rows
    )
    return Table(caption, columns, cells)
