"""Load reviews from TFDS, a user's own table or the generator, as `ReviewSplits`.

Texts are cleaned here and split: the data set or the user defines the test split, validation is taken
from train, and no text of test is in train.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config.data import ClausesConfig, CsvConfig, DataConfig, ImdbConfig
from pipeline.data import lexicon, synthetic
from pipeline.data.label_names import sort_labels
from pipeline.data.table import LabelledTexts, read_table, read_test_table
from pipeline.data.tfds import read_imdb
from pipeline.errors import DataError

log = logging.getLogger(__name__)


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


def load_reviews(config: DataConfig, cache: Path | None = None) -> ReviewSplits:
    """Return the splits of a data configuration; `cache`: a folder for data that is slow to read.

    Raises:
      DataError: the data cannot be found, or one of its rows cannot be used.
    """
    if isinstance(config, ClausesConfig):
        return _generate(config)
    if isinstance(config, ImdbConfig):
        train, test, heads = _load_imdb(config, cache)
    else:
        assert isinstance(config, CsvConfig)
        train, test, heads = _load_table(config)
    train = drop_leaks(train, test)
    train, validation = _split_stratified(
        train, config.validation_fraction, config.seed, "validation"
    )
    return _make_splits(train, validation, test, heads)


def load_neutral_source(config: DataConfig, splits: ReviewSplits) -> tuple[list[str], str]:
    """Return texts that no model was fitted to, as a source of neutral sentences, and their name."""
    if isinstance(config, ClausesConfig):
        rng = np.random.default_rng([config.seed, 1])
        return synthetic.neutral_sentences(rng, _NEUTRAL_TEXTS), "the generator's neutral sentences"
    if isinstance(config, ImdbConfig):
        (part,) = read_imdb(config, [f"unsupervised[:{_NEUTRAL_TEXTS}]"])
        return part.texts, "the unsupervised split"
    return splits.validation.texts, "the validation split"


_NEUTRAL_TEXTS = 10_000


def drop_leaks(train: Reviews, test: Reviews) -> Reviews:
    """Return train without texts that are also in test and without duplicates; log both counts."""
    tested = set(test.texts)
    seen: set[str] = set()
    kept, leaked = [], 0
    for row, text in enumerate(train.texts):
        if text in tested:
            leaked += 1
        elif text not in seen:
            seen.add(text)
            kept.append(row)
    repeated = len(train) - len(kept) - leaked
    if leaked or repeated:
        log.info(
            "Dropped from train: %d reviews that are also in test, %d duplicates", leaked, repeated
        )
    repeats_in_test = len(test) - len(tested)
    if repeats_in_test:
        log.info("Kept in test as published: %d duplicate reviews", repeats_in_test)
    return train.take(np.array(kept, dtype=np.int64))


def _make_splits(
    train: Reviews, validation: Reviews, test: Reviews, heads: tuple[Head, ...]
) -> ReviewSplits:
    digest = hashlib.blake2b(digest_size=16)
    for name, reviews in (("train", train), ("validation", validation), ("test", test)):
        if not len(reviews):
            raise DataError(f"the {name} split is empty: provide more texts or another fraction")
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(reviews.labels).tobytes())
        for text in reviews.texts:
            digest.update(text.encode())
            digest.update(b"\0")
        log.info("%s: %s reviews", name.capitalize(), f"{len(reviews):,}")
    return ReviewSplits(train, validation, test, heads, digest.hexdigest())


def _split_stratified(
    reviews: Reviews, fraction: float, seed: int, name: str
) -> tuple[Reviews, Reviews]:
    """Return the reviews in two parts, the second a `fraction` of them, stratified by label."""
    from sklearn.model_selection import train_test_split

    try:
        rest, cut = train_test_split(
            np.arange(len(reviews)),
            test_size=fraction,
            random_state=seed,
            stratify=reviews.labels[:, 0],
        )
    except ValueError as error:
        raise DataError(
            f"cannot take a {name} split of {fraction:g} from {len(reviews)} texts ({error}): "
            f"provide more texts of each label or a larger fraction"
        ) from None
    return reviews.take(np.sort(rest)), reviews.take(np.sort(cut))


def _generate(config: ClausesConfig) -> ReviewSplits:
    rng = np.random.default_rng(config.seed)
    sizes = {
        "train": config.train_size,
        "validation": config.validation_size,
        "test": config.test_size,
    }
    splits = {}
    for name, size in sizes.items():
        # Only train prefers short distances; the splits that are measured are uniform.
        exponent = config.train_distance_exponent if name == "train" else 1.0
        made = synthetic.generate_texts(config, size, rng, distance_exponent=exponent)
        ids = np.array([f"{name}-{number:05d}" for number in range(size)])
        labels = np.stack([made.sentiments, made.subjects], axis=1).astype(np.int32)
        splits[name] = Reviews(ids, made.texts, labels, made.traits)
    heads = (Head("sentiment", lexicon.SENTIMENTS), Head("subject", lexicon.SUBJECTS))
    train = drop_leaks(splits["train"], splits["test"])
    return _make_splits(train, splits["validation"], splits["test"], heads)


def _load_imdb(config: ImdbConfig, cache: Path | None) -> tuple[Reviews, Reviews, tuple[Head, ...]]:
    names = ["train", "test"]
    train, test = (
        Reviews(
            np.array([f"{name}-{number:05d}" for number in range(len(part.texts))]),
            part.texts,
            part.labels[:, None],
        )
        for name, part in zip(names, read_imdb(config, names, cache), strict=True)
    )
    return train, test, (Head("sentiment", ("negative", "positive")),)


def _load_table(config: CsvConfig) -> tuple[Reviews, Reviews, tuple[Head, ...]]:
    found = read_table(config)
    head = Head(config.label_column, sort_labels(found.labels))
    if config.test_path is None:
        both = _as_reviews(found, head, "row")
        train, test = _split_stratified(both, config.test_fraction, config.seed, "test")
        return train, test, (head,)
    tested = read_test_table(config, head.classes)
    return _as_reviews(found, head, "train"), _as_reviews(tested, head, "test"), (head,)


def _as_reviews(found: LabelledTexts, head: Head, prefix: str) -> Reviews:
    ids = np.array([f"{prefix}-{row:05d}" for row in found.rows])
    number = {label: at for at, label in enumerate(head.classes)}
    labels = np.array([number[label] for label in found.labels], dtype=np.int32)
    return Reviews(ids, found.texts, labels[:, None])
