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
        rows, found = _find_keys(tokenizer, texts)
        keys, counts = np.unique(found, return_counts=True)
        ngrams = cls(tokenizer, keys[counts >= min(min_texts, counts.max())])
        return ngrams, ngrams._mark(rows, found, len(texts))

    def transform(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Return 1 where a text holds a word or pair, <float32>[n, features]."""
        return self._mark(*_find_keys(self.tokenizer, texts), len(texts))

    def words(self) -> list[str]:
        """Return the words among the features, which come before all pairs."""
        size = self.tokenizer.get_vocab_size()
        return [self.tokenizer.id_to_token(int(key)) for key in self.keys[self.keys < size]]

    def _mark(
        self, rows: NDArray[np.int64], found: NDArray[np.int64], texts: int
    ) -> sparse.csr_matrix:
        columns = np.searchsorted(self.keys, found)
        known = self.keys[np.minimum(columns, len(self.keys) - 1)] == found
        rows, columns = rows[known], columns[known]
        ones = np.ones(len(rows), dtype=np.float32)
        return sparse.csr_matrix((ones, (rows, columns)), shape=(texts, len(self.keys)))


def _find_keys(
    tokenizer: Tokenizer, texts: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the keys of each text once, <int64>[found], and the row of each."""
    size = tokenizer.get_vocab_size()
    keys = size * (size + 1)
    parts, start = [], 0
    for ids, lengths in encode_in_chunks(tokenizer, texts):
        rows = np.repeat(np.arange(len(lengths)), lengths)
        ids = ids.astype(np.int64)
        pairs = (ids[:-1] + 1) * size + ids[1:]
        same = rows[1:] == rows[:-1]
        # Row and key in one number, since sorting numbers takes a third of the time of sorting pairs.
        both = np.sort(np.concatenate([rows * keys + ids, (rows[1:] * keys + pairs)[same]]))
        once = both[np.append(True, both[1:] != both[:-1])[: len(both)]]
        rows = once // keys
        parts.append((rows + start, once - rows * keys))
        start += len(lengths)
    rows, found = (np.concatenate(one) for one in zip(*parts, strict=True))
    return rows, found
