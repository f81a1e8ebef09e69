"""Find how a text file is encoded, what separates its columns, and what quotes mean in it.

What the settings leave open is found in the first megabyte; what is read later has to agree with it.
"""

from __future__ import annotations

import codecs
import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pipeline.config.tables import SEPARATORS, CsvConfig, Quoting

SAMPLE = 1 << 20
_MOST_RECORDS = 300
_MOST_CHARACTERS = 1 << 24  # of a cell: a quote that never closes must not take all memory
csv.field_size_limit(_MOST_CHARACTERS)

_MARKS = {  # longest first: the mark of UTF-16 begins that of UTF-32
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SHOWN = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32", "iso8859-1": "latin-1"}


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


def find_encoding(start: bytes, given: str | None) -> str:
    """Return Python's name of the encoding: as given, by the mark at the start, or UTF-8."""
    if given is not None:
        name = codecs.lookup(given).name
        return "utf-8-sig" if name == "utf-8" else name
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8-sig")


def show_encoding(encoding: str) -> str:
    return _SHOWN.get(encoding, encoding)


def guess_encoding(data: bytes) -> str | None:
    """Return the encoding that bytes which are not UTF-8 are most likely in, or None."""
    wide = guess_utf_16(data)
    if wide is not None:
        return wide
    lines = b"\n".join([line for line in data.splitlines() if not line.isascii()][:200])
    latin = len(re.findall(rb"[A-Za-z]", lines))
    foreign = len(re.findall(rb"[\x80-\xff]", lines))
    found = _guess_foreign(lines) if foreign > latin / 3 else None
    if found is not None and decodes(data, found):
        return found
    able = [name for name in _LATIN if decodes(data, name)]
    return max(able, key=lambda name: _count_usual(lines, name), default=None)


def _guess_foreign(lines: bytes) -> str | None:
    """Return the encoding of lines that hold hardly any Latin letter, or None."""
    from charset_normalizer import from_bytes

    for name in ("cp932", "euc_jp"):  # in which Japanese is what others take for Korean
        read = lines.decode(name, "ignore")
        if decodes(lines, name) and 5 * len(re.findall("[ぁ-ん]", read)) > len(read):
            return name
    best = from_bytes(lines, cp_isolation=[str(name) for name in _NOT_LATIN.split()]).best()
    return None if best is None else best.encoding


_NOT_LATIN = "cp1251 koi8_r cp1253 cp1255 cp1256 gb18030 big5 cp932 cp949 euc_jp"
# Each with the characters that are usual where it is; of equals the first is taken.
_LATIN = {
    "cp1252": "àâäáãåæçèéêëìíîïñòóôöõøùúûüýÿß“”‘’„«»–—…€£°",
    "cp1250": "ąćęłńóśźżčďěňřšťůýžőűáéíúăâîşţäöüß“”‘’„–—…€",
    "cp1254": "çğıöşüâîûİ“”‘’–—…€",
    "latin-1": "àâäáãåæçèéêëìíîïñòóôöõøùúûüýÿß«»£°",
}


def _count_usual(data: bytes, encoding: str) -> int:
    text = data.decode(encoding, "ignore").lower()
    return sum(map(text.count, _LATIN[encoding]))


def guess_utf_16(data: bytes) -> str | None:
    """Return the kind of UTF-16 that bytes without a mark are in, or None.

    Every second byte of Latin letters is zero then, which is valid UTF-8 too.
    """
    even, odd = data[:4000:2], data[1:4000:2]
    if odd.count(0) > len(odd) / 3 > 4 * even.count(0):
        return "utf-16-le"
    if even.count(0) > len(even) / 3 > 4 * odd.count(0):
        return "utf-16-be"
    return None


def decodes(data: bytes, encoding: str) -> bool:
    """Return whether bytes, of which the last character may be cut off, are in an encoding."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def split_lines(text: str) -> list[str]:
    """Return the lines of a text with their ends, as a file opened with newline="" has them."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", text)


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
    names = {name.strip().removeprefix("\ufeff") for name in records[0]}
    named = config.header and {config.text_column, config.label_column} <= names
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
