"""The n-gram baseline: its probabilities are those of the formula, whole, and the same by every way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest

from pipeline.models import ngram_baseline
from pipeline.models.ngram_baseline import (
    NgramModel,
    NgramReader,
    estimate_discounts,
    fit_ngram,
)

END, A, B, C = 2, 3, 4, 5


class Texts(NamedTuple):
    token_ids: np.ndarray
    offsets: np.ndarray

    def rows(self) -> list[list[int]]:
        return [row.tolist() for row in np.split(self.token_ids, self.offsets[1:-1])]


def make_texts(rows: Sequence[Sequence[int]]) -> Texts:
    """Texts of given tokens, each ended."""
    ended = [[*row, END] for row in rows]
    offsets = np.cumsum([0, *map(len, ended)])
    return Texts(np.concatenate(ended).astype(np.int32), offsets)


def draw_texts(seed: int, count: int, vocab_size: int) -> Texts:
    """Texts of words as frequent as by Zipf's law, each likelier after the word below it."""
    rng = np.random.default_rng(seed)
    tokens = np.array([1, *range(3, vocab_size)])
    rows = []
    for length in rng.integers(0, 15, count):
        row = tokens[np.minimum(rng.zipf(1.5, length) - 1, len(tokens) - 1)]
        row[1:] = np.where(
            rng.random(max(length - 1, 0)) < 0.4, (row[:-1] + 1) % vocab_size, row[1:]
        )
        rows.append(np.where(np.isin(row, [0, END]), A, row))
    return make_texts(rows)


class Slow:
    """The formula as it is written, over dictionaries of counts."""

    def __init__(self, texts: Texts, vocab_size: int, order: int) -> None:
        self.vocab_size, self.order = vocab_size, order
        raw: Counter[tuple[int, ...]] = Counter()
        for row in texts.rows():
            read = [END, *row]
            for stop in range(2, len(read) + 1):
                for length in range(1, min(order, stop) + 1):
                    raw[tuple(read[stop - length : stop])] += 1
        before: dict[tuple[int, ...], set[int]] = defaultdict(set)
        for ngram in raw:
            before[ngram[1:]].add(ngram[0])
        self.counts = {
            ngram: count
            if len(ngram) == order or (len(ngram) > 1 and ngram[0] == END)
            else len(before[ngram])
            for ngram, count in raw.items()
        }
        self.discounts = {}
        for length in range(1, order + 1):
            found = np.array([n for ngram, n in self.counts.items() if len(ngram) == length])
            self.discounts[length] = estimate_discounts(found)
        self.after: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
        for ngram, count in self.counts.items():
            self.after[ngram[:-1]][ngram[-1]] = count

    def chance(self, token: int, context: tuple[int, ...]) -> float:
        context = context[-(self.order - 1) :] if self.order > 1 else ()
        lower = self.chance(token, context[1:]) if context else 1 / (self.vocab_size - 1)
        if context not in self.after:
            return lower
        discounts, after = self.discounts[len(context) + 1], self.after[context]
        total = sum(after.values())
        taken = sum(discounts[min(count, 3)] for count in after.values())
        own = after.get(token, 0)
        return (own - discounts[min(own, 3)] + taken * lower) / total

    def losses(self, texts: Texts) -> list[float]:
        return [
            -np.log(self.chance(token, (END, *row[:place])))
            for row in texts.rows()
            for place, token in enumerate(row)
        ]


@pytest.fixture(scope="module")
def texts() -> Texts:
    return draw_texts(0, 400, 30)


@pytest.fixture(scope="module")
def model(texts: Texts) -> NgramModel:
    return fit_ngram(texts, 30, order=3)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_it_is_the_formula(order: int, texts: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    others = draw_texts(1, 60, 30)
    model = fit_ngram(texts, 30, order)
    slow = Slow(texts, 30, order)
    estimated = [not np.array_equal(found, [0, 0.5, 1, 1.5]) for found in slow.discounts.values()]
    assert estimated[1:] == [True] * (order - 1)  # else the estimate would not be looked at
    expected = slow.losses(others)
    np.testing.assert_allclose(model.losses(others), expected, rtol=2e-5)
    monkeypatch.setattr(ngram_baseline, "_QUERIES", 7)  # tokens, so that texts are cut apart
    np.testing.assert_allclose(model.losses(others), expected, rtol=2e-5)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_the_chances_sum_to_one(order: int, texts: Texts) -> None:
    model = fit_ngram(texts, 40, order)  # ten tokens were never seen
    contexts = [[], [END], [A], [END, A], [A, B, 1, 3], [39], [39, A], [A, 39], [END, END, 7, 39]]
    for context in contexts:
        chances = model.chances(context)
        assert chances[0] == 0
        assert (chances[1:] > 0).all()
        assert chances.sum() == pytest.approx(1, abs=1e-6)


def test_the_numbers_of_a_hand_calculation() -> None:
    # Texts: a b END, a b END, a c END. Too few for an estimate: the discounts are 1/2, 1 and 3/2.
    model = fit_ngram(make_texts([[A, B], [A, B], [A, C]]), 6, order=2)
    # Different tokens before each: one before a, b and c; two before END. The 5 contexts lose 2.5
    # of 5 to the uniform distribution over 5 tokens, of which UNK gets its share alone.
    np.testing.assert_allclose(model.unigrams, [0, 0.1, 0.3, 0.2, 0.2, 0.2])
    # a begins all 3 texts: 1.5 of 3, and 1.5 of 3 is passed on.
    assert model.chances([END])[A] == pytest.approx(0.5 + 0.5 * 0.2)
    # After a: b 2 times, c once. Of 3, 1 and 1/2 are taken.
    assert model.chances([A])[B] == pytest.approx((2 - 1) / 3 + 0.5 * 0.2)
    assert model.chances([A])[C] == pytest.approx((1 - 0.5) / 3 + 0.5 * 0.2)
    assert model.chances([A])[END] == pytest.approx(0.5 * 0.3)
    # UNK was never read: nothing is known after it.
    assert model.chances([1])[END] == pytest.approx(0.3)


def test_the_discounts_are_estimated_from_counts_of_counts() -> None:
    counts = np.repeat([1, 2, 3, 4, 9], [40, 15, 8, 5, 100])
    share = 40 / 70
    expected = [0, 1 - 2 * share * 15 / 40, 2 - 3 * share * 8 / 15, 3 - 4 * share * 5 / 8]
    np.testing.assert_allclose(estimate_discounts(counts), expected)
    lacking = np.repeat([1, 2, 4], [40, 15, 5])
    negative = np.repeat([1, 2, 3, 4], [10, 10, 1, 10])  # of counts from 3: 3 - 4 * 10 / 30 * ...
    for hopeless in (lacking, negative, np.array([], np.int64)):
        np.testing.assert_array_equal(estimate_discounts(hopeless), [0, 0.5, 1, 1.5])


def test_a_repeated_sentence_is_known_by_heart() -> None:
    sentence = [A, B, C, A, C]
    texts = make_texts([sentence] * 2_000)
    model = fit_ngram(texts, 10)
    assert model.losses(texts).max() < 0.01  # but what the discounts take
    assert fit_ngram(texts, 10, order=1).losses(texts).mean() > 1
    written, (logits, states) = [], read_end(NgramReader(model))
    while not written or written[-1] != END:
        written.append(int(logits[0].argmax()))
        logits, states = NgramReader(model).step(np.array([[written[-1]]]), states)
    assert written == [*sentence, END]


def read_end(reader: NgramReader) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    return reader.step(np.array([[END]], np.int32), reader.start(1))


def test_without_context_it_is_the_frequencies() -> None:
    rng = np.random.default_rng(0)
    texts = make_texts(list(rng.choice([A, B, C], (5_000, 4), p=[0.5, 0.3, 0.2])))
    shares = np.bincount(texts.token_ids, minlength=6) / len(texts.token_ids)
    found = fit_ngram(texts, 6, order=1)
    np.testing.assert_allclose(found.chances([A, B])[2:], shares[2:], atol=1e-3)
    entropy = -(shares[2:] * np.log(shares[2:])).sum()
    assert found.losses(texts).mean() == pytest.approx(entropy, abs=1e-3)


def test_no_context_crosses_the_end_of_a_text(texts: Texts, model: NgramModel) -> None:
    losses = model.losses(texts)
    order = np.random.default_rng(0).permutation(len(texts.rows()))
    shuffled = make_texts([texts.rows()[row][:-1] for row in order])
    np.testing.assert_array_equal(fit_ngram(shuffled, 30, order=3).losses(texts), losses)
    alone = [model.losses(make_texts([row[:-1]])) for row in texts.rows()]
    np.testing.assert_array_equal(np.concatenate(alone), losses)


def test_part_of_the_texts_is_read_where_it_lies(texts: Texts, model: NgramModel) -> None:
    part = Texts(texts.token_ids, texts.offsets[5:20])
    first, stop = part.offsets[[0, -1]]
    np.testing.assert_array_equal(model.losses(part), model.losses(texts)[first:stop])


def test_texts_that_end_differently_are_refused() -> None:
    with pytest.raises(ValueError, match="same token"):
        fit_ngram(Texts(np.array([A, END, A, B], np.int32), np.array([0, 2, 4])), 6)


def test_texts_shorter_than_the_order_shorten_it() -> None:
    texts = make_texts([[A], [], [B]])
    model = fit_ngram(texts, 6, order=5)
    assert model.order == 3
    np.testing.assert_allclose(model.losses(texts), Slow(texts, 6, 3).losses(texts), rtol=1e-5)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_reader_agrees_with_the_model(order: int, texts: Texts) -> None:
    model = fit_ngram(texts, 30, order)
    reader = NgramReader(model)
    rows = [row for row in texts.rows() if len(row) > 2][:20]
    inputs, targets = (np.zeros((len(rows), 16), np.int32) for _ in range(2))
    for place, row in enumerate(rows):
        inputs[place, : len(row)] = [END, *row[:-1]]
        targets[place, : len(row)] = row
    expected = [model.losses(make_texts([row[:-1]])) for row in rows]
    losses = reader.losses(inputs, targets)
    assert losses.dtype == np.float32
    np.testing.assert_allclose(losses[targets != 0], np.concatenate(expected), rtol=1e-6)
    assert not losses[targets == 0].any()
    ends = reader.last_losses(inputs, np.full(len(rows), END, np.int32))
    np.testing.assert_allclose(ends, [losses[-1] for losses in expected], rtol=1e-6)
    for row, losses in zip(rows, expected, strict=True):
        logits, states = read_end(reader)
        for token, loss in zip(row, losses, strict=True):
            assert -logits[0, token] == pytest.approx(loss, rel=1e-5)
            logits, states = reader.step(np.array([[token]], np.int32), states)


def test_the_reader_reads_a_part_of_a_text_as_if_nothing_stood_before(model: NgramModel) -> None:
    reader, whole = NgramReader(model), np.array([[END, A, B, A, 6, A]], np.int32)
    target = np.array([B], np.int32)
    by_length = [reader.last_losses(whole[:, -n:], target)[0] for n in range(1, 7)]
    expected = [-np.log(model.chances(whole[0, -n:])[B]) for n in range(1, 7)]
    np.testing.assert_allclose(by_length, expected, rtol=1e-5)
    assert by_length[0] != by_length[1]
    assert len(set(by_length[1:])) == 1  # a trigram sees two tokens, and no more


def test_states_go_with_their_rows(model: NgramModel) -> None:
    reader = NgramReader(model)
    _, states = reader.step(np.array([[END, A], [A, B], [B, C]], np.int32), reader.start(3))
    (kept,) = reader.select(states, [2, 0, 0])
    assert kept.tolist() == [[B, C], [END, A], [END, A]]
    logits, _ = reader.step(np.array([[A], [A], [B]], np.int32), (kept,))
    assert logits.dtype == np.float32
    np.testing.assert_allclose(np.exp(logits[1]), model.chances([END, A, A]), rtol=1e-5)
    assert np.isfinite(logits).all()
    assert (logits[:, 0] < -1e6).all()  # padding is never written
