"""Prepare the tokens that the language models of the benchmark read, and a sample to compare them by."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.benchmark.workload import generate_texts, load_imdb
from pipeline.config.schema import ArchitectureConfig, TokenizerConfig
from pipeline.config.tasks import LanguageConfig
from pipeline.tokens.encoding import encode_texts
from pipeline.tokens.split import EncodedSplit
from pipeline.tokens.streams import Candidates, make_streams
from pipeline.tokens.vocabulary import train_tokenizer

SETTINGS = LanguageConfig(steps_per_validation=10**9)
_TEXTS = 5_000  # more than a million tokens
_SAMPLE = (4, 12)  # texts, and tokens of each


@dataclass(frozen=True)
class LanguageTask:
    """Say what is trained: a network, the tokens with padding and the end of a text, the streams."""

    architecture: ArchitectureConfig
    vocab_size: int
    batch_size: int

    def __str__(self) -> str:
        tied = "tied" if self.architecture.tie_embeddings else "untied"
        return (
            f"{self.architecture.name}, {tied}, {self.vocab_size:,} tokens, batch {self.batch_size}"
        )


@dataclass(frozen=True)
class BenchmarkTokens:
    """Hold what the task of language models needs of `LanguageTokens`."""

    train: EncodedSplit
    end: int
    counts: np.ndarray

    @property
    def validation(self) -> EncodedSplit:
        return self.train.take(np.arange(1))  # it is not measured


class StepBatch(NamedTuple):
    """Hold a step. Positions follow each other by step, then by stream.

    inputs: <int32>[streams, steps]; targets: <int32>[positions]; candidates, corrections, hits: as for
    `pipeline.models.softmax.sampled_loss`.
    """

    inputs: np.ndarray
    targets: np.ndarray
    candidates: np.ndarray
    corrections: np.ndarray
    hits: np.ndarray


def prepare_tokens(folder: Path, sizes: list[int]) -> str:
    """Write the ids of texts for each size of the vocabulary; return where they come from.

    This imports TensorFlow, so it runs in its own process.
    """
    texts, _, source = load_imdb() or generate_texts()
    for size in sizes:
        tokenizer = train_tokenizer(texts, TokenizerConfig(vocab_size=size - 1))
        ids, offsets = encode_texts(tokenizer, texts[:_TEXTS])
        np.save(folder / f"{size}.token_ids.npy", np.insert(ids, offsets[1:], size - 1))
        np.save(folder / f"{size}.offsets.npy", offsets + np.arange(len(offsets)))
    return source


def load_tokens(folder: Path, size: int) -> BenchmarkTokens:
    """Load the texts; the last id of the vocabulary ends each."""
    ids = np.load(folder / f"{size}.token_ids.npy", mmap_mode="r")
    return as_tokens(ids, np.load(folder / f"{size}.offsets.npy"), size)


def as_tokens(ids: np.ndarray, offsets: np.ndarray, size: int) -> BenchmarkTokens:
    rows = np.zeros(len(offsets) - 1, np.int32)
    split = EncodedSplit(ids, offsets, rows, np.zeros((len(rows), 0), np.int32), rows.astype(str))
    return BenchmarkTokens(split, size - 1, np.bincount(ids, minlength=size))


def endless_steps(task: LanguageTask, tokens: BenchmarkTokens) -> Iterator[StepBatch]:
    """Yield steps as `LanguageModelling.batches` does, epoch after epoch."""
    candidates = Candidates(tokens.counts, SETTINGS.candidates, SETTINGS.proposal)
    for epoch in itertools.count():
        rng = np.random.default_rng([0, epoch])
        streams = make_streams(tokens.train, task.batch_size, SETTINGS.bptt, tokens.end, rng)
        for batch in streams.batches(0, streams.inputs.shape[1] // SETTINGS.bptt):
            targets = batch.targets.T.ravel()
            yield StepBatch(batch.inputs, targets, *candidates.draw(targets, rng))


def sample_of(tokens: BenchmarkTokens) -> StepBatch:
    """Return the beginnings of some texts."""
    rows, length = _SAMPLE
    long = np.flatnonzero(tokens.train.lengths > length)[:rows]
    read = np.stack([tokens.train.row(row)[:length] for row in long])
    inputs = np.concatenate([np.full((len(read), 1), tokens.end), read[:, :-1]], 1)
    candidates = Candidates(tokens.counts, SETTINGS.candidates, SETTINGS.proposal)
    targets = read.T.ravel()
    drawn = candidates.draw(targets, np.random.default_rng(0))
    return StepBatch(inputs.astype(np.int32), targets, *drawn)


def expected_loss(logits: np.ndarray, batch: StepBatch) -> float:
    """Return the loss of the sampled softmax, by its definition, from all logits <float>[N, V]."""
    places = np.arange(len(batch.targets))
    own = logits[places, batch.targets].astype(float)
    drawn = logits[:, batch.candidates] + batch.corrections.astype(float)
    drawn[batch.candidates[None] == batch.targets[:, None]] = -np.inf
    return float(np.mean(np.logaddexp(np.logaddexp.reduce(drawn, axis=1), own) - own))
