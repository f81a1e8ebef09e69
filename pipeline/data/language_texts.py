"""Load the texts that a language model is trained, validated and tested on.

It needs no labels: texts without them, which a data set of TFDS may have in a split of its own, are
trained on too.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.config.data import ImdbConfig, TfdsConfig
from pipeline.config.texts import DataConfig, Repeats
from pipeline.data.reviews import load_reviews
from pipeline.data.splits import Reviews, fingerprint_of
from pipeline.data.splitting import drop_leaks
from pipeline.data.tfds import read_unlabelled
from pipeline.errors import DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LanguageTexts:
    """Hold the texts of the splits; no text of train stands in validation or in test.

    train: of the labelled texts, then of the unlabelled ones; fingerprint: of every text, in order.
    """

    train: list[str]
    validation: Reviews
    test: Reviews
    fingerprint: str


def load_language_texts(
    config: DataConfig, *, unlabelled: bool, cache: Path | None = None
) -> LanguageTexts:
    """Return the texts of a data configuration, split as for classification.

    Parameters:
      unlabelled: whether to train on the data set's texts without labels too, where it has some.
      cache: a folder for data that is slow to read.

    Raises:
      DataError: the data cannot be found or used.
    """
    splits = load_reviews(config, cache)
    validation, test = _without_labels(splits.validation), _without_labels(splits.test)
    # Of test this holds already; generated texts are not compared with validation before.
    train = drop_leaks(_without_labels(splits.train), validation, Repeats.keep, others="validation")
    if not len(train):
        raise DataError("every train text stands in validation too: provide more texts")
    if isinstance(config, ImdbConfig):
        config = config.as_tfds()
    if unlabelled and isinstance(config, TfdsConfig):
        more = read_unlabelled(config, cache) or []
        train = _add(train, _as_reviews(more, "unlabelled"), validation, test, config.repeats)
    fingerprint = fingerprint_of(train, validation, test)
    return LanguageTexts(train.texts, splits.validation, splits.test, fingerprint)


def _add(
    train: Reviews, more: Reviews, validation: Reviews, test: Reviews, repeats: Repeats
) -> Reviews:
    """Return train with those of more texts that are not held out and, if so chosen, no repetitions."""
    if not len(more):
        return train
    more = drop_leaks(more, validation, Repeats.keep, of="unlabelled", others="validation")
    more = drop_leaks(more, test, repeats, of="unlabelled")
    if repeats == Repeats.drop:
        more = drop_leaks(more, train, Repeats.keep, of="unlabelled", others="train")
    log.info("Training on %s texts without labels too", f"{len(more):,}")
    return _as_reviews([*train.texts, *more.texts], "train")


def _without_labels(reviews: Reviews) -> Reviews:
    return replace(reviews, labels=np.zeros((len(reviews), 0), np.int32))


def _as_reviews(texts: list[str], name: str) -> Reviews:
    """Return texts without labels as reviews."""
    ids = np.array([f"{name}-{number:05d}" for number in range(len(texts))])
    return Reviews(ids, texts, np.zeros((len(texts), 0), np.int32))
