"""Declare what may be read: the kinds of data, each with its settings."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.config.fields import (
    NO_DEFAULT,
    checked,
    count,
    fraction,
    increasing,
    positive,
    setting,
)
from pipeline.config.tables import CsvConfig
from pipeline.config.texts import LENGTH_EDGES, START, DataConfig, GivenTexts, ShownTexts


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
    named_again: bool = setting(
        False,
        about="end every text with a sentence that names the subject again, which a language model has "
        "to remember; it gives the subject away to a classifier",
    )
    length_edges: list[int] = increasing([50, 100, 150, 200], of_report=True, about=LENGTH_EDGES)

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
        of_epochs = ("epochs", "patience", "min_steps", "max_seconds", "head_epochs", "layer_decay")
        train = tuple(f"train.{name}" for name in of_epochs)
        of_tokens = ("embedding_dim", "embedding_dropout", "word_dropout")
        tokens = tuple(f"architecture.{name}" for name in of_tokens)
        return (*data, "tokenizer", *tokens, *START, *train, "tuned")


def may_show_texts(config: DataConfig) -> bool:
    return isinstance(config, ShownTexts) and config.show_texts


DATA = {
    "imdb": ImdbConfig,
    "tfds": TfdsConfig,
    "csv": CsvConfig,
    "clauses": ClausesConfig,
    "adding": AddingConfig,
}
