"""Build the vocabulary, encode texts as token ids, and cache the encoding.

The vocabulary comes from train alone. Texts are encoded and cached whole and truncated to `max_length`
afterwards, so that one cache serves every length. Id 0 is padding and id 1 is any token outside the
vocabulary.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from pipeline.config.schema import Keep, TokenizerConfig, TokenizerKind
from pipeline.data.cleaning import WORD_PATTERN
from pipeline.data.reviews import Head, Reviews, ReviewSplits
from pipeline.files import cached

log = logging.getLogger(__name__)

PADDING, UNKNOWN = "[PAD]", "[UNK]"
_CACHE_VERSION = (
    2  # increase it when the content of a cache changes, so that older ones are ignored
)


@dataclass(frozen=True)
class EncodedSplit:
    """Hold the token ids of a split, row after row, without padding.

    token_ids: <int32>[tokens]; offsets: <int64>[n + 1], row i is token_ids[offsets[i]:offsets[i + 1]];
    full_lengths: <int32>[n], tokens before truncation; words: <int32>[n], words of the whole text,
    separated by white space; labels: <int32>[n, heads]; review_ids: <str>[n].
    """

    token_ids: np.ndarray
    offsets: np.ndarray
    full_lengths: np.ndarray
    words: np.ndarray
    labels: np.ndarray
    review_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Return the number of tokens of each row, <int64>[n], at least 1."""
        return np.diff(self.offsets)

    def row(self, number: int) -> np.ndarray:
        return self.token_ids[self.offsets[number] : self.offsets[number + 1]]


@dataclass(frozen=True)
class EncodedSplits:
    train: EncodedSplit
    validation: EncodedSplit
    test: EncodedSplit
    heads: tuple[Head, ...]
    tokenizer: Tokenizer
    fingerprint: str  # of the reviews and the tokenizer's settings


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
    _log_truncation(encoded["train"], truncated["train"], config)
    return EncodedSplits(
        **truncated, heads=splits.heads, tokenizer=tokenizer, fingerprint=fingerprint
    )


def train_tokenizer(texts: list[str], config: TokenizerConfig) -> Tokenizer:
    """Return a tokenizer of at most `vocab_size` entries, by count, then spelling (`bpe`: by merge)."""
    special = [PADDING, UNKNOWN]
    if config.kind == TokenizerKind.word:
        tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
        trainer = trainers.WordLevelTrainer(
            vocab_size=config.vocab_size, special_tokens=special, show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
        trainer = trainers.BpeTrainer(
            vocab_size=config.vocab_size,
            limit_alphabet=config.vocab_size - len(special),
            special_tokens=special,
            show_progress=False,
        )
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        Regex(WORD_PATTERN), behavior="removed", invert=True
    )
    tokenizer.train_from_iterator(texts, trainer, length=len(texts))
    return tokenizer


def encode_texts(tokenizer: Tokenizer, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the concatenated token ids <int32>[tokens] of all texts, and row offsets <int64>[n + 1].

    A text without any token is encoded as one unknown token, so that no row is empty.
    """
    # A text that contains the characters "[PAD]" must not become padding.
    tokenizer.encode_special_tokens = True
    unknown = [tokenizer.token_to_id(UNKNOWN)]
    rows = [encoding.ids or unknown for encoding in tokenizer.encode_batch_fast(texts)]
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    token_ids = np.concatenate([np.array(row, dtype=np.int32) for row in rows])
    return token_ids, offsets


def kept_ends(max_length: int, keep: Keep) -> tuple[int, int]:
    """Return how many of the first and of the last tokens of a longer text are kept."""
    first = {Keep.tail: 0, Keep.head: max_length, Keep.both: (max_length + 1) // 2}[keep]
    return first, max_length - first


def truncate_split(split: EncodedSplit, max_length: int, keep: Keep) -> EncodedSplit:
    """Return the split with at most `max_length` tokens of each row: the last, the first, or both."""
    first, last = kept_ends(max_length, keep)
    lengths = split.lengths
    from_start = np.arange(split.offsets[-1]) - np.repeat(split.offsets[:-1], lengths)
    to_end = np.repeat(lengths, lengths) - from_start
    kept = (from_start < first) | (to_end <= last)
    offsets = np.zeros_like(split.offsets)
    np.cumsum(np.minimum(lengths, max_length), out=offsets[1:])
    return replace(split, token_ids=np.asarray(split.token_ids)[kept], offsets=offsets)


def _log_truncation(whole: EncodedSplit, truncated: EncodedSplit, config: TokenizerConfig) -> None:
    shortened = float(np.mean(truncated.lengths < whole.lengths))
    lost = 1 - len(truncated.token_ids) / len(whole.token_ids)
    unknown = float(np.mean(truncated.token_ids == 1))
    if not lost:
        log.info("No review truncated, %.1f %% of tokens unknown", 100 * unknown)
        return
    log.info(
        "Truncated to %d tokens (%s): %.1f %% of train reviews shortened, %.1f %% of tokens dropped, "
        "%.1f %% unknown",
        *(config.max_length, config.keep.name, 100 * shortened, 100 * lost, 100 * unknown),
    )


def _fingerprint(splits: ReviewSplits, config: TokenizerConfig) -> str:
    import tokenizers

    settings = [
        _CACHE_VERSION,
        splits.fingerprint,
        config.kind.name,
        config.vocab_size,
        WORD_PATTERN,
    ]
    settings.append(tokenizers.__version__)
    return hashlib.blake2b(json.dumps(settings).encode(), digest_size=16).hexdigest()


def _write_cache(folder: Path, splits: ReviewSplits, config: TokenizerConfig) -> None:
    started = time.perf_counter()
    folder.mkdir()
    tokenizer = train_tokenizer(splits.train.texts, config)
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, reviews in splits.named():
        token_ids, offsets = encode_texts(tokenizer, reviews.texts)
        np.save(folder / f"{name}.token_ids.npy", token_ids)
        np.save(folder / f"{name}.offsets.npy", offsets)
    digests = {path.name: _digest(path) for path in sorted(folder.iterdir())}
    (folder / "manifest.json").write_text(json.dumps(digests, indent=1))
    log.info(
        "Encoded %s reviews with a vocabulary of %s in %.1f s",
        f"{sum(len(reviews) for _, reviews in splits.named()):,}",
        f"{tokenizer.get_vocab_size():,}",
        time.perf_counter() - started,
    )


def _read_cache(folder: Path, splits: ReviewSplits) -> tuple[Tokenizer, dict[str, EncodedSplit]]:
    """Return what `_write_cache` wrote.

    Raises:
      ValueError: a file differs from what was written.
    """
    digests = json.loads((folder / "manifest.json").read_text())
    if digests != {name: _digest(folder / name) for name in _files()}:
        raise ValueError("a file differs from what was written")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return tokenizer, {name: _open_split(folder, name, reviews) for name, reviews in splits.named()}


def _files() -> set[str]:
    parts = ("token_ids.npy", "offsets.npy")
    return {f"{name}.{part}" for name in ("train", "validation", "test") for part in parts} | {
        "tokenizer.json"
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _open_split(folder: Path, name: str, reviews: Reviews) -> EncodedSplit:
    token_ids = np.load(folder / f"{name}.token_ids.npy", mmap_mode="r")
    offsets = np.load(folder / f"{name}.offsets.npy")
    words = np.array([text.count(" ") + 1 for text in reviews.texts], dtype=np.int32)
    full_lengths = np.diff(offsets).astype(np.int32)
    return EncodedSplit(token_ids, offsets, full_lengths, words, reviews.labels, reviews.ids)
