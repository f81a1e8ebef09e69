"""Train word vectors, by which words that stand in the same places become alike.

This is the skip-gram model with negative sampling of Mikolov et al. (2013, "Distributed representations
of words and phrases and their compositionality", NeurIPS), as gensim computes it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from pipeline.files import cached
from pipeline.tokens.encoding import encode_texts
from pipeline.tokens.vocabulary import SPECIAL

log = logging.getLogger(__name__)

# Increase it when the content of a cache changes, so that older ones are ignored.
_CACHE_VERSION = 1

# The values of Mikolov et al. and of their program. The vocabulary is chosen already, so that every
# token of it counts.
_SETTINGS: dict[str, Any] = {
    "sg": 1,
    "negative": 5,
    "ns_exponent": 0.75,
    "window": 5,
    "sample": 1e-3,
    "alpha": 0.025,
    "min_alpha": 1e-4,
    "min_count": 1,
    "workers": 1,  # several would not repeat themselves
}
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 50
_TOKENS = 5_000_000  # to be read in all, if the most epochs suffice: few texts are read more often
_LONGEST = 10_000  # tokens of a sentence, of which gensim drops what follows


def train_vectors(
    texts: Sequence[str], fingerprint: str, tokenizer: Tokenizer, dim: int, seed: int, cache: Path
) -> np.ndarray:
    """Return a vector of each token, <float32>[V, dim], from the cache if possible.

    Rows of padding, of the unknown token, and of tokens that occur in no text are NaN. The same seed
    gives the same vectors.

    fingerprint: of the texts.
    """
    import gensim  # only here: it takes a second, and most runs have no vectors

    settings = [
        _CACHE_VERSION,
        gensim.__version__,
        _SETTINGS,
        _FEWEST_EPOCHS,
        _MOST_EPOCHS,
        _TOKENS,
    ]
    content = [*settings, fingerprint, tokenizer.to_str(), dim, seed]
    entry = hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()

    def write(place: Path) -> None:
        token_ids, offsets = encode_texts(tokenizer, texts)
        with place.open("wb") as file:  # given a path, NumPy would add a suffix
            np.save(file, _train(token_ids, offsets, tokenizer.get_vocab_size(), dim, seed))

    return cached(cache / "vectors" / f"{entry}.npy", np.load, write)


class _Sentences:
    """Yield the tokens of each text as often as asked, as words that gensim can count."""

    def __init__(self, token_ids: np.ndarray, offsets: np.ndarray, vocab_size: int) -> None:
        self.token_ids, self.offsets = token_ids, offsets
        self.names = [str(number) for number in range(vocab_size)]

    def __iter__(self) -> Iterator[list[str]]:
        for start, end in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            known = self.token_ids[start:end]
            known = known[known >= len(SPECIAL)]
            for at in range(0, len(known), _LONGEST):
                yield [self.names[token] for token in known[at : at + _LONGEST].tolist()]


def _train(
    token_ids: np.ndarray, offsets: np.ndarray, vocab_size: int, dim: int, seed: int
) -> np.ndarray:
    from gensim.models import Word2Vec

    logging.getLogger("gensim").setLevel(logging.ERROR)  # it tells of every step
    vectors = np.full((vocab_size, dim), np.nan, np.float32)
    tokens = int((token_ids >= len(SPECIAL)).sum())
    if not tokens:
        return vectors
    epochs = min(max(_FEWEST_EPOCHS, math.ceil(_TOKENS / tokens)), _MOST_EPOCHS)
    log.info("Training word vectors on %s tokens, %d times", f"{tokens:,}", epochs)
    sentences = _Sentences(token_ids, offsets, vocab_size)
    model: Any = Word2Vec(sentences, vector_size=dim, seed=seed, epochs=epochs, **_SETTINGS)
    vectors[[int(name) for name in model.wv.index_to_key]] = model.wv.vectors
    return vectors
