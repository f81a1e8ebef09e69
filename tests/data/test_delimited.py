"""Test that a row is never lost, glued or garbled in silence."""

from __future__ import annotations

import pytest
from factories.tables import rows, write_table

from pipeline.config.tables import OnBadRows, Quoting
from pipeline.data.table import read_table
from pipeline.errors import DataError

HEAD = "text,label\n"


def _plain(count: int = 30, quote_at: tuple[int, ...] = (), end_at: tuple[int, ...] = ()) -> str:
    """Return rows `label,text` without quotes but for lone ones before and behind the given texts."""
    mark = '"'
    return "label,text\n" + "".join(
        f"{row % 2},{mark * (row in quote_at)}text {row}{mark * (row in end_at)}\n"
        for row in range(count)
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        # A lone quote opens a text that the next one ends, with more behind it.
        (_plain(quote_at=(3, 20)), ["line 5", "line 22", "data.quoting=none all 30 rows"]),
        # The next one stands at the end of a line, so that the file is valid CSV.
        (
            _plain(quote_at=(3,), end_at=(8,)),
            ["line 5", "line 10", "none", "all 30 rows", "doubled"],
        ),
        (_plain(quote_at=(3,), end_at=(4,)), ["line 5", "line 6", "data.quoting=none"]),
        (_plain(quote_at=(12,)), ["line 14", "never closes", "data.quoting=none all 30 rows"]),
        (
            HEAD + rows(4) + '"he said \\"wow, x\\" twice",a\n',
            ["line 6", "quoting=backslash all 5"],
        ),
        (HEAD + rows(4) + '"he said \\"wow\\" twice",a\n', ["line 6", "quoting=backslash all 5"]),
        (HEAD + rows(4) + '"he said \\"wow\\"",a\n', ["line 6", "quoting=backslash all 5"]),
        (
            HEAD + rows(4) + '"he said "wow, x" twice",a\n',
            ["line 6", "after a closing quote", "twice"],
        ),
        (HEAD + rows(4) + "a, b, c\n", ["row 6", "3 cells where there are 2", "in quotes"]),
        (
            HEAD + rows(4) + "alone\n" + rows(2),
            ["row 6", "1 cell where there are 2", "on_bad_rows=drop"],
        ),
        (HEAD + rows(4) + "\0" * 500, ["line 6: 500 NUL bytes", "damaged"]),
        (HEAD + rows(4) + "a" + "\0" * 500 + "b\n" + rows(4), ["line 6: 500 NUL bytes", "damaged"]),
        (HEAD + rows(4) + "a" + "\0" * 9 + "b,c,d\n" + rows(4), ["line 6: 9 NUL bytes", "damaged"]),
        (HEAD + rows(4) + "one\0text,a\n" + rows(4), ["row 6: NUL bytes", "on_bad_rows=drop"]),
        (HEAD + rows(4) + "one\0,text,a\n" + rows(4), ["row 6: NUL bytes", "on_bad_rows=drop"]),
        ("te\0xt,label\n" + rows(4), ["line 1", "NUL bytes", "names of the columns"]),
    ],
)
def test_a_fault_is_named_with_its_line_and_the_way_out(tmp_path, content, words):
    with pytest.raises(DataError) as error:
        read_table(write_table(tmp_path, content))
    for word in ["my.csv", *words]:
        assert word in str(error.value)
    assert len(str(error.value).replace(str(tmp_path), "")) < 400


@pytest.mark.parametrize(("quote_at", "end_at"), [((3, 20), ()), ((3,), (8,)), ((12,), ())])
def test_quotes_that_mean_nothing_are_read_as_they_stand(tmp_path, quote_at, end_at):
    content = _plain(quote_at=quote_at, end_at=end_at)
    found = read_table(write_table(tmp_path, content, quoting=Quoting.none))
    assert len(found.texts) == 30
    assert found.texts[quote_at[0]] == f'"text {quote_at[0]}'


def test_a_text_of_several_lines_is_one_text(tmp_path):
    poem = '"roses, red\nviolets, blue\n\n1,2\n",a\n'
    found = read_table(write_table(tmp_path, HEAD + rows() + poem + rows(2)))
    assert found.texts[12] == "roses, red violets, blue 1,2"
    assert found.rows.tolist() == list(range(2, 17))


def test_lines_that_look_like_rows_are_one_text_if_that_is_said(tmp_path):
    content = _plain(quote_at=(3,), end_at=(8,))
    found = read_table(write_table(tmp_path, content, quoting=Quoting.doubled))
    assert found.texts[3] == "text 3 0,text 4 1,text 5 0,text 6 1,text 7 0,text 8"


def test_escaped_quotes_and_line_breaks_are_resolved(tmp_path):
    content = HEAD + '"he said \\"wow, x\\" \\\\ \\n twice",a\n' + rows()
    found = read_table(write_table(tmp_path, content, quoting=Quoting.backslash))
    assert found.texts[0] == 'he said "wow, x" \\ twice'


@pytest.mark.parametrize(
    "content",
    [
        (HEAD + rows()).replace("\n", "\r"),
        (HEAD + rows()).replace("\n", "\r\n"),
        "text,label,\n" + rows().replace("\n", ",\n"),
        HEAD + rows().replace("\n", ",\n"),  # empty cells behind the last column
        "\n\n" + HEAD + "\n" + rows() + "\n,\n",
        "\ufeff" + HEAD + rows(),
        '"text","label"\n' + rows(),
        "text, label\n" + rows(separator=", "),
        "sep=,\n" + HEAD + rows(),
        HEAD + rows() + '"cut off, but whole",a',
    ],
)
def test_what_is_unusual_but_clear_is_read(tmp_path, content):
    found = read_table(write_table(tmp_path, content))
    assert found.texts[:2] == ["a text, number 0", "a text, number 1"]
    assert len(found.texts) in (12, 13)
    assert found.labels[:4] == ["a", "b", "a", "b"]


def test_a_quoting_that_gives_one_column_is_not_proposed(tmp_path):
    content = '"text" "label"\n' + '"a text" "b"\n' * 30
    with pytest.raises(DataError, match="Write a quote inside a quoted text twice") as error:
        read_table(write_table(tmp_path, content, separator=","))
    assert "data.quoting" not in str(error.value)


def test_a_row_with_nul_bytes_may_be_left_out_where_rows_are_told_apart(tmp_path, caplog):
    content = HEAD + rows(4) + "o\0ne,a\n" + rows(4)
    found = read_table(write_table(tmp_path, content, on_bad_rows=OnBadRows.drop))
    assert len(found.texts) == 8
    assert "NUL bytes, which no text holds (row" in caplog.text
    with pytest.raises(DataError, match="100 NUL bytes"):
        read_table(write_table(tmp_path, content + "\0" * 100, on_bad_rows=OnBadRows.drop))


def test_a_cell_of_a_megabyte_is_read(tmp_path):
    found = read_table(write_table(tmp_path, HEAD + f'"{"word " * 200_000}",a\n' + rows()))
    assert len(found.texts[0]) == 999_999
