"""Text -> token ids; the vocabulary; the cached encoding.

The vocabulary is learnt from train alone. Texts are encoded whole and cached whole; which `max_length`
tokens of them are read is cut afterwards, so that one cache serves every length. Id 0 is padding and
id 1 stands for every token outside the vocabulary.
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
from pipeline.data.cleaning import WORD
from pipeline.data.reviews import Head, Reviews, ReviewSplits
from pipeline.files import cached

log = logging.getLogger(__name__)

PADDING, UNKNOWN = "[PAD]", "[UNK]"
_FORMAT = 2  # of the cache; a change of what is written makes older caches invisible


@dataclass(frozen=True)
class EncodedSplit:
    """The token ids of a split, row after row, never padded.

    token_ids: <int32>[tokens]; offsets: <int64>[n + 1], row i is token_ids[offsets[i]:offsets[i + 1]];
    full_lengths: <int32>[n], tokens before anything was cut; words: <int32>[n], words of the uncut text
    between white space; labels: <int32>[n, heads]; review_ids: <str>[n].
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
        """Tokens of each row that are read, <int64>[n], none of them 0."""
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
    """Every split as token ids, out of the cache where it holds them.

    Processes that start at once wait for the first to fill the cache; a damaged entry is rebuilt.
    """
    fingerprint = _fingerprint(splits, config)
    folder = cache / "encodings" / fingerprint
    tokenizer, encoded = cached(
        folder, lambda place: _open(place, splits), lambda place: _fill(place, splits, config)
    )
    cut = {
        name: cut_split(split, config.max_length, config.keep) for name, split in encoded.items()
    }
    _log_lost(encoded["train"], cut["train"], config)
    return EncodedSplits(**cut, heads=splits.heads, tokenizer=tokenizer, fingerprint=fingerprint)


def train_tokenizer(texts: list[str], config: TokenizerConfig) -> Tokenizer:
    """At most `vocab_size` entries, ordered by count and then by spelling (for `bpe`, by merge)."""
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
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
    tokenizer.train_from_iterator(texts, trainer, length=len(texts))
    return tokenizer


def encode_texts(tokenizer: Tokenizer, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids <int32>[tokens] of all texts one after the other, and row offsets <int64>[n + 1].

    A text in which the tokenizer sees nothing at all is one unknown token: no row is ever empty.
    """
    # A text may hold "[PAD]" by its spelling: to a reader that is a bracket, a word and a bracket.
    tokenizer.encode_special_tokens = True
    unknown = [tokenizer.token_to_id(UNKNOWN)]
    rows = [encoding.ids or unknown for encoding in tokenizer.encode_batch_fast(texts)]
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    token_ids = np.concatenate([np.array(row, dtype=np.int32) for row in rows])
    return token_ids, offsets


def cut_split(split: EncodedSplit, max_length: int, keep: Keep) -> EncodedSplit:
    """The split with at most `max_length` tokens of each row: its tail, its head, or half of each."""
    head = {Keep.tail: 0, Keep.head: max_length, Keep.both: (max_length + 1) // 2}[keep]
    tail = max_length - head
    lengths = split.lengths
    from_start = np.arange(split.offsets[-1]) - np.repeat(split.offsets[:-1], lengths)
    to_end = np.repeat(lengths, lengths) - from_start
    kept = (from_start < head) | (to_end <= tail)
    offsets = np.zeros_like(split.offsets)
    np.cumsum(np.minimum(lengths, max_length), out=offsets[1:])
    return replace(split, token_ids=np.asarray(split.token_ids)[kept], offsets=offsets)


def _log_lost(whole: EncodedSplit, cut: EncodedSplit, config: TokenizerConfig) -> None:
    shortened = float(np.mean(cut.lengths < whole.lengths))
    lost = 1 - len(cut.token_ids) / len(whole.token_ids)
    unknown = float(np.mean(cut.token_ids == 1))
    if not lost:
        log.info("Read every review whole, %.1f %% of tokens unknown", 100 * unknown)
        return
    log.info(
        "Read at most %d tokens (%s): %.1f %% of train reviews cut, %.1f %% of tokens lost, "
        "%.1f %% unknown",
        *(config.max_length, config.keep.name, 100 * shortened, 100 * lost, 100 * unknown),
    )


def _fingerprint(splits: ReviewSplits, config: TokenizerConfig) -> str:
    import tokenizers

    settings = [_FORMAT, splits.fingerprint, config.kind.name, config.vocab_size, WORD]
    settings.append(tokenizers.__version__)
    return hashlib.blake2b(json.dumps(settings).encode(), digest_size=16).hexdigest()


def _fill(folder: Path, splits: ReviewSplits, config: TokenizerConfig) -> None:
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


def _open(folder: Path, splits: ReviewSplits) -> tuple[Tokenizer, dict[str, EncodedSplit]]:
    """Return what `_fill` wrote.

    Raises:
      ValueError: a file is not as it was written.
    """
    digests = json.loads((folder / "manifest.json").read_text())
    if digests != {name: _digest(folder / name) for name in _files()}:
        raise ValueError("a file is not as it was written")
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
