"""Test tables that carry their own structure, and what is said where it is another."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest
from factories.tables import write_table

from pipeline.data.table import read_table
from pipeline.errors import DataError

RECORDS = [{"text": f"a text {row}", "label": row % 2} for row in range(12)]
LINES = "\n".join(map(json.dumps, RECORDS))


def _excel(*frames: pd.DataFrame, header: bool = True) -> bytes:
    file = io.BytesIO()
    with pd.ExcelWriter(file) as book:
        for number, frame in enumerate(frames):
            frame.to_excel(book, sheet_name=f"sheet {number}", index=False, header=header)
    return file.getvalue()


def _parquet(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


FRAME = pd.DataFrame(RECORDS)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("my.jsonl", LINES, "an object a line"),
        ("my.ndjson", "\n" + LINES + "\n\n", "an object a line"),
        ("my.txt", LINES, "an object a line"),  # by content
        ("my", LINES, "an object a line"),
        ("my.csv", json.dumps(RECORDS), "an array of objects"),
        ("my.json", json.dumps(RECORDS, indent=2), "an array of objects"),
        ("my.json", LINES, "an object a line"),
        ("my.json", ("\ufeff" + json.dumps(RECORDS)).encode(), "an array of objects"),
        ("my.json", json.dumps(RECORDS).encode("utf-16"), "UTF-16"),
        ("my.parquet", _parquet(FRAME), "Parquet"),
        ("my.parquet", _parquet(FRAME.astype({"label": "category"})), "Parquet"),
        ("my.dat", _parquet(FRAME.set_index("label").reset_index()), "Parquet"),
        ("my.xlsx", _excel(FRAME), "sheet 'sheet 0'"),
        ("my.xlsx", _excel(pd.DataFrame({"read": ["me"]}), FRAME), "sheet 'sheet 1'"),
        ("my", _excel(pd.DataFrame(), FRAME.assign(more=[None] * 11 + [1])), "sheet 'sheet 1'"),
    ],
)
def test_every_structure_is_read_by_its_content(tmp_path, caplog, name, content, said):
    caplog.set_level("INFO")
    found = read_table(write_table(tmp_path, content, name))
    assert found.texts == [f"a text {row}" for row in range(12)]
    assert found.labels == ["0", "1"] * 6
    assert f"Read 12 rows of {name}" in caplog.text
    assert said in caplog.text


def test_an_excel_file_without_header_is_read_by_number(tmp_path):
    config = write_table(tmp_path, _excel(FRAME, header=False), "my.xlsx")
    with pytest.raises(DataError, match=r"no header.*header=false data.text_column=1 .*column=2"):
        read_table(config)
    config.header, config.text_column, config.label_column = False, "1", "2"
    assert len(read_table(config).texts) == 12


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("my.json", FRAME.to_json(), ["one object of columns", "records"]),
        ("my.json", json.dumps({"data": RECORDS}, indent=1), ["keys 'data'", "array of objects"]),
        ("my.json", json.dumps([["text", "label"], ["x", 1]]), ["element 1: a list"]),
        ("my.json", json.dumps(RECORDS)[:-20], ["after 11 objects"]),
        ("my.json", json.dumps(RECORDS) + "]", ["Extra data"]),
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
        ("my.jsonl", LINES.replace("text 4", "caf\xe9").encode("latin-1"), ["UTF-8", "=cp1252"]),
        ("my.parquet", _parquet(FRAME.assign(text=[["a"]] * 12)), ["'text'", "list"]),
        ("my.parquet", _parquet(FRAME.assign(text=[{"a": 1}] * 12)), ["'text'", "struct"]),
        ("my.parquet", _parquet(FRAME.assign(label=[b"a", b"b"] * 6)), ["'label'", "binary"]),
        ("my.parquet", _parquet(FRAME)[:500], ["cannot be read as Parquet"]),
        ("my.parquet", _parquet(FRAME)[:40] + b"?" * 80 + _parquet(FRAME)[120:], ["my.parquet"]),
        ("my.xlsx", _excel(FRAME)[:3000], ["damaged"]),
        ("my.xlsx", _excel(pd.DataFrame()), ["is empty"]),
        ("my.xlsx", "text,label\n", ["no xlsx file"]),
    ],
)
def test_another_structure_is_refused_in_a_short_line(tmp_path, name, content, words):
    with pytest.raises(DataError) as error:
        read_table(write_table(tmp_path, content, name))
    message = str(error.value)
    for word in [name, *words]:
        assert word in message
    assert "\n" not in message
    assert len(message.replace(str(tmp_path), "")) < 400


def test_an_array_larger_than_what_is_read_at_a_time_is_whole(tmp_path):
    records = [{"text": f"{row} " + "word " * 30_000, "label": row % 2} for row in range(24)]
    found = read_table(write_table(tmp_path, json.dumps(records), "my.json"))
    assert [text.split()[0] for text in found.texts] == [str(row) for row in range(24)]
    assert {len(text.split()) for text in found.texts} == {30_001}


@pytest.mark.parametrize("kind", ["category", "Int64", "boolean", "float64", "string"])
def test_a_missing_label_of_any_kind_is_named(tmp_path, kind):
    labels = pd.Series([0, 1] * 30, dtype="Int64")
    labels = labels.mask(labels.index == 4)
    frame = pd.DataFrame({"text": [f"text {row}" for row in range(60)]})
    frame["label"] = labels.astype("object" if kind == "category" else kind)
    if kind == "category":
        frame["label"] = frame["label"].astype("category")
    config = write_table(tmp_path, _parquet(frame), "my.parquet")
    with pytest.raises(DataError, match=r"my.parquet, row 6, column 'label': the label is empty"):
        read_table(config)
    found = read_table(write_table(tmp_path, _parquet(frame.dropna()), "my.parquet"))
    assert set(found.labels) == ({"False", "True"} if kind == "boolean" else {"0", "1"})
