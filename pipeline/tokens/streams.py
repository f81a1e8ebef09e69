"""Join texts to streams of tokens that a language model reads side by side.

The texts of an epoch are shuffled, joined, and cut into equal streams. A step reads some tokens of every
stream, and the next step goes on where it ended, so that the state can be carried over. Draws of
candidates for a sampled softmax belong to a step too: both follow from seed, epoch and step alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pipeline.config.tasks import Proposal
from pipeline.tokens.split import EncodedSplit

SPECIAL = 2  # padding and unknown tokens stand first in a vocabulary, END after them


@dataclass(frozen=True)
class StreamBatch:
    """Hold a step. inputs, targets: <int32>[streams, steps], each target the input after its own."""

    inputs: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class Streams:
    """Hold the streams of an epoch.

    inputs: <int32>[streams, tokens], targets the same, one token on; bptt: tokens of a step.
    """

    inputs: np.ndarray
    targets: np.ndarray
    bptt: int

    def batches(self, first: int, stop: int) -> Iterator[StreamBatch]:
        """Yield the steps from `first` until before `stop`."""
        for step in range(first, stop):
            part = slice(step * self.bptt, (step + 1) * self.bptt)
            yield StreamBatch(self.inputs[:, part], self.targets[:, part])


def count_steps(tokens: int, streams: int, bptt: int) -> int:
    """Return the number of steps in an epoch."""
    return max(1, -(-(tokens // streams) // bptt))


def make_streams(
    split: EncodedSplit,
    streams: int,
    bptt: int,
    end: int,
    rng: np.random.Generator,
    *,
    backward: bool = False,
) -> Streams:
    """Return the texts in an order that `rng` draws, cut into streams; fewer tokens than `streams` are
    left out.

    end: the token that ends every text, and stands before the first; backward: each text is read from
    its end.
    """
    rows = [split.row(row) for row in rng.permutation(len(split))]
    joined = np.concatenate([np.array([end], np.int32), *(turn(row, backward) for row in rows)])
    length = (len(joined) - 1) // streams
    used = streams * length
    return Streams(
        joined[:used].reshape(streams, length), joined[1 : used + 1].reshape(streams, length), bptt
    )


def turn(row: np.ndarray, backward: bool) -> np.ndarray:
    """Return the tokens of a text as they are read; the one that ends it stays last."""
    return np.concatenate([row[-2::-1], row[-1:]]) if backward else row


def in_order_of_reading(split: EncodedSplit, backward: bool) -> EncodedSplit:
    """Return a split whose texts stand in the order in which they are read."""
    if not backward:
        return split
    turned = [turn(split.row(row), backward) for row in range(len(split))]
    return replace(split, token_ids=np.concatenate(turned))


def pad_rows(rows: list[np.ndarray], end: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what is read and predicted of texts, <int32>[rows, longest], right-padded with 0."""
    longest = max(map(len, rows))
    inputs, targets = (np.zeros((len(rows), longest), np.int32) for _ in range(2))
    for place, row in enumerate(rows):
        inputs[place, 0], inputs[place, 1 : len(row)] = end, row[:-1]
        targets[place, : len(row)] = row
    return inputs, targets


def draw_texts(split: EncodedSplit, tokens: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows <int64>[k], rising, of texts drawn until they hold so many tokens; at least one."""
    order = rng.permutation(len(split))
    held = np.cumsum(split.lengths[order])
    return np.sort(order[: 1 + int(np.searchsorted(held, tokens))])


class Candidates:
    """Draw candidates for a sampled softmax.

    Parameters:
      counts: how often each token of the vocabulary stands in the training texts, <int64>[V].
      size: how many are drawn.
    """

    def __init__(self, counts: np.ndarray, size: int, proposal: Proposal) -> None:
        self.size = size
        chances = _chances(counts, proposal)
        self._log_expected = np.log(np.maximum(size * chances, 1e-30))
        self._cumulative = np.cumsum(chances)

    def draw(
        self, targets: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what `sampled_loss` needs for targets <int32>[N].

        Returns: the distinct candidates <int32>[K], their corrections <float32>[K], and which of them
          is the target of each position <int32>[N], -1 where none is.
        """
        drawn = np.searchsorted(self._cumulative, rng.random(self.size), side="right")
        tokens, times = np.unique(np.minimum(drawn, len(self._cumulative) - 1), return_counts=True)
        corrections = np.log(times) - self._log_expected[tokens]
        return tokens.astype(np.int32), corrections.astype(np.float32), find_hits(tokens, targets)


def find_hits(tokens: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the place of each target among distinct rising tokens <int>[K], <int32>[N]; -1: none."""
    places = np.minimum(np.searchsorted(tokens, targets), len(tokens) - 1)
    return np.where(tokens[places] == targets, places, -1).astype(np.int32)


def _chances(counts: np.ndarray, proposal: Proposal) -> np.ndarray:
    """Return the chance of each token, <float64>[V]; padding has none, every other token some."""
    weights = np.maximum(counts, 1).astype(float)
    if proposal == Proposal.unigram:
        weights = weights**0.75
    else:
        ranks = np.empty(len(counts))
        ranks[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
        weights = np.log1p(1 / (ranks + 1))
    weights[0] = 0.0
    return weights / weights.sum()
