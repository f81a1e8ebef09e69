"""Encode texts for a language model: whole, each ended by a token of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from pipeline.config.schema import TokenizerConfig
from pipeline.data.language_texts import LanguageTexts
from pipeline.data.splits import Reviews
from pipeline.tokens.cache import encode_once
from pipeline.tokens.encoding import log_unknown
from pipeline.tokens.split import EncodedSplit
from pipeline.tokens.vocabulary import END, unknown_id

_AT_ONCE = 1 << 22  # tokens that are counted at a time


@dataclass(frozen=True)
class LanguageTokens:
    """Hold the tokens of whole texts; the last of each is `END`, and their labels are <int32>[n, 0].

    characters: of "validation" and "test", how many each text has, <int64>[n]: NFC and in lower case, as
    it is encoded, spaces included; fingerprint: of the texts and the tokenizer's settings; unknown: for
    each split, the share of its tokens outside the vocabulary; counts: <int64>[V], how often each
    token stands in train.
    """

    train: EncodedSplit
    validation: EncodedSplit
    test: EncodedSplit
    characters: dict[str, np.ndarray]
    tokenizer: Tokenizer
    fingerprint: str
    unknown: dict[str, float]
    counts: np.ndarray

    @property
    def end(self) -> int:
        number = self.tokenizer.token_to_id(END)
        assert number is not None
        return number

    @property
    def unknown_id(self) -> int:
        return unknown_id(self.tokenizer)

    @property
    def metrics(self) -> dict[str, float]:
        """Return what is tracked of the tokens, by the name of the metric."""
        shares = {f"data/unknown_share_{name}": share for name, share in self.unknown.items()}
        return {"data/vocab_size": self.tokenizer.get_vocab_size(), **shares}


def encode_language(texts: LanguageTexts, config: TokenizerConfig, cache: Path) -> LanguageTokens:
    """Return every split as token ids, from the cache if possible: see `encode_once`.

    The vocabulary comes from train, the unlabelled texts included. `max_length` and `keep` of the
    configuration have no effect.
    """
    ids = np.array([f"train-{row:05d}" for row in range(len(texts.train))])
    splits = {
        name: replace(reviews, labels=np.zeros((len(reviews), 0), np.int32))
        for name, reviews in (
            ("train", Reviews(ids, texts.train, np.zeros(0, np.int32))),
            ("validation", texts.validation),
            ("test", texts.test),
        )
    }
    whole = encode_once(splits, texts.fingerprint, config, cache, ended=True)
    tokenizer = whole.tokenizer
    unknown = {name: split.share_of(unknown_id(tokenizer)) for name, split in whole.splits.items()}
    log_unknown(unknown, tokenizer.get_vocab_size(), config)
    return LanguageTokens(
        **whole.splits,
        characters={
            "validation": count_characters(tokenizer, texts.validation.texts),
            "test": count_characters(tokenizer, texts.test.texts),
        },
        tokenizer=tokenizer,
        fingerprint=whole.fingerprint,
        unknown=unknown,
        counts=_count(whole.splits["train"].token_ids, tokenizer.get_vocab_size()),
    )


def count_characters(tokenizer: Tokenizer, texts: list[str]) -> np.ndarray:
    """Return the number of characters of each text as the tokenizer normalises it, <int64>[n]."""
    normalise = tokenizer.normalizer.normalize_str
    # ASCII is its own NFC, and its lower case is as long.
    lengths = (len(text if text.isascii() else normalise(text)) for text in texts)
    return np.fromiter(lengths, np.int64, len(texts))


def _count(token_ids: np.ndarray, size: int) -> np.ndarray:
    """Return how often each token stands in the ids, <int64>[size]; they are read in parts."""
    counts = np.zeros(size, np.int64)
    for start in range(0, len(token_ids), _AT_ONCE):
        counts += np.bincount(token_ids[start : start + _AT_ONCE], minlength=size)
    return counts
