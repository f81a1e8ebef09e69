"""Encode texts as token ids, and cache the encoding.

The vocabulary comes from train alone. Texts are encoded and cached whole, in a file that training maps
into memory, and truncated to `max_length` afterwards, so that one cache serves every length. Id 0 is
padding and id 1 is any token outside the vocabulary.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tokenizers
from tokenizers import Tokenizer

from pipeline.config.schema import VOCAB_SIZE, TokenizerConfig, TokenizerKind
from pipeline.data.progress import watched
from pipeline.data.splits import Head, Reviews, ReviewSplits
from pipeline.files import cached
from pipeline.tokens.split import EncodedSplit, truncate_split
from pipeline.tokens.vocabulary import MIN_FREQUENCY, train_tokenizer
from pipeline.words import CHUNK, MANY_UNKNOWN, PATTERN, UNKNOWN, count_all_words, encode_in_chunks

log = logging.getLogger(__name__)

# Increase it when the content of a cache changes, so that older ones are ignored.
_CACHE_VERSION = 3


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


def encode_splits(splits: ReviewSplits, config: TokenizerConfig, cache: Path) -> EncodedSplits:
    """Return every split as token ids, from the cache if possible.

    Parallel processes wait for the first to fill the cache; a damaged entry is rebuilt.
    """
    fingerprint = _fingerprint(splits, config)
    folder = cache / "encodings" / fingerprint
    tokenizer, encoded = cached(
        folder,
        lambda place: _read_cache(place, splits),
        lambda place: _write_cache(place, splits, config),
    )
    truncated = {
        name: truncate_split(split, config.max_length, config.keep)
        for name, split in encoded.items()
    }
    unknown = {name: split.share_of(unknown_id(tokenizer)) for name, split in truncated.items()}
    _log_truncation(truncated["train"], config)
    _log_unknown(unknown, tokenizer.get_vocab_size(), config)
    return EncodedSplits(
        **truncated,
        heads=splits.heads,
        tokenizer=tokenizer,
        fingerprint=fingerprint,
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


def unknown_id(tokenizer: Tokenizer) -> int:
    number = tokenizer.token_to_id(UNKNOWN)
    assert number is not None
    return number


def _log_truncation(train: EncodedSplit, config: TokenizerConfig) -> None:
    shortened = float(np.mean(train.lengths < train.full_lengths))
    if not shortened:
        log.info("No review truncated")
        return
    lost = 1 - train.lengths.sum() / train.full_lengths.sum()
    log.info(
        "Truncated to %d tokens (%s): %.1f %% of train reviews shortened, %.1f %% of tokens dropped",
        *(config.max_length, config.keep.name, 100 * shortened, 100 * lost),
    )


def _log_unknown(unknown: dict[str, float], vocab_size: int, config: TokenizerConfig) -> None:
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


def _fingerprint(splits: ReviewSplits, config: TokenizerConfig) -> str:
    size = config.vocab_size or [VOCAB_SIZE, MIN_FREQUENCY]
    settings = [_CACHE_VERSION, splits.fingerprint, config.kind.name, size, PATTERN]
    settings.append(tokenizers.__version__)
    return hashlib.blake2b(json.dumps(settings).encode(), digest_size=16).hexdigest()


def _write_cache(folder: Path, splits: ReviewSplits, config: TokenizerConfig) -> None:
    started = time.perf_counter()
    folder.mkdir()
    texts = splits.train.texts
    tokenizer = train_tokenizer(watched(texts, len(texts), "Learning the vocabulary"), config)
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, reviews in splits.named():
        _write_split(folder, name, reviews.texts, tokenizer)
    log.info(
        "Encoded %s reviews with a vocabulary of %s in %.1f s",
        f"{sum(len(reviews) for _, reviews in splits.named()):,}",
        f"{tokenizer.get_vocab_size():,}",
        time.perf_counter() - started,
    )


def _write_split(folder: Path, name: str, texts: list[str], tokenizer: Tokenizer) -> None:
    """Write the token ids as they come: those of a million texts would not fit into the memory."""
    lengths = []
    chunks = encode_in_chunks(tokenizer, texts, if_empty=[unknown_id(tokenizer)])
    total = math.ceil(len(texts) / CHUNK)
    with (folder / f"{name}.token_ids.npy").open("wb") as file:
        _write_header(file, 0)
        begins = file.tell()
        for ids, found in watched(chunks, total, f"Encoding {name}", step=1):
            ids.tofile(file)
            lengths.append(found)
        file.seek(0)
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
        _write_header(file, int(offsets[-1]))
        assert file.tell() == begins
    np.save(folder / f"{name}.offsets.npy", offsets)
    np.save(folder / f"{name}.words.npy", count_all_words(texts))


def _write_header(file: BinaryIO, size: int) -> None:
    """Write NumPy's header of an array <int32>[size], which takes the same room for every size."""
    described = {"shape": (size,), "fortran_order": False, "descr": "<i4"}
    np.lib.format.write_array_header_1_0(file, described)


def _read_cache(folder: Path, splits: ReviewSplits) -> tuple[Tokenizer, dict[str, EncodedSplit]]:
    """Return what `_write_cache` wrote."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return tokenizer, {name: _open_split(folder, name, reviews) for name, reviews in splits.named()}


def _open_split(folder: Path, name: str, reviews: Reviews) -> EncodedSplit:
    token_ids = np.load(folder / f"{name}.token_ids.npy", mmap_mode="r")
    offsets = np.load(folder / f"{name}.offsets.npy")
    words = np.load(folder / f"{name}.words.npy")
    return EncodedSplit(token_ids, offsets, words, reviews.labels, reviews.ids)
