"""Test which rows of a table are used, and what is said of the others."""

from __future__ import annotations

import json

import pytest
from factories.tables import rows, write_table

from pipeline.config.tables import NullLabels, OnBadRows, Quoting
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
            "1 with a label that is too rare: 'odd' (row 14)",
        ),
        (
            "x,z\ny,z\n",
            ["row 14", "'z' occurs twice"],
            "2 with a label that is too rare: 'z' (rows 14, 15)",
        ),
        (
            " text,label\nTEXT, Label \n",
            ["row 14: repeats the header (2 such rows)"],
            "2 that repeat the header (rows 14, 15)",
        ),
        (
            "\ufefftext,label\n",
            ["row 14: repeats the header"],
            "1 that repeat the header (row 14)",
        ),
        ("x,\\N\n\\N,a\n", ["1 with an empty label (row 14)"], "1 with an empty text (row 15)"),
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
    assert "'Pos' (10 rows) and 'pos' (20 rows) look alike, and are 2 labels" in caplog.text
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
    assert "1 with a label that train lacks: 'z' (row 3)" in caplog.text


def test_a_label_needs_two_rows_where_the_test_texts_are_given(tmp_path):
    config = write_table(tmp_path, HEAD + rows() + "x,z\ny,z\n")
    with pytest.raises(DataError, match="'z' occurs twice"):
        read_table(config)
    config.test_path = config.path
    assert set(read_table(config).labels) == {"a", "b", "z"}


@pytest.mark.parametrize("header", ["label,text,id", "text,id,label", "id,text,label"])
def test_the_header_again_in_another_order_is_refused_even_where_rows_may_be_dropped(
    tmp_path, header
):
    content = "text,label,id\n" + "".join(f"text {n},{'ab'[n % 2]},{n}\n" for n in range(12))
    config = write_table(tmp_path, content + header + "\na,b,c\n", on_bad_rows=DROP)
    with pytest.raises(DataError, match="row 14: the header again, its columns in another"):
        read_table(config)


def test_rows_of_words_that_name_columns_are_kept(tmp_path):
    content = "text,label,good,bad\n" + "good,good,1,0\nbad,bad,0,1\nbad,good,1,0\n" * 4
    assert len(read_table(write_table(tmp_path, content)).texts) == 12


@pytest.mark.parametrize("quoting", Quoting)
def test_what_databases_write_for_no_value_is_empty_whatever_quotes_mean(tmp_path, caplog, quoting):
    body = "".join(f"text {row}\t{'ab'[row % 2]}\n" for row in range(12))
    content = "text\tlabel\n" + body + "\\N\ta\nfine\t\\N\nat \\Noon\ta\n"
    found = read_table(write_table(tmp_path, content, on_bad_rows=DROP, quoting=quoting))
    assert set(found.labels) == {"a", "b"}
    assert len(found.texts) == 13
    assert "1 with an empty text (row 14), 1 with an empty label (row 15)" in caplog.text


NULLS = "".join(f"text {row},{one}\n" for one in ("NULL", "nan", "N/A") for row in range(4))


def test_labels_that_mean_none_are_pointed_out_and_left_out_on_request(tmp_path, caplog):
    config = write_table(tmp_path, HEAD + rows() + NULLS)
    assert {"NULL", "nan", "N/A"} < set(read_table(config).labels)
    said = "12 with a label that likely means none: 'NULL', 'nan', 'N/A' (rows 14, 15, 16, …)"
    assert f"my.csv: {said}, read as any label: data.null_labels=drop" in caplog.text
    config.null_labels = NullLabels.drop
    caplog.clear()
    assert set(read_table(config).labels) == {"a", "b"}
    assert f"Left out of my.csv: {said}" in caplog.text


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (
            HEAD + "".join(f"text {n},{n / 7:.4f}\n" for n in range(30)),
            "my.csv",
            ["30 different numb"],
        ),
        (
            "".join(
                json.dumps({"text": f"text {n}", "label" if n < 6 else "Label": "ab"[n % 2]}) + "\n"
                for n in range(20)
            ),
            "my.jsonl",
            ["(14 such rows)", "14 of these rows have 'Label' instead"],
        ),
        (HEAD + rows() + ",a\n" * 30, "my.csv", ["That is 30 of 42 rows: mend the file"]),
    ],
)
def test_rows_are_not_to_be_dropped_where_the_whole_file_is_at_fault(
    tmp_path, content, name, words
):
    with pytest.raises(DataError) as error:
        read_table(write_table(tmp_path, content, name))
    for word in words:
        assert word in str(error.value)
    assert "on_bad_rows" not in str(error.value)


def test_how_many_rows_would_go_is_said_where_they_are_many(tmp_path):
    with pytest.raises(DataError, match="=drop would leave out 6 of 18 rows"):
        read_table(write_table(tmp_path, HEAD + rows() + "x,\n" * 6))


def test_test_labels_that_are_written_in_another_way_are_named(tmp_path):
    config = write_table(tmp_path, HEAD + rows())
    config.test_path = write_table(tmp_path, HEAD + "x,A\ny,B\n" * 4, "test.csv").path
    with pytest.raises(DataError) as error:
        read_test_table(config, ("a", "b"))
    assert "the label 'A' is written 'a' in" in str(error.value)
    assert str(error.value).endswith("(8 such rows). Write the labels alike in both files")


def test_only_an_excel_file_has_sheets(tmp_path):
    with pytest.raises(DataError, match=r"leave data\.sheet out"):
        read_table(write_table(tmp_path, HEAD + rows(), sheet="2023"))
