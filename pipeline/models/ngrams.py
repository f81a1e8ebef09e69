"""Count in which texts each word and each pair of neighbouring words occurs.

Texts are cut by `pipeline.words`, so that the baseline reads exactly the words that the networks read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from tokenizers import Tokenizer, models, trainers

from pipeline.words import UNKNOWN, encode_in_chunks, make_tokenizer

_ALL = 2**31 - 1  # words of the vocabulary, at most


@dataclass(frozen=True)
class _Found:
    """Hold each key that a text holds once: those of text i are keys[offsets[i]:offsets[i + 1]]."""

    keys: NDArray[np.int64]
    offsets: NDArray[np.int64]


@dataclass(frozen=True)
class Ngrams:
    """Turn texts into features: which words and pairs of words each holds.

    keys: <int64>[features], rising. The key of a word is its id, which is less than the size of the
    vocabulary; that of a pair follows from the ids of both.
    """

    tokenizer: Tokenizer
    keys: NDArray[np.int64]

    @classmethod
    def fit(cls, texts: Sequence[str], min_texts: int) -> tuple[Ngrams, sparse.csr_matrix]:
        """Return the words and pairs that at least `min_texts` texts hold, and their features."""
        tokenizer = make_tokenizer(models.WordLevel(unk_token=UNKNOWN))
        trainer = trainers.WordLevelTrainer(
            vocab_size=_ALL, special_tokens=[UNKNOWN], show_progress=False
        )
        tokenizer.train_from_iterator(texts, trainer)
        found = _find_keys(tokenizer, texts)
        keys, counts = np.unique(found.keys, return_counts=True)
        ngrams = cls(tokenizer, keys[counts >= min(min_texts, counts.max())])
        return ngrams, ngrams._mark(found)

    def transform(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Return 1 where a text holds a word or pair, <float32>[n, features]."""
        return self._mark(_find_keys(self.tokenizer, texts))

    def words(self) -> list[str]:
        """Return the words among the features, which come before all pairs."""
        by_id = {number: word for word, number in self.tokenizer.get_vocab().items()}
        return [by_id[int(key)] for key in self.keys[self.keys < len(by_id)]]

    def _mark(self, found: _Found) -> sparse.csr_matrix:
        """Return 1 where a text holds a feature, <float32>[n, features]."""
        columns = np.searchsorted(self.keys, found.keys)
        known = self.keys[np.minimum(columns, len(self.keys) - 1)] == found.keys
        before = np.concatenate([[0], np.cumsum(known)])[found.offsets]
        columns = columns[known].astype(np.int32)
        ones = np.ones(len(columns), dtype=np.float32)
        shape = (len(found.offsets) - 1, len(self.keys))
        return sparse.csr_matrix((ones, columns, before), shape=shape)


def _find_keys(tokenizer: Tokenizer, texts: Sequence[str]) -> _Found:
    size = tokenizer.get_vocab_size()
    span = size * (size + 1)  # of keys
    keys, counts = [], []
    for ids, lengths in encode_in_chunks(tokenizer, texts):
        rows = np.repeat(np.arange(len(lengths)), lengths)
        ids = ids.astype(np.int64)
        pairs = (ids[:-1] + 1) * size + ids[1:]
        same = rows[1:] == rows[:-1]
        # Row and key in one number, since sorting numbers takes a third of the time of sorting pairs.
        both = np.sort(np.concatenate([rows * span + ids, (rows[1:] * span + pairs)[same]]))
        once = both[np.append(True, both[1:] != both[:-1])[: len(both)]]
        rows = once // span
        keys.append(once - rows * span)
        counts.append(np.bincount(rows, minlength=len(lengths)))
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return _Found(np.concatenate(keys), offsets)
