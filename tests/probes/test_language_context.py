"""Test the loss by context on readers whose memory is known by construction."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from factories.language import FIRST_WORD, ReaderByHand, bigram, looks_back, subject_of, uniform
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.probes import ProbeConfig
from pipeline.config.tasks import Direction
from pipeline.probes import Skipped
from pipeline.probes.language_context import measure_language_context
from pipeline.probes.language_frame import draw_places, read_last

VOCAB = 30
SETTINGS = ProbeConfig(
    language_reviews=60,
    language_targets=4,
    language_contexts=[1, 2, 5, 10, 20],
    disturbed_reviews=30,
    disturbed_contexts=[1, 2, 5, 10, 20],
)


def _rows(size: int = 60, length: int = 40, repeat_after: int | None = None) -> list[np.ndarray]:
    """Texts at random, in which nine of ten tokens repeat the one of so many tokens before."""
    rng = np.random.default_rng(2)
    rows = []
    for _ in range(size):
        row = rng.integers(FIRST_WORD, VOCAB, length + rng.integers(20))
        if repeat_after:
            for place in range(repeat_after, len(row)):
                if rng.random() < 0.9:
                    row[place] = row[place - repeat_after]
        rows.append(row)
    return rows


def test_a_table_of_bigrams_needs_one_token_whatever_stands_before_it():
    counts = np.random.default_rng(0).integers(1, 50, (VOCAB, VOCAB))
    result = measure_language_context(subject_of(bigram(counts), _rows()), SETTINGS)
    assert result.metrics["effective"] == 1
    assert result.facts["effective"] == "1"
    by_text = result.table.groupby("review_id").nats
    assert (by_text.max() == by_text.min()).all()
    assert result.table.nats.nunique() > 30


def test_the_loss_of_a_table_of_bigrams_is_that_of_its_counts():
    rows = _rows()
    counts = np.random.default_rng(0).integers(1, 50, (VOCAB, VOCAB))
    subject = subject_of(bigram(counts), rows)
    table = measure_language_context(subject, SETTINGS).table
    drawn = draw_places(subject, 60, 4, SETTINGS.language_contexts, SETTINGS.seed, "")
    chances = counts / counts.sum(axis=1, keepdims=True)
    expected = {
        f"test-{row:04d}": -np.log(chances[rows[row][places - 1], rows[row][places]]).sum()
        for row, places in zip(drawn.rows, drawn.places, strict=True)
    }
    whole = table[table.context == 0].set_index("review_id").nats
    np.testing.assert_allclose(whole, [expected[name] for name in whole.index], rtol=1e-6)


@pytest.mark.parametrize("condition", ["cut", "shuffled", "replaced"])
def test_a_reader_of_the_fifth_last_token_needs_five(condition):
    reader = looks_back(VOCAB, 5)
    result = measure_language_context(subject_of(reader, _rows(repeat_after=5)), SETTINGS)
    assert result.metrics["effective"] == 5
    own = result.table[(result.table.condition == condition) & (result.table.context > 0)]
    means = own.groupby("context").nats.mean() / 4
    enough = means[means.index >= 5]
    assert enough.nunique() == 1
    assert (means[means.index < 5] > enough.iloc[0] + 1).all()


def test_a_reader_of_what_lies_beyond_all_contexts_needs_the_whole_text():
    reader = looks_back(VOCAB, 21)
    result = measure_language_context(subject_of(reader, _rows(repeat_after=21)), SETTINGS)
    assert result.facts["effective"] == "the whole text"
    assert result.metrics["effective_is_bound"] == 1


def test_a_uniform_reader_loses_the_same_everywhere():
    result = measure_language_context(subject_of(uniform(VOCAB), _rows()), SETTINGS)
    np.testing.assert_allclose(result.table.nats, 4 * np.log(VOCAB), rtol=1e-6)
    assert result.metrics["effective"] == 1


def test_the_table_has_a_row_for_each_text_condition_and_context():
    result = measure_language_context(subject_of(uniform(VOCAB), _rows()), SETTINGS)
    table = result.table
    assert list(table.columns) == ["review_id", "condition", "context", "targets", "nats"]
    assert not table.duplicated(["review_id", "condition", "context"]).any()
    sizes = {
        (condition, context): len(part)
        for (condition, context), part in table.groupby(["condition", "context"])
    }
    # Before the twenty last of at least twenty tokens there may be none to change.
    changed = dict.fromkeys(itertools.product(["shuffled", "replaced"], [1, 2, 5, 10]), 30)
    assert sizes == dict.fromkeys((("cut", n) for n in (0, 1, 2, 5, 10, 20)), 60) | changed


def _contexts(direction: Direction) -> tuple[list[np.ndarray], dict[str, list[tuple[int, ...]]]]:
    """Texts in the order of reading, and what was read, by length."""
    rows = [np.arange(FIRST_WORD, FIRST_WORD + 60) + 60 * number for number in range(60)]
    reader = uniform(FIRST_WORD + 60 * 60)
    measure_language_context(subject_of(reader, rows, direction=direction), SETTINGS)
    in_order = [row if direction == Direction.forward else row[::-1] for row in rows]
    return in_order, {"cut": [s for s in reader.seen if s[0] != 2], "begun": reader.seen}


@pytest.mark.parametrize("direction", Direction)
def test_a_cut_context_is_what_is_read_last_before_the_target(direction):
    rows, seen = _contexts(direction)
    texts = [tuple(row.tolist()) for row in rows]
    lengths = Counter(len(one) for one in seen["cut"])
    assert lengths == dict.fromkeys((1, 2, 5, 10, 20), 240)
    for one in seen["cut"]:
        text = next(text for text in texts if one[0] in text)
        start = text.index(one[0])
        assert text[start : start + len(one)] == one


@pytest.mark.parametrize("direction", Direction)
def test_what_is_read_whole_begins_with_the_end_of_the_text_before(direction):
    rows, seen = _contexts(direction)
    begun = [one for one in seen["begun"] if one[0] == 2]
    assert len(begun) == 240 + 2 * 4 * 120
    texts = {tuple(row[:20].tolist()) for row in rows}
    whole = begun[:240]  # the first that is read
    assert {one[1:21] for one in whole} == texts
    assert all(2 not in one[1:] for one in begun)


def test_shuffled_tokens_are_the_same_and_replaced_ones_another_texts():
    rows, seen = _contexts(Direction.forward)
    owner = {token: number for number, row in enumerate(rows) for token in row.tolist()}
    begun = [one for one in seen["begun"] if one[0] == 2]
    whole, changed = begun[:240], begun[240:]
    wholes = {one[1:] for one in whole}
    for n, start in zip((1, 2, 5, 10), range(0, len(changed), 240), strict=True):
        shuffled, replaced = changed[start : start + 120], changed[start + 120 : start + 240]
        by_end = {(one[-n:], len(one)): one for one in (one for one in wholes)}
        moved = 0
        for one in shuffled:
            original = by_end[one[1:][-n:], len(one) - 1]
            assert sorted(original) == sorted(one[1:])
            moved += original != one[1:]
        assert moved > 100
        for one in replaced:
            original = by_end[one[1:][-n:], len(one) - 1]
            own = owner[original[0]]
            others = {owner[token] for token in one[1:-n]}
            assert own not in others


def test_the_same_tokens_are_predicted_by_every_reader():
    counts = np.random.default_rng(0).integers(1, 50, (VOCAB, VOCAB))
    readers = [uniform(VOCAB), bigram(counts)]
    tables = [measure_language_context(subject_of(one, _rows()), SETTINGS).table for one in readers]
    keys = [t[["review_id", "condition", "context", "targets"]] for t in tables]
    assert keys[0].equals(keys[1])
    assert sorted(readers[0].seen) == sorted(readers[1].seen)


def test_longer_contexts_than_the_texts_have_are_left_out():
    config = ProbeConfig(language_reviews=60, language_targets=4, language_contexts=[5, 30, 100])
    result = measure_language_context(subject_of(uniform(VOCAB), _rows()), config)
    assert sorted(result.table.context[result.table.condition == "cut"].unique()) == [0, 5, 30]


@pytest.mark.parametrize(("size", "length"), [(20, 40), (60, -15)])
def test_too_few_or_too_short_texts_are_skipped(size, length):
    config = ProbeConfig(language_contexts=[20, 50])
    rows = _rows(size, max(length, 3)) if length > 0 else [row[:10] for row in _rows(size)]
    with pytest.raises(
        Skipped, match=r"test texts have 23 tokens, and .*reduce probe\.language_reviews"
    ):
        measure_language_context(subject_of(uniform(VOCAB), rows), config)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_losses_come_back_in_the_order_of_what_was_read(lengths, random):
    def predict(read: np.ndarray) -> np.ndarray:
        return np.full(VOCAB, 1 / (1 + read.sum() + 1000 * len(read)))

    contexts = [np.array([random.randint(3, 29) for _ in range(n)]) for n in lengths]
    targets = np.full(len(lengths), 5)
    nats = read_last(ReaderByHand(VOCAB, predict), contexts, targets)
    expected = [np.log(1 + one.sum() + 1000 * len(one)) for one in contexts]
    np.testing.assert_allclose(nats, expected, rtol=1e-6)
