"""Test recall on readers that copy, that copy what is near, and that copy nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from factories.language import FIRST_WORD, ReaderByHand, copier, subject_of, uniform

from pipeline.config.probes import ProbeConfig
from pipeline.config.tasks import Direction
from pipeline.probes import Skipped, word_recall
from pipeline.probes.language_frame import read_last
from pipeline.probes.word_recall import measure_word_recall, rare_words

VOCAB, RARE = 300, 100  # the ids from 100 on are rare
SETTINGS = ProbeConfig(recall_pairs=20, recall_share=0.04)
GAPS = (1, 4, 8, 15, 40, 80)


@pytest.fixture(scope="module")
def rows() -> list[np.ndarray]:
    """Texts of frequent words; each holds rare ones, two of which stand there twice."""
    rng = np.random.default_rng(4)
    texts = []
    for number in range(120):
        row = rng.integers(FIRST_WORD, RARE, 200)
        words = RARE + (np.arange(6) * 37 + number) % (VOCAB - RARE)
        places = rng.choice(90, 6, replace=False)
        row[places] = words
        for word, place, gap in zip(words[:2], places, rng.choice(GAPS, 2, False), strict=False):
            row[place + gap] = word
        texts.append(row)
    return texts


def _measure(reader: ReaderByHand, rows: list[np.ndarray]) -> pd.DataFrame:
    return measure_word_recall(subject_of(reader, rows), SETTINGS).table


def _gains(table: pd.DataFrame, against: str) -> pd.Series:
    wide = table.pivot(index=["pair", "distance"], columns="condition", values="nats")
    return wide[against] - wide.repeated


def test_a_reader_that_copies_gains_all_at_every_distance(rows):
    result = measure_word_recall(subject_of(copier(VOCAB), rows), SETTINGS)
    for against in ("erased", "first"):
        np.testing.assert_allclose(_gains(result.table, against), np.log(VOCAB), rtol=1e-6)
        assert result.metrics[f"gain_over_{against}"] == pytest.approx(np.log(VOCAB))
    assert result.table.distance.max() > 50
    assert result.metrics["pairs"] > 60


def test_a_uniform_reader_gains_nothing(rows):
    table = _measure(uniform(VOCAB), rows)
    for against in ("erased", "first"):
        np.testing.assert_allclose(_gains(table, against), 0, atol=1e-6)


def test_a_reader_that_copies_the_last_ten_gains_up_to_ten(rows):
    gains = _gains(_measure(copier(VOCAB, 10), rows), "erased")
    distances = gains.index.get_level_values("distance").to_numpy()
    np.testing.assert_allclose(gains[distances <= 10], np.log(VOCAB), rtol=1e-6)
    np.testing.assert_allclose(gains[distances > 10], 0, atol=1e-6)


@pytest.mark.parametrize("direction", Direction)
def test_what_is_compared_differs_by_the_word_alone(rows, direction, monkeypatch):
    asked: list[list[np.ndarray]] = []  # what was read, condition by condition

    def remember(reader, contexts, targets):
        asked.append(contexts)
        return read_last(reader, contexts, targets)

    monkeypatch.setattr(word_recall, "read_last", remember)
    subject = subject_of(uniform(VOCAB), rows, direction=direction)
    table = measure_word_recall(subject, SETTINGS).table
    assert table.condition.unique().tolist() == ["repeated", "erased", "first"]
    texts = [subject.words(row) for row in range(len(rows))]
    numbers = {name: number for number, name in enumerate(subject.tokens.test.review_ids)}
    repeats = table[table.condition == "repeated"]
    for pair, read, without, other in zip(repeats.itertuples(), *asked, strict=True):
        text, place = texts[numbers[pair.review_id]], len(read) - 1
        assert text[place] == pair.token
        np.testing.assert_array_equal(read[1:], text[:place])
        assert place - np.flatnonzero(text[:place] == pair.token)[-1] == pair.distance
        there = read == pair.token
        np.testing.assert_array_equal(without != read, there)
        assert (without[there] >= RARE).all()
        assert pair.token not in other
        read_there = [*other[1:], pair.token]
        owners = [n for n, one in enumerate(texts) if one[: len(other)].tolist() == read_there]
        assert owners
        assert numbers[pair.review_id] not in owners


def test_rare_words_are_the_rarest_that_make_up_the_share(rows):
    subject = subject_of(uniform(VOCAB), rows)
    rare = rare_words(subject, 0.1)
    counts = subject.tokens.counts
    assert counts[rare].sum() <= 0.1 * counts.sum()
    others = np.setdiff1d(np.flatnonzero(counts[FIRST_WORD:]) + FIRST_WORD, rare)
    assert counts[rare].max() <= counts[others].min()
    assert set(rare) >= set(range(RARE, VOCAB))
    assert not {0, 1, 2} & set(rare)


def test_texts_that_repeat_nothing_rare_are_skipped():
    subject = subject_of(uniform(VOCAB), [np.arange(FIRST_WORD, RARE)] * 50)
    with pytest.raises(Skipped, match="repeat 0 rare words"):
        measure_word_recall(subject, SETTINGS)
