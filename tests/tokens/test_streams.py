"""Streams of tokens: nothing lost, nothing out of order, and the same again for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.tasks import Proposal
from pipeline.tokens.split import EncodedSplit
from pipeline.tokens.streams import (
    Candidates,
    count_steps,
    draw_texts,
    find_hits,
    make_streams,
    pad_rows,
    turn,
)

END = 2
TEXTS = st.lists(st.lists(st.integers(3, 50), max_size=12), min_size=1, max_size=12)


def _split(texts):
    rows = [np.array([*text, END], np.int32) for text in texts]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    nothing = np.zeros((len(rows), 0), np.int32)
    words = np.array([len(text) for text in texts], np.int32)
    return EncodedSplit(
        np.concatenate(rows), offsets, words, nothing, np.arange(len(rows)).astype(str)
    )


@given(TEXTS, st.integers(1, 4), st.integers(1, 5), st.integers(0, 9))
def test_streams_hold_every_text_in_order_once(texts, streams, bptt, seed):
    split = _split(texts)
    streams = min(streams, len(split.token_ids))
    made = make_streams(split, streams, bptt, END, np.random.default_rng(seed))
    steps = count_steps(len(split.token_ids), streams, bptt)
    batches = [*made.batches(0, steps)]
    inputs = np.concatenate([batch.inputs for batch in batches], axis=1)
    targets = np.concatenate([batch.targets for batch in batches], axis=1)
    assert all(batch.inputs.shape[1] <= bptt for batch in batches)
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    joined = np.concatenate([inputs[:, :1], targets], axis=1)
    read = [END, *targets.ravel()]
    assert len(split.token_ids) - (len(read) - 1) < streams
    assert joined[0, 0] == END
    found = [tuple(map(int, part)) for part in _between_ends(read)]
    known = [tuple(text) for text in texts]
    for part in found[:-1]:  # the last may be cut off
        known.remove(part)


def _between_ends(tokens):
    parts = [[]]
    for token in tokens[1:]:
        if token == END:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def test_an_epoch_is_drawn_by_its_generator():
    split = _split([[5, 6, 7], [8], [9, 10], [11, 12, 13, 14]] * 5)

    def draw(seed):
        return make_streams(split, 2, 4, END, np.random.default_rng(seed)).inputs

    np.testing.assert_array_equal(draw(0), draw(0))
    assert (draw(0) != draw(1)).any()


def test_backward_a_text_is_reversed_and_still_ends():
    np.testing.assert_array_equal(turn(np.array([5, 6, 7, END]), True), [7, 6, 5, END])
    np.testing.assert_array_equal(turn(np.array([END]), True), [END])
    np.testing.assert_array_equal(turn(np.array([5, 6, END]), False), [5, 6, END])


def test_a_text_is_read_after_the_end_of_another():
    inputs, targets = pad_rows([np.array([5, 6, END]), np.array([END])], END)
    np.testing.assert_array_equal(inputs, [[END, 5, 6], [END, 0, 0]])
    np.testing.assert_array_equal(targets, [[5, 6, END], [END, 0, 0]])


def test_texts_are_drawn_until_they_hold_enough_tokens():
    split = _split([[5] * 9] * 20)
    for tokens, texts in ((1, 1), (10, 1), (11, 2), (95, 10), (10_000, 20)):
        rows = draw_texts(split, tokens, np.random.default_rng(0))
        assert len(rows) == len(set(rows)) == texts


@pytest.mark.parametrize("proposal", Proposal)
def test_candidates_are_drawn_by_their_chance(proposal):
    counts = np.array([0, 5, 100, 400, 0, 20, 20, 20])
    candidates = Candidates(counts, 10_000, proposal)
    tokens, corrections, _ = candidates.draw(np.array([3]), np.random.default_rng(0))
    assert 0 not in tokens
    # log(number of draws / expected number) is small where many are drawn.
    assert np.abs(corrections[np.isin(tokens, [2, 3])]).max() < 0.1


@pytest.mark.parametrize(
    ("proposal", "weights"),
    [
        (Proposal.unigram, [0, 1, 8, 27]),  # the counts to the power of three quarters
        (Proposal.log_uniform, [0, *np.log([4 / 3, 3 / 2, 2])]),  # of the ranks 3, 2 and 1
    ],
)
def test_candidates_are_as_frequent_as_their_proposal_says(proposal, weights):
    one = Candidates(np.array([0, 1, 16, 81]), 1, proposal)
    rng = np.random.default_rng(0)
    drawn = np.bincount([one.draw(np.array([1]), rng)[0][0] for _ in range(5_000)], minlength=4)
    np.testing.assert_allclose(drawn / 5_000, np.array(weights) / np.sum(weights), atol=0.02)


def test_a_hit_is_the_place_of_the_target_among_the_candidates():
    hits = find_hits(np.array([3, 5, 9]), np.array([5, 4, 9, 3, 20, 1]))
    np.testing.assert_array_equal(hits, [1, -1, 2, 0, -1, -1])
