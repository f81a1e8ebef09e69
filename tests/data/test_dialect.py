"""Test that the separator is found as a person would find it."""

from __future__ import annotations

import pytest

from pipeline.config.tables import CsvConfig
from pipeline.data.dialect import find_dialect, name_other_form


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


_FASTTEXT = "__label__{label} a text, number {n}"
_LABEL_LAST = "a text, number {n} __label__{label}"
_FROM_R = '"{n}" "a text, \\"number\\" {n}" "{label}"'


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (_FASTTEXT, "fastText"),
        (_LABEL_LAST, "fastText"),
        ("__label__{label} __label__more a text {n}", "fastText"),
        (_FROM_R, "spaces"),
        ('"a text {n}" {label}', "spaces"),
        ('{label} "he said ""no"" {n}"', "spaces"),
        ("__label__{label}\ta text {n}", None),
        ("__label__{label},a text {n}", None),
        ('"a text {n}","{label}"', None),
        ('"a text {n}" ; "{label}"', None),
        ('"a text {n}"', None),
        ("a text without quotes {n}", None),
        ('he said "no" {n},{label}', None),
    ],
)
def test_lines_without_a_separator_are_known_for_what_they_are(row, words):
    form = name_other_form("\n".join(row.format(n=n, label=n % 2) for n in range(20)))
    assert form is None if words is None else words in form
