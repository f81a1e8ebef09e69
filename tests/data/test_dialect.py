"""Test that encoding and separator are found as a person would find them."""

from __future__ import annotations

import pytest

from pipeline.config.tables import CsvConfig
from pipeline.data.dialect import find_dialect, find_encoding, guess_encoding


@pytest.mark.parametrize(
    ("header", "row", "separator"),
    [
        ("text,label", '"good, or not {}",{label}', ","),
        ("text;label", "good, costs 3,50 {};{label}", ";"),  # as many commas in every row
        ("label\ttext", "{label}\tgood, or; not {}", "\t"),
        ("id|text|label", "{}|good, or; not|{label}", "|"),
        ("text;label;price", "so, gut {};{label};3,50", ";"),
        ("Review;Stars", "fine, {} or not;{label}", ";"),
        ("", "good, costs 3,50 {};{label}", ";"),
        ("", "so, gut {};{label};3,50", ";"),
        ("", "{label},good; fine {}", ","),
        ('"text","label"', '"he said ""no""; {}","{label}"', ","),
        ("text, label", '"fine, {}", {label}', ","),
        ("label, text", '{label}, "fine, {}"', ","),
        ("text\tlabel", '"never closed {}\t{label}', "\t"),
    ],
)
def test_the_separator_is_found(header, row, separator):
    lines = [header] * bool(header) + [row.format(n, label=n % 2) for n in range(40)]
    config = CsvConfig(header=bool(header))
    assert find_dialect("\n".join(lines), config).separator == separator


@pytest.mark.parametrize(
    ("given", "separator"), [(";", ";"), ("tab", "\t"), ("\\t", "\t"), ("^", "^")]
)
def test_a_separator_that_is_set_decides(given, separator):
    sample = "text,label\nfine,a\n" * 10
    assert find_dialect(sample, CsvConfig(separator=given)).separator == separator


def test_excel_may_announce_its_separator():
    dialect = find_dialect("sep=|\r\nname|count\r\na, b|1\r\n", CsvConfig())
    assert (dialect.separator, dialect.announced) == ("|", True)


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8-sig"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-32", "utf-32"),
    ],
)
def test_a_mark_at_the_start_tells_the_encoding(encoding, found):
    assert find_encoding("text,label\n".encode(encoding), None) == found


@pytest.mark.parametrize(
    ("text", "encoding", "guess"),
    [
        ("the café was très bon, naïve “quotes”", "cp1252", "cp1252"),
        ("ça va, señor café", "latin-1", "cp1252"),  # the same bytes
        ("un café \x81 la carte", "latin-1", "latin-1"),
        ("text,label\nfine,1\n", "utf-16-le", "utf-16-le"),
        ("text,label\nfine,1\n", "utf-16-be", "utf-16-be"),
        ("这部电影很好看，很差的电影不推荐", "gb18030", "gb18030"),
        ("Очень хороший фильм, плохой фильм", "cp1251", "cp1251"),
        ("とても良い映画でした、最悪の映画", "cp932", "cp932"),
        ("çok güzel bir film, ığşİ", "cp1254", "cp1254"),
        ("Bardzo dobry film, świetna gra aktorów, żółć", "cp1250", "cp1250"),
    ],
)
def test_the_encoding_that_fits_is_guessed(text, encoding, guess):
    assert guess_encoding((text + "\n").encode(encoding) * 5) == guess
