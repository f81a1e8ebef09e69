"""Texts are cut into splits that share none, and equal texts are dropped or kept as asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from pipeline.config.data import ClausesConfig, TfdsConfig
from pipeline.config.tables import CsvConfig
from pipeline.config.texts import Conflicts, Repeats
from pipeline.data import splitting
from pipeline.data.reviews import load_reviews
from pipeline.data.splits import Head, Reviews, ReviewSplits
from pipeline.data.splitting import (
    Corpus,
    cut_splits,
    drop_leaks,
    settle_conflicts,
    split_stratified,
)
from pipeline.errors import DataError


def _reviews(texts: str, labels: str = "") -> Reviews:
    """Return texts of one letter each, all with the label 0 unless others are given."""
    ids = np.array([f"x-{number}" for number in range(len(texts))])
    numbers = [int(label) for label in labels or "0" * len(texts)]
    return Reviews(ids, list(texts), np.array(numbers, dtype=np.int32)[:, None])


def _letters(reviews: Reviews) -> str:
    return "".join(reviews.texts)


def test_leaks_and_duplicates_are_dropped_only_from_train(caplog):
    caplog.set_level("INFO")
    kept = drop_leaks(_reviews("abacb"), _reviews("cdd"))
    assert _letters(kept) == "ab"
    assert list(kept.ids) == ["x-0", "x-1"]
    assert "1 text that is also in test, 2 duplicates" in caplog.text
    assert "1 duplicate" in caplog.text


@pytest.mark.parametrize(
    ("texts", "labels", "repeats", "conflicts", "kept"),
    [
        ("aabb", "0000", Repeats.drop, Conflicts.keep, "ab"),
        ("aabb", "0000", Repeats.keep, Conflicts.keep, "aabb"),
        ("aaab", "0100", Repeats.drop, Conflicts.keep, "aab"),  # a is once 0 and once 1
        ("aaab", "0100", Repeats.drop, Conflicts.drop, "b"),
        ("aaab", "0100", Repeats.keep, Conflicts.keep, "aaab"),
        ("aaab", "0100", Repeats.keep, Conflicts.drop, "b"),
        ("abab", "0011", Repeats.drop, Conflicts.keep, "abab"),
    ],
)
def test_repeats_and_conflicts_are_kept_or_dropped(
    texts: str, labels: str, repeats: Repeats, conflicts: Conflicts, kept: str
) -> None:
    settled = settle_conflicts(_reviews(texts, labels), conflicts)
    assert _letters(drop_leaks(settled, _reviews("z"), repeats)) == kept


def test_texts_are_compared_and_not_their_hashes(monkeypatch) -> None:
    monkeypatch.setattr(splitting, "_hash", lambda texts: np.zeros(len(texts), np.int64))
    settled = settle_conflicts(_reviews("abcaab", "010001"), Conflicts.drop)
    assert _letters(settled) == "abcaab"
    assert _letters(drop_leaks(settled, _reviews("cd"))) == "ab"


def test_conflicts_are_counted_and_shown_by_their_ids(caplog) -> None:
    settle_conflicts(_reviews("abcaab", "010101"), Conflicts.keep)
    assert "1 text occurs with different labels, 3 times in all, such as x-0 and x-4" in caplog.text
    assert "data.conflicts=drop" in caplog.text


def test_nothing_is_left_where_all_conflict() -> None:
    with pytest.raises(DataError, match=r"2 texts occur .* none is left.*data\.conflicts=keep"):
        settle_conflicts(_reviews("abab", "0011"), Conflicts.drop)


def test_another_label_in_test_is_counted(caplog) -> None:
    caplog.set_level("INFO")
    drop_leaks(_reviews("abc", "011"), _reviews("bcd", "010"))
    assert "2 texts that are also in test (1 with another label), 0 duplicates" in caplog.text


def _table(folder: Path, rows: list[tuple[str, str]], name: str = "my.csv") -> str:
    path = folder / name
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    return str(path)


def _share_no_text(splits: ReviewSplits) -> bool:
    found = [set(split.texts) for _, split in splits.named()]
    return len(set.union(*found)) == sum(map(len, found))


@pytest.mark.parametrize("repeats", Repeats)
def test_a_class_of_which_each_text_is_the_same_as_one_of_another_is_kept(
    tmp_path: Path, caplog, repeats: Repeats
) -> None:
    pairs = [(f"text {number}", label) for label in "ab" for number in range(150)]
    splits = load_reviews(CsvConfig(path=_table(tmp_path, pairs), repeats=repeats))
    for _, split in splits.named():
        assert set(split.labels[:, 0]) == {0, 1}
    assert _share_no_text(splits)
    assert "150 texts occur with different labels, 300 times in all" in caplog.text


def test_repeated_texts_are_in_one_split_alone_when_they_are_kept(tmp_path: Path) -> None:
    rows = [(f"text {number % 60}", "ab"[number % 2]) for number in range(300)]
    splits = load_reviews(CsvConfig(path=_table(tmp_path, rows), repeats=Repeats.keep))
    assert _share_no_text(splits)
    assert len(splits.train) > len(set(splits.train.texts))


def _many(count: int, label: str) -> list[tuple[str, str]]:
    return [(f"text {number} of {label}", label) for number in range(count)]


@pytest.mark.parametrize(
    ("rows", "tested", "words"),
    [
        # Each text of c stands in test too.
        (
            [*_many(40, "a"), *_many(40, "b"), *_many(4, "c")],
            [*_many(3, "a"), *_many(3, "b"), *_many(4, "c")],
            ["the train split", "label c", "4 in test", "a 33, b 33, c 0"],
        ),
        (
            [*_many(60, "a"), *_many(60, "b"), *_many(30, "c")],
            [("new 1", "a"), ("new 2", "b")],
            ["the test split", "label c", "27 in train", "3 in validation", "a 1, b 1, c 0"],
        ),
        # Two texts of c are the same.
        (
            [*_many(60, "a"), *_many(60, "b"), *_many(1, "c") * 2],
            [("new 1", "a"), ("new 2", "b"), ("new 3", "c")],
            ["validation split", "only 1 text has the label 'c'", "2 are needed"],
        ),
    ],
)
def test_a_split_that_lacks_a_class_is_refused(tmp_path: Path, rows, tested, words) -> None:
    path = _table(tmp_path, rows)
    test_path = _table(tmp_path, tested, "test.csv") if tested else None
    with pytest.raises(DataError) as error:
        load_reviews(CsvConfig(path=path, test_path=test_path))
    for word in words:
        assert word in str(error.value)


def test_a_published_split_may_lack_a_class(caplog) -> None:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"
    train = _reviews(letters, "01" * 20)
    corpus = Corpus(
        train, None, _reviews("123", "000"), (Head("label", ("a", "b")),), published=True
    )
    splits = cut_splits(corpus, TfdsConfig(name="made_up"), 0.2)
    assert len(splits.test) == 3
    assert "The test split has no text with the label b" in caplog.text


def test_small_generated_splits_may_lack_a_class() -> None:
    config = ClausesConfig(train_size=200, validation_size=1, test_size=1, max_distance=20)
    assert [len(split) for _, split in load_reviews(config).named()] == [200, 1, 1]


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("counts", [(3, 3), (6, 6), (60, 60, 3), (4, 3, 3, 3, 3, 40), (3, 5)])
def test_three_texts_a_label_suffice(tmp_path: Path, counts: tuple[int, ...], fraction) -> None:
    pairs = [pair for at, count in enumerate(counts) for pair in _many(count, "abcdef"[at])]
    config = CsvConfig(path=_table(tmp_path, pairs), test_fraction=fraction)
    splits = load_reviews(config)
    for _, split in splits.named():
        assert set(split.labels[:, 0]) == set(range(len(counts)))
    assert sum(len(split) for _, split in splits.named()) == sum(counts)
    assert _share_no_text(splits)


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.35])
def test_where_there_are_many_texts_the_cut_is_that_of_scikit_learn(fraction: float) -> None:
    labels = "01120" * 40
    reviews = _reviews("x" * len(labels), labels)
    _, cut = split_stratified(reviews, Head("label", ("a", "b", "c")), fraction, 7, "test")
    _, expected = train_test_split(
        reviews.ids, test_size=fraction, random_state=7, stratify=reviews.labels[:, 0]
    )
    assert set(cut.ids) == set(expected)


def test_a_table_of_one_text_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no text is left that is not in test too"):
        load_reviews(CsvConfig(path=_table(tmp_path, [("same", "a"), ("same", "b")] * 20)))
