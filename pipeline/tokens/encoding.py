"""Encode labelled texts as token ids, cut to the length that a classifier reads.

The vocabulary comes from train alone. The cache holds whole texts, so that it serves every `max_length`.
Id 0 is padding and id 1 is any token outside the vocabulary.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from pipeline.config.schema import VOCAB_SIZE, TokenizerConfig, TokenizerKind
from pipeline.data.splits import Head, ReviewSplits
from pipeline.tokens.cache import encode_once
from pipeline.tokens.split import EncodedSplit, truncate_split
from pipeline.tokens.vocabulary import unknown_id
from pipeline.words import MANY_UNKNOWN, encode_in_chunks

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EncodedSplits:
    train: EncodedSplit
    validation: EncodedSplit
    test: EncodedSplit
    heads: tuple[Head, ...]
    tokenizer: Tokenizer
    fingerprint: str  # of the reviews and the tokenizer's settings
    unknown: dict[str, float]  # for each split, the share of its tokens outside the vocabulary
    unspaced: float  # the share of the test words that no space separates from the word before

    @property
    def metrics(self) -> dict[str, float]:
        """Return what is tracked of the tokens, by the name of the metric."""
        shares = {f"data/unknown_share_{name}": share for name, share in self.unknown.items()}
        size = self.tokenizer.get_vocab_size()
        return {"data/vocab_size": size, "data/unspaced_share": self.unspaced, **shares}


def encode_splits(
    splits: ReviewSplits, config: TokenizerConfig, cache: Path, tokenizer: Tokenizer | None = None
) -> EncodedSplits:
    """Return every split as token ids, from the cache if possible: see `encode_once`.

    tokenizer: of a language model, whose vocabulary is read with; None: one of the train texts.
    """
    whole = encode_once(
        dict(splits.named()), splits.fingerprint, config, cache, tokenizer=tokenizer
    )
    tokenizer = whole.tokenizer
    truncated = {
        name: truncate_split(split, config.max_length, config.keep)
        for name, split in whole.splits.items()
    }
    unknown = {name: split.share_of(unknown_id(tokenizer)) for name, split in truncated.items()}
    _log_truncation(truncated["train"], config)
    log_unknown(unknown, tokenizer.get_vocab_size(), config)
    return EncodedSplits(
        **truncated,
        heads=splits.heads,
        tokenizer=tokenizer,
        fingerprint=whole.fingerprint,
        unknown=unknown,
        unspaced=1 - _spaced_parts(splits.test.texts) / int(truncated["test"].words.sum()),
    )


def _spaced_parts(texts: list[str]) -> int:
    return sum(text.count(" ") + 1 for text in texts)


def encode_texts(
    tokenizer: Tokenizer, texts: Sequence[str], *, fill: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return the concatenated token ids <int32>[tokens] of all texts, and row offsets <int64>[n + 1].

    fill: encode a text without any token as one unknown token, so that no row is empty.
    """
    if_empty = [unknown_id(tokenizer)] if fill else []
    parts = list(encode_in_chunks(tokenizer, texts, if_empty))
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(np.concatenate([lengths for _, lengths in parts]), out=offsets[1:])
    return np.concatenate([ids for ids, _ in parts]), offsets


def _log_truncation(train: EncodedSplit, config: TokenizerConfig) -> None:
    shortened = float(np.mean(train.lengths < train.full_lengths))
    if not shortened:
        log.info("No text truncated")
        return
    lost = 1 - train.lengths.sum() / train.full_lengths.sum()
    log.info(
        "Truncated to %d tokens (%s): %.1f %% of train texts shortened, %.1f %% of tokens dropped",
        *(config.max_length, config.keep.name, 100 * shortened, 100 * lost),
    )


def log_unknown(unknown: dict[str, float], vocab_size: int, config: TokenizerConfig) -> None:
    """Say which share of each split a network cannot tell apart, and what helps if it is large."""
    shares = ", ".join(f"{100 * share:.1f} % of {name}" for name, share in unknown.items())
    log.info("Tokens outside the vocabulary of %s: %s", f"{vocab_size:,}", shares)
    if unknown["test"] < MANY_UNKNOWN:
        return
    ways = ["more texts"]
    if config.vocab_size is not None or vocab_size >= VOCAB_SIZE:
        ways.append(f"a tokenizer.vocab_size above {vocab_size:,}")
    if config.kind == TokenizerKind.word:
        ways.append("tokenizer=bpe, which cuts rare words into known pieces")
    log.warning(
        "%.0f %% of the test tokens are unknown to every network, which reads them all alike. Take %s",
        *(100 * unknown["test"], ", or ".join(ways)),
    )
