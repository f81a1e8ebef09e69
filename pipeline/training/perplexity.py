"""Test a language model: how surprising is each text to it?

Networks and the n-gram baseline are validated and tested by the same code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.config.tasks import LanguageConfig
from pipeline.tokens.language import LanguageTokens
from pipeline.tokens.split import EncodedSplit
from pipeline.tokens.streams import draw_texts, pad_rows, turn

if TYPE_CHECKING:  # the fingerprint of the baseline does not count the code of networks
    from pipeline.models.language_model import LanguageReader

_ROWS = 64  # texts that are read at a time


def perplexity_of(loss: float) -> float:
    """Return the perplexity of a mean loss in nats; of one beyond all numbers, the largest."""
    return math.exp(min(loss, 700.0))


@dataclass(frozen=True)
class LanguageEvaluation:
    """Hold the result of a test.

    losses: a row for each text read: review_id, tokens (with the one that ends it), characters, unknown
    (tokens), words, and nats: the loss summed over its tokens. metrics: by name, without the split.
    """

    losses: pd.DataFrame
    metrics: dict[str, float]


def draw_validation(tokens: LanguageTokens, task: LanguageConfig, data_seed: int) -> EncodedSplit:
    """Return the validation texts that are read, the same for every model."""
    rng = np.random.default_rng([data_seed, 0])
    rows = draw_texts(tokens.validation, task.validation_tokens, rng)
    return tokens.validation.take(rows)


def draw_test(tokens: LanguageTokens, most: int, data_seed: int) -> np.ndarray:
    """Return the rows <int64>[k] of the test texts that are read, the same for every model."""
    return draw_texts(tokens.test, most, np.random.default_rng([data_seed, 1]))


def read_losses(
    reader: LanguageReader, split: EncodedSplit, end: int, *, backward: bool = False
) -> np.ndarray:
    """Return the loss of every token of a split, in its order of texts and tokens, <float32>[tokens].

    With `backward` a text is read from its end; its losses then stand in the order of reading.
    """
    losses = np.empty(int(split.lengths.sum()), np.float32)
    starts = np.concatenate([[0], np.cumsum(split.lengths)])
    order = np.argsort(split.lengths, kind="stable")
    for at in range(0, len(order), _ROWS):
        rows = order[at : at + _ROWS]
        inputs, targets = pad_rows([turn(split.row(row), backward) for row in rows], end)
        found = reader.losses(inputs, targets)
        for row, values in zip(rows, found, strict=True):
            losses[starts[row] : starts[row + 1]] = values[: split.lengths[row]]
    return losses


def evaluate_language(
    reader: LanguageReader, tokens: LanguageTokens, rows: np.ndarray, *, backward: bool = False
) -> LanguageEvaluation:
    """Return the loss of a model on test texts, each read from a state of zeros, over all tokens.

    The metrics are the mean loss in nats a token, the perplexity, which is its exponential, and bits
    per character, which depends less on how texts are cut into tokens.
    """
    split = tokens.test.take(rows)
    losses = read_losses(reader, split, tokens.end, backward=backward).astype(np.float64)
    starts = split.offsets[:-1]
    unknown = (split.token_ids == tokens.unknown_id).astype(np.int64)
    table = pd.DataFrame(
        {
            "review_id": split.review_ids,
            "tokens": split.lengths,
            "characters": tokens.characters["test"][rows],
            "unknown": np.add.reduceat(unknown, starts),
            "words": split.words,
            "nats": np.add.reduceat(losses, starts),
        }
    )
    return LanguageEvaluation(table, summarise_losses(table))


def summarise_losses(table: pd.DataFrame) -> dict[str, float]:
    """Return loss, perplexity and bits per character of the texts in a table of losses."""
    nats = float(table.nats.sum())
    loss = nats / int(table.tokens.sum())
    return {
        "loss": loss,
        "perplexity": perplexity_of(loss),
        "bits_per_character": nats / math.log(2) / int(table.characters.sum()),
    }
