"""Each run says how many texts have which label, and warns where one outweighs the others."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.labels import say_labels
from pipeline.data.splits import Head, Reviews, ReviewSplits


def _splits(heads: tuple[Head, ...], *counts: list[list[int]]) -> ReviewSplits:
    """Return splits with so many texts of each class of each head."""

    def reviews(of_heads: list[list[int]]) -> Reviews:
        columns = [np.repeat(np.arange(len(found)), found) for found in of_heads]
        labels = np.stack(columns, axis=1).astype(np.int32)
        return Reviews(np.arange(len(labels)).astype(str), ["text"] * len(labels), labels)

    train, validation, test = map(reviews, counts)
    return ReviewSplits(train, validation, test, heads, "")


def _say(caplog, heads: tuple[Head, ...], *counts: list[list[int]]) -> list[str]:
    caplog.set_level("INFO")
    say_labels(_splits(heads, *counts))
    return [record.getMessage() for record in caplog.records]


def test_few_labels_are_all_counted(caplog) -> None:
    heads = (Head("sentiment", ("negative", "positive")),)
    assert _say(caplog, heads, [[1250, 1250]], [[125, 125]], [[60, 40]]) == [
        "Texts: 2,500 in train, 250 in validation, 100 in test",
        "Labels: negative 1,250, positive 1,250 in train; 125, 125 in validation; 60, 40 in test",
    ]


def test_many_labels_are_cut(caplog) -> None:
    names = tuple(f"class {number} {'x' * 50}" for number in range(20))
    counts = [[*range(30, 10, -1)]]
    line = _say(caplog, (Head("label", names),), counts, counts, counts)[1]
    cut = "x" * 22
    assert line.startswith(
        f"Labels: 20 labels, most often 'class 0 {cut}…': 30 and 'class 1 {cut}…': 29, most rarely "
        f"'class 19 {cut[1:]}…': 11, in "
    )
    assert line.endswith("in train; 30 to 11 in validation; 30 to 11 in test")


def test_each_head_has_its_line(caplog) -> None:
    heads = (Head("sentiment", ("no", "yes")), Head("subject", ("a", "b", "c")))
    counts = [[3, 3], [2, 2, 2]]
    lines = _say(caplog, heads, counts, counts, counts)
    assert lines[1].startswith("Labels of sentiment: no 3, yes 3 in train; 3, 3 in validation")
    assert lines[2].startswith("Labels of subject: a 2, b 2, c 2 in train")


@pytest.mark.parametrize(
    ("counts", "share"),
    [
        ([11, 1], "91.7 % of the test texts are common"),
        ([3, 1], "75.0 %"),
        ([2, 1], None),
        ([7, 2, 1], "70.0 %"),
        ([6, 2, 2], None),
    ],
)
def test_unbalanced_labels_are_pointed_out(caplog, counts: list[int], share: str | None) -> None:
    head = Head("label", ("common", "rare", "rarer")[: len(counts)])
    lines = _say(caplog, (head,), [counts], [counts], [counts])
    warned = [line for line in lines if "unbalanced" in line]
    assert bool(warned) == (share is not None)
    assert share is None or share in warned[0]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("1,0", "4,5"), "'1,0': 3, '4,5': 2 in train"),
        (("1", "5 stars"), "'1': 3, '5 stars': 2 in train"),
        (("non-fiction", "négatif"), "non-fiction 3, négatif 2 in train"),
        ((*"abcdefghij",), "a 3, b 2, c 1, d 1, e 1, f 1, g 1, h 1, i 1, j 1 in train"),
    ],
)
def test_labels_are_quoted_where_they_could_be_taken_for_counts(caplog, names, said) -> None:
    counts = [[3, 2, *[1] * (len(names) - 2)]]
    line = _say(caplog, (Head("label", names),), counts, counts, counts)[1]
    assert line.startswith(f"Labels: {said};")
