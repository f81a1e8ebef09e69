"""Declare what may be read: the kinds of data, each with its settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from pipeline.config.fields import NO_DEFAULT, checked, count, fraction, increasing, positive


def _is_file(path: str) -> bool:
    return Path(path).is_file()


@dataclass
class DataConfig:
    """Configure the data.

    `seed` draws the splits and the generated texts. It is separate from the seed of a run, so that the
    runs of a sweep share their data. `length_edges`: the edges between the length groups of the report,
    in words of the whole text.
    """

    kind: str = MISSING
    seed: int = count(0, 0)
    validation_fraction: float = fraction(0.1, with_zero=False)
    length_edges: list[int] = increasing([100, 200, 400, 800], of_report=True)

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
    """Configure data whose texts a report may show. IMDB's are other people's, and never shown.

    `show_texts`: show a few test texts in the report, and keep these in the store.
    """

    show_texts: bool = field(default=True, metadata={"of_report": True})


@dataclass
class ImdbConfig(DataConfig):
    """Configure IMDB. `data_dir`: passed to TFDS; null means `TFDS_DATA_DIR` or the default of TFDS."""

    kind: str = "imdb"
    data_dir: str | None = field(default=None, metadata={"of_machine": True})

    @property
    def source(self) -> str:
        return "tfds:imdb_reviews/plain_text"


@dataclass
class CsvConfig(ShownTexts):
    """Configure a user's own table. Without `test_path`, `test_fraction` of `path` is test."""

    kind: str = "csv"
    path: str = checked(NO_DEFAULT, _is_file, "the path of a CSV or Parquet file", by_content=True)
    test_path: str | None = checked(
        None,
        lambda value: value is None or _is_file(value),
        "null or the path of a CSV or Parquet file",
        by_content=True,
    )
    test_fraction: float = fraction(0.2, with_zero=False)
    text_column: str = "text"
    label_column: str = "label"

    @property
    def source(self) -> str:
        return Path(self.path).name


@dataclass
class ClausesConfig(ShownTexts):
    """Configure the generated corpus. Distances are in words between the evidence and the end.

    `train_distance_exponent`: above 1, short distances are more frequent than long ones in the training
    split; at 1 they are uniform, as they always are in the other two splits. `distractor_fraction`: the
    share of the sentences around the evidence that hold an opinion that does not count; a little less in
    fact, as these are long and fit into a distance less often.
    `contradicted_fraction`: the share of texts whose evidence holds somebody else's opinion too.
    """

    kind: str = "clauses"
    train_size: int = count(24_000, 100)
    validation_size: int = count(1_200, 100)
    test_size: int = count(3_000, 100)
    max_distance: int = count(200, 0)
    train_distance_exponent: float = positive(10.0)
    distractor_fraction: float = fraction(0.4, with_zero=True)
    contradicted_fraction: float = fraction(0.25, with_zero=True)
    length_edges: list[int] = increasing([50, 100, 150, 200], of_report=True)

    @property
    def source(self) -> str:
        return f"generated with seed {self.seed}"


@dataclass
class AddingConfig(DataConfig):
    """Configure the adding problem: sequences of numbers instead of texts (see `pipeline.data.adding`).

    `length`: steps of a sequence. The seed of the run draws new sequences for every training step;
    `seed` draws the held-out ones. Training ends when a validation, every `steps_per_validation` steps,
    finds the problem solved, or after `max_steps`.
    """

    kind: str = "adding"
    length: int = count(50, 2, column="length", compared_along=True)
    max_steps: int = count(5_000, column="max_steps")
    steps_per_validation: int = count(100)
    validation_size: int = count(1_000, 100)
    test_size: int = count(5_000, 100)

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
