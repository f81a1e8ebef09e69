"""Find how a text file is encoded, and say which of its lines are not."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pipeline.config.tables import CsvConfig, OnBadRows
from pipeline.data.containers import opened, shorten
from pipeline.errors import DataError

SAMPLE = 1 << 20

_MARKS = {  # longest first: the mark of UTF-16 begins that of UTF-32
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SHOWN = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32", "iso8859-1": "latin-1"}


def find_encoding(start: bytes, given: str | None) -> str:
    """Return Python's name of the encoding: as given, by the mark at the start, or UTF-8."""
    if given is not None:
        name = codecs.lookup(given).name
        return "utf-8-sig" if name == "utf-8" else name
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8-sig")


def show_encoding(encoding: str) -> str:
    return _SHOWN.get(encoding, encoding)


def guess_encoding(data: bytes) -> str | None:
    """Return the encoding that bytes are most likely in, or None."""
    wide = guess_utf_16(data)
    if wide is not None:
        return wide
    if decodes(data, "utf-8"):
        return "utf-8"
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


class NotInEncoding(DataError):
    """Report a file that is not in its encoding.

    guess: the encoding that it is likely in; way_out: what to do where no encoding reads all of it.
    """

    def __init__(self, message: str, guess: str | None, way_out: str | None = None) -> None:
        super().__init__(message)
        self.guess, self.way_out = guess, way_out


_WIDE = ("utf-16", "utf-32")


def not_in_encoding(path: Path, encoding: str) -> NotInEncoding:
    """Return where a file is not in its encoding, and which would fit, or that the rest is in it."""
    name = show_encoding(encoding)
    with opened(path) as content:
        start = content.stream.read(SAMPLE)
        content.stream.seek(0)
        if encoding.startswith(_WIDE) and find_encoding(start, None) == encoding:
            what = f"{path} breaks off or is damaged within a character of {name}"
            return NotInEncoding(what, None, "Fetch or export it again")
        if encoding.startswith(_WIDE) or guess_utf_16(start):
            lines = _Lines(count=1, bad=1, line=start[:80])
        else:
            lines = _read_lines(_split(content.stream, start), encoding)
    guess = guess_encoding(start + b"\n" + b"".join(lines.faulty))
    if not lines.are_damaged(guess):
        return NotInEncoding(
            f"{path}, line {lines.first}: not {name}{_read_as(lines, guess)}", guess
        )
    is_cut = lines.read > lines.unread  # within a character, so that no encoding reads it
    reads = _read_as(
        lines, encoding if is_cut else guess_encoding(b"".join(lines.faulty)), encoding
    )
    more = f" and {lines.bad - 1:,} more" * (lines.bad > 1)
    others = f"{lines.good:,} other line{'s are' if lines.good > 1 else ' is'}"
    return NotInEncoding(
        f"{path}, line {lines.first}{more}: not {name}{reads}, while "
        f"{others if lines.good else 'the rest is'}",
        None,
        _mend(lines, encoding),
    )


def _mend(lines: _Lines, encoding: str) -> str:
    if lines.good and lines.bad > lines.good:
        return f"Write all lines in one encoding, such as {show_encoding(encoding)}"
    mend = "Mend the line" if lines.bad == 1 else "Mend these lines"
    is_few = lines.first > 1 and 10 * lines.bad <= lines.count
    may_drop = encoding == "utf-8-sig" and (is_few or lines.count == 1)  # as JSON may be one line
    return mend + ", or leave such rows out with data.on_bad_rows=drop" * may_drop


_MOST_LINES, _MOST_BYTES = 200, 1 << 16  # kept, and of each


@dataclass
class _Lines:
    """Count the lines that an encoding reads.

    good: those beyond ASCII that it reads; sure: those of them with so many characters that this is no
    accident, as two bytes of Chinese are valid UTF-8 one time in six; bad: those that it does not read,
    the first of them line number `first`, at byte `at`; read, unread: characters beyond ASCII, and
    bytes, in bad lines; letters: the characters beyond ASCII of good lines.
    """

    count: int = 0
    good: int = 0
    sure: int = 0
    bad: int = 0
    first: int = 1
    at: int = 0
    line: bytes = b""
    read: int = 0
    unread: int = 0
    faulty: list[bytes] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)

    def are_damaged(self, guess: str | None) -> bool:
        """Return whether the file is in the encoding but for these lines; guess: the likely one."""
        if guess == "utf-8":
            return False
        # Two bytes of cp1252 or cp1250 that are valid UTF-8 by accident are a letter of another script.
        is_meant = guess in _LATIN and any(_encodes(one, guess) for one in self.letters)
        is_in_it = self.good >= self.bad or self.sure > 0 or is_meant
        return (self.good > 0 and is_in_it) or self.read > self.unread


def _encodes(text: str, encoding: str) -> bool:
    return text.encode(encoding, "ignore").decode(encoding) == text


def _split(stream: IO[bytes], start: bytes) -> Iterable[bytes]:
    """Return the lines, which an old Mac ends with CR alone."""
    return stream if b"\n" in start or b"\r" not in start else stream.read().split(b"\r")


def _read_lines(stream: Iterable[bytes], encoding: str) -> _Lines:
    lines = _Lines()
    for number, line in enumerate(stream, start=1):
        lines.count += 1
        if line.isascii():
            continue
        try:
            letters = "".join(one for one in line.decode(encoding)[:1000] if one > "\x7f")
            lines.good += 1
            lines.sure += len(letters.encode()) - len(letters) >= 4
            if len(lines.letters) < _MOST_LINES:
                lines.letters.append(letters)
        except UnicodeDecodeError as error:
            if not lines.bad:
                lines.first, lines.at, lines.line = number, error.start, line
            lines.bad += 1
            known = [one for one in line.decode(encoding, "ignore") if one > "\x7f"]
            size = len("".join(known).encode(encoding.removesuffix("-sig")))
            lines.read += len(known)
            lines.unread += sum(byte > 127 for byte in line) - size
            if len(lines.faulty) < _MOST_LINES:
                lines.faulty.append(line[:_MOST_BYTES].rstrip() + b"\n")
    return lines


def _read_as(lines: _Lines, guess: str | None, encoding: str | None = None) -> str:
    """Return the text around the byte that cannot be read, cut between characters, for a message."""
    if guess is None:
        return ""

    def read(data: bytes) -> str:
        return codecs.getincrementaldecoder(guess)("replace").decode(data)

    before = read(lines.line[: lines.at])
    around = read(lines.line[: lines.at + 100])[max(0, len(before) - 15) :][:40]
    shown = next(iter(around.strip().splitlines()), "")
    return f" ({f'as {guess}: ' * (guess != encoding)}{shorten(shown, 40)})"


def is_tolerant(encoding: str, config: CsvConfig) -> bool:
    """Return whether rows that are not in the encoding may be left out."""
    return encoding == "utf-8-sig" and config.on_bad_rows == OnBadRows.drop


def error_handler(encoding: str, config: CsvConfig) -> str:
    return "surrogateescape" if is_tolerant(encoding, config) else "strict"


_UNREAD = re.compile("[\udc80-\udcff]")


def holds_unread(cells: Iterable[Any]) -> bool:
    """Return whether a cell holds bytes that could not be read, which the handler let pass."""
    return any(isinstance(one, str) and _UNREAD.search(one) for one in cells)


def refuse_other_encoding(path: Path, encoding: str, config: CsvConfig) -> None:
    """Refuse a file with unread bytes unless only some lines hold them and may be left out.

    Raises:
      NotInEncoding: it is in another encoding.
    """
    error = not_in_encoding(path, encoding)
    if not is_tolerant(encoding, config) or (error.way_out is None and config.encoding is None):
        raise error
