"""Data sets of TFDS: features, splits and classes are found, and what cannot be used is refused."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories.tfds import build, features, rows

from pipeline.config.data import ImdbConfig, TfdsConfig, may_show_texts
from pipeline.data import tfds, tfds_builder
from pipeline.data.reviews import load_neutral_source, load_reviews
from pipeline.data.splits import ReviewSplits
from pipeline.errors import DataError

SPLITS = {"train": rows("train", 60), "test": rows("test", 20)}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to the host")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def _load(folder: Path, name: str, cache: Path | None = None, **settings: Any) -> ReviewSplits:
    return load_reviews(TfdsConfig(name=name, data_dir=str(folder), **settings), cache)


def test_a_prepared_set_is_read_in_its_own_splits_and_validation_is_cut(tmp_path: Path) -> None:
    splits = _load(tmp_path, build(tmp_path, SPLITS))
    assert [len(split) for _, split in splits.named()] == [54, 6, 20]
    assert splits.heads[0].name == "label"
    assert splits.heads[0].classes == ("neg", "pos")
    texts = {text for _, split in splits.named() for text in split.texts}
    assert texts == {
        f"{name} text number {n} ." for name, found in SPLITS.items() for n in range(len(found))
    }
    for _, split in splits.named():  # every text has kept its label
        numbers = [int(text.split()[3]) for text in split.texts]
        assert [number % 2 for number in numbers] == split.labels[:, 0].tolist()
    assert sorted(splits.test.ids) == [f"test-{row:05d}" for row in range(20)]


def test_its_own_validation_split_is_used(tmp_path: Path) -> None:
    name = build(tmp_path, SPLITS | {"validation": rows("validation", 10)})
    splits = _load(tmp_path, name)
    assert [len(split) for _, split in splits.named()] == [60, 10, 20]
    assert {text.split()[0] for text in splits.validation.texts} == {"validation"}


def _unlabelled(split: str, count: int) -> list[dict[str, Any]]:
    return [row | {"label": -1} for row in rows(split, count)]


@pytest.mark.parametrize(
    ("others", "tested", "sizes"),
    [
        (
            {"test": _unlabelled("test", 9), "validation": rows("validation", 10)},
            "validation",
            [54, 6, 10],
        ),
        ({"validation": rows("validation", 10)}, "validation", [54, 6, 10]),
        ({}, "train", [43, 5, 12]),
        ({"test": _unlabelled("test", 9)}, "train", [43, 5, 12]),
    ],
)
def test_without_a_labelled_test_split_another_is_tested_on(
    tmp_path: Path, caplog, others, tested: str, sizes: list[int]
) -> None:
    caplog.set_level("INFO")
    splits = _load(tmp_path, build(tmp_path, {"train": rows("train", 60)} | others))
    assert [len(split) for _, split in splits.named()] == sizes
    assert {text.split()[0] for text in splits.test.texts} == {tested}
    said = (
        "Testing on the split validation" if tested == "validation" else "20 % of train are cut off"
    )
    assert said in caplog.text


def test_splits_may_be_named_and_cut(tmp_path: Path) -> None:
    name = build(
        tmp_path, {"train": rows("train", 60), "dev": rows("dev", 10), "held": rows("held", 30)}
    )
    named: dict[str, Any] = {
        "train_split": "train[:30]",
        "validation_split": "dev",
        "test_split": "held[50%:]",
    }
    splits = _load(tmp_path, name, **named)
    assert [len(split) for _, split in splits.named()] == [30, 10, 15]


def test_a_part_without_texts_or_labels_is_left_out_and_said(tmp_path: Path, caplog) -> None:
    broken = [{"text": " <br/> ", "label": 1}, {"text": "odd", "label": -1}]
    name = build(tmp_path, SPLITS | {"train": [*broken, *rows("train", 60)]})
    for _ in range(2):  # the second time from the cache
        caplog.clear()
        splits = _load(tmp_path, name, tmp_path / "cache")
        assert len(splits.train) + len(splits.validation) == 60
        assert "train: 1 texts without a word, 1 without a label" in caplog.text


PAIRS = features(first=str, second=str, idx=np.int32, label=["no", "yes"])
PAIR_ROWS = {
    "train": [{"first": f"a {n}", "second": f"b {n}", "idx": n, "label": n % 2} for n in range(60)]
}


def test_of_several_texts_one_is_named_or_declared(tmp_path: Path) -> None:
    name = build(tmp_path, PAIR_ROWS, PAIRS)
    with pytest.raises(
        DataError, match=r"data\.text_feature.*several: first, second; .*idx \(int32\)"
    ):
        _load(tmp_path, name)
    assert _load(tmp_path, name, text_feature="second").test.texts[0].startswith("b ")
    declared = build(tmp_path, PAIR_ROWS, PAIRS, declared=("first", "label"))
    assert _load(tmp_path, declared).test.texts[0].startswith("a ")


@pytest.mark.parametrize(
    ("kind", "values", "classes"),
    [
        (np.int32, [2, 10], ("2", "10")),
        (np.bool_, [False, True], ("False", "True")),
        (str, ["up", "down"], ("down", "up")),
        (["a", "b", "never"], [0, 1], ("a", "b")),
    ],
)
def test_labels_of_other_kinds_are_classes_when_they_are_named(
    tmp_path: Path, kind: object, values: list[object], classes: tuple[str, ...]
) -> None:
    made = {"train": [{"text": f"text {n}", "how": values[n % 2]} for n in range(60)]}
    name = build(tmp_path, made, features(text=str, how=kind))
    text: dict[str, Any] = {"text_feature": "text"}  # a label of texts is a text too
    splits = _load(tmp_path, name, label_feature="how", **text)
    assert splits.heads[0].classes == classes
    assert splits.heads[0].name == "how"
    renamed = _load(tmp_path, name, label_feature="how", class_names=["x", "y"], **text)
    assert renamed.heads[0].classes == ("x", "y")
    np.testing.assert_array_equal(renamed.test.labels, splits.test.labels)


def test_nested_features_are_named_by_their_path(tmp_path: Path) -> None:
    made = {"train": [{"data": {"body": f"text {n}", "stars": n % 3}} for n in range(60)]}
    name = build(tmp_path, made, features(data={"body": str, "stars": np.int32}))
    splits = _load(tmp_path, name, label_feature="data/stars")
    assert splits.heads[0].classes == ("0", "1", "2")
    assert splits.heads[0].name == "stars"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"text_feature": "txt"}, ["data.text_feature is txt", "label (2 classes)", "text (text)"]),
        ({"text_feature": "label"}, ["data.text_feature is label", "no text"]),
        ({"label_feature": "labels"}, ["data.label_feature is labels", "label (2 classes)"]),
        ({"label_feature": "score"}, ["data.label_feature is score", "fraction", "not classes"]),
        ({"label_feature": "box"}, ["data.label_feature is box", "no single value"]),
        ({"train_split": "training"}, ["data.train_split is training", "train (60 texts)"]),
        ({"test_split": "dev"}, ["data.test_split is dev", "test (20 texts)"]),
        ({"validation_split": "val[:5]"}, ["data.validation_split is val[:5]", "train (60 texts)"]),
        ({"class_names": ["bad"]}, ["data.class_names", "2 different names", "neg, pos"]),
        ({"class_names": ["bad", "bad"]}, ["data.class_names", "2 different names"]),
    ],
)
def test_what_the_set_does_not_have_is_refused_with_what_it_has(
    tmp_path: Path, settings: dict[str, Any], words: list[str]
) -> None:
    made = {
        split: [row | {"score": 0.5, "box": [1, 2]} for row in found]
        for split, found in SPLITS.items()
    }
    import tensorflow_datasets as tfds

    box = tfds.features.Tensor(shape=(2,), dtype=np.int32)
    name = build(
        tmp_path, made, features(text=str, label=["neg", "pos"], score=np.float32, box=box)
    )
    with pytest.raises(DataError) as error:
        _load(tmp_path, name, **settings)
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("yelp_polarity_review", ["did you mean yelp_polarity_reviews"]),
        ("ag_news", ["did you mean", "ag_news_subset"]),
        ("glue/sst3", ["no configuration 'sst3'", "did you mean sst2"]),
        ("glue/sst2:7.7.7", ["7.7.7", "2.0.0"]),
        ("xqzt", ["xqzt", "does not know", "and 4"]),
        ("ag_news_subset", ["not prepared", "download failed", "data.data_dir"]),
    ],
)
def test_a_name_that_cannot_be_opened_is_refused_at_once(
    tmp_path: Path, name: str, words: list[str]
) -> None:
    with pytest.raises(DataError) as error:
        _load(tmp_path, name)
    for word in words:
        assert word in str(error.value)
    assert len(str(error.value)) < 700
    assert list(tmp_path.iterdir()) == []


def _damage(file: Path, how: str) -> None:
    content = file.read_bytes()
    middle = len(content) // 2
    if how == "missing":
        file.unlink()
    else:
        flipped = content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
        file.write_bytes({"cut": content[:middle], "empty": b"", "flipped": flipped}[how])


@pytest.mark.parametrize("how", ["cut", "empty", "flipped", "missing"])
@pytest.mark.parametrize(
    "which", ["dataset_info.json", "features.json", "test.tfrecord-00000", "train.tfrecord-00001"]
)
def test_damaged_files_are_named_with_the_way_out(tmp_path: Path, which: str, how: str) -> None:
    name = build(tmp_path, SPLITS, shards=2)
    (file,) = (tmp_path / name / "1.0.0").glob(f"*{which}*")
    _damage(file, how)
    with pytest.raises(DataError) as error:
        _load(tmp_path, name)
    said = str(error.value)
    if (which, how) != ("dataset_info.json", "flipped"):  # it is still of the right form
        assert f"{file} is damaged" in said
    assert f"delete the folder {file.parent}" in said
    assert "\n" not in said
    assert len(said) < 500 + 2 * len(str(file))


def test_missing_names_of_classes_are_damage(tmp_path: Path) -> None:
    name = build(tmp_path, SPLITS)
    folder = tmp_path / name / "1.0.0"
    (folder / "label.labels.txt").write_text("neg\n")
    with pytest.raises(DataError, match=r"only 1 classes have names.*delete the folder"):
        _load(tmp_path, name)


def test_imdb_is_one_case_of_it(tfds_dir: Path) -> None:
    fixed = ImdbConfig(data_dir=str(tfds_dir))
    assert fixed.source == "tfds:imdb_reviews/plain_text"
    assert fixed.as_tfds().seed == ImdbConfig(seed=0).seed
    free = TfdsConfig(name="imdb_reviews", data_dir=str(tfds_dir), test_split="test[:10]")
    texts, source = load_neutral_source(free, None)  # type: ignore[arg-type]
    assert source == "the unsupervised split"
    assert len(texts) == 10_000


def test_texts_of_others_are_shown_on_request_alone() -> None:
    assert not may_show_texts(TfdsConfig(name="ag_news_subset"))
    assert may_show_texts(TfdsConfig(name="ag_news_subset", show_texts=True))


def test_prepared_data_is_read_without_the_lock_of_another_user(tmp_path, monkeypatch) -> None:
    def foreign(lock_file):
        raise PermissionError(f"{lock_file} belongs to another user")

    monkeypatch.setattr(tfds_builder, "FileLock", foreign)
    assert len(_load(tmp_path, build(tmp_path, SPLITS)).test) == 20


def test_a_set_is_read_anew_when_its_files_change(tmp_path: Path, monkeypatch) -> None:
    name = build(tmp_path, SPLITS)
    cache = tmp_path / "cache"
    first = _load(tmp_path, name, cache)
    with monkeypatch.context() as patch:
        patch.setattr(tfds, "_batches", None)
        assert _load(tmp_path, name, cache).fingerprint == first.fingerprint
    other = build(tmp_path, SPLITS | {"train": rows("other", 60)})
    (tmp_path / name / "1.0.0").rename(tmp_path / "old")
    (tmp_path / other / "1.0.0").rename(tmp_path / name / "1.0.0")
    assert _load(tmp_path, name, cache).train.texts[0].startswith("other")
