"""Read and clean the texts of a data set of TensorFlow Datasets, in its own splits."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.data import TfdsConfig
from pipeline.data.cleaned import LabelledTexts, cleaned_once
from pipeline.data.cleaning import clean_text
from pipeline.data.progress import watched
from pipeline.data.tfds_builder import naming_damage, open_builder
from pipeline.data.tfds_features import ClassNames, choose_features, has_media, pick
from pipeline.errors import DataError

log = logging.getLogger(__name__)

_UNLABELLED = "unsupervised"  # the split that TFDS's data sets without labels are named by
_BATCH = 1000  # texts that are decoded at a time


@dataclass(frozen=True)
class TfdsTexts:
    """Hold the texts of the splits of a data set, None where it has no such split.

    label: the name of the feature of labels.
    """

    train: LabelledTexts
    validation: LabelledTexts | None
    test: LabelledTexts | None
    classes: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class _Source:
    """A prepared data set, the paths of its features, and the names of its classes.

    has_media: whether it holds pictures or the like too.
    """

    builder: Any
    text: str
    label: str
    names: ClassNames
    has_media: bool
    cache: Path | None

    @property
    def folder(self) -> Path:
        return Path(self.builder.data_dir)


def read_tfds(config: TfdsConfig, cache: Path | None = None) -> TfdsTexts:
    """Return the texts of the splits that a configuration names, in the order of their files.

    Without names these are `train`, `test` and `validation`. A data set whose test split has no labels
    is tested on its validation split.

    Parameters:
      cache: the folder in which cleaned texts are kept for later runs.

    Raises:
      DataError: the data set, a feature or a split cannot be found, downloaded, read or used.
    """
    source = _open(config, cache)
    train = _labelled(source, config.train_split, "data.train_split")
    test, tested_on = _choose_test(source, config)
    validation = _choose_validation(source, config, tested_on)
    parts = [part for part in (train, validation, test) if part is not None]
    classes = source.names.used(label for part in parts for label in part.labels)
    label = source.label.rpartition("/")[2]
    if config.class_names is None:
        return TfdsTexts(train, validation, test, classes, label)
    names = _new_names(classes, config)
    train, validation, test = (_renamed(part, names) for part in (train, validation, test))
    assert train is not None
    return TfdsTexts(train, validation, test, tuple(names.values()), label)


def _choose_test(source: _Source, config: TfdsConfig) -> tuple[LabelledTexts | None, str | None]:
    """Return the texts to test on and their split, or None where a share of train has to be cut off."""
    if config.test_split:
        return _labelled(source, config.test_split, "data.test_split"), config.test_split
    for name in _existing(source, "test", "validation"):
        table = _read(source, name)
        if len(table):
            if name != "test":
                log.info("Testing on the split %s", name)
            return table, name
        log.info("The split %s of %s has no labels to test with", name, config.name)
    share = 100 * config.test_fraction
    log.info("%s has no split to test on: %g %% of train are cut off", config.name, share)
    return None, None


def _choose_validation(
    source: _Source, config: TfdsConfig, tested_on: str | None
) -> LabelledTexts | None:
    if config.validation_split:
        return _labelled(source, config.validation_split, "data.validation_split")
    if tested_on == "validation" or not _existing(source, "validation"):
        return None
    table = _read(source, "validation")
    return table if len(table) else None


def _new_names(classes: tuple[str, ...], config: TfdsConfig) -> dict[str, str]:
    names = config.class_names or []
    if len({*names}) != len(classes):
        raise DataError(
            f"data.class_names must hold {len(classes)} different names for the classes of "
            f"{config.name}, which are {', '.join(classes)[:200]}"
        )
    return dict(zip(classes, names, strict=True))


def _renamed(part: LabelledTexts | None, names: dict[str, str]) -> LabelledTexts | None:
    return part and replace(part, labels=[names[label] for label in part.labels])


def read_unlabelled(
    config: TfdsConfig, cache: Path | None = None, most: int | None = None
) -> list[str] | None:
    """Return the first texts of the data set's unlabelled split, or None if it has none.

    most: how many are read, None: all; cache: the folder in which they are kept for later runs.
    """
    source = _open(config, cache)
    if not _existing(source, _UNLABELLED):
        return None
    return _read(source, _UNLABELLED if most is None else f"{_UNLABELLED}[:{most}]").texts


def _open(config: TfdsConfig, cache: Path | None) -> _Source:
    builder = open_builder(config.name, config.data_dir, cache)
    with naming_damage(Path(builder.data_dir)):
        text, label, names = choose_features(
            builder.info, config.name, config.text_feature, config.label_feature
        )
        media = has_media(builder.info)
    return _Source(builder, text, label, names, media, cache)


def _existing(source: _Source, *names: str) -> list[str]:
    return [name for name in names if name in source.builder.info.splits]


def _labelled(source: _Source, split: str, key: str) -> LabelledTexts:
    table = _read(source, split, key)
    if not len(table):
        raise _without_labels(source, split, key)
    return table


def _without_labels(source: _Source, split: str, key: str) -> DataError:
    return DataError(
        f"{key} is {split}, but no text of it has a label in {source.label!r}: "
        f"{_have_splits(source)}"
    )


def _have_splits(source: _Source) -> str:
    info = source.builder.info
    sizes = [f"{name} ({split.num_examples:,} texts)" for name, split in info.splits.items()]
    return f"{info.full_name} has the splits {', '.join(sizes)}"


def _read(source: _Source, split: str, key: str = "data.test_split") -> LabelledTexts:
    """Return the labelled texts of a split; of texts without a word or a label it only says how many.

    Of the split without labels it returns all texts, each with an empty label.
    """
    base = re.split(r"[\[+]", split)[0]
    if base not in source.builder.info.splits:
        raise DataError(f"{key} is {split}, but {_have_splits(source)}")
    with naming_damage(source.folder):
        files = [(path.name, path.stat()) for path in sorted(source.folder.iterdir())]
        states = [(name, state.st_size, state.st_mtime_ns) for name, state in files]
        settings = [split, source.text, source.label, source.names.listed, states]
        if source.cache is None:
            return _clean(source, split)
        return cleaned_once(source.cache, settings, __name__, lambda: _clean(source, split))


def _clean(source: _Source, split: str) -> LabelledTexts:
    rows, kept, labels = [], [], []
    number = empty = unlabelled = 0
    total = source.builder.info.splits[split].num_examples
    needs_label = not split.startswith(_UNLABELLED)
    batches = _batches(source, split)
    pairs = (pair for texts, codes in batches for pair in zip(texts, codes, strict=True))
    for number, (raw, label) in enumerate(watched(pairs, total, "Cleaning the texts"), start=1):
        text = clean_text(raw)
        if label is None and needs_label:
            unlabelled += 1
        elif not text:
            empty += 1
        else:
            rows.append(number - 1)
            kept.append(text)
            labels.append(label or "")
    if number != total:
        raise ValueError(f"the split {split} holds {number:,} of {total:,} texts")
    if kept and (empty or unlabelled):
        log.warning(
            "Left out of the split %s: %d texts without a word, %d without a label",
            *(split, empty, unlabelled),
        )
    return LabelledTexts(np.array(rows, dtype=np.int64), kept, labels)


def _batches(source: _Source, split: str) -> Iterator[tuple[list[str], list[str | None]]]:
    """Yield the texts of a split, decoded, and the names of their classes, None where one has none."""
    import tensorflow_datasets as tfds

    # Pictures beside the texts would take long. Plain values cost less than leaving them out.
    decoders = tfds.decode.PartialDecoding(_as_tree(source)) if source.has_media else None
    data = source.builder.as_dataset(
        split=split,
        shuffle_files=False,
        decoders=decoders,
        # One file after the other, and no copy of all of them in memory.
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )
    for batch in tfds.as_numpy(data.batch(_BATCH)):
        texts = [text.decode("utf-8", "replace") for text in pick(batch, source.text)]
        yield texts, source.names.of(np.asarray(pick(batch, source.label)))


def _as_tree(source: _Source) -> dict[str, Any]:
    """Return the features that are read, nested as in the data set."""
    tree: dict[str, Any] = {}
    for path in (source.text, source.label):
        *parents, leaf = path.split("/")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = True
    return tree
