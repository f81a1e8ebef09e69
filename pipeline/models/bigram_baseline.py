"""Fit the baseline: a linear model over words and pairs of words, which ignores all other word order.

Naive-Bayes-weighted bigrams (Wang and Manning 2012, Baselines and Bigrams), with logistic regression
instead of their support vector machine, so that its predictions have log-odds. It reads whole texts,
whatever a network is trained with. A task on which no network is better needs neither memory nor gates.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer, models, trainers

from pipeline.data.splits import Head, Reviews, predicted_classes
from pipeline.words import UNKNOWN, encode_in_chunks, make_tokenizer

Floats = NDArray[np.float64]

_SMOOTHING = 1.0
_REGULARIZATION = 1.0  # scikit-learn's C
# Weights are interpolated with their mean magnitude; validation chooses the share of the weights.
_INTERPOLATIONS = (1.0, 0.5, 0.25)


@dataclass(frozen=True)
class _BinaryModel:
    """Hold a linear model of a head with two classes, or of one class of a head against the others.

    ratios: <float>[features], the log-count ratios; weights: the ratios times the fitted coefficients.
    """

    ratios: Floats
    weights: Floats
    intercept: float


@dataclass(frozen=True)
class Words:
    """Cut texts into the words that the networks read; those outside train are `UNKNOWN`."""

    tokenizer: Tokenizer
    spelling: list[str]  # of each id

    @classmethod
    def of(cls, train: Sequence[str]) -> Words:
        tokenizer = make_tokenizer(models.WordLevel(unk_token=UNKNOWN))
        trainer = trainers.WordLevelTrainer(
            vocab_size=2**31 - 1, special_tokens=[UNKNOWN], show_progress=False
        )
        tokenizer.train_from_iterator(train, trainer)
        vocabulary = tokenizer.get_vocab()
        return cls(tokenizer, sorted(vocabulary, key=vocabulary.__getitem__))

    def cut(self, texts: Sequence[str]) -> Iterator[list[str]]:
        for ids, lengths in encode_in_chunks(self.tokenizer, texts):
            words = iter([self.spelling[number] for number in ids.tolist()])
            yield from (list(itertools.islice(words, length)) for length in lengths.tolist())


@dataclass(frozen=True)
class BigramBaseline:
    """Read texts and return logits of each head, like a network.

    validation_accuracy: share of texts with every head right. document_counts: for each word, the number
    of training texts that contain it.
    """

    heads: tuple[Head, ...]
    validation_accuracy: float
    document_counts: dict[str, int]
    _words: Words
    _vectorizer: CountVectorizer
    _models: tuple[tuple[_BinaryModel, ...], ...]  # for each head

    @property
    def parameters(self) -> int:
        return sum(len(model.weights) + 1 for models in self._models for model in models)

    def read(self, texts: list[str]) -> list[np.ndarray]:
        """Return the logits <float32>[n, outputs] of each head."""
        logits = _logits(self._features(texts), self._models)
        return [values.astype(np.float32) for values in logits]

    def polarity(self, texts: list[str]) -> Floats:
        """Return how far each text is from neutral, <float>[n], at least 0.

        The sum of three terms: the absolute log-odds of the text; the absolute log-odds of its n-grams,
        because opposites cancel in the first term; and the largest log-count ratio of a word, whatever
        weight was fitted to it. The largest sum over classes counts.
        """
        features = self._features(texts)
        distances = [
            abs(features @ one.weights)
            + features @ abs(one.weights)
            + _row_maximum(features, abs(one.ratios) * self._is_word)
            for head in self._models
            for one in head
        ]
        return np.max(distances, axis=0)

    def _features(self, texts: Sequence[str]) -> Any:
        return sparse.csr_matrix(self._vectorizer.transform(self._words.cut(texts)))

    @cached_property
    def _is_word(self) -> NDArray[np.bool_]:
        """Return which features are single words, <bool>[features]."""
        return np.array([" " not in name for name in self._vectorizer.get_feature_names_out()])


def _row_maximum(features: Any, values: Floats) -> Floats:
    """Return the largest of the values <float>[features] among the features of each row, <float>[n]."""
    return sparse.csr_matrix(features.multiply(values)).max(axis=1).toarray().ravel()


def fit_baseline(train: Reviews, validation: Reviews, heads: tuple[Head, ...]) -> BigramBaseline:
    """Fit the baseline on the training texts, which takes about half a minute for 25,000 reviews.

    Words and pairs that occur in only one text are left out, except for small training splits.
    """
    min_df = 2 if len(train) >= 1000 else 1
    words = Words.of(train.texts)
    no_pattern: Any = None
    vectorizer = CountVectorizer(
        tokenizer=list,  # texts are cut already
        token_pattern=no_pattern,
        lowercase=False,
        ngram_range=(1, 2),
        binary=True,
        min_df=min_df,
    )
    features = sparse.csr_matrix(vectorizer.fit_transform(words.cut(train.texts)), dtype=np.float32)
    held_out = sparse.csr_matrix(vectorizer.transform(words.cut(validation.texts)))
    models = tuple(
        _fit_head(features, train.labels[:, n], held_out, validation.labels[:, n], head)
        for n, head in enumerate(heads)
    )
    counts = np.asarray(features.sum(axis=0)).ravel()
    names = vectorizer.get_feature_names_out()
    known = {name: int(count) for name, count in zip(names, counts, strict=True) if " " not in name}
    right = predicted_classes(_logits(held_out, models)) == validation.labels
    return BigramBaseline(heads, float(right.all(axis=1).mean()), known, words, vectorizer, models)


def _fit_head(
    features: Any, labels: np.ndarray, held_out: Any, held_out_labels: np.ndarray, head: Head
) -> tuple[_BinaryModel, ...]:
    classes = [1] if head.outputs == 1 else range(head.outputs)
    fitted = [_fit(features, labels == one) for one in classes]

    def interpolated(share: float) -> tuple[_BinaryModel, ...]:
        return tuple(
            _BinaryModel(ratio, ratio * ((1 - share) * np.abs(w).mean() + share * w), intercept)
            for ratio, w, intercept in fitted
        )

    def accuracy(models: tuple[_BinaryModel, ...]) -> float:
        predicted = predicted_classes(_logits(held_out, (models,)))[:, 0]
        return float((predicted == held_out_labels).mean())

    return max(map(interpolated, _INTERPOLATIONS), key=accuracy)


def _fit(features: Any, positive: np.ndarray) -> tuple[Floats, Floats, float]:
    """Return log-count ratios, the coefficients fitted to features scaled by them, and the intercept."""
    counts = [
        _SMOOTHING + np.asarray(features[rows].sum(axis=0)).ravel()
        for rows in (positive, ~positive)
    ]
    ratio = np.log(counts[0] / counts[0].sum()) - np.log(counts[1] / counts[1].sum())
    scaled = sparse.csr_matrix(features @ sparse.diags(ratio.astype(np.float32)))
    model = LogisticRegression(C=_REGULARIZATION, max_iter=1000).fit(scaled, positive)
    return ratio, model.coef_[0].astype(np.float64), float(model.intercept_[0])


def _logits(features: Any, models: Sequence[Sequence[_BinaryModel]]) -> list[np.ndarray]:
    return [
        np.stack([features @ one.weights + one.intercept for one in head], axis=1)
        for head in models
    ]
