"""Declare what may be read: the kinds of data, each with its settings."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from omegaconf import MISSING

from pipeline.config.fields import (
    NO_DEFAULT,
    checked,
    count,
    fraction,
    increasing,
    positive,
    setting,
)


class Quoting(Enum):
    """What a quote in a table of separated cells means.

    doubled: it encloses a cell, and stands for itself where it is written twice; backslash: the same,
    or where a backslash precedes it; none: it is an ordinary character.
    """

    doubled = "doubled"
    backslash = "backslash"
    none = "none"


class OnBadRows(Enum):
    """What is done about rows that cannot be used."""

    error = "error"
    drop = "drop"


SEPARATORS = {"tab": "\t", "\\t": "\t"}  # as people type what a shell swallows


def _is_file(path: str) -> bool:
    try:
        return Path(path).expanduser().is_file()
    except (OSError, ValueError):  # a name that is too long, or holds a NUL
        return False


_TABLE = "an existing file: .csv, .tsv, .txt, .jsonl, .json, .parquet or .xlsx, also in .gz or .zip"


def _is_separator(value: str) -> bool:
    one = SEPARATORS.get(value, value)
    return one == "\t" or (
        len(one) == 1 and one.isprintable() and not one.isalnum() and one not in ' "\\'
    )


def _is_text_encoding(name: str) -> bool:
    try:
        "a".encode(name)
        return bool(b"".decode(name) == "" and codecs.lookup(name).name not in _NO_TEXTS)
    except (LookupError, ValueError):
        return False


_NO_TEXTS = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem")


_LENGTH_EDGES = "edges between the report's groups by length, in words of the whole text"


@dataclass
class DataConfig:
    """Configure the data. Their seed is not that of a run, so that the runs of a sweep share them."""

    kind: str = MISSING
    seed: int = count(0, 0, about="draws the splits, and the texts that are generated")
    validation_fraction: float = fraction(
        0.1, with_zero=False, about="share of the training texts that is held out for validation"
    )
    length_edges: list[int] = increasing([100, 200, 400, 800], of_report=True, about=_LENGTH_EDGES)

    @property
    def source(self) -> str:
        """Return where the data come from, as text for a page."""
        raise NotImplementedError

    @property
    def features(self) -> int | None:
        """Return how many numbers a step has, or None for texts."""
        return None

    @property
    def unused(self) -> tuple[str, ...]:
        """Return the dotted keys, of sections or settings, that have no effect on these data."""
        return ()


@dataclass
class ShownTexts(DataConfig):
    """Configure data whose texts a report may show. IMDB's are other people's, and never shown."""

    show_texts: bool = setting(
        True,
        of_report=True,
        about="show a few test texts in the report, and keep them in the store",
    )


class Repeats(Enum):
    """Choose what becomes of texts to train on that occur again with the same label."""

    drop = "drop"  # one of them is kept
    keep = "keep"


class Conflicts(Enum):
    """Choose what becomes of texts to train on that occur with different labels."""

    keep = "keep"
    drop = "drop"  # all of them


@dataclass
class GivenTexts(ShownTexts):
    """Configure texts that people have labelled, in which some may stand more than once."""

    repeats: Repeats = setting(
        Repeats.drop,
        about="texts to train on that occur again with the same label: drop keeps one of them",
    )
    conflicts: Conflicts = setting(
        Conflicts.keep,
        about="texts to train on that occur with different labels: keep one with each label, or none",
    )


def _is_tfds_name(name: str) -> bool:
    return re.fullmatch(r"\w+(/[\w.+-]+)?(:[\d.*]+)?", name) is not None


def _is_split(name: str | None) -> bool:
    return name is None or re.fullmatch(r"\w[\w.-]*(\[[\d:%-]*\])?", name) is not None


_SPLIT = "null or the name of a split, such as train or train[:10%]"
_DATA_DIR = "folder of TensorFlow Datasets; null: TFDS_DATA_DIR, or the folder that TFDS chooses"


@dataclass
class TfdsConfig(GivenTexts):
    """Configure a data set of TensorFlow Datasets."""

    kind: str = "tfds"
    name: str = checked(
        NO_DEFAULT,
        _is_tfds_name,
        "the name of a data set of TFDS, such as yelp_polarity_reviews, glue/sst2 or my_set:1.0.0",
        literal=True,
        about="the data set, as TFDS writes it",
    )
    data_dir: str | None = setting(None, of_machine=True, literal=True, path=True, about=_DATA_DIR)
    text_feature: str | None = setting(
        None,
        literal=True,
        about="the texts; null: the feature that the data set declares, or its only text",
    )
    label_feature: str | None = setting(
        None,
        literal=True,
        about="the classes; null: as it declares, or its only feature of classes",
    )
    class_names: list[str] | None = setting(
        None, about="other names of the classes, in the order of the data set"
    )
    train_split: str = checked(
        "train", _is_split, _SPLIT, literal=True, about="the split to train on"
    )
    validation_split: str | None = checked(
        None,
        _is_split,
        _SPLIT,
        literal=True,
        about="the split to validate on; null: validation, or else a share of train",
    )
    test_split: str | None = checked(
        None,
        _is_split,
        _SPLIT,
        literal=True,
        about="the split to test on; null: test, or validation where that has no labels, or else a "
        "share of train",
    )
    test_fraction: float = fraction(
        0.2, with_zero=False, about="share of train that is test where no split is"
    )
    show_texts: bool = setting(
        False,
        of_report=True,
        about="show a few test texts in the report, and keep them in the store: they are other people's",
    )

    @property
    def source(self) -> str:
        return f"tfds:{self.name}"


@dataclass
class ImdbConfig(DataConfig):
    """Configure IMDB, a data set of TFDS whose settings are fixed."""

    kind: str = "imdb"
    data_dir: str | None = setting(None, of_machine=True, literal=True, path=True, about=_DATA_DIR)

    @property
    def source(self) -> str:
        return self.as_tfds().source

    def as_tfds(self) -> TfdsConfig:
        """Return it as one data set of TFDS among others."""
        return TfdsConfig(
            seed=self.seed,
            validation_fraction=self.validation_fraction,
            length_edges=self.length_edges,
            name="imdb_reviews/plain_text",
            data_dir=self.data_dir,
            text_feature="text",
            label_feature="label",
            class_names=["negative", "positive"],
            test_split="test",
        )


@dataclass
class CsvConfig(GivenTexts):
    """Configure a user's own table."""

    kind: str = "csv"
    path: str = checked(
        NO_DEFAULT,
        _is_file,
        _TABLE,
        by_content=True,
        literal=True,
        about="table of your texts",
    )
    test_path: str | None = checked(
        None,
        lambda value: value is None or _is_file(value),
        f"null or {_TABLE}",
        by_content=True,
        literal=True,
        about="table of your test texts; null: a share of `path` is test",
    )
    test_fraction: float = fraction(
        0.2, with_zero=False, about="share of `path` that is test, without `test_path`"
    )
    text_column: str = setting(
        "text", literal=True, about="name of the column with the texts; without a header its number"
    )
    label_column: str = setting(
        "label",
        literal=True,
        about="name of the column with the classes; without a header its number",
    )
    header: bool = setting(
        True, about="whether the first row names the columns; without, they are counted from 1"
    )
    separator: str | None = checked(
        None,
        lambda value: value is None or _is_separator(value),
        "null or a character such as ; or | or tab",
        literal=True,
        about="what separates the columns; null: found",
    )
    encoding: str | None = checked(
        None,
        lambda value: value is None or _is_text_encoding(value),
        "null or an encoding that Python knows, such as utf-8, cp1252, latin-1 or utf-16",
        literal=True,
        about="encoding of the file; null: UTF-8, or what its first bytes declare",
    )
    quoting: Quoting | None = setting(
        None,
        about="what a quote means: doubled encloses cells, with a quote in them written twice; "
        "backslash, with a backslash before it; none is an ordinary character; null: doubled, and "
        "refused where a quoted text looks like several rows",
    )
    on_bad_rows: OnBadRows = setting(
        OnBadRows.error,
        about="what is done about an empty text or label, a label that is too rare for the splits, and "
        "a row with too many or too few cells",
    )

    @property
    def source(self) -> str:
        return Path(self.path).name


@dataclass
class ClausesConfig(ShownTexts):
    """Configure the generated corpus. Distances are in words between the evidence and the end."""

    kind: str = "clauses"
    train_size: int = count(24_000, 100, about="texts to train on")
    validation_size: int = count(1_200, 100, about="texts to validate on")
    test_size: int = count(3_000, 100, about="texts to test on")
    max_distance: int = count(200, 0, about="most words between the evidence and the end of a text")
    train_distance_exponent: float = positive(
        10.0,
        about="above 1, short distances are more frequent than long ones in the training texts; at 1 "
        "they are uniform, as they always are in the other texts",
    )
    distractor_fraction: float = fraction(
        0.4,
        with_zero=True,
        about="share of the sentences around the evidence that hold an opinion that does not count; a "
        "little less in fact, as these are long and fit into a distance less often",
    )
    contradicted_fraction: float = fraction(
        0.25,
        with_zero=True,
        about="share of the texts whose evidence holds somebody else's opinion too",
    )
    length_edges: list[int] = increasing([50, 100, 150, 200], of_report=True, about=_LENGTH_EDGES)

    @property
    def source(self) -> str:
        return f"generated with seed {self.seed}"


@dataclass
class AddingConfig(DataConfig):
    """Configure the adding problem: sequences of numbers instead of texts (see `pipeline.data.adding`).

    The seed of the run draws new sequences for every training step, the seed of the data the held-out
    ones. Training ends when a validation finds the problem solved, or after `max_steps`.
    """

    kind: str = "adding"
    length: int = count(50, 2, column="length", compared_along=True, about="numbers in a sequence")
    max_steps: int = count(
        5_000, column="max_steps", about="training steps before the problem counts as not solved"
    )
    steps_per_validation: int = count(100, about="training steps from one validation to the next")
    validation_size: int = count(1_000, 100, about="sequences to validate on")
    test_size: int = count(5_000, 100, about="sequences to test on")

    @property
    def source(self) -> str:
        return f"generated with seed {self.seed}"

    @property
    def features(self) -> int:
        return 2  # a value and a mark

    @property
    def unused(self) -> tuple[str, ...]:
        """Return the settings of texts, epochs and tuning, which the adding problem does not have."""
        data = ("data.validation_fraction", "data.length_edges")
        train = ("train.epochs", "train.patience", "train.min_steps", "train.max_seconds", "tuned")
        return (*data, "tokenizer", "architecture.embedding_dim", *train)


def may_show_texts(config: DataConfig) -> bool:
    return isinstance(config, ShownTexts) and config.show_texts


DATA = {
    "imdb": ImdbConfig,
    "tfds": TfdsConfig,
    "csv": CsvConfig,
    "clauses": ClausesConfig,
    "adding": AddingConfig,
}
