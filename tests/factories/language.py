"""Language models made by hand, whose memory is known, and texts for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tokenizers import models

from pipeline.config.data import ClausesConfig
from pipeline.config.schema import TokenizerConfig, TokenizerKind
from pipeline.config.tables import CsvConfig
from pipeline.config.tasks import Direction
from pipeline.data.language_texts import load_language_texts
from pipeline.data.splits import Reviews
from pipeline.probes.language import LanguageSubject
from pipeline.tokens.language import LanguageTokens, encode_language
from pipeline.tokens.split import EncodedSplit
from pipeline.tokens.vocabulary import END, PADDING
from pipeline.words import UNKNOWN, make_tokenizer

FIRST_WORD = 3  # the ids below are padding, unknown and END

# What has been read, <int>[t] -> the probability of each token to come, <float64>[vocab_size]
Predict = Callable[[np.ndarray], np.ndarray]
States = tuple[np.ndarray, ...]  # of each row, what has been read


@dataclass
class ReaderByHand:
    """Predict from all that has been read; `seen` collects what was read before each target."""

    vocab_size: int
    predict: Predict
    seen: list[tuple[int, ...]] = field(default_factory=list)

    def losses(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        nats = np.zeros(inputs.shape, dtype=np.float32)
        for row, place in np.argwhere(targets != 0):
            nats[row, place] = self._loss(inputs[row, : place + 1], targets[row, place])
        return nats

    def last_losses(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        read = [row[row != 0] for row in inputs]
        nats = [self._loss(*one) for one in zip(read, targets, strict=True)]
        return np.array(nats, dtype=np.float32)

    def _loss(self, read: np.ndarray, target: Any) -> float:
        self.seen.append(tuple(read.tolist()))
        return -float(np.log(self.predict(read)[target]))

    def start(self, batch: int) -> States:
        return (np.zeros(0, dtype=np.int32),) * batch

    def step(self, token_ids: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        read = tuple(np.concatenate(one) for one in zip(states, token_ids, strict=True))
        logits = [np.log(self.predict(one)) for one in read]
        return np.array(logits, dtype=np.float32), read

    def select(self, states: States, rows: Any) -> States:
        return tuple(states[row] for row in rows)


def uniform(vocab_size: int) -> ReaderByHand:
    return ReaderByHand(vocab_size, lambda read: np.full(vocab_size, 1 / vocab_size))


def bigram(counts: np.ndarray) -> ReaderByHand:
    """Predict by a table of counts <int>[vocab_size, vocab_size] of pairs."""
    table = counts / counts.sum(axis=1, keepdims=True)
    return ReaderByHand(len(table), lambda read: table[read[-1]])


def looks_back(vocab_size: int, k: int) -> ReaderByHand:
    """Predict that the token of k tokens before comes again, from that one alone."""

    def predict(read: np.ndarray) -> np.ndarray:
        chances = np.full(vocab_size, 1 / vocab_size)
        if len(read) >= k:
            chances *= 0.1
            chances[read[-k]] += 0.9
        return chances

    return ReaderByHand(vocab_size, predict)


def copier(vocab_size: int, reach: int = 10**6) -> ReaderByHand:
    """Be certain of every token that is among the last `reach`, and know nothing of others."""

    def predict(read: np.ndarray) -> np.ndarray:
        chances = np.full(vocab_size, 1 / vocab_size)
        chances[read[-reach:]] = 1  # no distribution, but the loss is known at every distance
        return chances

    return ReaderByHand(vocab_size, predict)


def split_of(rows: list[np.ndarray], end: int = 2) -> EncodedSplit:
    ended = [np.append(row, end).astype(np.int32) for row in rows]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in ended])])
    words = np.array([len(row) for row in rows], dtype=np.int32)
    ids = np.array([f"test-{number:04d}" for number in range(len(rows))])
    labels = np.zeros((len(rows), 0), dtype=np.int32)
    return EncodedSplit(np.concatenate(ended), offsets, words, labels, ids)


def word_tokenizer(vocab_size: int) -> Any:
    words = [PADDING, UNKNOWN, END, *(f"w{number}" for number in range(FIRST_WORD, vocab_size))]
    vocab = {word: number for number, word in enumerate(words)}
    return make_tokenizer(models.WordLevel(vocab, unk_token=UNKNOWN))


def subject_of(
    reader: Any,
    rows: list[np.ndarray],
    *,
    counts: np.ndarray | None = None,
    direction: Direction = Direction.forward,
) -> LanguageSubject:
    """Return a reader with test texts of given tokens; `counts` are those of train, or else of test."""
    test = split_of(rows)
    if counts is None:
        counts = np.bincount(test.token_ids, minlength=reader.vocab_size)
    tokens = LanguageTokens(
        train=test,
        validation=test,
        test=test,
        characters={},
        tokenizer=word_tokenizer(reader.vocab_size),
        fingerprint="made by hand",
        unknown={},
        counts=counts,
    )
    texts = [" ".join(f"w{token}" for token in row) for row in rows]
    reviews = Reviews(test.review_ids, texts, np.zeros((len(rows), 1), dtype=np.int32))
    return LanguageSubject(reader, tokens, reviews, CsvConfig(path="by_hand.csv"), direction)


def generated_subject(kind: TokenizerKind = TokenizerKind.word, **data: Any) -> LanguageSubject:
    """Return generated texts, encoded, with a reader that knows nothing."""
    small = {"train_size": 300, "validation_size": 100, "test_size": 120, "max_distance": 20}
    settings: dict[str, Any] = {**small, **data}
    config = ClausesConfig(**settings)
    texts = load_language_texts(config, unlabelled=False, cache=None)
    with TemporaryDirectory() as folder:
        tokens = encode_language(texts, TokenizerConfig(kind=kind), Path(folder))
    reader = uniform(tokens.tokenizer.get_vocab_size())
    return LanguageSubject(reader, tokens, texts.test, config)
