"""Hold the token ids of a split, and which of them are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipeline.config.schema import Keep

_ROWS = 20_000  # that are looked through at once


@dataclass(frozen=True)
class EncodedSplit:
    """Hold the token ids of a split, row after row, without padding.

    token_ids: <int32>[tokens], possibly mapped from a file, which holds whole texts; offsets:
    <int64>[n + 1], text i is token_ids[offsets[i]:offsets[i + 1]]; words: <int32>[n], words of the
    whole text; labels: <int32>[n, heads]; review_ids: <str>[n]; kept: how many tokens are read at the
    start and at the end of a text that is longer than both together, None: all.
    """

    token_ids: np.ndarray
    offsets: np.ndarray
    words: np.ndarray
    labels: np.ndarray
    review_ids: np.ndarray
    kept: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def full_lengths(self) -> np.ndarray:
        """Return the number of tokens of each whole text, <int64>[n], at least 1."""
        return np.diff(self.offsets)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Return the number of tokens that are read of each text, <int64>[n], at least 1."""
        full = self.full_lengths
        return full if self.kept is None else np.minimum(full, sum(self.kept))

    def row(self, number: int) -> np.ndarray:
        """Return the tokens that are read of a text, <int32>[length]."""
        ids = self.token_ids[self.offsets[number] : self.offsets[number + 1]]
        if self.kept is None or len(ids) <= sum(self.kept):
            return ids
        first, last = self.kept
        if not first:
            return ids[len(ids) - last :]
        return np.concatenate([ids[:first], ids[len(ids) - last :]]) if last else ids[:first]

    def take(self, rows: np.ndarray) -> EncodedSplit:
        """Return what is read of the given rows <int>[k], in that order."""
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(self.lengths[rows], out=offsets[1:])
        token_ids = np.concatenate([self.row(row) for row in rows])
        words, labels, ids = (part[rows] for part in (self.words, self.labels, self.review_ids))
        return EncodedSplit(token_ids, offsets, words, labels, ids)

    def share_of(self, token: int) -> float:
        """Return the share of a token among all that are read."""
        return sum(self._count(token)) / int(self.lengths.sum())

    def _count(self, token: int) -> Iterator[int]:
        """Yield how often a token is read in some rows after the other, since all may be too many."""
        for start in range(0, len(self), _ROWS):
            offsets = self.offsets[start : start + _ROWS + 1]
            places = np.flatnonzero(self.token_ids[offsets[0] : offsets[-1]] == token) + offsets[0]
            if self.kept is not None:
                rows = np.searchsorted(offsets, places, side="right") - 1
                first, last = self.kept
                at_start = places - offsets[rows] < first
                places = places[at_start | (offsets[rows + 1] - places <= last)]
            yield len(places)


def truncate_split(split: EncodedSplit, max_length: int, keep: Keep) -> EncodedSplit:
    """Return the split with at most `max_length` tokens of each row: the last, the first, or both.

    No token is copied.
    """
    first = {Keep.tail: 0, Keep.head: max_length, Keep.both: (max_length + 1) // 2}[keep]
    return replace(split, kept=(first, max_length - first))
