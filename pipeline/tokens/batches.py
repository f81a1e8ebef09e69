"""Token ids -> padded batches of like length.

Rows of like length share a batch, so that little is computed on padding; which rows meet, and in which
order batches come, is drawn anew for each epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.tokens.encoding import EncodedSplit

_POOL = 50  # batches that are sorted by length together: more would shuffle less, fewer pad more


@dataclass(frozen=True)
class Batch:
    """token_ids: <int32>[rows, longest], right-padded with 0; labels: <int32>[rows, heads];
    tokens: how many of the ids are not padding; rows: <int64>[rows], where they stand in the split.
    """

    token_ids: np.ndarray
    labels: np.ndarray
    tokens: int
    rows: np.ndarray


def shuffled_batches(
    split: EncodedSplit, batch_size: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Every row once, in batches of like length, in an order that `rng` draws."""
    for rows in shuffle_rows(split.lengths, batch_size, rng):
        yield _assemble(split, rows)


def ordered_batches(split: EncodedSplit, batch_size: int) -> Iterator[Batch]:
    """Every row once, shortest first: for reading, where the order does not matter."""
    order = np.argsort(split.lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        yield _assemble(split, order[start : start + batch_size])


def shuffle_rows(
    lengths: np.ndarray, batch_size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """The rows of each batch of an epoch.

    Rows are shuffled, cut into pools of fifty batches, sorted by length within their pool and cut into
    batches, which are shuffled in turn. All batches are full but the last of each epoch's pools.
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
    """Padding as a share of everything computed."""
    computed = sum(len(rows) * lengths[rows].max() for rows in batches)
    return 1 - float(lengths.sum()) / float(computed)


def _assemble(split: EncodedSplit, rows: np.ndarray) -> Batch:
    lengths = split.lengths[rows]
    token_ids = np.zeros((len(rows), lengths.max()), dtype=np.int32)
    for place, row in enumerate(rows):
        token_ids[place, : lengths[place]] = split.row(row)
    return Batch(token_ids, split.labels[rows], int(lengths.sum()), rows)
