"""Load reviews from TFDS, a user's own table or the generator, as `ReviewSplits`.

Texts are cleaned here and split: the data set or the user defines the test split, validation is taken
from train, and no text of test is in train.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np

from pipeline.config.data import ClausesConfig, ImdbConfig, TfdsConfig
from pipeline.config.tables import CsvConfig
from pipeline.config.texts import DataConfig
from pipeline.data import lexicon, synthetic
from pipeline.data.cleaned import LabelledTexts, cleaned_once
from pipeline.data.label_names import sort_labels
from pipeline.data.splits import Head, Reviews, ReviewSplits
from pipeline.data.splitting import Corpus, cut_splits, drop_leaks, finish_splits
from pipeline.data.table import read_table, read_test_table
from pipeline.data.tfds import read_tfds, read_unlabelled
from pipeline.errors import DataError
from pipeline.files import content_digest

_NEUTRAL_TEXTS = 10_000


def load_reviews(config: DataConfig, cache: Path | None = None) -> ReviewSplits:
    """Return the splits of a data configuration; `cache`: a folder for data that is slow to read.

    Raises:
      DataError: the data cannot be found, or one of its rows cannot be used.
    """
    if isinstance(config, ClausesConfig):
        return _generate(config)
    if isinstance(config, ImdbConfig):
        whole = config.as_tfds()
        return cut_splits(_load_tfds(whole, cache, "sentiment"), whole, whole.test_fraction)
    if isinstance(config, TfdsConfig):
        return cut_splits(_load_tfds(config, cache), config, config.test_fraction)
    assert isinstance(config, CsvConfig)
    return cut_splits(_load_table(config, cache), config, config.test_fraction)


def load_neutral_source(config: DataConfig, splits: ReviewSplits) -> tuple[list[str], str]:
    """Return texts that no model was fitted to, as a source of neutral sentences, and their name."""
    if isinstance(config, ClausesConfig):
        rng = np.random.default_rng([config.seed, 1])
        return synthetic.neutral_sentences(rng, _NEUTRAL_TEXTS), "the generator's neutral sentences"
    if isinstance(config, ImdbConfig):
        config = config.as_tfds()
    if isinstance(config, TfdsConfig):
        unlabelled = read_unlabelled(config, most=_NEUTRAL_TEXTS)
        if unlabelled:
            return unlabelled, "the unsupervised split"
    return splits.validation.texts, "the validation split"


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
    held_out = splits["validation"], splits["test"]
    return finish_splits(train, *held_out, heads, may_lack={"validation", "test"})


def _load_tfds(config: TfdsConfig, cache: Path | None, head_name: str | None = None) -> Corpus:
    """Return a data set of TFDS, its head named like its feature of labels unless a name is given."""
    found = read_tfds(config, cache)
    head = Head(head_name or found.label, found.classes)
    if len(head.classes) < 2:
        raise DataError(
            f"{config.name}: every text has the label {', '.join(head.classes)}; at least two are needed"
        )
    train, validation, test = (
        None if table is None else _as_reviews(table, head, name)
        for name, table in (
            ("train", found.train),
            ("validation", found.validation),
            ("test", found.test),
        )
    )
    assert train is not None
    return Corpus(train, validation, test, (head,), published=True)


def _load_table(config: CsvConfig, cache: Path | None) -> Corpus:
    found = _clean_table(config, cache, config.path, [], lambda: read_table(config))
    head = Head(config.label_column, sort_labels(found.labels))
    if config.test_path is None:
        return Corpus(_as_reviews(found, head, "row"), None, None, (head,))
    classes = head.classes
    tested = _clean_table(
        config, cache, config.test_path, [*classes], lambda: read_test_table(config, classes)
    )
    train, test = _as_reviews(found, head, "train"), _as_reviews(tested, head, "test")
    return Corpus(train, None, test, (head,))


def _clean_table(
    config: CsvConfig,
    cache: Path | None,
    path: str,
    classes: list[str],
    read: Callable[[], LabelledTexts],
) -> LabelledTexts:
    """Return what `read` returns, from the cache if the file and the settings are the same."""
    if cache is None:
        return read()
    settings = {
        entry.name: str(getattr(config, entry.name))
        for entry in fields(config)
        if not {"of_report", "by_content"} & set(entry.metadata)
    }
    # Its name and whether there is another stand in what is said.
    source = [
        settings,
        classes,
        Path(path).name,
        content_digest(Path(path)),
        bool(config.test_path),
    ]
    return cleaned_once(cache, source, read_table.__module__, read)


def _as_reviews(found: LabelledTexts, head: Head, prefix: str) -> Reviews:
    ids = np.array([f"{prefix}-{row:05d}" for row in found.rows])
    number = {label: at for at, label in enumerate(head.classes)}
    labels = np.array([number[label] for label in found.labels], dtype=np.int32)
    return Reviews(ids, found.texts, labels[:, None])
