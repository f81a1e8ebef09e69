"""TFDS, a person's own table or generated text -> ReviewSplits.

Owns the cleaning of texts and the cutting of splits: the test split is what the data set or the person
says it is, validation is cut out of train, and nothing in train stands in test too.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config.schema import ClausesConfig, CsvConfig, DataConfig, ImdbConfig
from pipeline.data import lexicon as phrases
from pipeline.data import synthetic as clauses
from pipeline.data.cleaning import clean_text
from pipeline.data.table import read_cells
from pipeline.data.tfds import read_imdb
from pipeline.errors import DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Head:
    """A question that is asked of every text, and its possible answers.

    A model gives one logit for two classes (that of `classes[1]`), one for each class for more.
    """

    name: str
    classes: tuple[str, ...]

    @property
    def outputs(self) -> int:
        return 1 if len(self.classes) == 2 else len(self.classes)


def answers_of(logits: list[np.ndarray]) -> np.ndarray:
    """Return the class that each head answers, of its logits <float>[n, outputs]: <int32>[n, heads].

    It is the likelier class and, of equals, the first.
    """
    columns = [
        values[:, 0] > 0 if values.shape[1] == 1 else values.argmax(axis=1) for values in logits
    ]
    return np.stack(columns, axis=1).astype(np.int32)


@dataclass(frozen=True)
class Reviews:
    """Texts with their answers, in a fixed order.

    ids: <str>[n], unique over all splits; texts: n cleaned texts, none empty; labels: <int32>[n, heads],
    an index into the classes of each head; traits: what else is known of each text (for `clauses`:
    distance, distractors, contradicted), a row each, or None.
    """

    ids: np.ndarray
    texts: list[str]
    labels: np.ndarray
    traits: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: np.ndarray) -> Reviews:
        """The reviews at the given rows <int>[k], in that order."""
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
    """The splits that a data configuration asks for; `cache`: a folder for what takes long to read.

    Raises:
      DataError: the data cannot be found, or a row of it cannot be used.
    """
    if isinstance(config, ClausesConfig):
        return _generate(config)
    if isinstance(config, ImdbConfig):
        train, test, heads = _load_imdb(config, cache)
    else:
        assert isinstance(config, CsvConfig)
        train, test, heads = _load_table(config)
    train = drop_leaks(train, test)
    train, validation = _cut_stratified(
        train, config.validation_fraction, config.seed, "validation"
    )
    return _splits(train, validation, test, heads)


def load_neutral_ground(config: DataConfig, splits: ReviewSplits) -> tuple[list[str], str]:
    """Texts that no model was fitted to, to find neutral sentences in, and what to call them."""
    if isinstance(config, ClausesConfig):
        rng = np.random.default_rng([config.seed, 1])
        return clauses.neutral_sentences(rng, _NEUTRAL_TEXTS), "the generator's neutral sentences"
    if isinstance(config, ImdbConfig):
        (part,) = read_imdb(config, [f"unsupervised[:{_NEUTRAL_TEXTS}]"])
        return part.texts, "the unsupervised split"
    return splits.validation.texts, "the validation split"


_NEUTRAL_TEXTS = 10_000


def drop_leaks(train: Reviews, test: Reviews) -> Reviews:
    """Train without the texts that stand in test and without repeats; the counts are logged."""
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
        log.info("Dropped from train: %d reviews that stand in test, %d repeats", leaked, repeated)
    repeats_in_test = len(test) - len(tested)
    if repeats_in_test:
        log.info("Left in test as published: %d repeated reviews", repeats_in_test)
    return train.take(np.array(kept, dtype=np.int64))


def _splits(
    train: Reviews, validation: Reviews, test: Reviews, heads: tuple[Head, ...]
) -> ReviewSplits:
    digest = hashlib.blake2b(digest_size=16)
    for name, reviews in (("train", train), ("validation", validation), ("test", test)):
        if not len(reviews):
            raise DataError(f"the {name} split is empty: give more texts or another fraction")
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(reviews.labels).tobytes())
        for text in reviews.texts:
            digest.update(text.encode())
            digest.update(b"\0")
        log.info("%s: %s reviews", name.capitalize(), f"{len(reviews):,}")
    return ReviewSplits(train, validation, test, heads, digest.hexdigest())


def _cut_stratified(
    reviews: Reviews, fraction: float, seed: int, name: str
) -> tuple[Reviews, Reviews]:
    """The rest and a share of the reviews that holds every label in proportion."""
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
            f"cannot cut a {name} split of {fraction:g} out of {len(reviews)} texts ({error}): "
            f"give more texts of each label or a larger fraction"
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
        # Only training leans towards short distances; what is measured is spread evenly.
        exponent = config.train_distance_exponent if name == "train" else 1.0
        made = clauses.generate_texts(config, size, rng, distance_exponent=exponent)
        ids = np.array([f"{name}-{number:05d}" for number in range(size)])
        labels = np.stack([made.sentiments, made.subjects], axis=1).astype(np.int32)
        splits[name] = Reviews(ids, made.texts, labels, made.traits)
    heads = (Head("sentiment", phrases.SENTIMENTS), Head("subject", phrases.SUBJECTS))
    train = drop_leaks(splits["train"], splits["test"])
    return _splits(train, splits["validation"], splits["test"], heads)


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
    table = _read_table(Path(config.path), config)
    classes: list[str] = sorted(set(table.label))
    head = Head(config.label_column, tuple(classes))
    if len(head.classes) < 2:
        raise DataError(
            f"{config.path}, column {config.label_column!r}: every row holds {classes[0]!r}; "
            "at least two label values are needed"
        )
    if config.test_path is None:
        both = _as_reviews(table, head, "row")
        train, test = _cut_stratified(both, config.test_fraction, config.seed, "test")
        return train, test, (head,)
    tested = _read_table(Path(config.test_path), config)
    unknown = ~tested.label.isin(head.classes)
    if unknown.any():
        first = tested[unknown].iloc[0]
        raise DataError(
            f"{config.test_path}, row {first.row}, column {config.label_column!r}: the label "
            f"{first.label!r} does not stand in {config.path}, which has {', '.join(head.classes)}"
        )
    return _as_reviews(table, head, "train"), _as_reviews(tested, head, "test"), (head,)


def _as_reviews(table: pd.DataFrame, head: Head, prefix: str) -> Reviews:
    ids = np.array([f"{prefix}-{row:05d}" for row in table.row])
    labels = pd.Categorical(table.label, categories=list(head.classes)).codes
    return Reviews(ids, list(table.text), labels.astype(np.int32)[:, None])


def _as_texts(values: pd.Series) -> pd.Series:
    """Return cells as a CSV would hold them: a missing one is empty.

    As objects first: a column of categories or of whole numbers refuses the empty text.
    """
    return values.astype(object).where(values.notna(), "").map(str)


def _read_table(path: Path, config: CsvConfig) -> pd.DataFrame:
    """Columns row (as a spreadsheet counts, the header being row 1), text (cleaned) and label."""
    raw = read_cells(path)
    for column in (config.text_column, config.label_column):
        if column not in raw.columns:
            raise DataError(
                f"{path}, row 1: no column {column!r}; it has {', '.join(map(repr, raw.columns))} "
                "(name them with data.text_column and data.label_column)"
            )
    table = pd.DataFrame({"row": raw.index + 2}, index=raw.index)
    for name, column in (("text", config.text_column), ("label", config.label_column)):
        values = raw[column]
        table[name] = _as_texts(values).map(clean_text)
        empty = table[name] == ""
        if empty.any():
            raise DataError(
                f"{path}, row {table.row[empty].iloc[0]}, column {column!r}: the {name} is empty "
                f"({int(empty.sum())} such rows): fill it in or remove the row"
            )
    if table.empty:
        raise DataError(f"{path}: no rows below the header")
    return table
