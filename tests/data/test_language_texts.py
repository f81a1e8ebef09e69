"""Test which texts a language model is trained on."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories.tfds import build, rows

from pipeline.config.data import ClausesConfig, TfdsConfig
from pipeline.config.tables import CsvConfig
from pipeline.config.texts import Repeats
from pipeline.data import tfds
from pipeline.data.language_texts import LanguageTexts, load_language_texts
from pipeline.data.reviews import load_reviews

SPLITS = {"train": rows("train", 60), "test": rows("test", 20)}


def _without_label(texts: list[str]) -> list[dict[str, object]]:
    return [{"text": text, "label": -1} for text in texts]


def _load(folder: Path, name: str, **settings) -> LanguageTexts:
    unlabelled = settings.pop("unlabelled", True)
    config = TfdsConfig(name=name, data_dir=str(folder), **settings)
    return load_language_texts(config, unlabelled=unlabelled, cache=folder / "cache")


def test_unlabelled_texts_are_trained_on_unless_they_are_held_out_or_repeated(tmp_path, caplog):
    caplog.set_level("INFO")
    held = [row["text"] for row in (*SPLITS["test"][:3], *SPLITS["train"])]
    more = [*held, "new<br />one", "new one", "<br/>", "other"]
    name = build(tmp_path, SPLITS | {"unsupervised": _without_label(more)})
    plain = _load(tmp_path, name, unlabelled=False)
    texts = _load(tmp_path, name)
    assert len(plain.train) == 54
    assert texts.train == [*plain.train, "new one", "other"]
    assert len(texts.validation) == 6
    assert not {*texts.train} & {*texts.validation.texts, *texts.test.texts}
    assert "unlabelled: 6 texts that are also in validation" in caplog.text
    assert "unlabelled: 3 texts that are also in test" in caplog.text
    assert "unlabelled: 54 texts that are also in train" in caplog.text
    assert texts.fingerprint != plain.fingerprint
    kept = _load(tmp_path, name, repeats=Repeats.keep)
    assert kept.train == [*plain.train, *kept.train[54:]]
    assert len(kept.train) == 54 + 54 + 3


def test_unlabelled_texts_are_cleaned_once(tmp_path, monkeypatch):
    name = build(tmp_path, SPLITS | {"unsupervised": _without_label(["one<br />more"])})
    first = _load(tmp_path, name)
    monkeypatch.setattr(tfds, "clean_text", None)
    again = _load(tmp_path, name)
    assert first.train[-1] == "one more"
    assert (again.train, again.fingerprint) == (first.train, first.fingerprint)


def test_data_without_unlabelled_texts_are_trained_on_as_they_are(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("text,label\n" + "".join(f"text {n},{n % 2}\n" for n in range(80)))
    config = CsvConfig(path=str(table))
    splits, texts = load_reviews(config), load_language_texts(config, unlabelled=True)
    assert texts.train == splits.train.texts
    assert texts.test.ids.tolist() == splits.test.ids.tolist()


@pytest.mark.parametrize("distance", [0, 20])
def test_no_generated_text_is_trained_on_that_is_validated_on(distance: int) -> None:
    config = ClausesConfig(
        train_size=3000, validation_size=300, test_size=300, max_distance=distance
    )
    texts = load_language_texts(config, unlabelled=True)
    assert texts.train
    assert not {*texts.train} & {*texts.validation.texts, *texts.test.texts}
    assert texts.fingerprint == load_language_texts(config, unlabelled=False).fingerprint
