"""Test that the encoding is found, and that no other is proposed for a file that is damaged in it."""

from __future__ import annotations

import json

import pytest
from factories.tables import write_table

from pipeline.config.tables import OnBadRows
from pipeline.data.encoding import find_encoding, guess_encoding
from pipeline.data.table import read_table
from pipeline.errors import DataError

DROP = OnBadRows.drop


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8-sig"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-32", "utf-32"),
    ],
)
def test_a_mark_at_the_start_tells_the_encoding(encoding, found):
    assert find_encoding("text,label\n".encode(encoding), None) == found


@pytest.mark.parametrize(
    ("text", "encoding", "guess"),
    [
        ("the café was très bon, naïve “quotes”", "cp1252", "cp1252"),
        ("ça va, señor café", "latin-1", "cp1252"),  # the same bytes
        ("un café \x81 la carte", "latin-1", "latin-1"),
        ("text,label\nfine,1\n", "utf-16-le", "utf-16-le"),
        ("text,label\nfine,1\n", "utf-16-be", "utf-16-be"),
        ("这部电影很好看，很差的电影不推荐", "gb18030", "gb18030"),
        ("Очень хороший фильм, плохой фильм", "cp1251", "cp1251"),
        ("とても良い映画でした、最悪の映画", "cp932", "cp932"),
        ("çok güzel bir film, ığşİ", "cp1254", "cp1254"),
        ("Bardzo dobry film, świetna gra aktorów, żółć", "cp1250", "cp1250"),
    ],
)
def test_the_encoding_that_fits_is_guessed(text, encoding, guess):
    assert guess_encoding((text + "\n").encode(encoding) * 5) == guess


def test_what_is_utf_8_is_guessed_to_be_that():
    assert guess_encoding("un café, 很好\n".encode()) == "utf-8"


def _table(text: str, count: int = 30) -> list[bytes]:
    """Return the lines of a table in UTF-8, its header first."""
    return [b"text,label", *(f"{text} {n},{'ab'[n % 2]}".encode() for n in range(count))]


@pytest.mark.parametrize(
    ("text", "bad", "words"),
    [
        ("un café", "du café,a".encode("cp1252"), ["(as cp1252: 'du café,a')"]),
        ("很好的电影", "du café,a".encode("cp1252"), ["(as cp1252: 'du café,a')"]),
        (
            "很好的电影",
            "很差的电影".encode()[:-1] + b",a",
            ["('很差的电�,a')"],
        ),  # cut off within a character
        ("un café", "Очень хороший фильм,a".encode("cp1251"), ["Очень хороший фильм"]),
        ("Очень хороший фильм", "Плохой фильм,a".encode("cp1251"), ["Плохой фильм"]),
    ],
)
@pytest.mark.parametrize("at", [2, 12])
def test_a_line_that_is_not_utf_8_does_not_decide_for_the_others(
    tmp_path, caplog, text, bad, words, at
):
    lines = _table(text)
    lines.insert(at, bad)
    config = write_table(tmp_path, b"\n".join(lines))
    with pytest.raises(DataError) as error:
        read_table(config)
    message = str(error.value)
    for word in [f"line {at + 1}: not UTF-8", "30 other lines are. Mend the line", "=drop", *words]:
        assert word in message
    assert "data.encoding" not in message
    config.on_bad_rows = DROP
    found = read_table(config)
    assert found.texts == [f"{text} {n}" for n in range(30)]
    assert f"1 with bytes that are not UTF-8 (row {at + 1})" in caplog.text


def test_a_line_of_utf_8_among_others_is_not_given_up(tmp_path):
    lines = [
        b"text,label",
        *[f"du thé {n},a".encode("cp1252") for n in range(30)],
        "été,b".encode(),
    ]
    with pytest.raises(DataError, match=r"while 1 other line is\. Write all lines in one") as error:
        read_table(write_table(tmp_path, b"\n".join(lines)))
    assert "data.encoding" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "accident", "encoding"),
    [("Moja spółka", "SPÓŁKA", "cp1250"), ("un café", "LE CAFÉ’S", "cp1252")],
)
def test_a_line_that_is_utf_8_by_accident_does_not_count(tmp_path, text, accident, encoding):
    content = "text,label\n" + f"{text},a\n" * 30 + f"{accident},b\n"
    assert accident.encode(encoding).decode()
    with pytest.raises(DataError, match=f"Add data.encoding={encoding}"):
        read_table(write_table(tmp_path, content.encode(encoding)))


def test_two_halves_in_two_encodings_are_to_be_written_in_one(tmp_path):
    latin = [f"du thé {n},a".encode("cp1252") for n in range(40)]
    with pytest.raises(DataError, match="line 2 and 39 more: not UTF-8") as error:
        read_table(
            write_table(tmp_path, b"\n".join([b"text,label", *latin, *_table("déjà été")[1:]]))
        )
    assert "30 other lines are. Write all lines in one encoding, such as UTF-8" in str(error.value)


@pytest.mark.parametrize("name", ["my.jsonl", "my.json"])
def test_json_with_a_byte_that_is_not_utf_8_is_refused_or_loses_the_row(tmp_path, caplog, name):
    records = [{"text": f"un café {n}", "label": n % 2} for n in range(30)]
    texts = [json.dumps(one, ensure_ascii=False).encode() for one in records]
    texts[4] = texts[4].replace("café".encode(), "café".encode("cp1252"))
    lines = b"\n".join(texts) if name == "my.jsonl" else b"[" + b", ".join(texts) + b"]"
    config = write_table(tmp_path, lines, name)
    with pytest.raises(DataError, match=r"not UTF-8 \(.*caf.*\), while .* Mend .*=drop") as error:
        read_table(config)
    assert "data.encoding" not in str(error.value)
    config.on_bad_rows = DROP
    assert len(read_table(config).texts) == 29
    assert "bytes that are not UTF-8 (row 5)" in caplog.text


def test_a_first_row_may_be_left_out_where_it_is_no_header(tmp_path, caplog):
    lines = ["du café,a".encode("cp1252"), *_table("un café")[1:]]
    settings = {"header": False, "text_column": "1", "label_column": "2", "on_bad_rows": DROP}
    assert len(read_table(write_table(tmp_path, b"\n".join(lines), **settings)).texts) == 30
    assert "not UTF-8 (row 1)" in caplog.text


def test_a_file_in_another_encoding_is_not_dropped_row_by_row(tmp_path):
    content = b"\n".join(_table("un café")).decode().encode("cp1252")
    with pytest.raises(DataError, match=r"Add data\.encoding=cp1252"):
        read_table(write_table(tmp_path, content, on_bad_rows=DROP))


def test_bytes_in_a_column_that_is_not_read_do_no_harm(tmp_path):
    lines = [line + b",\xc3\xa9" for line in _table("é")]
    lines[0], lines[5] = b"text,label,note", lines[5].replace(b",\xc3\xa9", b",caf\xe9")
    assert len(read_table(write_table(tmp_path, b"\n".join(lines), on_bad_rows=DROP)).texts) == 30


@pytest.mark.parametrize("given", ["ascii", "cp1254"])
def test_an_encoding_that_was_set_in_vain_is_told_from_utf_8(tmp_path, given):
    content = b"\n".join(_table("很差的电影不推荐"))
    with pytest.raises(DataError, match=r"Add data\.encoding=utf-8"):
        read_table(write_table(tmp_path, content, encoding=given))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("这部电影很好看，很差的电影不推荐", "gb18030"),
        ("とても良い映画でした、最悪の映画です", "cp932"),
    ],
)
@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_a_sample_is_cut_between_characters(tmp_path, text, encoding, shift):
    content = "text,label\n" + f"{'x' * shift}{text * 4},a\n" * 5
    with pytest.raises(DataError, match=f"as {encoding}") as error:
        read_table(write_table(tmp_path, content.encode(encoding)))
    assert "�" not in str(error.value)
    assert f"{'x' * shift}{text[:10]}" in str(error.value)


@pytest.mark.parametrize(
    ("lines", "encoding", "words"),
    [
        (["文本,标签".encode("gb18030"), *_table("很好")[1:]], None, "line 1: not UTF-8 (as "),
        (
            [
                *_table("很好")[:1],
                *(f"很差 {n},a".encode("gb18030") for n in range(30)),
                "很好,b".encode(),
            ],
            None,
            "while 1 other line is. Write all lines in one encoding",
        ),
        (
            [line.decode().encode("gb18030") for line in _table("很好")] + [b"caf\xe9,a"],
            "gb18030",
            "line 32: not gb18030 (as cp1252: 'café,a'), while 30 other lines are. Mend the line",
        ),
        (
            [
                "\ufeff".encode("utf-16-le"),
                b"\n".join(_table("a")).decode().encode("utf-16-le"),
                b"\0",
            ],
            None,
            "breaks off or is damaged within a character of UTF-16. Fetch",
        ),
    ],
)
def test_no_encoding_and_no_dropping_is_proposed_that_would_not_help(
    tmp_path, lines, encoding, words
):
    content = b"".join(lines) if lines[0] == b"\xff\xfe" else b"\n".join(lines)
    with pytest.raises(DataError) as error:
        read_table(write_table(tmp_path, content, encoding=encoding))
    assert words in str(error.value)
    assert "data.encoding=" not in str(error.value)
    assert "=drop" not in str(error.value)
