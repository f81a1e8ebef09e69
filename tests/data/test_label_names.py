"""Test which labels are the same, their order, and which are pointed out."""

from __future__ import annotations

import pytest

from pipeline.data.label_names import as_label, describe_look_alikes, sort_labels


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        *[("1", "1"), ("1.0", "1"), ("+1", "1"), (" 1 ", "1"), ("1.50", "1.5"), ("-1.00", "-1")],
        *[("0", "0"), ("-0.0", "0"), ("0.5", "0.5"), ("01", "01"), ("1,5", "1,5"), ("1e3", "1e3")],
        *[("  very\n good ", "very good"), ("&amp;", "&"), ("\u200b", ""), ("3.5.1", "3.5.1")],
    ],
)
def test_a_number_is_one_label_however_it_is_written(cell, label):
    assert as_label(cell) == label


def test_labels_are_sorted_by_the_numbers_in_them():
    mixed = ["x10", "10", "b", "x2", "2", "-1", "1.5", "2a", "10", "a"]
    assert sort_labels(mixed) == ("-1", "1.5", "2", "10", "2a", "a", "b", "x2", "x10")


def test_labels_that_differ_by_case_or_spaces_are_named_with_their_counts():
    (line,) = describe_look_alikes({"Very good": 3, "verygood": 1200, "bad": 5})
    assert line == "'Very good' (3 rows) and 'verygood' (1,200 rows)"
