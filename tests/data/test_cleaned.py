"""Cleaned texts are read from the cache as they were written, or cleaned again."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from pipeline.config.tables import CsvConfig
from pipeline.data import cleaned, reviews
from pipeline.data.cleaned import LabelledTexts, cleaned_once
from pipeline.data.reviews import load_reviews
from pipeline.errors import DataError

log = logging.getLogger(cleaned.__name__)
TEXTS = ["été", "a\tb", "好 😀", "x" * 100_000]


def _make() -> LabelledTexts:
    log.warning("Left out: %d texts", 3)
    logging.getLogger("pipeline.progress").info("Cleaning the texts: 40 %")
    return _plain()


def _cached(cache: Path, source: object = 1) -> LabelledTexts:
    return cleaned_once(cache, source, "pipeline.data.cleaned", _make)


def test_what_is_read_is_what_was_cleaned_and_what_was_said_is_said_again(
    tmp_path: Path, caplog
) -> None:
    caplog.set_level("INFO")
    for time in range(2):
        caplog.clear()
        found, plain = _cached(tmp_path), _plain()
        assert (found.texts, found.labels) == (plain.texts, plain.labels)
        np.testing.assert_array_equal(found.rows, plain.rows)
        said = [record.getMessage() for record in caplog.records]
        assert "Left out: 3 texts" in said
        assert ("Cleaning the texts: 40 %" in said) == (time == 0)


def _plain() -> LabelledTexts:
    return LabelledTexts(np.array([4, 2, 9, 11]), TEXTS, ["a", "b", "a", "c"])


def _table(folder: Path) -> CsvConfig:
    path = folder / "my.csv"
    path.write_text("text,label\n" + "".join(f"text {row},{'ab'[row % 2]}\n" for row in range(90)))
    return CsvConfig(path=str(path))


@pytest.mark.parametrize("place", [0.05, 0.3, 0.5, 0.9])
def test_a_flipped_bit_is_found_and_the_texts_are_cleaned_again(
    tmp_path: Path, caplog, place: float
) -> None:
    config = _table(tmp_path)
    first = load_reviews(config, tmp_path / "cache")
    (file,) = (tmp_path / "cache" / "reviews").glob("*.parquet")
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 1
    file.write_bytes(content)
    assert load_reviews(config, tmp_path / "cache").fingerprint == first.fingerprint
    assert "is damaged (it is not what was written); rebuilding it" in caplog.text
    caplog.clear()
    assert load_reviews(config, tmp_path / "cache").fingerprint == first.fingerprint
    assert "damaged" not in caplog.text


def test_a_table_is_cleaned_once_and_again_when_it_or_a_setting_changes(
    tmp_path: Path, monkeypatch
) -> None:
    config = _table(tmp_path)
    cache = tmp_path / "cache"
    cleaned_paths: list[str] = []
    read = reviews.read_table

    def counted(config: CsvConfig) -> LabelledTexts:
        cleaned_paths.append(config.path)
        return read(config)

    counted.__module__ = read.__module__
    monkeypatch.setattr(reviews, "read_table", counted)
    first = load_reviews(config, cache)
    config.show_texts = False  # of the report alone
    assert load_reviews(config, cache).fingerprint == first.fingerprint
    assert len(cleaned_paths) == 1
    table = Path(config.path)
    table.write_text(table.read_text().replace("text 8,", "text X,"))
    assert load_reviews(config, cache).fingerprint != first.fingerprint
    assert len(cleaned_paths) == 2
    config.text_column, config.label_column = "label", "text"
    with pytest.raises(ValueError, match=r"more than|occurs once"):
        load_reviews(config, cache)
    assert len(cleaned_paths) == 3


def test_what_was_said_is_logged_when_cleaning_fails(tmp_path: Path, caplog) -> None:
    def fail() -> LabelledTexts:
        _make()
        raise DataError("no text is left")

    with pytest.raises(DataError, match="no text is left"):
        cleaned_once(tmp_path, 1, "pipeline.data.cleaned", fail)
    assert "Left out: 3 texts" in caplog.text
    assert not list(tmp_path.rglob("*.parquet"))
