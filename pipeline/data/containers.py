"""Open a person's file whatever it is packed in, and turn what damage does to it into one line."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pipeline.errors import DataError

READABLE = ".csv, .tsv, .txt, .jsonl, .json, .parquet or .xlsx"
_COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_ZIP = b"PK\x03\x04"
_OTHERS = {
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls), or one with a password: save it as .xlsx or .csv",
    b"(\xb5/\xfd": "compressed with zstd: unpack it",
    b"7z\xbc\xaf": "a 7z archive: unpack it",
    b"Rar!": "a RAR archive: unpack it",
    b"%PDF": "a PDF: save the table as .csv",
    b"SQLite format 3": "an SQLite database: save the table as .csv",
    b"ARROW1": "a Feather file: save it as .parquet",
    b"\x89HDF": "an HDF5 file: save the table as .parquet",
    b"\x93NUMPY": "a NumPy array: save the table as .csv",
    b"\x80\x04": "a pickle, which could run anything: save the table as .parquet",
    b"\x80\x05": "a pickle, which could run anything: save the table as .parquet",
    b"<?xml": "XML, as some programs name .xls: open it and save the table as .xlsx or .csv",
}
_WEB = re.compile(rb"<(?:!doctype html|html|head|meta|table|style)\b", re.IGNORECASE)
_LAYERS = 3  # such as a .csv.gz in a zip


@dataclass(frozen=True)
class Content:
    """Hold an unpacked file. suffix: its ending, without those of its packing."""

    stream: IO[bytes]
    suffix: str
    start: bytes


def shorten(text: object, most: int = 60) -> str:
    """Return a value of a file as it may stand in a message: quoted, in one line, cut."""
    shown = str(text)
    cut = shown if len(shown) <= most else shown[:most] + "…"
    return f"'{_printable(cut)}'"


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "�" for one in text)


def shorten_list(names: Sequence[object], most: int = 12) -> str:
    """Return names for a message, at most 12 of them."""
    shown = ", ".join(shorten(name, 40) for name in names[:most])
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")


@contextmanager
def opened(path: Path) -> Iterator[Content]:
    """Yield the content of a file, unpacked.

    Raises:
      DataError: it is of a kind that is not read, cannot be unpacked, or breaks off, also while it is
        read in the block.
    """
    with damage_named(path), path.open("rb") as file:
        stream: IO[bytes] = file
        name = path.name
        for _ in range(_LAYERS):
            start = _peek(stream)
            unpack = next(
                (one for magic, one in _COMPRESSED.items() if start.startswith(magic)), None
            )
            if unpack is not None:
                stream, name = io.BufferedReader(unpack(stream)), _without_packing(name)
            elif start.startswith(_ZIP) and not _is_workbook(stream):
                stream, name = _open_member(path, stream)
            else:
                break
        start = _peek(stream)
        if not start:
            raise DataError(f"{path} is empty: name a table with texts and labels")
        _refuse_others(path, start)
        yield Content(stream, PurePosixPath(name).suffix.lower(), start)


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn the errors of reading a file into a `DataError` that names it."""
    try:
        yield
    except DataError:
        raise
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        raise DataError(
            f"{path} is damaged or was not fetched whole ({describe(error)}): fetch it again"
        ) from error
    except (
        OSError,
        NotImplementedError,
    ) as error:  # the latter of a way of packing that zipfile lacks
        reason = getattr(error, "strerror", None) or describe(error)
        raise DataError(f"{path} cannot be read: {reason}") from error
    except MemoryError:
        raise DataError(f"{path} does not fit into memory") from None


def describe(error: BaseException) -> str:
    """Return the message of an error in one short line."""
    return _printable(" ".join(str(error).split())[:160]) or type(error).__name__


def _peek(stream: IO[bytes]) -> bytes:
    start = stream.read(1024)
    stream.seek(0)
    return start


def _without_packing(name: str) -> str:
    known = (".gz", ".gzip", ".bz2", ".xz")
    return name[: -len(PurePosixPath(name).suffix)] if name.lower().endswith(known) else name


def _is_workbook(stream: IO[bytes]) -> bool:
    with zipfile.ZipFile(stream) as archive:
        names = archive.namelist()
    stream.seek(0)
    return "xl/workbook.xml" in names


def _open_member(path: Path, stream: IO[bytes]) -> tuple[IO[bytes], str]:
    archive = zipfile.ZipFile(stream)
    names = [one.filename for one in archive.infolist() if not one.is_dir()]
    # What macOS and Windows add by themselves.
    names = [one for one in names if not one.startswith("__MACOSX/")]
    names = [one for one in names if not PurePosixPath(one).name.startswith((".", "Thumbs.db"))]
    if "mimetype" in names and "content.xml" in names:
        raise DataError(f"{path} is an OpenDocument file: save the table as .xlsx or .csv")
    if len(names) != 1:
        held = f"holds {len(names)} files ({shorten_list(names)})" if names else "holds no file"
        raise DataError(f"{path} {held}: unpack it and name one, or pack one alone")
    if archive.getinfo(names[0]).flag_bits & 1:
        raise DataError(f"{path} needs a password: unpack it")
    # A ZipExtFile is a raw stream in all but its type.
    return io.BufferedReader(archive.open(names[0])), names[0]  # type: ignore[arg-type]


def _refuse_others(path: Path, start: bytes) -> None:
    for magic, what in _OTHERS.items():
        if start.lstrip()[: len(magic)].lower() == magic.lower():
            raise DataError(f"{path} is {what}")
    if _WEB.match(start.removeprefix(codecs.BOM_UTF8).lstrip()):
        _refuse_web_page(path, start)
    if start[257:262] == b"ustar":
        raise DataError(f"{path} is a tar archive: unpack it and name the table in it")
    if start.startswith(b"version https://git-lfs"):
        raise DataError(f"{path} is a pointer of Git LFS: fetch the file itself (git lfs pull)")


def _refuse_web_page(path: Path, start: bytes) -> None:
    is_export = b"<table" in start.lower() or b"office" in start.lower()
    if is_export or path.suffix.lower().startswith(".xls"):
        raise DataError(
            f"{path} is a web page with a table, as some programs write .xls: open it in a spreadsheet "
            "and save it as .xlsx or .csv"
        )
    raise DataError(f"{path} is a web page: download the file itself")


def seekable(stream: Any) -> Any:
    """Return the stream itself, or its bytes in memory where going back means unpacking again."""
    return (
        stream
        if isinstance(stream, io.BufferedReader) and _is_plain(stream)
        else io.BytesIO(stream.read())
    )


def _is_plain(stream: io.BufferedReader) -> bool:
    return isinstance(stream.raw, io.FileIO)
