"""Read tables that other programs wrote in their own format: Parquet and Excel."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.config.tables import CsvConfig
from pipeline.data.column_names import find_column
from pipeline.data.containers import describe, opened, seekable, shorten, shorten_list
from pipeline.errors import DataError

# A row: its number in the file, the same again, and the chosen cells.
Row = tuple[int, int, list[Any]]
_FIRST = 300  # rows to learn the columns from


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
        """Yield the chosen cells of every row, a missing one as None; row 1 is the first."""
        names = [self.columns[column] for column in chosen]
        with self._file() as file:
            for name in names:
                self._refuse_nested(name, file.schema_arrow.field(name).type)
            number = 0
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
        more = f" of {len(self.sheets)}" if len(self.sheets) > 1 else ""
        return f"Excel, sheet {shorten(self.sheet)}{more}"

    @cached_property
    def sheets(self) -> dict[str, list[str]]:
        """The sheets that are not empty, each with the cells of its first row."""
        with self._book() as book:
            found = {sheet.title: _first_cells(sheet) for sheet in book.worksheets}
        found = {title: cells for title, cells in found.items() if cells}
        if not found:
            raise DataError(f"{self.path} is empty: name a table with texts and labels")
        return found

    @cached_property
    def sheet(self) -> str:
        """The name of the sheet that is read."""
        given = self.config.sheet
        if given is not None:
            for title in self.sheets:
                if title.strip().casefold() == given.strip().casefold():
                    return title
            if self.path == Path(self.config.path):  # a test file may name its sheets otherwise
                raise DataError(
                    f"{self.path}: no sheet {shorten(given)} with cells, only "
                    f"{shorten_list(list(self.sheets))}: set data.sheet to one of them"
                )
        return next(filter(self._has_columns, self.sheets), next(iter(self.sheets)))

    def describe_place(self) -> str:
        """Return where the names of the columns stand, with the sheets that there are."""
        others = [one for one in self.sheets if one != self.sheet]
        more = f" (others for data.sheet: {shorten_list(others, 5)})" if others else ""
        return f"sheet {shorten(self.sheet)}, row 1{more}"

    @cached_property
    def alike(self) -> list[str]:
        """The names of the other sheets that have both columns."""
        return [one for one in self.sheets if one != self.sheet and self._has_columns(one)]

    def _has_columns(self, title: str) -> bool:
        columns = self._columns_of(title)
        wanted = self.config.text_column, self.config.label_column
        return all(find_column(columns, name) for name in wanted)

    def _columns_of(self, title: str) -> list[str]:
        names = self.sheets[title]
        if self.config.header:
            return names
        return [str(number) for number in range(1, len(names) + 1)]

    def has_formulas(self, column: int) -> bool:
        """Return whether one of the first cells of a column is a formula."""
        with self._book(data_only=False) as book:
            first = itertools.islice(self._filled(book), _FIRST)
            return any(
                str(cells[column]).startswith("=") for _, cells in first if column < len(cells)
            )

    @cached_property
    def columns(self) -> list[str]:
        """The names in the first row that is not empty, or the numbers of the columns from 1."""
        return self._columns_of(self.sheet)

    def first_rows(self) -> list[list[Any]]:
        """Return the cells of the first rows, the header included."""
        with self._book() as book:
            rows = [cells for _, cells in itertools.islice(self._filled(book), _FIRST)]
        return [[_as_text(cell) for cell in row] for row in rows]

    def numbered_rows(self, most: int) -> list[tuple[int, list[str]]]:
        """Return the first rows that are not empty, the header included, with their numbers."""
        with self._book() as book:
            rows = itertools.islice(self._filled(book), most)
            return [(number, list(map(_as_text, cells))) for number, cells in rows]

    def rows(self, chosen: Sequence[int]) -> Iterator[Row]:
        """Yield the chosen cells of every row below the header, numbered as in Excel."""
        with self._book() as book:
            for number, cells in itertools.islice(
                self._filled(book), int(self.config.header), None
            ):
                yield number, number, [cells[at] if at < len(cells) else None for at in chosen]

    def _filled(self, book: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
        rows = _rows_of(book[self.sheet])
        return ((number, cells) for number, cells in enumerate(rows, start=1) if _is_filled(cells))

    @contextmanager
    def _book(self, *, data_only: bool = True) -> Iterator[Any]:
        from openpyxl import load_workbook

        with opened(self.path) as content, _parsed(self.path, "Excel"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and the like
            book = load_workbook(seekable(content.stream), read_only=True, data_only=data_only)
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
