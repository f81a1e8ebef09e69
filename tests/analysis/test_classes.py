"""Scores by class against those counted by hand, and which heads have them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories.tracked import make_tracked

from pipeline.analysis.classes import Classes, count_classes
from pipeline.report.class_tables import describe_commonest, summary_table

CHOSEN = pd.DataFrame({"run_id": ["r0", "r1"], "architecture": "lstm"})
# (label, predicted): how often in each run
COUNTS = {
    ("a", "a"): (6, 4),
    ("a", "b"): (2, 4),
    ("b", "b"): (3, 3),
    ("b", "a"): (1, 1),
    ("c", "a"): (1, 2),
    ("c", "c"): (1, 0),
}


def _predictions(counts: dict[tuple[str, str], tuple[int, int]]) -> pd.DataFrame:
    rows = [
        {"run_id": run, "label": label, "predicted": predicted}
        for (label, predicted), times in counts.items()
        for run, count in zip(("r0", "r1"), times, strict=True)
        for _ in range(count)
    ]
    return pd.DataFrame(rows)


def _count(counts: dict[tuple[str, str], tuple[int, int]]) -> Classes:
    found = count_classes(_predictions(counts), CHOSEN, ("label",))
    assert found is not None
    return found


def test_scores_are_means_over_seeds_of_what_each_run_scored():
    scores: Any = _count(COUNTS).scores.set_index("class")
    assert scores.texts.to_dict() == {"a": 8, "b": 4, "c": 2}
    assert scores.recall["a"] == pytest.approx((6 / 8 + 4 / 8) / 2)
    assert scores.precision["a"] == pytest.approx((6 / 8 + 4 / 7) / 2)
    assert scores.f1["a"] == pytest.approx((12 / 16 + 8 / 15) / 2)
    assert scores.precision["c"] == 1.0  # one run never predicted it, and has no precision
    assert scores.recall["c"] == 0.25
    assert scores.f1["c"] == pytest.approx((2 / 3 + 0) / 2)


def test_balanced_accuracy_counts_every_class_the_same():
    (row,) = _count(COUNTS).summary.itertuples()
    assert row.balanced_accuracy == pytest.approx((0.625 + 0.75 + 0.25) / 3)
    assert (row.worst_class, row.worst_recall) == ("c", 0.25)


def test_a_row_of_the_confusion_matrix_sums_to_one():
    confusion = _count(COUNTS).confusion
    assert confusion.groupby("class").share.sum().to_numpy() == pytest.approx(1)
    shares: Any = confusion.set_index(["class", "predicted"]).share
    assert shares["a", "b"] == 6 / 16
    assert shares["b", "c"] == 0


def test_two_classes_have_scores_only_where_one_is_much_more_frequent():
    even = {("a", "a"): (5, 5), ("b", "b"): (5, 5)}
    assert count_classes(_predictions(even), CHOSEN, ("label",)) is None
    uneven = {("a", "a"): (9, 9), ("b", "a"): (1, 1)}
    scores: Any = _count(uneven).summary.iloc[0]
    assert scores.balanced_accuracy == 0.5


def test_what_the_commonest_label_alone_reaches_is_what_always_answering_it_scores():
    uneven = {("a", "b"): (1, 1), ("b", "b"): (11, 11)}
    found = _count(uneven)
    commonest = found.commonest("label")
    assert commonest is not None
    assert (commonest.label, commonest.balanced_accuracy) == ("b", 0.5)
    assert commonest.accuracy == pytest.approx(11 / 12)
    assert commonest.macro_f1 == pytest.approx(found.summary.macro_f1.iloc[0])
    assert commonest.balanced_accuracy == found.summary.balanced_accuracy.iloc[0]
    said = describe_commonest(found, "label")
    assert said == (
        "Always answering “b”, the commonest label, would be right for 91.7% of the test texts, with a "
        "balanced accuracy of 50.0% and a mean F1 of 47.8%."
    )
    table = summary_table(found, "label")
    assert [column.heading for column in table.columns][1:4] == [
        "balanced accuracy",
        "mean F1",
        "F1 of a",
    ]
    assert [entry.text for entry in table.rows[0]][1:4] == ["50.0%", "47.8%", "0.0%"]


def test_of_labels_about_as_common_none_is_said_to_be_the_commonest():
    even = {(one, one): (5, 5) for one in "abc"}
    assert _count(even).commonest("label") is None
    assert describe_commonest(_count(even), "label") == ""


def test_the_head_with_several_classes_is_scored_for_every_architecture():
    tracked = make_tracked(seeds=2, reviews=200, two_heads=True)
    found = count_classes(tracked.predictions, tracked.runs, ("both", "sentiment", "subject"))
    assert found is not None
    assert found.heads == ["subject"]
    assert set(found.summary.architecture) == {"simple_rnn", "lstm", "gru"}
    assert found.summary.balanced_accuracy.is_monotonic_decreasing
    # An answer that is the label of no text has a column, but no row.
    assert "scenery" in set(found.confusion.predicted)
    assert "scenery" not in set(found.confusion["class"])


def test_categories_in_any_order_change_no_number():
    table = _predictions(COUNTS)
    compact = table.assign(
        run_id=pd.Categorical(table.run_id, ["r1", "r0", "r2"]),
        label=pd.Categorical(table.label, ["c", "b", "a", "d"]),
        predicted=pd.Categorical(table.predicted, ["b", "c", "a"]),
    )
    found, expected = count_classes(compact, CHOSEN, ("label",)), _count(COUNTS)
    assert found is not None
    for name in ("scores", "summary", "confusion"):
        frame = getattr(expected, name)
        pd.testing.assert_frame_equal(getattr(found, name), frame, check_dtype=False, obj=name)


def test_runs_that_are_not_compared_do_not_count():
    tracked = make_tracked(("lstm",), 2, 200, two_heads=True)
    one = tracked.runs.iloc[:1]
    heads = ("both", "sentiment", "subject")
    spoilt = tracked.predictions.assign(
        subject_predicted=np.where(
            tracked.predictions.run_id == one.run_id.iloc[0],
            tracked.predictions.subject_predicted,
            "film",
        )
    )
    expected = count_classes(tracked.predictions, one, heads)
    found = count_classes(replace(tracked, predictions=spoilt).predictions, one, heads)
    assert expected is not None
    assert found is not None
    pd.testing.assert_frame_equal(found.scores, expected.scores)
