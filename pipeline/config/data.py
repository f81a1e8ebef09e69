"""Declare what may be read: the kinds of data, each with its settings."""

from __future__ import annotations

from dataclasses import dataclass
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


def _is_file(path: str) -> bool:
    return Path(path).is_file()


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


@dataclass
class ImdbConfig(DataConfig):
    """Configure IMDB."""

    kind: str = "imdb"
    data_dir: str | None = setting(
        None,
        of_machine=True,
        literal=True,
        path=True,
        about="folder of TensorFlow Datasets; null: TFDS_DATA_DIR, or the folder that TFDS chooses",
    )

    @property
    def source(self) -> str:
        return "tfds:imdb_reviews/plain_text"


@dataclass
class CsvConfig(ShownTexts):
    """Configure a user's own table."""

    kind: str = "csv"
    path: str = checked(
        NO_DEFAULT,
        _is_file,
        "the path of a CSV or Parquet file",
        by_content=True,
        literal=True,
        about="table of your texts",
    )
    test_path: str | None = checked(
        None,
        lambda value: value is None or _is_file(value),
        "null or the path of a CSV or Parquet file",
        by_content=True,
        literal=True,
        about="table of your test texts; null: a share of `path` is test",
    )
    test_fraction: float = fraction(
        0.2, with_zero=False, about="share of `path` that is test, without `test_path`"
    )
    text_column: str = setting("text", literal=True, about="name of the column with the texts")
    label_column: str = setting("label", literal=True, about="name of the column with the classes")

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
        train = ("train.epochs", "train.patience", "train.max_seconds", "tuned")
        return (*data, "tokenizer", "architecture.embedding_dim", *train)


def may_show_texts(config: DataConfig) -> bool:
    return isinstance(config, ShownTexts) and config.show_texts


DATA = {"imdb": ImdbConfig, "csv": CsvConfig, "clauses": ClausesConfig, "adding": AddingConfig}
