"""Make small language networks, and the tokens of texts of words between spaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers import models

from factories.language import split_of
from pipeline.config.schema import ArchitectureConfig
from pipeline.models.language_model import LanguageNetwork, build_language_model
from pipeline.tokens.language import END, LanguageTokens
from pipeline.tokens.split import EncodedSplit
from pipeline.tokens.vocabulary import PADDING
from pipeline.words import UNKNOWN, make_tokenizer

END_ID = 2


def encode_by_spaces(
    train: Sequence[str], validation: Sequence[str] = (), test: Sequence[str] = ()
) -> LanguageTokens:
    """Return texts of words between spaces, whose vocabulary is that of train in order of appearance."""
    words = dict.fromkeys(word for text in train for word in text.split())
    vocabulary = {name: n for n, name in enumerate([PADDING, UNKNOWN, END, *words])}
    tokenizer = make_tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    held = {"train": train, "validation": validation or train, "test": test or train}
    splits = {name: _encode(texts, vocabulary) for name, texts in held.items()}
    counts = np.bincount(splits["train"].token_ids, minlength=len(vocabulary))
    characters = {
        name: np.array([len(text) for text in held[name]]) for name in ("validation", "test")
    }
    return LanguageTokens(
        **splits,
        characters=characters,
        tokenizer=tokenizer,
        fingerprint="",
        unknown={},
        counts=counts,
    )


def _encode(texts: Sequence[str], vocabulary: dict[str, int]) -> EncodedSplit:
    rows = [[vocabulary.get(word, 1) for word in text.split()] for text in texts]
    return split_of([np.array(row, np.int32) for row in rows], END_ID)


def make_language_network(vocab_size: int, **settings: Any) -> LanguageNetwork:
    """Return a small untrained language model."""
    given: dict[str, Any] = {
        "name": "lstm",
        "cell": "lstm",
        "units": 16,
        "embedding_dim": 8,
    } | settings
    config = ArchitectureConfig(**given)
    return LanguageNetwork(build_language_model(config, vocab_size, 0), config)
