"""Define what the probes of language models share: their subject, and how tokens are drawn and read.

A probe uses a language model through its `LanguageReader`, so that the same probes apply to the n-gram
baseline, which has one too. Every probe reads from a state of zeros. What it draws depends on the texts
and on `probe.seed` alone, and so is the same for every model.

"Before" a token means what the model reads before it: a model with `task.direction=backward` reads
every text from its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.config.probes import ProbeConfig
from pipeline.config.tasks import Direction
from pipeline.config.texts import DataConfig
from pipeline.data.splits import Reviews
from pipeline.models.language_model import LanguageNetwork, LanguageReader
from pipeline.probes.frame import MIN_REVIEWS, ProbeResult, Skipped
from pipeline.tokens.language import LanguageTokens


@dataclass(frozen=True)
class LanguageSubject:
    """Hold a language model to probe, with the texts it was trained and tested on.

    reviews: the test texts, of which `tokens.test` are the tokens. `network` is None for the baseline.
    """

    reader: LanguageReader
    tokens: LanguageTokens
    reviews: Reviews
    data: DataConfig
    direction: Direction = Direction.forward
    network: LanguageNetwork | None = None

    def words(self, row: int) -> np.ndarray:
        """Return the tokens of a test text in the order of reading, without END, <int32>[n]."""
        ids = np.asarray(self.tokens.test.row(row))[:-1]
        return ids if self.direction == Direction.forward else ids[::-1]

    def begin(self, ids: np.ndarray) -> np.ndarray:
        """Return tokens with what begins a text before them, <int32>[n + 1]."""
        return np.concatenate([[self.tokens.end], ids]).astype(np.int32)


LanguageProbe = Callable[[LanguageSubject, ProbeConfig], ProbeResult]  # raises Skipped


class Places(NamedTuple):
    """Name tokens of test texts.

    rows: <int>[k], the texts, in random order; places: <int>[k, targets], rising, the indices of tokens
    in the order of reading. Each has at least `before` tokens before it.
    """

    rows: np.ndarray
    places: np.ndarray
    before: int


def draw_places(
    subject: LanguageSubject,
    texts: int,
    targets: int,
    wanted: Sequence[int],
    seed: int,
    remedy: str,
) -> Places:
    """Draw tokens of about `texts` test texts, `targets` of each, with enough tokens before them.

    Enough is the largest number out of `wanted` that leaves `MIN_REVIEWS` texts to draw from, and a
    quarter of `texts`. `remedy` tells a user what to change where there are too few.

    Raises:
      Skipped: no number does.
    """
    lengths = subject.tokens.test.lengths - 1
    needed = max(MIN_REVIEWS, texts // 4)
    before = max(
        (n for n in wanted if np.count_nonzero(lengths >= n + targets) >= needed), default=None
    )
    if before is None:
        long = np.count_nonzero(lengths >= min(wanted) + targets)
        raise Skipped(
            f"{long} test texts have {min(wanted) + targets} tokens, and {needed} are needed; {remedy}"
        )
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.flatnonzero(lengths >= before + targets))[:texts]
    places = [
        np.sort(before + rng.choice(lengths[row] - before, targets, replace=False)) for row in rows
    ]
    return Places(rows, np.stack(places), before)


# The rows of a batch share a step, but each has a probability for every word of the vocabulary.
_TOKENS_PER_BATCH = 50_000
_ROWS_PER_BATCH = 256


def read_last(
    reader: LanguageReader, contexts: Sequence[np.ndarray], targets: np.ndarray
) -> np.ndarray:
    """Return the loss of the token after each context, in nats, <float64>[n].

    contexts: n rows of tokens <int32>[length], each at least one; targets: <int32>[n].
    """
    lengths = np.array([len(context) for context in contexts])
    nats = np.empty(len(contexts))
    order = np.argsort(lengths, kind="stable")[::-1]
    while len(order):
        length = lengths[order[0]]
        size = int(np.clip(_TOKENS_PER_BATCH // length, 1, _ROWS_PER_BATCH))
        batch, order = order[:size], order[size:]
        inputs = np.zeros((len(batch), length), dtype=np.int32)
        for place, row in enumerate(batch):
            inputs[place, : lengths[row]] = contexts[row]
        nats[batch] = reader.last_losses(inputs, targets[batch].astype(np.int32))
    return nats
