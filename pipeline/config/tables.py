"""Declare how a person's own table is read."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pipeline.config.fields import NO_DEFAULT, checked, fraction, setting
from pipeline.config.texts import GivenTexts


class Quoting(Enum):
    """What a quote in a table of separated cells means.

    doubled: it encloses a cell, and stands for itself where it is written twice; backslash: the same,
    or where a backslash precedes it; none: it is an ordinary character.
    """

    doubled = "doubled"
    backslash = "backslash"
    none = "none"


class OnBadRows(Enum):
    """What is done about rows that cannot be used."""

    error = "error"
    drop = "drop"


class NullLabels(Enum):
    """What is done about labels such as NULL, None, NA and NaN, which mostly mean that there is none."""

    keep = "keep"
    drop = "drop"


SEPARATORS = {"tab": "\t", "\\t": "\t"}  # as people type what a shell swallows


def _is_file(path: str) -> bool:
    try:
        return Path(path).expanduser().is_file()
    except (OSError, ValueError):  # a name that is too long, or holds a NUL
        return False


_TABLE = "an existing file: .csv, .tsv, .txt, .jsonl, .json, .parquet or .xlsx, also in .gz or .zip"


def _is_separator(value: str) -> bool:
    one = SEPARATORS.get(value, value)
    return one == "\t" or (
        len(one) == 1 and one.isprintable() and not one.isalnum() and one not in ' "\\'
    )


def _is_text_encoding(name: str) -> bool:
    try:
        "a".encode(name)
        return bool(b"".decode(name) == "" and codecs.lookup(name).name not in _NO_TEXTS)
    except (LookupError, ValueError):
        return False


_NO_TEXTS = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem")


@dataclass
class CsvConfig(GivenTexts):
    """Configure a user's own table."""

    kind: str = "csv"
    path: str = checked(
        NO_DEFAULT,
        _is_file,
        _TABLE,
        by_content=True,
        literal=True,
        about="table of your texts",
    )
    test_path: str | None = checked(
        None,
        lambda value: value is None or _is_file(value),
        f"null or {_TABLE}",
        by_content=True,
        literal=True,
        about="table of your test texts; null: a share of `path` is test",
    )
    test_fraction: float = fraction(
        0.2, with_zero=False, about="share of `path` that is test, without `test_path`"
    )
    text_column: str = setting(
        "text", literal=True, about="name of the column with the texts, or its number"
    )
    label_column: str = setting(
        "label",
        literal=True,
        about="name of the column with the classes, or its number",
    )
    header: bool = setting(
        True, about="whether the first row names the columns; without, they are counted from 1"
    )
    separator: str | None = checked(
        None,
        lambda value: value is None or _is_separator(value),
        "null or a character such as ; or | or tab",
        literal=True,
        about="what separates the columns; null: found",
    )
    encoding: str | None = checked(
        None,
        lambda value: value is None or _is_text_encoding(value),
        "null or an encoding that Python knows, such as utf-8, cp1252, latin-1 or utf-16",
        literal=True,
        about="encoding of the file; null: UTF-8, or what its first bytes declare",
    )
    quoting: Quoting | None = setting(
        None,
        about="what a quote means: doubled encloses cells, with a quote in them written twice; "
        "backslash, with a backslash before it; none is an ordinary character; null: doubled, and "
        "refused where a quoted text looks like several rows",
    )
    sheet: str | None = setting(
        None,
        literal=True,
        about="sheet of an Excel file; null: the first that has both columns",
    )
    null_labels: NullLabels = setting(
        NullLabels.keep,
        about="rows whose label is NULL, None, NA or NaN: keep trains it as a class, drop leaves it out",
    )
    on_bad_rows: OnBadRows = setting(
        OnBadRows.error,
        about="what is done about an empty text or label, a label that is too rare for the splits, a "
        "row with too many or too few cells or with bytes that are no text, and the header again",
    )

    @property
    def source(self) -> str:
        return Path(self.path).name
