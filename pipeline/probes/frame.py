"""What a probe is given, and what it gives.

A probe sees a trained network through one small interface, a `Reader`: texts in, logits out. The
order-free baseline has the same interface, so that it goes through the very same probes. A network
that is looked into, not only read with, stands beside its reader as `Network`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

from pipeline.config.schema import ArchitectureConfig, DataConfig, ProbeConfig
from pipeline.data.reviews import Head, ReviewSplits, answers_of
from pipeline.tokens.encoding import EncodedSplit, encode_texts
from pipeline.training.classify import read_logits
from pipeline.training.loop import Forward

FEWEST_REVIEWS = 40  # a probe of fewer says nothing about a network


class Skipped(Exception):
    """These data give a probe nothing to measure; the message says in a line what is missing."""


@dataclass(frozen=True)
class ProbeResult:
    """name: of the probe; table: a row for each review and condition; metrics: scalars by name below
    `probe/<name>/`, those that are not finite being left out; facts: what no number can say, such as
    a half-life "beyond 800", likewise by name.
    """

    name: str
    table: pd.DataFrame
    metrics: dict[str, float]
    facts: dict[str, str]


class Reader(Protocol):
    """Whatever reads texts and answers."""

    @property
    def heads(self) -> tuple[Head, ...]: ...

    def read(self, texts: list[str]) -> list[np.ndarray]:
        """Logits <float32>[n, outputs] for each head. A text is read whole, however long it is."""
        ...


@dataclass(frozen=True)
class Network:
    """A trained network to look into. `forward` computes the logits of `model`, perhaps faster."""

    model: Any  # keras.Model
    forward: Forward
    architecture: ArchitectureConfig


@dataclass(frozen=True)
class Subject:
    """What is probed, with the texts it was trained and tested on.

    `max_length` of the tokenizer's settings is no part of it: a probe builds the texts it asks about,
    and all of what it builds is read. `network` is None for what has no inside, such as the baseline.
    `cache`: the folder where what is the same for every subject is kept.
    """

    reader: Reader
    tokenizer: Tokenizer
    data: DataConfig
    reviews: ReviewSplits
    cache: Path
    network: Network | None = None

    @property
    def heads(self) -> tuple[Head, ...]:
        return self.reviews.heads


Probe = Callable[[Subject, ProbeConfig], ProbeResult]  # raises Skipped


@dataclass(frozen=True)
class NetworkReader:
    """A network that reads texts through its tokenizer, whole, in batches of like length."""

    forward: Forward
    heads: tuple[Head, ...]
    tokenizer: Tokenizer

    def read(self, texts: list[str]) -> list[np.ndarray]:
        logits = [np.empty((len(texts), head.outputs), dtype=np.float32) for head in self.heads]
        split = encode_rows(self.tokenizer, texts)
        bands = np.digitize(split.lengths, _LENGTHS)
        for band in np.unique(bands):
            rows = np.flatnonzero(bands == band)
            size = max(16, _TOKENS_AT_A_TIME // int(split.lengths[rows].max()))
            read = read_logits(self.forward, take_rows(split, rows), self.heads, size)
            for place, values in zip(logits, read, strict=True):
                place[rows] = values
        return logits


# Short rows in large batches, long rows in small ones: a step costs much the same for either.
_TOKENS_AT_A_TIME = 50_000
_LENGTHS = [32, 64, 128, 256, 512, 1024]


def encode_rows(tokenizer: Tokenizer, texts: list[str]) -> EncodedSplit:
    """Texts as token ids, none cut, without labels: the ids that `encode_texts` gives.

    No token spans a space, so every distinct word is encoded once: a probe reads the same words over
    and over, and to encode them each time would take longer than to read them.
    """
    numbers: dict[str, int] = {}
    rows = [text.split() or [""] for text in texts]  # a text of nothing is one unknown token
    flat = np.array([numbers.setdefault(word, len(numbers)) for row in rows for word in row])
    ids, starts = encode_texts(tokenizer, list(numbers))
    lengths = np.diff(starts)[flat]  # tokens of each word
    ends = np.concatenate([[0], np.cumsum(lengths)])
    places = np.arange(ends[-1]) + np.repeat(starts[flat] - ends[:-1], lengths)
    words = np.array([len(row) for row in rows], dtype=np.int32)
    offsets = ends[np.concatenate([[0], np.cumsum(words)])]
    nothing = np.zeros((len(texts), 0), dtype=np.int32)
    full_lengths = np.diff(offsets).astype(np.int32)
    return EncodedSplit(ids[places], offsets, full_lengths, words, nothing, np.arange(len(texts)))


def take_rows(split: EncodedSplit, rows: np.ndarray) -> EncodedSplit:
    """The given rows <int>[k] of a split, in that order."""
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(split.lengths[rows], out=offsets[1:])
    return EncodedSplit(
        np.concatenate([split.row(row) for row in rows]),
        offsets,
        *(part[rows] for part in (split.full_lengths, split.words, split.labels, split.review_ids)),
    )


def count_words(text: str) -> int:
    """Words of a cleaned text, which has single spaces between them."""
    return text.count(" ") + 1


@dataclass(frozen=True)
class Answers:
    """What a reader said of texts. margins: <float>[n, heads], above 0 where a head is right: the
    logit signed by the label or, of more than two classes, the logit of the true one less the best
    other; labels, given: <int>[n, heads], the true class and the one answered; correct: <bool>[n],
    every head right.
    """

    margins: np.ndarray
    labels: np.ndarray
    given: np.ndarray
    correct: np.ndarray


def ask(reader: Reader, texts: list[str], labels: np.ndarray) -> Answers:
    """Reads texts whose answers are `labels` <int>[n, heads]."""
    logits = reader.read(texts)
    columns = zip(logits, labels.T, strict=True)
    margins = np.stack([_margins(values, truth) for values, truth in columns], axis=1)
    given = answers_of(logits)
    return Answers(margins, labels, given, (given == labels).all(axis=1))


def _margins(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    if logits.shape[1] == 1:
        return logits[:, 0] * (2 * labels - 1)
    rows = np.arange(len(labels))
    others = logits.copy()
    others[rows, labels] = -np.inf
    return logits[rows, labels] - others.max(axis=1)


def answer_columns(answers: Answers, heads: tuple[Head, ...]) -> dict[str, np.ndarray]:
    """Columns of a table: correct (every head right), and of the first head label, predicted and
    margin; those of further heads stand behind their names.
    """
    columns = {"correct": answers.correct}
    for number, head in enumerate(heads):
        prefix = f"{head.name}_" if number else ""
        columns[f"{prefix}label"] = np.array(head.classes)[answers.labels[:, number]]
        columns[f"{prefix}predicted"] = np.array(head.classes)[answers.given[:, number]]
        columns[f"{prefix}margin"] = answers.margins[:, number]
    return columns


def draw_stratified(
    labels: np.ndarray,
    rows: np.ndarray,
    size: int,
    rng: np.random.Generator,
    *,
    equal: bool = False,
) -> np.ndarray:
    """At most `size` of `rows` <int>[k], with the labels <int>[n] in proportion or all equally often.

    Returns the rows drawn, rising.
    """
    shuffled = rng.permutation(rows)
    classes, counts = np.unique(labels[rows], return_counts=True)
    if equal:
        quotas = np.full(len(classes), min(size // len(classes), counts.min()))
    else:
        quotas = np.floor(counts * min(1.0, size / len(rows)) + 0.5).astype(int)
    drawn = [
        shuffled[labels[shuffled] == label][:quota]
        for label, quota in zip(classes, quotas, strict=True)
    ]
    return np.sort(np.concatenate(drawn))
