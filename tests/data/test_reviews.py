"""Test texts from every source: cleaned, split without leaks, and refused with a clear message."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.config.data import ClausesConfig, CsvConfig, ImdbConfig
from pipeline.data import tfds as imdb
from pipeline.data.reviews import Reviews, drop_leaks, load_reviews
from pipeline.errors import DataError


def _reviews(*texts: str) -> Reviews:
    ids = np.array([f"x-{number}" for number in range(len(texts))])
    return Reviews(ids, list(texts), np.zeros((len(texts), 1), dtype=np.int32))


def test_leaks_and_duplicates_are_dropped_only_from_train(caplog):
    caplog.set_level("INFO")
    kept = drop_leaks(_reviews("a", "b", "a", "c", "b"), _reviews("c", "d", "d"))
    assert kept.texts == ["a", "b"]
    assert list(kept.ids) == ["x-0", "x-1"]
    assert "1 reviews that are also in test, 2 duplicates" in caplog.text
    assert "1 duplicate" in caplog.text


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
    assert len(splits.test) == 25_000
    # Cleaning adds two duplicates to the 96 of the published texts.
    assert "123 reviews that are also in test, 98 duplicates" in caplog.text
    assert len(splits.train) + len(splits.validation) == 25_000 - 123 - 98
    assert abs(splits.validation.labels.mean() - 0.5) < 0.01
    assert not any("<br" in text for text in splits.train.texts)


def test_imdb_is_read_once_for_the_same_files(tfds_dir, tmp_path, monkeypatch):
    config = ImdbConfig(data_dir=str(tfds_dir))
    first = load_reviews(config, tmp_path)

    def read_again(*_):
        raise RuntimeError("read again")

    monkeypatch.setattr(imdb, "_read", read_again)
    again = load_reviews(config, tmp_path)
    assert again.fingerprint == first.fingerprint
    assert again.test.texts == first.test.texts
    np.testing.assert_array_equal(again.train.labels, first.train.labels)
    assert again.train.labels.dtype == np.int32
    for file in (tmp_path / "reviews").glob("*.parquet"):
        file.write_bytes(file.read_bytes()[:1000])  # damaged
    with pytest.raises(RuntimeError, match="read again"):
        load_reviews(config, tmp_path)


def test_prepared_data_is_read_without_the_lock_of_another_user(tfds_dir, monkeypatch):
    def foreign(lock_file):
        raise PermissionError(f"{lock_file} belongs to another user")

    monkeypatch.setattr(imdb, "FileLock", foreign)
    parts = imdb.read_imdb(ImdbConfig(data_dir=str(tfds_dir)), ["test"])
    assert [len(part.texts) for part in parts] == [25_000]


def test_imdb_is_read_anew_when_its_files_change(tmp_path, monkeypatch):
    prepared = tmp_path / "imdb_reviews-train.tfrecord"
    splits = {"train": SimpleNamespace(filepaths=[str(prepared)])}
    builder = SimpleNamespace(info=SimpleNamespace(splits=splits))
    monkeypatch.setattr(imdb, "_prepared", lambda _: builder)

    def read(_, part: str) -> imdb.ImdbPart:
        return imdb.ImdbPart([f"{part} {prepared.read_text()}"], np.array([1], np.int32))

    monkeypatch.setattr(imdb, "_read", read)
    for text in ("once", "again", "a third time"):
        prepared.write_text(text)
        (part,) = imdb.read_imdb(ImdbConfig(), ["train"], tmp_path / "cache")
        assert part.texts == [f"train {text}"]


def test_a_failed_download_names_the_alternatives_and_leaves_nothing(tmp_path, monkeypatch):
    import requests

    def unreachable(*_, **__):
        raise requests.ConnectionError("no route to the host")

    monkeypatch.setattr(requests, "head", unreachable)
    folder = tmp_path / "deep" / "tfds"
    with pytest.raises(DataError) as error:
        load_reviews(ImdbConfig(data_dir=str(folder)))
    for word in ("no route", str(folder), "data.data_dir", "TFDS_DATA_DIR", "data=clauses"):
        assert word in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_keeps_what_another_process_created(tmp_path, monkeypatch):
    import requests

    folder = tmp_path / "tfds"

    def unreachable(*_, **__):
        other = folder / "downloads"
        other.mkdir(parents=True)
        (other / "theirs").touch()
        raise requests.ConnectionError("no route to the host")

    monkeypatch.setattr(requests, "head", unreachable)
    with pytest.raises(DataError, match="no route"):
        load_reviews(ImdbConfig(data_dir=str(folder)))
    assert (folder / "downloads" / "theirs").exists()
