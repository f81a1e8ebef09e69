"""The order-free baseline: a linear model over pairs of words, which remembers everything and no order.

Naive-Bayes-weighted bigrams (Wang and Manning 2012, Baselines and Bigrams), with logistic regression
in the place of their support vector machine, so that its answers come with log-odds. It reads whole
texts, whatever a network is trained with. What a network does not do better than this needs neither
memory nor gates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from pipeline.data.cleaning import WORD
from pipeline.data.reviews import Head, Reviews, answers_of

Floats = NDArray[np.float64]

_SMOOTHING = 1.0
_REGULARIZATION = 1.0  # scikit-learn's C
# How much of the weights stays when the rest is evened out to their mean; validation chooses.
_INTERPOLATIONS = (1.0, 0.5, 0.25)


@dataclass(frozen=True)
class _Question:
    """A head with two classes, or one class of a head against the others. ratios: <float>[features],
    the log-count ratios; weights: these times what was fitted to them.
    """

    ratios: Floats
    weights: Floats
    intercept: float


@dataclass(frozen=True)
class BigramBaseline:
    """A reader like a network is one: texts in, a logit for each head out, or one for each class.

    validation_accuracy: every head right. document_counts: in how many training texts a word stands.
    """

    heads: tuple[Head, ...]
    validation_accuracy: float
    document_counts: dict[str, int]
    _vectorizer: CountVectorizer
    _questions: tuple[tuple[_Question, ...], ...]  # for each head

    @property
    def parameters(self) -> int:
        return sum(len(q.weights) + 1 for questions in self._questions for q in questions)

    def read(self, texts: list[str]) -> list[np.ndarray]:
        """Logits <float32>[n, outputs] for each head."""
        logits = _logits(self._vectorizer.transform(texts), self._questions)
        return [values.astype(np.float32) for values in logits]

    def words(self, text: str) -> list[str]:
        return [word.lower() for word in self._vectorizer.build_tokenizer()(text)]

    def lean(self, texts: list[str]) -> Floats:
        """How far each text is from saying nothing, <float>[n], 0 or above.

        The log-odds that it adds; those of all its n-grams regardless of sign, because a sentence of
        opposites adds nothing and says a lot; and the log-count ratio of its least even word, whatever
        was fitted to that. Of several classes the largest counts.
        """
        features = sparse.csr_matrix(self._vectorizer.transform(texts))
        said = [
            abs(features @ one.weights)
            + features @ abs(one.weights)
            + _largest(features, abs(one.ratios) * self._is_word)
            for head in self._questions
            for one in head
        ]
        return np.max(said, axis=0)

    @cached_property
    def _is_word(self) -> NDArray[np.bool_]:
        """Which features are words and no pairs, <bool>[features]."""
        return np.array([" " not in name for name in self._vectorizer.get_feature_names_out()])


def _largest(features: Any, values: Floats) -> Floats:
    """The largest of the values <float>[features] of the features in each row, <float>[n]."""
    return sparse.csr_matrix(features.multiply(values)).max(axis=1).toarray().ravel()


def fit_baseline(train: Reviews, validation: Reviews, heads: tuple[Head, ...]) -> BigramBaseline:
    """Fits the baseline on the training texts, which takes about half a minute for 25,000 reviews.

    Pairs and words that stand in a single text are left out where that leaves any.
    """
    rare = 2 if len(train) >= 1000 else 1
    vectorizer = CountVectorizer(token_pattern=WORD, ngram_range=(1, 2), binary=True, min_df=rare)
    features = sparse.csr_matrix(vectorizer.fit_transform(train.texts), dtype=np.float32)
    held_out = sparse.csr_matrix(vectorizer.transform(validation.texts))
    questions = tuple(
        _fit_head(features, train.labels[:, n], held_out, validation.labels[:, n], head)
        for n, head in enumerate(heads)
    )
    counts = np.asarray(features.sum(axis=0)).ravel()
    names = vectorizer.get_feature_names_out()
    words = {name: int(count) for name, count in zip(names, counts, strict=True) if " " not in name}
    right = answers_of(_logits(held_out, questions)) == validation.labels
    return BigramBaseline(heads, float(right.all(axis=1).mean()), words, vectorizer, questions)


def _fit_head(
    features: Any, labels: np.ndarray, held_out: Any, held_out_labels: np.ndarray, head: Head
) -> tuple[_Question, ...]:
    classes = [1] if head.outputs == 1 else range(head.outputs)
    fitted = [_fit(features, labels == one) for one in classes]

    def interpolated(share: float) -> tuple[_Question, ...]:
        return tuple(
            _Question(ratio, ratio * ((1 - share) * np.abs(w).mean() + share * w), intercept)
            for ratio, w, intercept in fitted
        )

    def accuracy(questions: tuple[_Question, ...]) -> float:
        given = answers_of(_logits(held_out, (questions,)))[:, 0]
        return float((given == held_out_labels).mean())

    return max(map(interpolated, _INTERPOLATIONS), key=accuracy)


def _fit(features: Any, positive: np.ndarray) -> tuple[Floats, Floats, float]:
    """Log-count ratios, the weights fitted to features scaled by them, and the intercept."""
    counts = [
        _SMOOTHING + np.asarray(features[rows].sum(axis=0)).ravel()
        for rows in (positive, ~positive)
    ]
    ratio = np.log(counts[0] / counts[0].sum()) - np.log(counts[1] / counts[1].sum())
    scaled = sparse.csr_matrix(features @ sparse.diags(ratio.astype(np.float32)))
    model = LogisticRegression(C=_REGULARIZATION, max_iter=1000).fit(scaled, positive)
    return ratio, model.coef_[0].astype(np.float64), float(model.intercept_[0])


def _logits(features: Any, questions: Sequence[Sequence[_Question]]) -> list[np.ndarray]:
    return [
        np.stack([features @ one.weights + one.intercept for one in head], axis=1)
        for head in questions
    ]
