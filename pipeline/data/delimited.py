"""Read tables of separated cells strictly: a fault is named by its line, never repaired in silence."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO

from pipeline.config.tables import CsvConfig, Quoting
from pipeline.data.containers import READABLE, opened, shorten
from pipeline.data.dialect import (
    Dialect,
    find_dialect,
    name_other_form,
    name_separator,
    sample_records,
    split_lines,
)
from pipeline.data.encoding import (
    SAMPLE,
    decodes,
    error_handler,
    find_encoding,
    guess_utf_16,
    holds_unread,
    is_tolerant,
    not_in_encoding,
    refuse_other_encoding,
    show_encoding,
)
from pipeline.errors import DataError

# A row: its number in the file, its line, and its cells, or how many there are if that is wrong, or what
# they hold that must not be in them.
Row = tuple[int, int, "list[str] | int | str"]
_GLUING = 8  # NUL bytes in a row, which may stand where lines ended


@dataclass(frozen=True)
class Delimited:
    """Read a table of separated cells. encoding: Python's name."""

    path: Path
    dialect: Dialect
    encoding: str
    config: CsvConfig

    @classmethod
    def of(cls, path: Path, config: CsvConfig) -> Delimited:
        """Return a reader for a file, its dialect found where the settings leave it open."""
        with opened(path) as content:
            start = content.stream.read(SAMPLE)
            tabbed = content.suffix in (".tsv", ".tab")
        encoding = find_encoding(start, config.encoding)
        if not decodes(start, encoding) or (encoding == "utf-8-sig" and guess_utf_16(start)):
            if guess_utf_16(start) is None and _is_binary(start):
                raise DataError(f"{path} holds no text, and is of no known format: give {READABLE}")
            refuse_other_encoding(path, encoding, config)
        sample = start.decode(encoding, "replace")
        other = None if config.separator else name_other_form(sample)
        if other is not None:
            raise DataError(f"{path} {other}")
        dialect = find_dialect(sample, config, prefers_tab=tabbed)
        return cls(path, dialect, encoding, config)

    def __str__(self) -> str:
        return f"{self.dialect}, as {show_encoding(self.encoding)}"

    @cached_property
    def columns(self) -> list[str]:
        """The names in the first row, or the numbers of the columns from 1."""
        first = next(self._records(), None)
        if first is None:
            raise DataError(f"{self.path} is empty: name a table with texts and labels")
        names = first[2]
        if not self.config.header:
            return [str(number) for number in range(1, len(names) + 1)]
        if holds_unread(names):
            raise not_in_encoding(self.path, self.encoding)
        if "\0" in "".join(names):
            raise DataError(
                f"{self.path}, line {first[1]}: NUL bytes among the names of the columns, so the file "
                "is damaged: fetch or export it again"
            )
        return [name.strip() for name in names]

    def first_rows(self) -> list[list[str]]:
        """Return some rows at the beginning, the header included, as far as they can be read."""
        with opened(self.path) as content:
            sample = content.stream.read(SAMPLE).decode(self.encoding, "replace").lstrip("\ufeff")
        return sample_records(self.dialect, split_lines(sample)[self.dialect.announced :])

    def numbered_rows(self, most: int) -> list[tuple[int, list[str]]]:
        """Return the first rows that are not empty, the header included, with their numbers."""
        found = []
        with contextlib.suppress(DataError):  # a fault, which is reported where all rows are read
            for number, _, record, _ in itertools.islice(self._records(), most):
                if any(record):
                    found.append((number, record))
        return found

    def rows(self, chosen: Sequence[int]) -> Iterator[Row]:
        """Yield the chosen cells of every row below the header, but for rows that are empty.

        Raises:
          DataError: a line is at fault.
        """
        width, label = len(self.columns), chosen[-1]
        seams = _Seams(width, label, self.dialect.separator)
        known = False
        may_hold_unread = is_tolerant(self.encoding, self.config)
        for number, line, record, last in itertools.islice(
            self._records(), int(self.config.header), None
        ):
            if last != line:
                seams.consider(line, last, record)
            if "\0" in "".join(record):
                self._refuse_gluing(line, record)
                yield number, line, "NUL bytes, which no text holds"
                continue
            if len(record) != width:
                if not any(record):
                    continue
                if len(record) < width or any(record[width:]):
                    yield number, line, len(record)
                    continue
            cells = [record[column] for column in chosen]
            if not any(cells) and not any(record):
                continue
            if may_hold_unread and holds_unread(cells):
                if not known:
                    refuse_other_encoding(self.path, self.encoding, self.config)
                    known = True
                yield number, line, f"bytes that are not {show_encoding(self.encoding)}"
                continue
            if last == line:
                seams.labels.add(cells[-1])
            yield number, line, cells
        if self.config.quoting is None:
            self._refuse_seam(seams)

    def _refuse_gluing(self, line: int, record: list[str]) -> None:
        longest = max(map(len, re.findall("\0+", "".join(record))))
        if longest >= _GLUING:
            raise DataError(
                f"{self.path}, line {line}: {longest:,} NUL bytes, where rows may have stood, so the "
                "file is damaged: fetch or export it again"
            )

    def _records(self) -> Iterator[tuple[int, int, list[str], int]]:
        """Yield number, first line, cells and last line of every record after leading empty ones."""
        try:
            with self._lines() as lines:
                yield from self._parse(lines)
        except UnicodeDecodeError:
            raise not_in_encoding(self.path, self.encoding) from None
        except UnicodeError as error:  # such as UTF-16 without a mark
            raise DataError(f"{self.path} is not {show_encoding(self.encoding)}: {error}") from None

    @contextlib.contextmanager
    def _lines(self) -> Iterator[IO[str]]:
        with opened(self.path) as content:
            yield io.TextIOWrapper(
                content.stream,
                self.encoding,
                errors=error_handler(self.encoding, self.config),
                newline="",
            )

    def _parse(self, file: IO[str]) -> Iterator[tuple[int, int, list[str], int]]:
        skipped = int(self.dialect.announced)
        lines: Iterator[str] = itertools.islice(file, skipped, None)
        first = next(lines, "").removeprefix("\ufeff")
        reader = self.dialect.reader(itertools.chain([first] if first else [], lines))
        number, end, begun = skipped, skipped, False
        try:
            for record in reader:
                number += 1
                line, end = end + 1, reader.line_num + skipped
                begun = begun or any(record)
                if begun:
                    yield number, line, record, end
        except csv.Error as error:
            raise self._fault(error, end + 1, reader.line_num + skipped) from None

    def _fault(self, error: csv.Error, line: int, end: int) -> DataError:
        """Return what is wrong with the record in these lines, with the setting that reads the file."""
        shown = self._show_line(line)
        if "limit" in str(error):
            what = f"line {line}: a cell of more than 16 million characters; is its quote never closed?"
        elif "end of data" in str(error):
            what = f"line {line}: a quote that never closes ({shown})"
        elif line == end:
            what = f"line {line}: text after a closing quote ({shown})"
        else:
            what = (
                f"line {line}: a quote begins a text here ({shown}) that ends only in line {end}, where "
                "more text follows its closing quote"
            )
        return DataError(f"{self.path}, {what}. {self._way_out()}")

    def _show_line(self, number: int) -> str:
        with self._lines() as lines:
            text = next(itertools.islice(lines, number - 1, None), "").rstrip("\r\n")
        quote = text.find('\\"') if '\\"' in text else text.find('"')
        return shorten(text[max(0, quote - 10) :], 50)

    def _way_out(self) -> str:
        found = self._find_quoting()
        return found or "Write a quote inside a quoted text twice, or remove it"

    def _find_quoting(self) -> str | None:
        """Return the setting with which every row has as many cells as the first, or None."""
        for quoting in (Quoting.backslash, Quoting.none, Quoting.doubled):
            rows = 0 if quoting == self.dialect.quoting else self._count_rows(quoting)
            if rows:
                return f"With data.quoting={quoting.name} all {rows:,} rows are read"
        return None

    def hint_on_cells(self) -> str:
        """Return what may give every row as many cells as there are columns."""
        found = self._find_quoting()
        mark = name_separator(self.dialect.separator)
        return found or f"A text that holds {mark} must stand in quotes"

    def _count_rows(self, quoting: Quoting) -> int:
        """Return how many rows there are if quotes mean this; 0 if a row then has another width."""
        dialect = replace(self.dialect, quoting=quoting)
        rows = width = 0
        try:
            with self._lines() as lines:
                for record in dialect.reader(itertools.islice(lines, int(dialect.announced), None)):
                    width = width or len(record)
                    if any(record):
                        if len(record) != width:
                            return 0
                        rows += 1
        except (csv.Error, UnicodeError):
            return 0
        if width < 2:
            return 0
        return rows - int(self.config.header)

    def _refuse_seam(self, seams: _Seams) -> None:
        seam = seams.first()
        if seam is not None:
            line, end = seam
            rows = self._count_rows(Quoting.none)
            alone = f", with which all {rows:,} rows are read" if rows else ""
            raise DataError(
                f"{self.path}, line {line}: a quote begins a text here ({self._show_line(line)}) that "
                f"ends only in line {end}, and each line between looks like a row. Remove the quote, or "
                f"say what it means: data.quoting=none, an ordinary character{alone}; "
                "data.quoting=doubled, one text of several lines"
            )


class _Seams:
    """Find quoted cells whose every line looks like a row: rows that a lone quote has glued together."""

    def __init__(self, width: int, label: int, separator: str) -> None:
        self.width, self.label, self.separator = width, label, separator
        self.labels: set[str] = set()
        self._suspects: list[tuple[int, int, list[str]]] = []

    def consider(self, line: int, end: int, record: list[str]) -> None:
        lines = self.separator.join(record).splitlines()
        rows = [one.split(self.separator) for one in lines]
        fitting = [cells[self.label] for cells in rows if len(cells) == self.width]
        if len(fitting) >= 2 and len(fitting) >= 0.8 * len(lines):
            self._suspects.append((line, end, fitting))

    def first(self) -> tuple[int, int] | None:
        """Return first and last line of the first cell whose lines hold labels of other rows, if any."""
        for line, end, found in self._suspects:
            if sum(one.strip('" ') in self.labels for one in found) >= 0.8 * len(found):
                return line, end
        return None


def _is_binary(start: bytes) -> bool:
    """Return whether these bytes hold more control characters than any text does."""
    controls = sum(byte < 9 or 13 < byte < 32 for byte in start[:4000])
    return controls > len(start[:4000]) / 20
