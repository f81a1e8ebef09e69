"""Define the inputs and results of probes, and what several probes share.

A probe uses a trained network through a small interface, a `Reader`: texts in, logits out. The baseline
has the same interface, so that the same probes apply to it. Probes that need the states or gradients of
a network use its `Network`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

from pipeline.analysis.curves import Reach
from pipeline.config.probes import ProbeConfig, ProbeKind
from pipeline.config.schema import ArchitectureConfig
from pipeline.config.texts import DataConfig
from pipeline.data.splits import Head, ReviewSplits, predicted_classes
from pipeline.tokens.encoding import encode_texts
from pipeline.tokens.split import EncodedSplit
from pipeline.training.classify import read_logits
from pipeline.training.loop import Forward
from pipeline.words import reads_spaces

log = logging.getLogger(__name__)

MIN_REVIEWS = 40  # with fewer, a probe says nothing about a network


class Skipped(Exception):
    """Raise when a probe does not apply to the data; the message says in a line what is missing."""


@dataclass(frozen=True)
class ProbeResult:
    """Hold the result of a probe.

    name: of the probe; table: a row for each review and condition; metrics: numbers by name under
    `probe/<name>/`, of which only finite ones are stored; facts: texts by name, for what is not a
    number, such as a half-life "beyond 800".
    """

    name: str
    table: pd.DataFrame
    metrics: dict[str, float]
    facts: dict[str, str]


def reach_metrics(name: str, reach: Reach) -> dict[str, float]:
    """Return a reach as metrics that can be charted.

    One that lies beyond what was measured is given as the furthest place measured, and the flag
    `<name>_is_bound` says so. Both are NaN where there was nothing to lose.
    """
    is_bound = math.nan if math.isnan(reach.value) else float(math.isinf(reach.value))
    return {name: min(reach.value, reach.furthest), f"{name}_is_bound": is_bound}


class Reader(Protocol):
    """Read texts and return logits."""

    @property
    def heads(self) -> tuple[Head, ...]: ...

    def read(self, texts: list[str]) -> list[np.ndarray]:
        """Return the logits <float32>[n, outputs] of each head. Texts are read whole."""
        ...


@dataclass(frozen=True)
class Network:
    """Hold a trained network. `forward` computes the logits of `model`, possibly faster."""

    model: Any  # keras.Model
    forward: Forward
    architecture: ArchitectureConfig


@dataclass(frozen=True)
class Subject:
    """Hold a model to probe, with the texts it was trained and tested on.

    The `max_length` of training does not apply: probes build their texts, which are read whole.
    `network` is None for the baseline. `cache`: the folder of results that all subjects share.
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
Probed = TypeVar("Probed")


def run_one(
    kind: ProbeKind,
    probe: Callable[[Probed, ProbeConfig], ProbeResult],
    subject: Probed,
    config: ProbeConfig,
) -> ProbeResult | None:
    """Run a probe and log a line; None if it does not apply."""
    started = time.perf_counter()
    try:
        result = probe(subject, config)
    except Skipped as reason:
        log.info("Probe %s skipped: %s", kind.name, reason)
        return None
    summary = ", ".join(f"{name} {fact}" for name, fact in result.facts.items())
    log.info("Probe %s: %s (%.1f s)", kind.name, summary, time.perf_counter() - started)
    return result


@dataclass(frozen=True)
class NetworkReader:
    """Read whole texts by a network and its tokenizer, in batches of similar length."""

    forward: Forward
    heads: tuple[Head, ...]
    tokenizer: Tokenizer

    def read(self, texts: list[str]) -> list[np.ndarray]:
        logits = [np.empty((len(texts), head.outputs), dtype=np.float32) for head in self.heads]
        split = encode_rows(self.tokenizer, texts)
        bands = np.digitize(split.lengths, _LENGTHS)
        for band in np.unique(bands):
            rows = np.flatnonzero(bands == band)
            size = max(16, _TOKENS_PER_BATCH // int(split.lengths[rows].max()))
            read = read_logits(self.forward, split.take(rows), self.heads, size)
            for place, values in zip(logits, read, strict=True):
                place[rows] = values
        return logits


# Use large batches for short rows and small ones for long rows: a step takes about the same time.
_TOKENS_PER_BATCH = 50_000
_LENGTHS = [32, 64, 128, 256, 512, 1024]


def encode_rows(tokenizer: Tokenizer, texts: list[str]) -> EncodedSplit:
    """Return whole texts as token ids without labels, the same ids as from `encode_texts`.

    Unless spaces are tokens, whatever stands between them is encoded once: probes repeat the same
    words so often that encoding each occurrence would take longer than the network does.
    """
    numbers: dict[str, int] = {}
    rows = [text.split() or [""] for text in texts]
    flat = np.array([numbers.setdefault(word, len(numbers)) for row in rows for word in row])
    ids, starts = encode_texts(tokenizer, list(numbers), fill=False)
    lengths = np.diff(starts)[flat]  # tokens of each word
    parts = np.array([len(row) for row in rows], dtype=np.int32)
    if lengths.all() and not reads_spaces(tokenizer):
        ends = np.concatenate([[0], np.cumsum(lengths)])
        ids = ids[np.arange(ends[-1]) + np.repeat(starts[flat] - ends[:-1], lengths)]
        offsets = ends[np.concatenate([[0], np.cumsum(parts)])]
    else:  # a text may be empty
        ids, offsets = encode_texts(tokenizer, texts)
    nothing = np.zeros((len(texts), 0), dtype=np.int32)
    return EncodedSplit(ids, offsets, parts, nothing, np.arange(len(texts)))


@dataclass(frozen=True)
class Answers:
    """Hold predictions for texts, and whether they are right.

    margins: <float>[n, heads], positive if a head is right: the logit signed by the label or, for more
    than two classes, the logit of the true class minus the largest other; labels, predicted:
    <int>[n, heads], the true and the predicted class; correct: <bool>[n], every head right.
    """

    margins: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    correct: np.ndarray


def ask(reader: Reader, texts: list[str], labels: np.ndarray) -> Answers:
    """Read texts with known labels <int>[n, heads]."""
    logits = reader.read(texts)
    columns = zip(logits, labels.T, strict=True)
    margins = np.stack([_margins(values, truth) for values, truth in columns], axis=1)
    predicted = predicted_classes(logits)
    return Answers(margins, labels, predicted, (predicted == labels).all(axis=1))


def _margins(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    if logits.shape[1] == 1:
        return logits[:, 0] * (2 * labels - 1)
    rows = np.arange(len(labels))
    others = logits.copy()
    others[rows, labels] = -np.inf
    return logits[rows, labels] - others.max(axis=1)


def answer_columns(answers: Answers, heads: tuple[Head, ...]) -> dict[str, np.ndarray]:
    """Return columns of a table: correct (every head right), and label, predicted and margin.

    The columns of all heads but the first are prefixed with the name of the head.
    """
    columns = {"correct": answers.correct}
    for number, head in enumerate(heads):
        prefix = f"{head.name}_" if number else ""
        columns[f"{prefix}label"] = np.array(head.classes)[answers.labels[:, number]]
        columns[f"{prefix}predicted"] = np.array(head.classes)[answers.predicted[:, number]]
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
    """Draw about `size` of `rows` <int>[k], stratified by labels <int>[n] or, if `equal`, balanced.

    Returns: the drawn rows in increasing order.
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
