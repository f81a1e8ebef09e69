"""Bound what the texts of a run hold, from its settings alone: words, and different ones.

Bounds are low where what fits would be refused otherwise.
"""

from __future__ import annotations

import os

from pipeline.config.data import ClausesConfig, ImdbConfig
from pipeline.config.schema import VOCAB_SIZE, RunConfig, TokenizerKind
from pipeline.config.tables import CsvConfig
from pipeline.config.tasks import LanguageConfig

# Bounds of what real texts hold, whatever larger number is typed.
LONGEST, WORDS, TEXTS = 4_000, 1_000_000, 1_000_000
CLAUSE_WORDS = 40  # of a long generated text beside its distance
WORD_BYTES = 6  # of a word with its space
_VOCABULARIES = {TokenizerKind.word: WORDS, TokenizerKind.bpe: WORDS, TokenizerKind.character: 100}
_CLAUSE_VOCABULARY, _IMDB_VOCABULARY = 200, 70_000  # different words, at least
_IMDB_WORDS, _IMDB_UNLABELLED = 5_000_000, 11_000_000  # of its train texts with and without a label


def count_vocabulary(config: RunConfig) -> float:
    """Return how many tokens there are, each with its weights."""
    size = min(config.tokenizer.vocab_size or VOCAB_SIZE, WORDS)
    if not isinstance(config.task, LanguageConfig):
        return size
    words = words_to_train_on(config)
    if isinstance(config.data, ClausesConfig):
        words = _CLAUSE_VOCABULARY
    elif isinstance(config.data, ImdbConfig):
        words = _IMDB_VOCABULARY
    return min(size, words, _VOCABULARIES[config.tokenizer.kind])


def words_to_train_on(config: RunConfig) -> float:
    """Return the words that a language model is trained on; there are as many tokens at least."""
    data = config.data
    if isinstance(data, ClausesConfig):
        return data.train_size * (CLAUSE_WORDS / 2 + mean_train_distance(data))  # of most texts
    if isinstance(data, CsvConfig):
        return file_size(data.path) / WORD_BYTES
    if isinstance(data, ImdbConfig):
        return _IMDB_WORDS + getattr(config.task, "unlabelled", False) * _IMDB_UNLABELLED
    return TEXTS * LONGEST


def mean_train_distance(data: ClausesConfig) -> float:
    return data.max_distance / (data.train_distance_exponent + 1)


def file_size(path: str | None) -> int:
    try:
        return os.path.getsize(path) if path else 0
    except OSError:  # said elsewhere
        return 0
