"""Find the columns of texts and labels in a table, or say what to type so that they are found."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.config.tables import CsvConfig
from pipeline.data.column_names import find_column, fold_name, type_column
from pipeline.data.containers import opened, shorten, shorten_list
from pipeline.data.delimited import Delimited
from pipeline.data.encoding import SAMPLE, NotInEncoding, find_encoding
from pipeline.data.json_table import JsonTable, is_json
from pipeline.data.records import ExcelTable, ParquetTable
from pipeline.errors import DataError

_MOST_TITLES = 10  # rows above a header

# Every format has columns, first_rows() and rows(); its text says how it is read.
Table = Delimited | JsonTable | ParquetTable | ExcelTable


def open_table(path: Path, config: CsvConfig) -> tuple[Table, int, int]:
    """Return a table with the places of its columns of texts and of labels.

    Raises:
      DataError: it is of no known format, or lacks a column; says which settings read it.
    """
    try:
        table = _recognise(path, config)
    except NotInEncoding as error:
        raise explain_encoding(error, path, config) from None
    try:
        return table, *_find_columns(table, config)
    except NotInEncoding as error:
        raise explain_encoding(error, path, config) from None
    except _NoColumnError as error:
        raise DataError(f"{path}{error}. {_ask(_advise_columns(table, config))}") from None


def explain_encoding(error: NotInEncoding, path: Path, config: CsvConfig) -> DataError:
    """Return an error with the encoding to type, and with what else the file then needs."""
    if error.way_out is not None:
        return DataError(f"{error}. {error.way_out}")
    if error.guess is None:
        return DataError(f"{error}. Save the file as UTF-8, or set data.encoding")
    problem, given = "", {"encoding": error.guess}
    config = dataclasses.replace(config, encoding=error.guess)
    with contextlib.suppress(DataError):  # any other fault is reported once the encoding is set
        table = _recognise(path, config)
        try:
            _find_columns(table, config)
        except _NoColumnError as missing:
            problem = f", and {str(missing).removeprefix(', ')}"
            given |= _advise_columns(table, config)
    return DataError(f"{error}{problem}. {_ask(given)}")


def _ask(given: dict[str, str]) -> str:
    """Return the request to add settings, as they are typed in a shell."""
    if not given:
        return "Set data.text_column and data.label_column"
    return "Add " + " ".join(shlex.quote(f"data.{key}={value}") for key, value in given.items())


def _recognise(path: Path, config: CsvConfig) -> Table:
    """Return a reader by the content of a file; its ending decides only what the content leaves open."""
    with opened(path) as content:
        start, suffix = content.stream.read(SAMPLE), content.suffix
    if start.startswith(b"PAR1"):
        return ParquetTable(path)
    if start.startswith(b"PK\x03\x04"):
        return ExcelTable(path, config)
    if suffix in (".parquet", ".pq", ".xlsx", ".xlsm"):
        raise DataError(
            f"{path} is no {suffix.lstrip('.')} file, whatever its name says: rename it"
        )
    form = is_json(start.decode(find_encoding(start, config.encoding), "replace"))
    by_line = form == "lines" if form else suffix != ".json"
    if form or suffix in (".json", ".jsonl", ".ndjson"):
        return JsonTable.of(path, config, by_line=by_line)
    return Delimited.of(path, config)


class _NoColumnError(DataError):
    """Report that a table does not name the columns that the settings name."""


def _find_columns(table: Table, config: CsvConfig) -> tuple[int, int]:
    columns, found = table.columns, []
    for key, name in (("text_column", config.text_column), ("label_column", config.label_column)):
        places = find_column(columns, name)
        if not places:
            raise _NoColumnError(_describe_missing(table, config, key, name))
        if len(places) > 1:
            numbers = [str(place + 1) for place in places]
            raise DataError(
                f"{table.path}, row 1: {len(places)} columns are named {shorten(fold_name(name))} "
                f"({', '.join(numbers)}): rename all but one"
                + f", or set data.{key} to its number"
                * (type_column(columns, places[0]) == numbers[0])
            )
        found += places
    text, label = found
    if text == label:
        raise DataError(
            f"{table.path}: data.text_column and data.label_column both name "
            f"{shorten(fold_name(config.text_column))}: texts and labels stand in two columns"
        )
    return text, label


def _describe_missing(table: Table, config: CsvConfig, key: str, name: str) -> str:
    """Return what is missing, to follow the name of the file."""
    columns = table.columns
    if not config.header:
        return f": without a header data.{key} is a number from 1 to {len(columns)}, not {shorten(name)}"
    _refuse_titles(table, config)
    if _lacks_header(table):
        return f", row 1: no header, but a row like the others ({shorten_list(columns, 4)})"
    if len(columns) == 1 and isinstance(table, Delimited):
        where = f"{table.path}, row 1: one column alone, {shorten(columns[0])}"
        if config.separator is not None:
            raise DataError(f"{where} ({table}): leave data.separator out, and it is found")
        raise DataError(
            f"{where}, and none of labels: set data.separator if the columns are separated by none of "
            ", ; | and tab"
        )
    names = list(map(fold_name, columns))
    place = table.describe_place() if isinstance(table, ExcelTable) else "row 1"
    return f", {place}: no column {shorten(fold_name(name))}, only {shorten_list(names)}"


def _refuse_titles(table: Table, config: CsvConfig) -> None:
    """Refuse a table with titles above its header.

    Raises:
      DataError: one of the next rows has both names, or is the first with a name for every column.
    """
    if isinstance(table, JsonTable | ParquetTable):
        return
    wanted = {fold_name(config.text_column), fold_name(config.label_column)}
    rows = [(row, list(map(fold_name, cells))) for row, cells in table.numbered_rows(_MOST_TITLES)]
    named = [one for one in rows[1:] if wanted <= set(one[1])] or _guess_header(rows)
    if named:
        row, cells = named[0]
        raise DataError(
            f"{table.path}, row 1: a title and not the names of the columns; the header seems to be row "
            f"{row} ({shorten_list(cells, 4)}): remove the rows above it"
        )


def _guess_header(rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Return the row, if any, that names the columns where the first, with few cells, is a title."""
    if len(rows) < 3:
        return []
    first, width = rows[0][1], max(len(cells) for _, cells in rows)
    if width < 2 or not (len(first) == 1 or 2 * sum(map(bool, first)) < width):
        return []
    full = [one for one in rows[1:] if len(one[1]) == width and all(one[1])]
    if len(full) < 2 or any(map(str.isdecimal, full[0][1])):
        return []
    repeats = any(cell in cells for _, cells in full[1:] for cell in full[0][1])
    return [] if repeats else full[:1]


def _lacks_header(table: Table) -> bool:
    """Return whether the first row is like the others: its label occurs below, or a cell is a text."""
    if not isinstance(table, Delimited | ExcelTable) or not table.config.header:
        return False
    first, *rest = table.first_rows() or [[]]
    chosen = _guess_columns(rest, len(first))
    if chosen is None:
        return any(len(str(cell)) > 80 for cell in first)
    text, label = chosen
    return len(str(first[text])) > 80 or first[label] in [
        row[label] for row in rest if len(row) > label
    ]


def _advise_columns(table: Table, config: CsvConfig) -> dict[str, str]:
    columns, given = table.columns, {}
    if find_column(columns, config.text_column) and find_column(columns, config.label_column):
        return {}
    if config.header and _lacks_header(table):
        given["header"] = "false"
        columns = [str(number) for number in range(1, len(columns) + 1)]
        rows = table.first_rows()
    else:
        rows = table.first_rows()[int(config.header) :]
    guessed = _guess_columns(rows, len(columns)) or (None, None)
    wanted = {"text_column": config.text_column, "label_column": config.label_column}
    found = 0
    for place, (key, name) in zip(guessed, wanted.items(), strict=True):
        if find_column(columns, name):
            continue
        folded = fold_name(name).casefold()
        places = [at for at, one in enumerate(columns) if fold_name(one).casefold() == folded]
        places += [] if place is None else [place]
        typed = type_column(columns, places[0]) if places else None
        if typed is not None:
            given[key] = typed
            found += 1
    return given if found else {}


def _guess_columns(rows: Sequence[Sequence[Any]], width: int) -> tuple[int, int] | None:
    """Return the columns of the longest cells and of the fewest values, or None."""
    if len(rows) < 2 or width < 2:
        return None
    columns = [[str(row[at]) for row in rows if len(row) > at] for at in range(min(width, 1000))]
    text = max(range(len(columns)), key=lambda at: sum(map(len, columns[at])))
    kinds = {at: len(set(cells)) for at, cells in enumerate(columns) if at != text}
    able = {at: count for at, count in kinds.items() if 2 <= count <= max(2, len(rows) // 2)}
    return (text, min(able, key=lambda at: able[at])) if able else None
