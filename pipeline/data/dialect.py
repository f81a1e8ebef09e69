"""Find what separates the columns of a text file, and what quotes mean in it.

What the settings leave open is found in the first megabyte; what is read later has to agree with it.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pipeline.config.tables import SEPARATORS, CsvConfig, Quoting
from pipeline.data.column_names import fold_name

_MOST_RECORDS = 300
_MOST_CHARACTERS = 1 << 24  # of a cell: a quote that never closes must not take all memory
csv.field_size_limit(_MOST_CHARACTERS)


@dataclass(frozen=True)
class Dialect:
    """Describe a table of separated cells.

    separator: one character; skips_space: whether a space after it may precede a quote; quoting: what
    quotes mean; announced: whether the first line is Excel's `sep=;`.
    """

    separator: str
    quoting: Quoting = Quoting.doubled
    skips_space: bool = False
    announced: bool = False

    def reader(self, lines: Iterable[str], *, strict: bool = True) -> Any:
        """Return an iterator over the records of these lines, with the number of lines read so far."""
        if self.quoting == Quoting.backslash:
            lines = (_resolve_escapes(line) if "\\" in line else line for line in lines)
        return csv.reader(
            lines,
            delimiter=self.separator,
            quotechar='"',
            quoting=csv.QUOTE_NONE if self.quoting == Quoting.none else csv.QUOTE_MINIMAL,
            escapechar="\\" if self.quoting == Quoting.backslash else None,
            skipinitialspace=self.skips_space,
            strict=strict,
        )

    def __str__(self) -> str:
        return f"separated by {name_separator(self.separator)}"


def name_separator(separator: str) -> str:
    return "tabs" if separator == "\t" else f"'{separator}'"


def split_lines(text: str) -> list[str]:
    """Return the lines of a text with their ends, as a file opened with newline="" has them."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", text)


_FASTTEXT = re.compile(r"(?:__label__[^\s,;|]+ +)+[^\s].*|.* __label__[^\s,;|]+\s*")
_SPACED_CELL = r"(?:\"(?:[^\"\\]|\\.|\"\")*\"|[^\s\",;|]+)"
_SPACED = re.compile(rf"(?=.*\") *{_SPACED_CELL}(?: +{_SPACED_CELL})+\s*")


def name_other_form(sample: str) -> str | None:
    """Return what a file of lines is that has no separator that is read, and what to do, or None."""
    lines = [line for line in itertools.islice(split_lines(sample), 50) if line.strip()][:5]
    if len(lines) < 2:
        return None
    if all(map(_FASTTEXT.fullmatch, map(str.rstrip, lines))):
        return (
            "is in fastText's format (__label__… before a text), which is not read: write a table with "
            "a column of texts and one of labels, such as a .csv"
        )
    if all(map(_SPACED.fullmatch, map(str.rstrip, lines))):
        return (
            "has columns separated by spaces, which are not read: write it with commas or tabs, as R "
            "does with write.csv(…, row.names=FALSE)"
        )
    return None


def find_dialect(sample: str, config: CsvConfig, *, prefers_tab: bool = False) -> Dialect:
    """Return the dialect of a table from its beginning: what the settings say, the rest as found."""
    lines = split_lines(sample)
    announced = re.fullmatch(r'\ufeff?"?sep=(.)"?\s*', lines[0]) if lines else None
    quoting = config.quoting or Quoting.doubled
    if config.separator is not None:
        candidates = [SEPARATORS.get(config.separator, config.separator)]
    elif announced:
        candidates = [announced[1]]
    else:
        candidates = ["\t", ",", ";", "|"] if prefers_tab else [",", ";", "\t", "|"]
    body = lines[bool(announced) :]
    found = [
        Dialect(separator, quoting, skips_space, bool(announced))
        for separator, skips_space in itertools.product(candidates, (False, True))
    ]
    return max(found, key=lambda dialect: _rate(dialect, body, config))


def _rate(dialect: Dialect, lines: list[str], config: CsvConfig) -> tuple[float, ...]:
    """Return how well a dialect suits: by names of columns, by equal counts, by clean labels."""
    records = sample_records(dialect, lines)
    if len(records) < 3:  # a quote that never closes: count as if quotes were ordinary characters
        records = sample_records(replace(dialect, quoting=Quoting.none), lines) or records
    if not records:
        return (0.0,)
    names = set(map(fold_name, records[0]))
    wanted = {fold_name(config.text_column), fold_name(config.label_column)}
    named = config.header and wanted <= names
    width, often = Counter(map(len, records)).most_common(1)[0]
    share = often / len(records) if width > 1 else 0.0
    # Commas in texts may be as regular as the separator: the cells of labels then hold a separator.
    clean = share and _has_clean_labels([one for one in records if len(one) == width])
    return (float(named), float(share == 1.0), float(clean), share, -float(dialect.skips_space))


def _has_clean_labels(records: list[list[str]]) -> bool:
    """Return whether a column repeats a few values, none of which holds a separator."""
    kinds = [set(cells) for cells in zip(*records[1:], strict=True)]
    few = [cells for cells in kinds if 2 <= len(cells) <= max(2, len(records) // 2)]
    return any(not any(mark in cell for cell in cells for mark in ",;\t|") for cells in few)


def sample_records(dialect: Dialect, lines: list[str]) -> list[list[str]]:
    """Return the first records of these lines, without empty ones and, if there are others, the last.

    The last may be cut off where the sample ends.
    """
    records: list[list[str]] = []
    for record in _tolerant(dialect.reader(lines)):
        if any(record):
            records.append(record)
        if len(records) > _MOST_RECORDS:
            break
    return records[:-1] if len(records) > 2 else records


def _tolerant(records: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield records up to the first fault, which the reading of the whole file reports."""
    try:
        yield from records
    except csv.Error:
        return


_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def _resolve_escapes(line: str) -> str:
    r"""Return a line whose escaped line breaks and tabs are spaces; the reader resolves the others.

    MySQL's `\N`, for no value, keeps its backslash, as "N" would be a value.
    """
    known = {"n": " ", "r": " ", "t": " ", "N": r"\\N"}
    return _ESCAPE.sub(lambda found: known.get(found[1], found[0]), line)
