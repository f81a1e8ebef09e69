"""Prepare the benchmark's texts: IMDB's reviews if TFDS has them, else texts of similar lengths.

`prepare_texts` writes them once as files, which every worker maps into memory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.config.data import ImdbConfig
from pipeline.config.machine import available_cores
from pipeline.config.schema import Device, DeviceConfig, TokenizerConfig
from pipeline.tokens.encoding import encode_texts
from pipeline.tokens.split import EncodedSplit, truncate_split
from pipeline.tokens.vocabulary import train_tokenizer

MOST_REVIEWS = 25_000
_SETTINGS = TokenizerConfig()  # a vocabulary of 20,000, the last 400 tokens of a review


@dataclass(frozen=True)
class Workload:
    """The training data of a worker.

    texts: the reviews of `split`, not truncated. vocab_size: includes padding and unknown.
    """

    split: EncodedSplit
    texts: list[str]
    vocab_size: int
    batch_size: int = 64


def prepare_texts(folder: Path) -> list[str]:
    """Write `MOST_REVIEWS` reviews and their ids; return lines that describe texts and processor.

    This imports TensorFlow, so it runs in its own process.
    """
    from pipeline.runs.device import prepare_device

    device = prepare_device(DeviceConfig(kind=Device.cpu, threads=available_cores()), 1)
    texts, labels, source = load_imdb() or generate_texts()
    tokenizer = train_tokenizer(texts, _SETTINGS)
    split = as_split(*encode_texts(tokenizer, texts), labels)
    cut = truncate_split(split, _SETTINGS.max_length, _SETTINGS.keep).take(np.arange(len(split)))
    np.save(folder / "token_ids.npy", cut.token_ids)
    np.save(folder / "offsets.npy", cut.offsets)
    np.save(folder / "labels.npy", cut.labels)
    (folder / "texts.json").write_text(json.dumps(texts))
    (folder / "vocab_size.json").write_text(json.dumps(tokenizer.get_vocab_size()))
    return [
        f"Texts: {source}, {len(texts):,} reviews of {split.lengths.mean():.0f} tokens "
        f"({cut.lengths.mean():.0f} when truncated to {_SETTINGS.max_length}), "
        f"vocabulary {tokenizer.get_vocab_size():,}, batches of 64",
        f"Processor: {device.name}, {available_cores()} cores",
    ]


def load_workload(folder: Path, reviews: int, row_length: int | None, texts: bool) -> Workload:
    """Load the first `reviews`, or as many rows of `row_length` tokens cut from all texts."""
    token_ids = np.load(folder / "token_ids.npy", mmap_mode="r")
    offsets = np.load(folder / "offsets.npy")
    labels = np.load(folder / "labels.npy")
    if row_length:
        offsets = np.arange(len(token_ids) // row_length + 1) * row_length
    rows = min(reviews, len(offsets) - 1)
    split = as_split(token_ids, offsets[: rows + 1], np.resize(labels, (rows, 1)))
    uncut = json.loads((folder / "texts.json").read_text())[:rows] if texts else []
    return Workload(split, uncut, json.loads((folder / "vocab_size.json").read_text()))


def as_split(token_ids: np.ndarray, offsets: np.ndarray, labels: np.ndarray) -> EncodedSplit:
    """Make a split from ids and labels <int32>[n, 1] alone; its other fields are zero."""
    zeros = np.zeros(len(labels), np.int32)
    return EncodedSplit(token_ids, offsets, zeros, labels, zeros.astype(str))


def load_imdb() -> tuple[list[str], np.ndarray, str] | None:
    """Load IMDB's reviews; None if TFDS has not prepared them, as the benchmark downloads nothing."""
    import tensorflow_datasets as tfds

    from pipeline.data.reviews import load_reviews

    if not tfds.builder("imdb_reviews/plain_text").is_prepared():
        return None
    splits = [reviews for _, reviews in load_reviews(ImdbConfig()).named()]
    texts = [text for reviews in splits for text in reviews.texts][:MOST_REVIEWS]
    labels = np.concatenate([reviews.labels for reviews in splits])[:MOST_REVIEWS]
    return texts, labels, "IMDB"


def generate_texts() -> tuple[list[str], np.ndarray, str]:
    """Generate reviews with Zipf-like word frequencies and lengths like IMDB's.

    Lengths are lognormal with a median of 174 words and a mean of 234.
    """
    rng = np.random.default_rng(0)
    lengths = rng.lognormal(np.log(174), 0.77, MOST_REVIEWS).clip(10, 2_500).astype(int)
    frequencies = 1 / (np.arange(60_000) + 2.7)
    words = rng.choice(60_000, lengths.sum(), p=frequencies / frequencies.sum()).astype(str)
    texts = [" ".join(row) for row in np.split(words, np.cumsum(lengths)[:-1])]
    labels = rng.integers(0, 2, (MOST_REVIEWS, 1), np.int32)
    return texts, labels, "generated, as TFDS has no prepared imdb_reviews (see TFDS_DATA_DIR)"
