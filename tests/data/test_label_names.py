"""Test which labels are the same, their order, and which are pointed out."""

from __future__ import annotations

import pytest

from pipeline.data.label_names import (
    as_label,
    find_look_alikes,
    means_none,
    show_apart,
    sort_labels,
)


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        *[("1", "1"), ("1.0", "1"), ("+1", "1"), (" 1 ", "1"), ("1.50", "1.5"), ("-1.00", "-1")],
        *[("0", "0"), ("-0.0", "0"), ("0.5", "0.5"), ("01", "01"), ("1,5", "1,5"), ("1e3", "1e3")],
        *[
            ("５", "5"),
            ("٥", "5"),
            ("५", "5"),
            ("＋５．０", "5"),
            ("−1", "-1"),
            ("０１", "01"),
            ("x²", "x²"),
        ],
        *[("cafe\u0301", "café"), ("５ stars", "５ stars")],
        *[("  very\n good ", "very good"), ("&amp;", "&"), ("\u200b", ""), ("3.5.1", "3.5.1")],
    ],
)
def test_a_number_is_one_label_however_it_is_written(cell, label):
    assert as_label(cell) == label


def test_labels_are_sorted_by_the_numbers_in_them():
    mixed = ["x10", "10", "b", "x2", "2", "-1", "1.5", "2a", "10", "a"]
    assert sort_labels(mixed) == ("-1", "1.5", "2", "10", "2a", "a", "b", "x2", "x10")


@pytest.mark.parametrize(
    "labels",
    [
        *[("Very good", "verygood"), ("NEG", "neg"), ("Straße", "STRASSE"), ("ＰＯＳ", "pos")],
        *[
            ("5,0", "5"),
            ("01", "1"),
            ("007", "7"),
            ("-1,5", "-1.5"),
            ("non-fiction", "Non_fiction"),
        ],
        *[("сor", "cor"), ("РОS", "POS"), ("ΑΒ", "AB"), ("don’t", "don't"), ("a–b", "a-b")],
        *[("سلبي", "سلبى"), ("سلبي", "سلبـي"), ("إِيجابي", "ايجابي"), ("خوب", "خو\u200cب")],
    ],
)
def test_labels_that_look_alike_are_found(labels):
    assert find_look_alikes([*labels, "another"]) == [[*labels]]


@pytest.mark.parametrize(
    "labels",
    [
        *[("A", "A-", "A+"), ("1", "-1", "10"), ("1,000", "1"), ("3-5", "35"), ("C", "C#", "C++")],
        *[("+", "-"), ("★", "★★"), ("好", "坏"), ("0", "1", "2.5", "2.25"), ("résumé", "resume")],
    ],
)
def test_labels_that_are_different_are_not_taken_for_one(labels):
    assert not find_look_alikes(labels)


def test_a_letter_that_only_looks_the_same_is_named():
    assert show_apart("сor", ["cor"]) == "'сor' (with CYRILLIC SMALL LETTER ES)"
    assert show_apart("café", ["CAFÉ"]) == "'café'"


def test_words_for_no_value_are_known():
    assert all(map(means_none, ["NULL", "None", "NA", "n/a", "NaN", "nan", "#N/A", "\\N"]))
    assert not any(map(means_none, ["", "no", "neutral", "0", "nana", "none of these"]))


@pytest.mark.parametrize(
    ("written", "label"),
    [("<none>", "<none>"), (" <other>\u200b ", "<other>"), ("good<br />", "good"), ("\u200b", "")],
)
def test_a_label_of_nothing_but_markup_is_meant(written, label):
    assert as_label(written) == label
