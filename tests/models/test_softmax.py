"""The losses over a vocabulary, against those that TensorFlow computes from all logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from pipeline.config.tasks import Proposal
from pipeline.models import softmax
from pipeline.models.softmax import full_losses, sampled_loss
from pipeline.tokens.streams import Candidates, find_hits


@pytest.fixture(params=[1 << 20, 64], ids=["at once", "in parts"])
def parts(request, monkeypatch):
    monkeypatch.setattr(softmax, "_LOGITS", request.param)
    monkeypatch.setattr(softmax, "_LOGITS_OF_ALL", request.param)


def _draw(positions=37, vocab=20, width=6):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(positions, width)).astype(np.float32)
    table = rng.normal(size=(vocab, width)).astype(np.float32)
    targets = rng.integers(1, vocab, positions).astype(np.int32)
    return tf.constant(features), tf.constant(table), targets


def _expected(features, table, targets):
    logits = tf.matmul(features, table, transpose_b=True)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)


@pytest.mark.usefixtures("parts")
def test_the_full_loss_is_the_cross_entropy():
    features, table, targets = _draw()
    found = full_losses(features, table, targets)
    np.testing.assert_allclose(found, _expected(features, table, targets), rtol=1e-5)


@pytest.mark.usefixtures("parts")
def test_with_every_token_as_a_candidate_loss_and_gradients_are_those_of_the_full_softmax():
    features, table, targets = _draw()
    every = np.arange(20, dtype=np.int32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([features, table])
        found = sampled_loss(
            features, table, targets, every, np.zeros(20, np.float32), find_hits(every, targets)
        )
        expected = tf.reduce_mean(_expected(features, table, targets))
    _compare(tape, found, expected, (features, table))


@pytest.mark.parametrize("proposal", Proposal)
def test_the_sum_over_candidates_is_that_of_the_vocabulary_in_expectation(proposal):
    features, table, targets = _draw(positions=4)
    counts = np.random.default_rng(1).integers(1, 1_000, 20)
    candidates = Candidates(counts, 8, proposal)
    logits = tf.matmul(features, table, transpose_b=True).numpy().astype(float)
    own = logits[np.arange(4), targets]
    sums = []
    for seed in range(4_000):
        drawn = candidates.draw(targets, np.random.default_rng(seed))
        losses = _by_hand(logits, own, drawn)
        if seed < 20:  # thousands would take minutes
            found = sampled_loss(features, table, targets, *drawn)
            np.testing.assert_allclose(found, losses.mean(), rtol=1e-4)
        sums.append(np.exp(losses + own))
    # The padding is never drawn, and is no token that is predicted.
    whole = np.exp(logits[:, 1:]).sum(axis=1)
    error = np.std(sums, axis=0) / np.sqrt(len(sums))
    assert (np.abs(np.mean(sums, axis=0) - whole) < 4 * error).all()


def _by_hand(logits, own, drawn):
    tokens, corrections, hits = drawn
    terms = np.exp(logits[:, tokens] + corrections)
    for row, hit in enumerate(hits):
        if hit >= 0:
            terms[row, hit] = 0
    return np.log(terms.sum(axis=1) + np.exp(own)) - own


def test_the_gradient_of_a_sampled_loss_is_that_of_its_value():
    features, table, targets = _draw(positions=9)
    counts = np.random.default_rng(1).integers(1, 1_000, 20)
    drawn = Candidates(counts, 6, Proposal.unigram).draw(targets, np.random.default_rng(0))

    def loss(features, table):
        logits = tf.matmul(features, tf.gather(table, drawn[0]), transpose_b=True) + drawn[1]
        hit = tf.one_hot(drawn[2], len(drawn[0]), on_value=-1e30, off_value=0.0)
        own = tf.reduce_sum(features * tf.gather(table, targets), axis=1)
        both = tf.concat([logits + hit, own[:, None]], axis=1)
        return tf.reduce_mean(tf.reduce_logsumexp(both, axis=1) - own)

    with tf.GradientTape(persistent=True) as tape:
        tape.watch([features, table])
        found, expected = sampled_loss(features, table, targets, *drawn), loss(features, table)
    _compare(tape, found, expected, (features, table))


def _compare(tape: Any, found: Any, expected: Any, sources: tuple[Any, ...]) -> None:
    """Compare two losses and their gradients."""
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    for source in sources:
        ours, theirs = (
            tf.convert_to_tensor(tape.gradient(one, source)) for one in (found, expected)
        )
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
