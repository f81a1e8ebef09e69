"""Test that files are unpacked, and that what is damaged or another thing is named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import zipfile

import pytest
from factories.tables import refuse, rows, write_table

from pipeline.data.containers import shorten, shorten_list
from pipeline.data.table import read_table
from pipeline.errors import DataError

TABLE = ("text,label\n" + rows(300)).encode()


def _zip(*names: str, content: bytes = TABLE) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("my.csv.gz", gzip.compress(TABLE)),
        ("my.csv", gzip.compress(TABLE)),  # by content
        ("my.csv.bz2", bz2.compress(TABLE)),
        ("my.csv.xz", lzma.compress(TABLE)),
        ("my.zip", _zip("data/my.csv")),
        ("my.zip", _zip("my.csv", "__MACOSX/._my.csv", ".DS_Store")),
        ("my.zip", _zip("my.csv.gz", content=gzip.compress(TABLE))),
        ("my.csv.gz", gzip.compress(TABLE[:5000]) + gzip.compress(TABLE[5000:])),
    ],
)
def test_a_packed_table_is_read(tmp_path, name, content):
    assert len(read_table(write_table(tmp_path, content, name)).texts) == 300


def _flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("my.csv.gz", gzip.compress(TABLE)[:700], ["fetch it again"]),
        ("my.csv.gz", _flip(gzip.compress(TABLE), -6), ["fetch it again"]),  # its checksum
        ("my.csv.gz", _flip(gzip.compress(TABLE), 100), ["my.csv.gz"]),
        ("my.csv.gz", b"\x1f\x8b", ["fetch it again"]),
        ("my.csv.bz2", bz2.compress(TABLE)[:200], ["fetch it again"]),
        ("my.csv.xz", lzma.compress(TABLE)[:200], ["fetch it again"]),
        ("my.zip", _zip("my.csv")[:500], ["fetch it again"]),
        ("my.zip", _flip(_zip("my.csv"), 400), ["my.zip"]),
        ("my.zip", _zip("train.csv", "test.csv"), ["'train.csv', 'test.csv'", "unpack it"]),
        ("my.zip", _zip("__MACOSX/x"), ["holds no file"]),
        ("my.ods", _zip("mimetype", "content.xml"), ["OpenDocument"]),
        ("my.xls", b"\xd0\xcf\x11\xe0" + bytes(600), ["old Excel", ".xlsx"]),
        ("my.csv", b"  <!doctype html><html>Sign in</html>", ["web page: download the file"]),
        ("my.xls", b"<html><body><table><tr><th>text</th>", ["save it as .xlsx or .csv"]),
        (
            "my.xls",
            b'\xef\xbb\xbf<html xmlns:x="urn:schemas-microsoft-com:office:excel">',
            [".xlsx"],
        ),
        ("my.csv", b"\n<TABLE border=1><tr><td>text</td>", ["a table", ".xlsx or .csv"]),
        (
            "my.xls",
            b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>',
            ["XML", ".csv"],
        ),
        ("my.csv", b"version https://git-lfs.github.com/spec/v1\noid x", ["Git LFS"]),
        ("my.tar", b"x" * 257 + b"ustar" + bytes(500), ["tar archive"]),
        ("my.pkl", b"\x80\x04\x95", ["pickle"]),
        ("my.csv", b"", ["is empty"]),
        ("my.csv", b"\n\n \n", ["my.csv"]),
        ("my.csv", random.Random(0).randbytes(5000), ["my.csv"]),
    ],
)
def test_what_cannot_be_unpacked_is_named_in_a_line(tmp_path, name, content, words):
    refuse(write_table(tmp_path, content, name), words)


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    config = write_table(tmp_path, TABLE)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(DataError, match=r"my\.csv cannot be read: Permission denied"):
        read_table(config)


def test_what_a_message_quotes_is_short_and_printable():
    assert shorten("a" * 100) == f"'{'a' * 60}…'"
    assert shorten("a\n\x1b[31m") == "'a��[31m'"
    assert shorten_list(list(range(5000))).endswith("'11' and 4,988 more")
