"""Test tables in Parquet and Excel, and what is said of those that cannot be read."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from factories.tables import refuse, write_table
from openpyxl import Workbook

from pipeline.data.table import read_table, read_test_table
from pipeline.errors import DataError

RECORDS = [{"text": f"a text {row}", "label": row % 2} for row in range(12)]


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
        ("my.parquet", _parquet(FRAME), "Parquet"),
        ("my.parquet", _parquet(FRAME.astype({"label": "category"})), "Parquet"),
        ("my.dat", _parquet(FRAME.set_index("label").reset_index()), "Parquet"),
        ("my.xlsx", _excel(FRAME), "sheet 'sheet 0'"),
        ("my.xlsx", _excel(pd.DataFrame({"read": ["me"]}), FRAME), "sheet 'sheet 1'"),
        (
            "my",
            _excel(pd.DataFrame(), FRAME.assign(more=pd.Series([None] * 11 + [1]))),
            "sheet 'sheet 1'",
        ),
    ],
)
def test_parquet_and_excel_are_read_by_their_content(tmp_path, caplog, name, content, said):
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
        ("my.parquet", _parquet(FRAME.assign(text=pd.Series([["a"]] * 12))), ["'text'", "list"]),
        (
            "my.parquet",
            _parquet(FRAME.assign(text=pd.Series([{"a": 1}] * 12))),
            ["'text'", "struct"],
        ),
        (
            "my.parquet",
            _parquet(FRAME.assign(label=pd.Series([b"a", b"b"] * 6))),
            ["'label'", "binary"],
        ),
        ("my.parquet", _parquet(FRAME)[:500], ["cannot be read as Parquet"]),
        ("my.parquet", _parquet(FRAME)[:40] + b"?" * 80 + _parquet(FRAME)[120:], ["my.parquet"]),
        ("my.xlsx", _excel(FRAME)[:3000], ["damaged"]),
        ("my.xlsx", _excel(pd.DataFrame()), ["is empty"]),
        ("my.xlsx", "text,label\n", ["no xlsx file"]),
    ],
)
def test_what_cannot_be_read_is_named_in_a_short_line(tmp_path, name, content, words):
    refuse(write_table(tmp_path, content, name), words)


@pytest.mark.parametrize("kind", ["category", "Int64", "boolean", "float64", "string"])
def test_a_missing_label_of_any_kind_is_named(tmp_path, kind):
    labels = pd.Series([0, 1] * 30, dtype="Int64")
    labels = labels.mask(labels.index == 4)
    frame = pd.DataFrame({"text": [f"text {row}" for row in range(60)]})
    frame["label"] = labels.astype("object" if kind == "category" else kind)
    if kind == "category":
        frame["label"] = frame["label"].astype("category")
    config = write_table(tmp_path, _parquet(frame), "my.parquet")
    with pytest.raises(DataError, match=r"my.parquet, row 5, column 'label': the label is empty"):
        read_table(config)
    found = read_table(write_table(tmp_path, _parquet(frame.dropna()), "my.parquet"))
    assert set(found.labels) == ({"False", "True"} if kind == "boolean" else {"0", "1"})


def _book(**sheets: list[list[object]]) -> bytes:
    book, file = Workbook(), io.BytesIO()
    del book[book.sheetnames[0]]
    for title, lines in sheets.items():
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append(line)
    book.save(file)
    return file.getvalue()


def _lines(word: str) -> list[list[object]]:
    return [["text", "label"], *([f"{word} {row}", "ab"[row % 2]] for row in range(12))]


def test_other_sheets_with_the_columns_are_said_and_can_be_chosen(tmp_path, caplog):
    caplog.set_level("INFO")
    content = _book(old=_lines("early"), new=_lines("late"), notes=[["read", "me"]])
    config = write_table(tmp_path, content, "my.xlsx")
    assert read_table(config).texts[0] == "early 0"
    assert caplog.messages[0] == (
        "my.xlsx: only its sheet 'old' is read, and 'new' has these columns too: data.sheet chooses one"
    )
    assert caplog.messages[1].endswith("Excel, sheet 'old' of 3")
    caplog.clear()
    config.sheet = "New "
    assert read_table(config).texts[0] == "late 0"
    assert len(caplog.messages) == 1
    for sheet, words in (
        ("other", ["'old', 'new', 'notes'"]),
        ("notes", ["'notes', row 1", "'old'"]),
    ):
        config.sheet = sheet
        with pytest.raises(DataError) as error:
            read_table(config)
        for word in words:
            assert word in str(error.value)


def test_formulas_without_results_are_named(tmp_path):
    lines = _lines("text")
    for row in lines[1:]:
        row[1] = "=A2>3"
    with pytest.raises(DataError, match="The cells of 'label' are formulas whose results"):
        read_table(write_table(tmp_path, _book(one=lines), "my.xlsx"))


def test_a_test_file_may_name_its_sheet_otherwise(tmp_path):
    config = write_table(tmp_path, _book(train=_lines("early")), "my.xlsx", sheet="train")
    config.test_path = write_table(tmp_path, _book(test=_lines("late")), "test.xlsx").path
    assert read_test_table(config, ("a", "b")).texts[0] == "late 0"
