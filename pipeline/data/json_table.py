"""Read JSON as a table: an array of objects, or an object a line."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from pipeline.config.tables import CsvConfig
from pipeline.data.containers import describe, opened, shorten, shorten_list
from pipeline.data.encoding import (
    SAMPLE,
    error_handler,
    find_encoding,
    holds_unread,
    is_tolerant,
    not_in_encoding,
    refuse_other_encoding,
    show_encoding,
)
from pipeline.errors import DataError

# A row: its number in the file, the same again, and the chosen cells, or what they must not hold.
Row = tuple[int, int, "list[Any] | str"]
_FIRST = 300  # rows to learn the columns from


@dataclass(frozen=True)
class JsonTable:
    """Read an array of objects, or an object a line. by_line: which."""

    path: Path
    by_line: bool
    encoding: str
    config: CsvConfig

    @classmethod
    def of(cls, path: Path, config: CsvConfig, *, by_line: bool) -> JsonTable:
        with opened(path) as content:
            return cls(path, by_line, find_encoding(content.start, config.encoding), config)

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
        return [self.columns, *(cells for _, _, cells in rows if not isinstance(cells, str))]

    def rows(self, chosen: Sequence[int]) -> Iterator[Row]:
        """Yield the chosen values of every object; a missing one is None."""
        names = [self.columns[column] for column in chosen]
        may_hold_unread, known = is_tolerant(self.encoding, self.config), False
        for number, one in self._objects():
            cells = [one.get(name) for name in names]
            if may_hold_unread and holds_unread(cells):
                if not known:
                    refuse_other_encoding(self.path, self.encoding, self.config)
                    known = True
                yield number, number, f"bytes that are not {show_encoding(self.encoding)}"
            else:
                yield number, number, cells

    def _objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        try:
            with opened(self.path) as content:
                errors = error_handler(self.encoding, self.config)
                file = io.TextIOWrapper(content.stream, self.encoding, errors)
                yield from self._objects_by_line(file) if self.by_line else self._elements(file)
        except UnicodeDecodeError:
            raise not_in_encoding(self.path, self.encoding) from None

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
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # "{…} {…}", each in several lines
            return "several values one after another, which are not each in a line,"
        return "something else"
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
