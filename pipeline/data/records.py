"""Read tables that carry their own structure: JSON, JSON lines, Parquet and Excel."""

from __future__ import annotations

import io
import itertools
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from pipeline.config.data import CsvConfig
from pipeline.data.containers import describe, opened, seekable, shorten, shorten_list
from pipeline.data.delimited import NotInEncoding
from pipeline.data.dialect import SAMPLE, find_encoding, guess_encoding, show_encoding
from pipeline.errors import DataError

# A row: its number in the file, the same again, and the chosen cells.
Row = tuple[int, int, list[Any]]
_FIRST = 300  # rows to learn the columns from


@dataclass(frozen=True)
class JsonTable:
    """Read an array of objects, or an object a line. by_line: which."""

    path: Path
    by_line: bool
    encoding: str

    @classmethod
    def of(cls, path: Path, config: CsvConfig, *, by_line: bool) -> JsonTable:
        with opened(path) as content:
            return cls(path, by_line, find_encoding(content.start, config.encoding))

    def __str__(self) -> str:
        form = "an object a line" if self.by_line else "an array of objects"
        return f"JSON with {form}, as {show_encoding(self.encoding)}"

    @cached_property
    def columns(self) -> list[str]:
        """The keys of the first objects."""
        first = list(itertools.islice(self._objects(), _FIRST))
        if not first:
            raise DataError(f"{self.path} is empty: name a table with texts and labels")
        if len(first) == 1 and all(isinstance(one, dict | list) for one in first[0][1].values()):
            raise DataError(
                f"{self.path} holds one object of columns ({shorten_list(list(first[0][1]))}): write an "
                "object a row, as pandas does with orient='records'"
            )
        return list(dict.fromkeys(key for _, one in first for key in one))

    def first_rows(self) -> list[list[Any]]:
        """Return the names of the columns and the cells of the first rows."""
        rows = itertools.islice(self.rows(range(len(self.columns))), _FIRST)
        return [self.columns, *(cells for _, _, cells in rows)]

    def rows(self, chosen: Sequence[int]) -> Iterator[Row]:
        """Yield the chosen values of every object; a missing one is None."""
        names = [self.columns[column] for column in chosen]
        for number, one in self._objects():
            yield number, number, [one.get(name) for name in names]

    def _objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        try:
            with opened(self.path) as content:
                file = io.TextIOWrapper(content.stream, self.encoding)
                yield from self._objects_by_line(file) if self.by_line else self._elements(file)
        except UnicodeDecodeError as error:
            with opened(self.path) as content:
                guess = guess_encoding(content.stream.read(SAMPLE))
            name, at = show_encoding(self.encoding), error.start
            raise NotInEncoding(f"{self.path}: not {name} (byte {at})", guess) from None

    def _objects_by_line(self, lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                one = json.loads(line)
            except (ValueError, RecursionError) as error:
                reason = error.msg if isinstance(error, json.JSONDecodeError) else describe(error)
                raise DataError(
                    f"{self.path}, line {number}: not a JSON object ({reason}: {shorten(line)}); "
                    "mend or remove the line"
                ) from None
            if not isinstance(one, dict):
                raise DataError(
                    f"{self.path}, line {number}: {_name(one)} and not an object of texts by column, "
                    'such as {"text": "…", "label": "…"}'
                )
            yield number, one

    def _elements(self, file: IO[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the objects of an array one by one, so that only one of them is in memory."""
        elements = _iterate_array(file)
        number = 0
        try:
            for number, one in enumerate(elements, start=1):
                if not isinstance(one, dict):
                    raise DataError(
                        f"{self.path}, element {number}: {_name(one)} and not an object of texts by "
                        'column, such as {"text": "…", "label": "…"}'
                    )
                yield number, one
        except json.JSONDecodeError as error:
            raise DataError(
                f"{self.path}: not a JSON array of objects ({error.msg} after {number:,} objects); mend "
                "it, or write an object a line"
            ) from None
        except _NoArrayError as error:
            raise DataError(
                f"{self.path} holds {error} and not an array of objects, such as "
                '[{"text": "…", "label": "…"}]; write that, or an object a line'
            ) from None


class _NoArrayError(Exception):
    """Say what a JSON file holds in place of an array."""


def _iterate_array(file: IO[str]) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    buffer, at = file.read(SAMPLE).lstrip("\ufeff \t\r\n"), 1
    if not buffer.startswith("["):
        raise _NoArrayError(_describe_value(buffer))
    while True:
        buffer, at = _skip(file, buffer, at, " \t\r\n")
        if buffer[at : at + 1] == "]":
            if buffer[at + 1 :].strip() or file.read().strip():
                raise json.JSONDecodeError("Extra data", buffer, at)
            return
        size = SAMPLE
        while True:
            try:
                value, end = decoder.raw_decode(buffer, at)
                if end < len(buffer):  # otherwise a number may go on
                    break
                error = json.JSONDecodeError("Unterminated array", buffer, end)
            except json.JSONDecodeError as found:
                error = found
            more = file.read(size)
            if not more:
                raise error
            buffer, at, size = buffer[at:] + more, 0, 2 * size
        yield value
        buffer, at = _skip(file, buffer, end, " \t\r\n")
        if buffer[at : at + 1] == ",":
            at += 1
        elif buffer[at : at + 1] != "]":
            raise json.JSONDecodeError("Expecting ',' or ']'", buffer, at)


def _skip(file: IO[str], buffer: str, at: int, spaces: str) -> tuple[str, int]:
    """Return the buffer and the place of the next character that is no white space."""
    while True:
        while at < len(buffer) and buffer[at] in spaces:
            at += 1
        if at < len(buffer):
            return buffer, at
        buffer, at = file.read(SAMPLE), 0
        if not buffer:
            return "", 0


def _describe_value(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "something else"
    if isinstance(value, dict):
        return f"an object with the keys {shorten_list(list(value))}"
    return _name(value)


def _name(value: Any) -> str:
    names = {list: "a list", dict: "an object", str: "a text", bool: "a truth value"}
    return "null" if value is None else names.get(type(value), "a number")


def is_json(start: str) -> str | None:
    """Return "lines" or "array" if a file begins as JSON with objects does, else None."""
    text = start.lstrip("\ufeff \t\r\n")
    if text.startswith("["):
        inner = text[1:].lstrip()
        return "array" if inner.startswith(("{", "[")) and _begins_json(inner) else None
    if text.startswith("{"):
        line = text.splitlines()[0]
        try:
            return "lines" if isinstance(json.loads(line), dict) else None
        except (ValueError, RecursionError):
            return "array" if _begins_json(text) else None
    return None


def _begins_json(text: str) -> bool:
    try:
        json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return True


@dataclass(frozen=True)
class ParquetTable:
    path: Path

    def __str__(self) -> str:
        return "Parquet"

    @cached_property
    def columns(self) -> list[str]:
        with self._file() as file:
            return [
                name for name in file.schema_arrow.names if not name.startswith("__index_level_")
            ]

    def first_rows(self) -> list[list[Any]]:
        """Return the names of the columns and the cells of the first rows."""
        with self._file() as file:
            batch = next(file.iter_batches(batch_size=_FIRST), None)
        cells = [] if batch is None else [batch.column(name).to_pylist() for name in self.columns]
        return [self.columns, *map(list, zip(*cells, strict=True))]

    def rows(self, chosen: Sequence[int]) -> Iterator[Row]:
        """Yield the chosen cells of every row, a missing one as None; row 2 is the first."""
        names = [self.columns[column] for column in chosen]
        with self._file() as file:
            for name in names:
                self._refuse_nested(name, file.schema_arrow.field(name).type)
            number = 1
            for batch in file.iter_batches(batch_size=10_000, columns=names):
                columns = [batch.column(name).to_pylist() for name in names]
                for cells in zip(*columns, strict=True):
                    number += 1
                    yield number, number, list(cells)

    def _refuse_nested(self, name: str, kind: Any) -> None:
        import pyarrow as pa

        value = kind.value_type if pa.types.is_dictionary(kind) else kind
        if pa.types.is_nested(value) or "binary" in str(value):
            raise DataError(
                f"{self.path}, column {shorten(name)}: its cells are {shorten(kind, 40)}, neither texts "
                "nor numbers: write them as texts"
            )

    @contextmanager
    def _file(self) -> Iterator[Any]:
        import pyarrow.parquet as pq

        with opened(self.path) as content, _parsed(self.path, "Parquet"):
            yield pq.ParquetFile(seekable(content.stream))


@dataclass(frozen=True)
class ExcelTable:
    """Read a sheet of an Excel file: the first one that names both columns, or else the first."""

    path: Path
    config: CsvConfig

    def __str__(self) -> str:
        return f"Excel, sheet {shorten(self._sheet[0])}"

    @cached_property
    def _sheet(self) -> tuple[str, list[str]]:
        """The name of the sheet, and those of its columns."""
        wanted = {self.config.text_column.strip(), self.config.label_column.strip()}
        with self._book() as book:
            found = [(sheet.title, _first_cells(sheet)) for sheet in book.worksheets]
        found = [(title, cells) for title, cells in found if cells]
        if not found:
            raise DataError(f"{self.path} is empty: name a table with texts and labels")
        named = [(title, cells) for title, cells in found if wanted <= set(cells)]
        return (named or found)[0]

    @cached_property
    def columns(self) -> list[str]:
        """The names in the first row that is not empty, or the numbers of the columns from 1."""
        names = self._sheet[1]
        if self.config.header:
            return names
        return [str(number) for number in range(1, len(names) + 1)]

    def first_rows(self) -> list[list[Any]]:
        """Return the cells of the first rows, the header included."""
        with self._book() as book:
            rows = [cells for _, cells in itertools.islice(self._filled(book), _FIRST)]
        return [[_as_text(cell) for cell in row] for row in rows]

    def rows(self, chosen: Sequence[int]) -> Iterator[Row]:
        """Yield the chosen cells of every row below the header, numbered as in Excel."""
        with self._book() as book:
            for number, cells in itertools.islice(
                self._filled(book), int(self.config.header), None
            ):
                yield number, number, [cells[at] if at < len(cells) else None for at in chosen]

    def _filled(self, book: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
        rows = _rows_of(book[self._sheet[0]])
        return ((number, cells) for number, cells in enumerate(rows, start=1) if _is_filled(cells))

    @contextmanager
    def _book(self) -> Iterator[Any]:
        from openpyxl import load_workbook

        with opened(self.path) as content, _parsed(self.path, "Excel"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and the like
            book = load_workbook(seekable(content.stream), read_only=True, data_only=True)
            try:
                yield book
            finally:
                book.close()


def _rows_of(sheet: Any) -> Iterator[tuple[Any, ...]]:
    sheet.reset_dimensions()  # which some programs write wrong
    return sheet.iter_rows(values_only=True)


def _is_filled(cells: tuple[Any, ...]) -> bool:
    return any(cell is not None and cell != "" for cell in cells)


def _first_cells(sheet: Any) -> list[str]:
    filled = next((cells for cells in _rows_of(sheet) if _is_filled(cells)), ())
    return [_as_text(cell).strip() for cell in filled]


def _as_text(cell: Any) -> str:
    return "" if cell is None else str(cell)


@contextmanager
def _parsed(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a library says of a damaged file into a `DataError` that names it."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{path} cannot be read as {kind}: {describe(error)}") from error
