"""Define what flows from the data to all stages: labelled texts in splits, and their heads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

_TEXTS_AT_ONCE = 1_000  # that are digested


@dataclass(frozen=True)
class Head:
    """Describe an output of a model by its name and its classes.

    It has one logit for two classes (that of `classes[1]`), else one for each class.
    """

    name: str
    classes: tuple[str, ...]

    @property
    def outputs(self) -> int:
        return 1 if len(self.classes) == 2 else len(self.classes)


def predicted_classes(logits: list[np.ndarray]) -> np.ndarray:
    """Return the predicted class of each head, <int32>[n, heads], from its logits <float>[n, outputs].

    It is the most probable class; the first in a tie.
    """
    columns = [
        values[:, 0] > 0 if values.shape[1] == 1 else values.argmax(axis=1) for values in logits
    ]
    return np.stack(columns, axis=1).astype(np.int32)


@dataclass(frozen=True)
class Reviews:
    """Hold labelled texts in a fixed order.

    ids: <str>[n], unique over all splits; texts: n cleaned texts, none empty; labels: <int32>[n, heads],
    an index into the classes of each head; traits: further facts about each text (for `clauses`:
    distance, distractors, contradicted), one row each, or None.
    """

    ids: np.ndarray
    texts: list[str]
    labels: np.ndarray
    traits: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: np.ndarray) -> Reviews:
        """Return the reviews at the given rows <int>[k], in that order."""
        traits = None if self.traits is None else self.traits.iloc[rows].reset_index(drop=True)
        return Reviews(self.ids[rows], [self.texts[row] for row in rows], self.labels[rows], traits)


@dataclass(frozen=True)
class ReviewSplits:
    train: Reviews
    validation: Reviews
    test: Reviews
    heads: tuple[Head, ...]
    fingerprint: str  # of every text and label, in order

    def named(self) -> Iterator[tuple[str, Reviews]]:
        yield from (("train", self.train), ("validation", self.validation), ("test", self.test))


def fingerprint_of(train: Reviews, validation: Reviews, test: Reviews) -> str:
    """Return a digest of every text and label of the splits, in order."""
    digest = hashlib.blake2b(digest_size=16)
    for name, reviews in (("train", train), ("validation", validation), ("test", test)):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(reviews.labels).tobytes())
        for start in range(0, len(reviews), _TEXTS_AT_ONCE):
            part = reviews.texts[start : start + _TEXTS_AT_ONCE]
            digest.update("".join(f"{text}\0" for text in part).encode())
    return digest.hexdigest()
