"""Test that the columns are found, and that it is said what to type where they are not."""

from __future__ import annotations

import pytest
from factories.tables import rows, write_table

from pipeline.data.table import read_table
from pipeline.errors import DataError


def _lines(form: str, count: int = 30) -> str:
    return "".join(form.format(n=n, label=n % 2) + "\n" for n in range(count))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "评论,标签\n" + _lines("很好{n},{label}"),
            [
                "no column 'text', only '评论', '标签'",
                "data.text_column=评论",
                "data.label_column=标签",
            ],
        ),
        ("Text,Label\n" + rows(), ["Add data.text_column=Text data.label_column=Label"]),
        ("id,text,stars\n" + _lines("{n},fine {n},{label}"), ["Add data.label_column=stars"]),
        (
            "Review text,Rating (1-5)\n" + _lines("quite fine {n},{label}"),
            ["'data.text_column=Review text'", "'data.label_column=Rating (1-5)'"],
        ),
        (
            _lines('"{label}","{n}","Mon Jan 05","NO_QUERY","user{n}","a fine text {n}"'),
            ["no header", "Add data.header=false data.text_column=6 data.label_column=1"],
        ),
        (_lines("so, gut {n};{label};3,50"), ["no header", "text_column=1 data.label_column=2"]),
        (
            (_lines('"{label}","a fine text {n}"') + '"0","caf\xe9"\n').encode("latin-1"),
            ["line 31: not UTF-8", "café", "no header", "data.encoding=cp1252 data.header=false"],
        ),
        (
            ("text,label\n" + rows()).encode("utf-16-le"),
            ["not UTF-8", "Add data.encoding=utf-16-le"],
        ),
        (
            ("text,label\n" + rows(60_000) + "caf\xe9,a\n").encode(
                "cp1252"
            ),  # far behind the start
            ["line 60002: not UTF-8 (as cp1252: 'café,a')", "data.encoding=cp1252"],
        ),
        ("text,label,text\n" + _lines("fine {n},{label},x"), ["2 columns are named 'text' (1, 3)"]),
        (
            "text\n" + _lines("fine {n}"),
            ["one column alone, 'text', and none of labels", "data.separator"],
        ),
        ("text^label\n" + _lines("fine {n}^{label}"), ["one column alone", "data.separator"]),
        (
            "My reviews\n\ntext,label\n" + rows(),
            ["header seems to be row 3", "remove the rows above"],
        ),
        (
            "Survey 2024,,\n,,\nID,Comment,Happy?\n" + _lines("{n},fine {n},{label}"),
            ["a title", "row 3 ('ID', 'Comment', 'Happy?')"],
        ),
        ("Survey 2024\nComment,Happy?\n" + _lines("fine {n},{label}"), ["a title", "row 2"]),
        (",comment,label\n" + _lines("{n},fine {n},{label}"), ["Add data.text_column=comment"]),
        (",".join(map(str, range(5000))) + "\n", ["and 4,988 more"]),
        ("a very long text " * 20_000 + ",b\nfine,c\n", ["row 1"]),
        ("text,label\n", ["no rows below the header"]),
    ],
)
def test_it_is_said_what_to_type(tmp_path, content, words):
    with pytest.raises(DataError) as error:
        read_table(write_table(tmp_path, content))
    message = str(error.value)
    for word in ["my.csv", *words]:
        assert word in message
    assert "\n" not in message
    assert len(message.replace(str(tmp_path), "")) < 500


def test_what_is_said_to_type_reads_the_file(tmp_path):
    content = (_lines('"{label}";"a fine, fine text {n}";"x"') + '"0";"caf\xe9";"x"\n').encode(
        "cp1252"
    )
    config = write_table(tmp_path, content)
    with pytest.raises(DataError, match="Add ") as error:
        read_table(config)
    for typed in str(error.value).rpartition("Add ")[2].split():
        key, value = typed.removeprefix("data.").split("=")
        setattr(config, key, False if value == "false" else value)
    found = read_table(config)
    assert found.texts[-2:] == ["a fine, fine text 29", "café"]
    assert found.labels[:2] == ["0", "1"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"header": False}, ["text_column is a number from 1 to 2, not 'text'"]),
        ({"header": False, "text_column": "1", "label_column": "9"}, ["from 1 to 2, not '9'"]),
        ({"text_column": "label"}, ["both name 'label'"]),
        ({"text_column": "2"}, ["both name '2'"]),
        ({"separator": "tab"}, ["'text,label'", "separated by tabs", "leave data.separator out"]),
    ],
)
def test_columns_that_are_not_there_are_named(tmp_path, settings, words):
    with pytest.raises(DataError) as error:
        read_table(write_table(tmp_path, "text,label\n" + rows(), **settings))
    for word in words:
        assert word in str(error.value)


def test_spaces_around_the_name_of_a_column_do_not_count(tmp_path):
    content = "\ufeff text ,label ,\n" + rows().replace("\n", ",\n")
    assert len(read_table(write_table(tmp_path, content, text_column=" text")).texts) == 12
