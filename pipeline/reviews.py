"""TFDS, a person's own table or generated text -> ReviewSplits.

Owns the cleaning of texts and the cutting of splits: the test split is what the data set or the person
says it is, validation is cut out of train, and nothing in train stands in test too.
"""

from __future__ import annotations

import hashlib
import html
import logging
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import requests
from filelock import FileLock

from pipeline import clauses, phrases
from pipeline.config import (
    ClausesConfig,
    CsvConfig,
    DataConfig,
    DataError,
    ImdbConfig,
)
from pipeline.table_files import read_cells

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


def load_reviews(config: DataConfig) -> ReviewSplits:
    """The splits that a data configuration asks for.

    Raises:
      DataError: the data cannot be found, or a row of it cannot be used.
    """
    if isinstance(config, ClausesConfig):
        return _generate(config)
    if isinstance(config, ImdbConfig):
        train, test, heads = _load_imdb(config)
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
        part = f"unsupervised[:{_NEUTRAL_TEXTS}]"
        return _read_imdb_split(_prepared_imdb(config), part).texts, "the unsupervised split"
    return splits.validation.texts, "the validation split"


_NEUTRAL_TEXTS = 10_000


def clean_text(text: str) -> str:
    """Line breaks written as HTML, HTML entities and runs of white space become plain text."""
    return " ".join(html.unescape(_BREAK.sub(" ", text)).split())


_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


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


def _load_imdb(config: ImdbConfig) -> tuple[Reviews, Reviews, tuple[Head, ...]]:
    builder = _prepared_imdb(config)
    parts = [_read_imdb_split(builder, name) for name in ("train", "test")]
    return parts[0], parts[1], (Head("sentiment", ("negative", "positive")),)


def _prepared_imdb(config: ImdbConfig) -> Any:
    import tensorflow_datasets as tfds

    tfds.display_progress_bar(enable=False)
    builder = tfds.builder("imdb_reviews/plain_text", data_dir=config.data_dir)
    # Workers that start at once prepare it once; the lock lies outside of what a failure removes.
    place = hashlib.blake2b(str(builder.data_dir).encode(), digest_size=8).hexdigest()
    with FileLock(Path(tempfile.gettempdir()) / f"imdb-reviews-{place}.lock"):
        builder = tfds.builder("imdb_reviews/plain_text", data_dir=config.data_dir)
        if not builder.is_prepared():
            _prepare(builder)
    return builder


def _read_imdb_split(builder: Any, name: str) -> Reviews:
    import tensorflow_datasets as tfds

    # One batch of everything, in the order of the files: fast, and the same each time.
    rows = tfds.as_numpy(builder.as_dataset(split=name, batch_size=-1, shuffle_files=False))
    ids = np.array([f"{name}-{number:05d}" for number in range(len(rows["label"]))])
    texts = [clean_text(text.decode("utf-8")) for text in rows["text"]]
    return Reviews(ids, texts, rows["label"].astype(np.int32)[:, None])


def _prepare(builder: Any) -> None:
    """Downloads and prepares the data set; after a failure nothing half-written is left behind."""
    folder = Path(builder.data_dir)
    root = folder.parents[2]
    before = set(root.rglob("*")) if root.exists() else set()
    missing = [path for path in (root, *root.parents) if not path.exists()]
    try:
        # TFDS retries an unreachable host for minutes; one short request finds out at once.
        for url in builder.url_infos:
            requests.head(url, timeout=10, allow_redirects=True).raise_for_status()
        builder.download_and_prepare()
    except BaseException as error:
        _remove_new(root, before, missing)
        if not isinstance(error, Exception):  # stopped by hand
            raise
        raise DataError(
            f"IMDB is not prepared at {folder}, and its download failed "
            f"({type(error).__name__}: {' '.join(str(error).split())[:160]}). Ways out: connect this "
            "machine to the internet; point data.data_dir or TFDS_DATA_DIR at a folder where TFDS has "
            "prepared imdb_reviews; or use the generated texts with data=clauses"
        ) from error


def _remove_new(root: Path, before: set[Path], missing: list[Path]) -> None:
    new = set(root.rglob("*")) - before if root.exists() else set()
    for path in sorted(new, reverse=True):  # what a folder holds, before the folder
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    for path in missing:
        if path.exists():
            path.rmdir()


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
        table[name] = values.where(values.notna(), "").astype(str).map(clean_text)
        empty = table[name] == ""
        if empty.any():
            raise DataError(
                f"{path}, row {table.row[empty].iloc[0]}, column {column!r}: the {name} is empty "
                f"({int(empty.sum())} such rows): fill it in or remove the row"
            )
    if table.empty:
        raise DataError(f"{path}: no rows below the header")
    return table
