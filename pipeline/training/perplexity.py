"""Test a language model: how surprising is each text to it?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.models.language_model import LanguageReader
from pipeline.tokens.language import LanguageTokens
from pipeline.tokens.streams import draw_texts
from pipeline.training.language import perplexity_of, read_losses


@dataclass(frozen=True)
class LanguageEvaluation:
    """Hold the result of a test.

    losses: a row for each text read: review_id, tokens (with the one that ends it), characters, unknown
    (tokens), words, and nats: the loss summed over its tokens. metrics: by name, without the split.
    """

    losses: pd.DataFrame
    metrics: dict[str, float]


def draw_test(tokens: LanguageTokens, most: int, data_seed: int) -> np.ndarray:
    """Return the rows <int64>[k] of the test texts that are read, the same for every model."""
    return draw_texts(tokens.test, most, np.random.default_rng([data_seed, 1]))


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
