"""Say what looks wrong with a table: labels that look alike, sheets not read, columns of no use."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from unicodedata import normalize

from pipeline.config.tables import CsvConfig
from pipeline.data.cleaning import clean_text
from pipeline.data.columns import Table
from pipeline.data.containers import shorten, shorten_list
from pipeline.data.label_names import find_look_alikes, is_number, means_none, show_apart
from pipeline.data.records import ExcelTable
from pipeline.errors import DataError

log = logging.getLogger(__name__)


def point_out_sheets(table: Table, config: CsvConfig) -> None:
    """Warn of the other sheets of an Excel file that have the columns too.

    Raises:
      DataError: the settings name a sheet of a file that has none.
    """
    if not isinstance(table, ExcelTable):
        if config.sheet is not None and table.path == Path(config.path):
            raise DataError(
                f"{table.path} is no Excel file, and has no sheets: leave data.sheet out"
            )
    elif config.sheet is None and table.alike:
        log.warning(
            "%s: only its sheet %s is read, and %s %s these columns too: data.sheet chooses one",
            *(table.path.name, shorten(table.sheet), shorten_list(table.alike, 5)),
            "has" if len(table.alike) == 1 else "have",
        )


def point_out_labels(column: str, found: Iterable[tuple[str, str, int]]) -> None:
    """Warn of labels that look alike, and say which were written in another way.

    found: the cells that differ, each with its label and the number of its rows.
    """
    found = list(found)
    totals: Counter[str] = Counter()
    changed, spellings = [], Counter(name for _, name, _ in found)
    for cell, name, count in found:
        totals[name] += count
        if cell != name and name and spellings[name] > 1:
            form = " in another Unicode form" * (normalize("NFC", cell) == name)
            changed.append(f"{shorten(cell, 40)}{form} as {shorten(name, 40)} ({count:,} rows)")
    labels = [name for name in totals if name and not means_none(name)]
    for group in find_look_alikes(labels)[:5]:
        shown = [
            f"{show_apart(one, [other for other in group if other != one])} ({totals[one]:,} rows)"
            for one in group[:4]
        ]
        log.warning(
            "%s: %s look alike, and are %d labels: if they are one, write them alike in the file",
            *(column, " and ".join(shown), len(group)),
        )
    if changed:
        more = ", …" * (len(changed) > 4)
        log.warning("%s: read %s%s", column, ", ".join(changed[:4]), more)


def repeats_header(names: Sequence[str], head: Sequence[str], cells: Sequence[object]) -> bool:
    """Return whether two cells are the header again, as in files that were put one after the other.

    names: of all columns; head: of the columns of the cells; both cleaned and without capitals.
    """
    label = cells[1]
    if not isinstance(label, str) or label.strip().casefold() not in names:
        return False  # nearly every row: cleaning them all twice would take long
    found = [clean_text(str(cell)).casefold() for cell in cells]
    in_other_order = found[0] in names and found[0] != found[1] and not {*found}.isdisjoint(head)
    return found == [*head] or in_other_order


def suspect_empty(table: Table, column: int) -> str | None:
    """Return why so many cells of a column may be empty, or None."""
    name = table.columns[column]
    if isinstance(table, ExcelTable) and table.has_formulas(column):
        return (
            f"The cells of {shorten(name)} are formulas whose results are not in the file: open and "
            "save it in Excel or LibreOffice, or export it as .csv"
        )
    others = [
        at
        for at, other in enumerate(table.columns)
        if at != column and "".join(other.casefold().split()) == "".join(name.casefold().split())
    ]
    for other in others:
        cells = (cells for _, _, cells in table.rows((column, other)) if isinstance(cells, list))
        filled = sum(_is_empty(cell) and not _is_empty(twin) for cell, twin in cells)
        if filled:
            return (
                f"{filled:,} of these rows have {shorten(table.columns[other])} instead: give both one "
                "name"
            )
    return None


def _is_empty(cell: object) -> bool:
    return cell is None or cell == "" or cell != cell


def suspect_labels(column: str, labels: Sequence[str]) -> str:
    """Return what a column may hold of which most values are too rare for labels."""
    if all(map(is_number, labels)):
        return (
            f"{shorten(column)} holds {len(labels):,} different numbers ({shorten_list(labels, 3)}), "
            "and classes are needed: put them into ranges, such as low and high, or name another "
            "data.label_column"
        )
    return f"Is {shorten(column)} the column with the labels? Name it by data.label_column"
