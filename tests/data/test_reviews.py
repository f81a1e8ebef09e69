"""Test texts from every source: cleaned, split without leaks, and refused with a clear message."""

from __future__ import annotations

import numpy as np

from pipeline.config.data import ClausesConfig, ImdbConfig
from pipeline.config.tables import CsvConfig
from pipeline.data.reviews import load_reviews
from pipeline.data.splits import Head


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


def test_words_that_look_like_missing_values_are_texts(tmp_path):
    splits = load_reviews(_table(tmp_path, "text,label\nNA,a\nnull,b\n" + _rows()))
    texts = [text for _, split in splits.named() for text in split.texts]
    assert {"NA", "null"} <= set(texts)


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
    assert splits.heads[0] == Head("sentiment", ("negative", "positive"))
    assert len(splits.test) == 25_000
    # Cleaning adds two duplicates to the 96 of the published texts.
    assert "123 texts that are also in test, 98 duplicates" in caplog.text
    assert len(splits.train) + len(splits.validation) == 25_000 - 123 - 98
    assert abs(splits.validation.labels.mean() - 0.5) < 0.01
    assert not any("<br" in text for text in splits.train.texts)
