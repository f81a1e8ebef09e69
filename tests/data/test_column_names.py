"""Test that columns are found by what is seen of their names, and that what is proposed can be typed."""

from __future__ import annotations

import re
import shlex
import unicodedata

import pytest
from factories.tables import rows, write_table

from pipeline.data.column_names import find_column, fold_name, type_column
from pipeline.data.table import read_table
from pipeline.errors import DataError


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("\u200fالنص", "النص"),
        ("Review\xa0text", "Review text"),
        ("What did you\n think?", "What did you think?"),
        (unicodedata.normalize("NFD", "Präferenz"), "Präferenz"),
        ("\ufeff\u200btext\u00ad ", "text"),
        ("te\x00xt\x07", "text"),
        ("plain", "plain"),
    ],
)
def test_a_name_is_what_is_seen_of_it(name, seen):
    assert fold_name(name) == seen
    assert find_column(["other", name], seen) == [1]
    assert find_column(["other", seen], name) == [1]
    assert type_column(["other", name], 1) == seen


@pytest.mark.parametrize(
    ("columns", "name", "places"),
    [
        (["a", "b"], "2", [1]),
        (["2", "b"], "2", [0]),  # a name goes before a number
        (["a", "b"], "3", []),
        (["a", "b"], "0", []),
        (["a\xa0b", "a b"], "a b", [1]),  # the same goes before what looks the same
        (["a\xa0b", "a  b"], "a b", [0, 1]),
        (["a", "a"], "a", [0, 1]),
    ],
)
def test_a_column_is_found_by_name_or_number(columns, name, places):
    assert find_column(columns, name) == places


@pytest.mark.parametrize("name", ["${body}", "null", "", "a" * 80, "'quoted'", "\x07"])
def test_a_name_that_cannot_be_typed_has_a_number(name):
    assert type_column(["label", name], 1) == "2"
    assert type_column(["2", name], 1) is None


@pytest.mark.parametrize(
    "header",
    [
        "\u200fالنص,التصنيف",
        "Review\xa0text,Final\xa0rating",
        '"What did you think\nof it? (please be honest, in one or two sentences)","Good?\n[Yes/No]"',
        unicodedata.normalize("NFD", "Präferenz,Évaluation"),
        "${body},[label]",
        "null,5",
        "'text',=1",
    ],
)
def test_what_is_proposed_is_what_is_typed(tmp_path, header):
    config = write_table(tmp_path, header + "\n" + rows(30))
    with pytest.raises(DataError, match="no column") as error:
        read_table(config)
    assert "�" not in str(error.value)
    for typed in shlex.split(str(error.value).rpartition(" Add ")[2]):
        key, _, value = typed.partition("=")
        assert re.fullmatch(r"data\.(text|label)_column", key)
        setattr(config, key.removeprefix("data."), value)
    found = read_table(config)
    assert found.texts[1] == "a text, number 1"
    assert set(found.labels) == {"a", "b"}
