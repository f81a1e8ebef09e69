"""Test JSON as people write it, and what is said where it is no table."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from factories.tables import refuse, write_table

from pipeline.data.table import read_table

RECORDS = [{"text": f"a text {row}", "label": row % 2} for row in range(12)]
LINES = "\n".join(map(json.dumps, RECORDS))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("my.jsonl", LINES, "an object a line"),
        ("my.ndjson", "\n" + LINES + "\n\n", "an object a line"),
        ("my.txt", LINES, "an object a line"),  # by content
        ("my.csv", json.dumps(RECORDS), "an array of objects"),
        ("my.json", json.dumps(RECORDS, indent=2), "an array of objects"),
        ("my.json", LINES, "an object a line"),
        ("my.json", ("\ufeff" + json.dumps(RECORDS)).encode(), "an array of objects"),
        ("my.json", json.dumps(RECORDS).encode("utf-16"), "UTF-16"),
        ("my", LINES, "an object a line"),
    ],
)
def test_json_is_read_by_its_content(tmp_path, caplog, name, content, said):
    caplog.set_level("INFO")
    found = read_table(write_table(tmp_path, content, name))
    assert found.texts == [f"a text {row}" for row in range(12)]
    assert found.labels == ["0", "1"] * 6
    assert f"Read 12 rows of {name}" in caplog.text
    assert said in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("my.json", pd.DataFrame(RECORDS).to_json(), ["one object of columns", "records"]),
        ("my.json", json.dumps({"data": RECORDS}, indent=1), ["keys 'data'", "array of objects"]),
        ("my.json", json.dumps([["text", "label"], ["x", 1]]), ["element 1: a list"]),
        ("my.json", json.dumps(RECORDS)[:-20], ["after 11 objects"]),
        ("my.json", json.dumps(RECORDS) + "]", ["Extra data"]),
        (
            "my.jsonl",
            "\n".join(json.dumps(one, indent=2) for one in RECORDS),
            ["several values one after another", "an object a line"],
        ),
        ("my.json", '"only a text"', ["holds a text"]),
        ("my.jsonl", LINES + '\n{"text": "x", "label"\n', ["line 13", "mend or remove"]),
        ("my.jsonl", LINES + "\n[1]\n", ["line 13: a list"]),
        ("my.jsonl", LINES.replace('"a text 4"', '["a"]'), ["row 5, column 'text': a list"]),
        ("my.jsonl", LINES.replace('"a text 4"', '{"a": 1}'), ["row 5, column 'text': an object"]),
        ("my.jsonl", LINES.replace('"text"', '"body"'), ["no column 'text'", "text_column=body"]),
        (
            "my.jsonl",
            LINES.replace('"label": 0', '"label": null'),
            ["row 1, column 'label'", "6 such"],
        ),
        (
            "my.jsonl",
            LINES.replace("text 4", "caf\xe9").encode("latin-1"),
            ["line 5", "UTF-8", "=cp1252"],
        ),
    ],
)
def test_json_that_is_no_table_is_refused_in_a_short_line(tmp_path, name, content, words):
    refuse(write_table(tmp_path, content, name), words)


def test_an_array_larger_than_what_is_read_at_a_time_is_whole(tmp_path):
    records = [{"text": f"{row} " + "word " * 30_000, "label": row % 2} for row in range(24)]
    found = read_table(write_table(tmp_path, json.dumps(records), "my.json"))
    assert [text.split()[0] for text in found.texts] == [str(row) for row in range(24)]
    assert {len(text.split()) for text in found.texts} == {30_001}
