"""Test texts from every source: cleaned, split without leaks, and refused with a clear message."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.config.data import ClausesConfig, CsvConfig, ImdbConfig
from pipeline.data.cleaning import clean_text
from pipeline.data.reviews import Head, load_reviews
from pipeline.errors import DataError


def test_clean_text_takes_breaks_and_entities_out():
    assert clean_text("Good.<br /><br>Very &amp; truly\n good&#33;") == "Good. Very & truly good!"


def _table(tmp_path, content: str | bytes, name: str = "my.csv", **settings) -> CsvConfig:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return CsvConfig(path=str(path), **settings)


def _rows(count: int = 60, labels: str = "ab") -> str:
    lines = [f'"text, number {row}",{labels[row % len(labels)]}' for row in range(count)]
    return "\n".join(lines) + "\n"


def test_a_table_becomes_stratified_splits_in_any_number_of_labels(tmp_path):
    splits = load_reviews(_table(tmp_path, "text,label\n" + _rows(90, "abc")))
    assert splits.heads[0].classes == ("a", "b", "c")
    assert [len(split) for _, split in splits.named()] == [64, 8, 18]
    assert np.bincount(splits.test.labels[:, 0]).tolist() == [6, 6, 6]
    ids = np.concatenate([split.ids for _, split in splits.named()])
    assert len(set(ids)) == 90


def test_the_seed_of_the_data_draws_the_splits(tmp_path):
    config = _table(tmp_path, "text,label\n" + _rows())
    first, again = load_reviews(config), load_reviews(config)
    assert first.fingerprint == again.fingerprint
    config.seed = 1
    assert load_reviews(config).fingerprint != first.fingerprint


def test_a_test_file_is_kept_whole_and_its_columns_may_be_named(tmp_path):
    tested = _table(tmp_path, "what,how\n" + _rows(20), "test.csv")
    config = _table(
        tmp_path,
        "what,how\n" + _rows(80),
        test_path=tested.path,
        text_column="what",
        label_column="how",
    )
    splits = load_reviews(config)
    assert len(splits.test) == 20
    assert len(splits.train) + len(splits.validation) == 60  # 20 are in test too
    assert splits.heads[0].name == "how"


def test_parquet_is_read_like_csv(tmp_path):
    frame = pd.DataFrame({"text": [f"text {row}" for row in range(60)], "label": [0, 1] * 30})
    frame.to_parquet(tmp_path / "my.parquet")
    splits = load_reviews(CsvConfig(path=str(tmp_path / "my.parquet")))
    assert splits.heads[0].classes == ("0", "1")


def test_words_that_look_like_missing_values_are_texts(tmp_path):
    splits = load_reviews(_table(tmp_path, "text,label\nNA,a\nnull,b\n" + _rows()))
    texts = [text for _, split in splits.named() for text in split.texts]
    assert {"NA", "null"} <= set(texts)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("words,label\n" + _rows(), ["row 1", "'text'", "data.text_column"]),
        ("text,label\nfine,a\n  ,b\n" + _rows(), ["row 3", "'text'", "empty"]),
        ("text,label\nfine,a\nfine too,\n" + _rows(), ["row 3", "'label'", "empty"]),
        ("text,label\n" + _rows(20, "a"), ["'label'", "'a'", "two label values"]),
        ("text,label\none, two, three,a\n" + _rows(), ["cannot be read as CSV"]),
        ("text,label\nfine,a\none, two, three,a\n" + _rows(), ["cannot be read as CSV", "line 3"]),
        ("", ["cannot be read as CSV"]),
        ("text,label\n", ["no rows"]),
        (b"text,label\nfine,a\ncaf\xe9,b\n", ["row 3", "'text'", "UTF-8"]),
        (b"text,label\nfine,\xff\n", ["row 2", "'label'", "UTF-8"]),
        ("text,label\nfine,a\n\n\n,b\n", ["row 5", "'text'", "empty"]),
        ("text,label\nfine,a\n".encode("utf-16"), ["UTF-8"]),
        ("text,label\na,x\nb,y\nc,x\n", ["cannot take a test split", "more texts"]),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_file_row_and_column(tmp_path, content, words):
    config = _table(tmp_path, content)
    with pytest.raises(DataError) as error:
        load_reviews(config)
    for word in [config.path, *words] if "cannot take" not in words[0] else words:
        assert word in str(error.value)


def test_a_test_label_that_train_lacks_is_refused_with_its_row(tmp_path):
    tested = _table(tmp_path, "text,label\nfine,a\nodd,z\n", "test.csv")
    config = _table(tmp_path, "text,label\n" + _rows(), test_path=tested.path)
    with pytest.raises(DataError, match=r"test\.csv, row 3, column 'label': the label 'z'"):
        load_reviews(config)


def test_generated_texts_carry_both_labels_and_their_traits():
    config = ClausesConfig(train_size=200, validation_size=100, test_size=100, max_distance=20)
    splits = load_reviews(config)
    assert [head.name for head in splits.heads] == ["sentiment", "subject"]
    assert splits.test.labels.shape == (100, 2)
    assert splits.test.traits is not None
    assert len(splits.test.traits) == 100
    assert splits.fingerprint == load_reviews(config).fingerprint


def test_imdb_is_read_where_tfds_prepared_it(tfds_dir, caplog):
    caplog.set_level("INFO")
    splits = load_reviews(ImdbConfig(data_dir=str(tfds_dir)))
    assert splits.fingerprint == "13fd0c6b02691f0eb4883d424d399295"  # of the runs of version 0.1
    assert splits.heads[0] == Head("sentiment", ("negative", "positive"))
    assert len(splits.test) == 25_000
    # Cleaning adds two duplicates to the 96 of the published texts.
    assert "123 reviews that are also in test, 98 duplicates" in caplog.text
    assert len(splits.train) + len(splits.validation) == 25_000 - 123 - 98
    assert abs(splits.validation.labels.mean() - 0.5) < 0.01
    assert not any("<br" in text for text in splits.train.texts)


@pytest.mark.parametrize("kind", ["category", "Int64", "boolean", "float64", "string"])
def test_a_missing_label_of_any_kind_is_named(tmp_path, kind):
    labels = pd.Series([0, 1] * 30, dtype="Int64")
    labels = labels.mask(labels.index == 4)
    frame = pd.DataFrame({"text": [f"text {row}" for row in range(60)]})
    frame["label"] = labels.astype("object" if kind == "category" else kind)
    if kind == "category":
        frame["label"] = frame["label"].astype("category")
    frame.to_parquet(tmp_path / "my.parquet")
    with pytest.raises(DataError, match=r"my.parquet, row 6, column 'label': the label is empty"):
        load_reviews(CsvConfig(path=str(tmp_path / "my.parquet")))
    frame.dropna().to_parquet(tmp_path / "my.parquet")
    classes = load_reviews(CsvConfig(path=str(tmp_path / "my.parquet"))).heads[0].classes
    written = {"boolean": ("False", "True"), "float64": ("0.0", "1.0")}  # as in a CSV
    assert classes == written.get(kind, ("0", "1"))
