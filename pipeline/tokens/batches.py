"""Arrange token ids in padded batches of rows of similar length.

This keeps the share of padding small. The composition and the order of the batches are drawn again for
each epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.tokens.split import EncodedSplit

_POOL = 50  # batches that are sorted by length together: more shuffle less, fewer pad more


@dataclass(frozen=True)
class Batch:
    """Hold a padded batch.

    token_ids: <int32>[rows, longest], right-padded with 0; labels: <int32>[rows, heads];
    tokens: number of ids that are not padding; rows: <int64>[rows], their indices in the split.
    """

    token_ids: np.ndarray
    labels: np.ndarray
    tokens: int
    rows: np.ndarray


def shuffled_batches(
    split: EncodedSplit, batch_size: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Yield every row once, in batches of similar length, in an order that `rng` draws."""
    for rows in shuffle_rows(split.lengths, batch_size, rng):
        yield _assemble(split, rows)


def ordered_batches(split: EncodedSplit, batch_size: int) -> Iterator[Batch]:
    """Yield every row once, shortest first, for prediction, where the order does not matter."""
    order = np.argsort(split.lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        yield _assemble(split, order[start : start + batch_size])


def shuffle_rows(
    lengths: np.ndarray, batch_size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return the rows of each batch of an epoch.

    Rows are shuffled, divided into pools of fifty batches, sorted by length within their pool and
    divided into batches, which are shuffled in turn. Only one batch may be smaller.
    """
    order = rng.permutation(len(lengths))
    pool = _POOL * batch_size
    batches = []
    for start in range(0, len(order), pool):
        rows = order[start : start + pool]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches.extend(rows[i : i + batch_size] for i in range(0, len(rows), batch_size))
    return [batches[index] for index in rng.permutation(len(batches))]


def padded_share(lengths: np.ndarray, batches: list[np.ndarray]) -> float:
    """Return the share of padding in all positions of the batches."""
    computed = sum(len(rows) * lengths[rows].max() for rows in batches)
    return 1 - float(lengths.sum()) / float(computed)


def _assemble(split: EncodedSplit, rows: np.ndarray) -> Batch:
    lengths = split.lengths[rows]
    token_ids = np.zeros((len(rows), lengths.max()), dtype=np.int32)
    for place, row in enumerate(rows):
        token_ids[place, : lengths[place]] = split.row(row)
    return Batch(token_ids, split.labels[rows], int(lengths.sum()), rows)
