"""Trace a network on reviews of one length: the last tokens of long enough ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.config.probes import ProbeConfig
from pipeline.data.splits import Reviews
from pipeline.probes.frame import MIN_REVIEWS, Network, Skipped, Subject, draw_stratified
from pipeline.probes.trace import Trace, can_trace, trace
from pipeline.tokens.encoding import encode_texts
from pipeline.words import count_all_words


def trace_test_reviews(subject: Subject, config: ProbeConfig) -> Iterator[tuple[np.ndarray, Trace]]:
    """Trace the network of a subject on test reviews; see `trace_reviews`."""
    return trace_reviews(subject, subject.reviews.test, config.retention_reviews, config)


def trace_reviews(
    subject: Subject, reviews: Reviews, size: int, config: ProbeConfig
) -> Iterator[tuple[np.ndarray, Trace]]:
    """Trace the network of a subject on reviews; yield their ids and the trace, by batch.

    About `size` are drawn by seed, stratified by label, and truncated to the same number of last tokens:
    `retention_tokens` or, if fewer than `size` reviews are that long, the largest number of words that
    this many reviews have.

    Raises:
      Skipped: there is no network, its cell has no step function, or there are too few texts or words.
    """
    network = traceable_network(subject)
    reviews, length = _draw(reviews, size, config)
    token_ids, offsets = encode_texts(subject.tokenizer, reviews.texts)
    length = min(length, int(np.diff(offsets).min()))
    rows = np.stack([token_ids[end - length : end] for end in offsets[1:]])
    for start in range(0, len(rows), _ROWS_PER_BATCH):
        chosen = slice(start, start + _ROWS_PER_BATCH)
        yield (
            reviews.ids[chosen],
            trace(network.model, network.architecture, rows[chosen]),
        )


def traceable_network(subject: Subject) -> Network:
    """Return the network of a subject.

    Raises:
      Skipped: there is none, or its cell has no step function.
    """
    if subject.network is None:
        raise Skipped("it is not a network")
    if not can_trace(subject.network.architecture):
        raise Skipped("its cell has no step function (see pipeline/cells)")
    return subject.network


_ROWS_PER_BATCH = 50  # two bidirectional LSTM layers of 64 units need 600 MB for 400 steps


def _draw(reviews: Reviews, size: int, config: ProbeConfig) -> tuple[Reviews, int]:
    """Return the reviews to read, and the number of last tokens to read of each."""
    if len(reviews) < MIN_REVIEWS:
        raise Skipped(f"{len(reviews)} texts are too few; {MIN_REVIEWS} are needed")
    words = count_all_words(reviews.texts)  # hardly any has no token
    nth_longest = np.sort(words)[-min(size, len(reviews))]
    length = min(config.retention_tokens, int(nth_longest))
    if length < 2:
        raise Skipped("its texts have only one word")
    rng = np.random.default_rng(config.seed)
    long = np.flatnonzero(words >= length)
    return reviews.take(draw_stratified(reviews.labels[:, 0], long, size, rng)), length
