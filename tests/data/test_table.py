"""Test which rows of a table are used, and what is said of the others."""

from __future__ import annotations

import pytest
from factories.tables import rows, write_table

from pipeline.config.tables import OnBadRows
from pipeline.data.table import read_table, read_test_table
from pipeline.errors import DataError

HEAD = "text,label\n"
DROP = OnBadRows.drop


@pytest.mark.parametrize(
    ("bad", "words", "left_out"),
    [
        (" ,a\n", ["row 14, column 'text': the text is empty"], "1 with an empty text (row 14)"),
        (
            "fine,\n",
            ["row 14, column 'label': the label is empty"],
            "1 with an empty label (row 14)",
        ),
        ("<br>,a\n&nbsp;,b\n", ["row 14", "(2 such rows)"], "2 with an empty text (rows 14, 15)"),
        ("\n\n,b\n", ["row 16, column 'text'"], "1 with an empty text (row 16)"),
        (
            "x,odd\n",
            ["row 14", "the label 'odd' occurs once"],
            "1 with a label that is too rare (row 14)",
        ),
        (
            "x,z\ny,z\n",
            ["row 14", "'z' occurs twice"],
            "2 with a label that is too rare (rows 14, 15)",
        ),
        ("a,b,c\n", ["row 14: 3 cells"], "1 with too many or too few cells (row 14)"),
        ('"one\n\ntwo",b\n,a\n', ["row 15 (line 17), column 'text'"], "(row 15)"),
        (
            " ,a\nfine,\nx,z\n ,b\n" + ",b\n" * 8,
            [
                "row 14",
                "in all: 10 with an empty text (rows 14, 17, 18, …), 1 with an empty label (row 15), 1",
            ],
            "10 with an empty text (rows 14, 17, 18, …), 1 with an empty label (row 15), 1 with a label",
        ),
    ],
)
def test_rows_that_cannot_be_used_are_counted_and_dropped_on_request(
    tmp_path, caplog, bad, words, left_out
):
    config = write_table(tmp_path, HEAD + rows() + bad)
    with pytest.raises(DataError) as error:
        read_table(config)
    for word in ["my.csv", "data.on_bad_rows=drop", *words]:
        assert word in str(error.value)
    config.on_bad_rows = DROP
    found = read_table(config)
    assert found.texts[:12] == [f"a text, number {row}" for row in range(12)]
    assert len(found.texts) == len(found.labels) == len(found.rows)
    assert set(found.labels) == {"a", "b"}
    assert left_out in caplog.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            HEAD + rows().replace(",b\n", ",a\n"),
            ["'label'", "every row holds 'a'", "two label values"],
        ),
        (HEAD + "".join(f"text {n},other {n}\n" for n in range(30)), ["Is 'label' the column"]),
        (
            HEAD + "".join(f"x {n},{n}\n" for n in range(20_000)),
            ["more than 10,000 different labels"],
        ),
    ],
)
def test_a_column_that_holds_no_classes_is_refused(tmp_path, content, words):
    with pytest.raises(DataError) as error:
        read_table(write_table(tmp_path, content))
    for word in ["my.csv", *words]:
        assert word in str(error.value)


def test_a_table_of_which_nothing_is_left_is_refused(tmp_path):
    with pytest.raises(DataError, match="no row can be used: 3 with an empty text"):
        read_table(write_table(tmp_path, HEAD + " ,a\n" * 3, on_bad_rows=DROP))


def test_labels_of_two_spellings_are_said(tmp_path, caplog):
    labels = ["1", "1.0", "10", "2", "Pos", "pos", " pos"]
    content = HEAD + "".join(f"text {n},{labels[n % 7]}\n" for n in range(70))
    found = read_table(write_table(tmp_path, content))
    assert set(found.labels) == {"1", "10", "2", "Pos", "pos"}
    assert "'Pos' (10 rows) and 'pos' (20 rows) differ only by case or spaces" in caplog.text
    assert "read '1.0' as '1' (10 rows), ' pos' as 'pos' (10 rows)" in caplog.text


def test_what_was_read_is_said(tmp_path, caplog):
    caplog.set_level("INFO")
    read_table(write_table(tmp_path, "\ufefftext;label\n" + rows(300, ";"), "reviews.csv"))
    assert caplog.messages == ["Read 300 rows of reviews.csv, separated by ';', as UTF-8"]


def test_nul_bytes_in_texts_are_left_out_and_said(tmp_path, caplog):
    lines = "".join(f'{{"text": "fi\\u0000ne {n}", "label": {n % 2}}}\n' for n in range(12))
    found = read_table(write_table(tmp_path, lines, "my.jsonl"))
    assert found.texts[0] == "fi ne 0"
    assert "NUL bytes" in caplog.text
    assert "(rows 1, 2, 3, …)" in caplog.text


def test_a_test_label_that_train_lacks_is_a_bad_row(tmp_path, caplog):
    config = write_table(tmp_path, HEAD + rows())
    config.test_path = write_table(tmp_path, HEAD + "fine,a\nodd,z\n", "test.csv").path
    with pytest.raises(
        DataError, match=r"test\.csv, row 3, column 'label': the label 'z' is not in"
    ):
        read_test_table(config, ("a", "b"))
    config.on_bad_rows = DROP
    assert read_test_table(config, ("a", "b")).texts == ["fine"]
    assert "1 with a label that train lacks (row 3)" in caplog.text


def test_a_label_needs_two_rows_where_the_test_texts_are_given(tmp_path):
    config = write_table(tmp_path, HEAD + rows() + "x,z\ny,z\n")
    with pytest.raises(DataError, match="'z' occurs twice"):
        read_table(config)
    config.test_path = config.path
    assert set(read_table(config).labels) == {"a", "b", "z"}
