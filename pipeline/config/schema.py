"""The vocabulary of a run: what may be chosen, and what it may hold.

Hydra composes the files under `conf/` onto these dataclasses, and `pipeline.config.compose` checks what
comes out by what stands at each field. Neither imports TensorFlow: a wrong configuration is refused at
once.

The dataclasses are not frozen, because Hydra refuses every override on a frozen one. The members of
the enums are lower case, because OmegaConf reads them by name: `architecture.cell=lstm`.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from pipeline import cells
from pipeline.config import parameter_counts as sizes

CODE = Path(__file__).resolve().parents[2]  # the folder that holds `pipeline` and `conf`
CONF = CODE / "conf"
IN_CLONE = (CODE / "pyproject.toml").is_file()
# Where the store, the reports and the caches go: the clone or, installed, where a program is started.
ROOT = CODE if IN_CLONE else Path.cwd()
BASELINE = "nb_bigrams"  # the order-free baseline's name among the architectures


class Readout(Enum):
    """What the classifier sees of the outputs of the last recurrent layer."""

    last = "last"  # the state when reading ends: each direction's own last step
    mean = "mean"
    max = "max"


class ForgetBias(Enum):
    """How the bias of an LSTM's forget gate begins."""

    unit = "unit"  # at 1, as Keras has it: Jozefowicz et al. 2015
    zero = "zero"
    chrono = "chrono"  # by how long to remember: Tallec & Ollivier 2018


class Keep(Enum):
    """Which end of a text longer than `max_length` is read."""

    tail = "tail"
    head = "head"
    both = "both"  # the first and the last `max_length` / 2 tokens


class TokenizerKind(Enum):
    word = "word"
    bpe = "bpe"


class ProbeKind(Enum):
    """What may be measured of a trained network, beside its accuracy."""

    context = "context"  # accuracy where only the last or the first tokens are read
    distance = "distance"  # answers where neutral words stand around the evidence
    quiz = "quiz"  # the generated corpus: sentiment and subject by distance
    retention = "retention"  # what is left of a signal after so many steps, by derivatives
    gates = "gates"  # how long the units remember by their gates
    lesson = "lesson"  # the lesson's sentence, word by word


class Device(Enum):
    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


def _field(default: Any, check: Callable[[Any], bool], may_hold: str, **said: Any) -> Any:
    """A field that holds what `check` accepts; `may_hold` says so to a person.

    said: what else is to be known of it (see `pipeline.config.settings`).
    """
    metadata = {"check": check, "may_hold": may_hold, **said}
    if default is NO_DEFAULT:
        default = MISSING
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def _count(default: int, low: int = 1, **said: Any) -> Any:
    return _field(default, lambda value: value >= low, f"a whole number of at least {low}", **said)


def _fraction(default: float, *, with_zero: bool, **said: Any) -> Any:
    if with_zero:
        may_hold = "a number from 0 up to, not with, 1"
        return _field(default, lambda value: 0 <= value < 1, may_hold, **said)
    return _field(default, lambda value: 0 < value < 1, "a number between 0 and 1", **said)


def _positive(default: float, **said: Any) -> Any:
    return _field(
        default,
        lambda value: value > 0 and math.isfinite(value),
        "a positive finite number",
        **said,
    )


def _rising(default: list[int], *, may_be_empty: bool = True, **said: Any) -> Any:
    return _field(
        default,
        lambda edges: (
            (may_be_empty or len(edges) > 0)
            and all(edge >= 1 for edge in edges)
            and all(a < b for a, b in itertools.pairwise(edges))
        ),
        "whole numbers of at least 1 that rise, such as [100,200,400]",
        **said,
    )


def _all_different(kinds: list[ProbeKind]) -> bool:
    return len(set(kinds)) == len(kinds)


def _is_file(path: str) -> bool:
    return Path(path).is_file()


@dataclass
class DataConfig:
    """Which texts. `seed` draws the splits and the generated texts, apart from the seed of a run, so
    that the runs of a sweep share their data. `length_edges`: where accuracy by length is cut, in words
    of the uncut text.
    """

    kind: str = MISSING
    seed: int = _count(0, 0)
    validation_fraction: float = _fraction(0.1, with_zero=False)
    length_edges: list[int] = _rising([100, 200, 400, 800], of_report=True)

    @property
    def source(self) -> str:
        """Where the texts come from, in words for a page."""
        raise NotImplementedError

    @property
    def features(self) -> int | None:
        """Numbers at each step of what is read, where it is not texts."""
        return None

    @property
    def unused(self) -> tuple[str, ...]:
        """Dotted keys, of sections or of values, that do nothing with this data."""
        return ()


@dataclass
class ImdbConfig(DataConfig):
    """`data_dir`: as TFDS takes it; null leaves it to `TFDS_DATA_DIR` and then to TFDS's default."""

    kind: str = "imdb"
    data_dir: str | None = field(default=None, metadata={"of_machine": True})

    @property
    def source(self) -> str:
        return "tfds:imdb_reviews/plain_text"


@dataclass
class CsvConfig(DataConfig):
    """A person's own table. Without `test_path`, `test_fraction` of `path` is set aside, by seed."""

    kind: str = "csv"
    path: str = _field(NO_DEFAULT, _is_file, "the path of a CSV or Parquet file", by_content=True)
    test_path: str | None = _field(
        None,
        lambda value: value is None or _is_file(value),
        "null or the path of a CSV or Parquet file",
        by_content=True,
    )
    test_fraction: float = _fraction(0.2, with_zero=False)
    text_column: str = "text"
    label_column: str = "label"

    @property
    def source(self) -> str:
        return Path(self.path).name


@dataclass
class ClausesConfig(DataConfig):
    """The generated corpus. Distances are in words between the deciding words and the end.

    `train_distance_exponent`: how much more frequent short distances are in the training split than
    long ones; at 1 they are spread evenly, as they always are in the other two splits.
    """

    kind: str = "clauses"
    train_size: int = _count(12_000, 100)
    validation_size: int = _count(1_200, 100)
    test_size: int = _count(3_000, 100)
    max_distance: int = _count(200, 0)
    train_distance_exponent: float = _positive(3.0)
    distractor_fraction: float = _fraction(0.5, with_zero=True)
    contradicted_fraction: float = _fraction(0.25, with_zero=True)
    length_edges: list[int] = _rising([50, 100, 150, 200], of_report=True)

    @property
    def source(self) -> str:
        return f"generated with seed {self.seed}"


@dataclass
class AddingConfig(DataConfig):
    """The adding problem: sequences of numbers in place of texts (see `pipeline.data.adding`).

    `length`: steps of a sequence. Training sequences are drawn anew for every step of training, by the
    seed of the run; `seed` draws those that are held out. Training ends when the problem is solved, as
    found every `steps_per_validation` steps, or after `max_steps`.
    """

    kind: str = "adding"
    length: int = _count(50, 2, column="length", compared_along=True)
    max_steps: int = _count(5_000, column="max_steps")
    steps_per_validation: int = _count(100)
    validation_size: int = _count(1_000, 100)
    test_size: int = _count(5_000, 100)

    @property
    def source(self) -> str:
        return f"generated with seed {self.seed}"

    @property
    def features(self) -> int:
        return 2  # a value and a mark

    @property
    def unused(self) -> tuple[str, ...]:
        """What is about texts, about epochs of a training split that ends, and about choosing."""
        data = ("data.validation_fraction", "data.length_edges")
        train = ("train.epochs", "train.patience", "train.max_seconds", "tuned")
        return (*data, "tokenizer", "architecture.embedding_dim", *train)


@dataclass
class TokenizerConfig:
    kind: TokenizerKind = field(default=TokenizerKind.word, metadata={"column": "tokenizer"})
    vocab_size: int = _count(20_000, 3)
    max_length: int = _count(400)
    keep: Keep = Keep.tail


@dataclass
class ArchitectureConfig:
    """What varies. `dropout` stands between the embedding, the recurrent layers and the heads.

    `recurrent_parameters`: trainable weights that the recurrent layers are to have together; `build`
    then solves `units` from it, whatever they were. `forget_bias` is an LSTM's. `chrono_steps`: the
    longest memory that `forget_bias` chrono provides for, null is all that is read (`max_length`);
    without chrono it does nothing.
    """

    name: str = MISSING
    cell: str = _field(
        NO_DEFAULT, cells.is_cell, f"one of {', '.join(one.name for one in cells.cells())}"
    )
    units: int = _count(64)
    recurrent_parameters: int | None = _field(
        None,
        lambda value: value is None or value >= 1,
        "null or a whole number of at least 1",
        resolved_into="units",
    )
    num_layers: int = _count(1)
    bidirectional: bool = False
    embedding_dim: int = _count(64)
    dropout: float = _fraction(0.0, with_zero=True, tunable=True)
    readout: Readout = Readout.last
    forget_bias: ForgetBias = ForgetBias.unit
    chrono_steps: int | None = _field(
        None, lambda value: value is None or value >= 2, "null or a whole number of at least 2"
    )

    @property
    def recurrent_layers(self) -> sizes.RecurrentLayers:
        """What the recurrent layers are, but for their units."""
        return sizes.RecurrentLayers(
            self.cell, self.embedding_dim, self.num_layers, self.bidirectional
        )


@dataclass
class TrainConfig:
    """Training ends at whichever comes first: `epochs`; `patience` epochs without a better validation
    accuracy; `max_seconds` of training, validation not counted, within an epoch if need be. Whichever
    it is, the weights of the best epoch are kept.
    """

    epochs: int = _count(10)
    batch_size: int = _count(64, tunable=True)
    learning_rate: float = _positive(1e-3, tunable=True)
    global_clipnorm: float = _positive(1.0, tunable=True)
    patience: int = _count(2)
    max_seconds: float | None = _field(
        None,
        lambda value: value is None or (value > 0 and math.isfinite(value)),
        "null or a positive finite number",
    )


@dataclass
class ProbeConfig:
    """What is measured of a trained network by intervening in the texts, and on how many of them.

    The test reviews of a probe are drawn by `seed`, the same for every architecture, with every label
    in proportion. `context_lengths`: tokens that are read of reviews of at least `context_min_words`
    words, at their end and at their start. `distances`: neutral words around reviews of at most
    `distance_max_words`. `retention_tokens`: the last tokens that are read while the network is looked
    into. Nothing here changes a trained network, so that another probe trains nothing.
    """

    kinds: list[ProbeKind] = _field(
        list(ProbeKind), _all_different, "kinds of probes, each once, such as [context,distance]"
    )
    seed: int = _count(0, 0)
    context_reviews: int = _count(2_000, 2)
    context_min_words: int = _count(200)
    context_lengths: list[int] = _rising([10, 25, 50, 100, 200, 400], may_be_empty=False)
    distance_reviews: int = _count(300, 2)
    distance_max_words: int = _count(80)
    distances: list[int] = _rising([25, 50, 100, 200, 400, 800], may_be_empty=False)
    retention_reviews: int = _count(100, 2)
    retention_tokens: int = _count(400, 2)


@dataclass
class DeviceConfig:
    """Where a run is computed. `workers`: runs at a time in a sweep; `threads`: of each run, null shares
    the cores among them.
    """

    kind: Device = Device.auto
    workers: int = _count(1)
    threads: int | None = _field(
        None, lambda value: value is None or value >= 1, "null or at least 1"
    )


@dataclass
class TrackingConfig:
    """`uri`: the address of an MLflow server; null is the SQLite store `mlflow.db` at `root`.
    `wait_seconds`: how long the beginning and the end of a run wait for a server that is away.
    """

    uri: str | None = _field(
        None,
        lambda value: value is None or re.match(r"https?://\w", value) is not None,
        "null or the address of an MLflow server, such as http://127.0.0.1:5000",
    )
    wait_seconds: int = _count(60, 0)


# What may be tuned, and the section it stands in: how a network is trained. What changes the network
# itself makes another architecture of it.
TUNABLE = {
    entry.name: section
    for section, node in (("train", TrainConfig), ("architecture", ArchitectureConfig))
    for entry in fields(node)
    if entry.metadata.get("tunable")
}


@dataclass
class RunConfig:
    """One run: one architecture, its settings and one seed.

    `name` is the experiment: its runs are compared with each other, and its report is written to
    `reports/<name>`. `tuned`: settings that a sweep varies only to find, on validation, the best value
    for each architecture; alone the chosen values are compared. `root` is the folder of the store, the
    reports and the caches. With `baseline` it is the order-free baseline in the place of a network: then
    the architecture, its training and the seed do nothing, and texts are read whole.
    """

    data: DataConfig = MISSING
    tokenizer: TokenizerConfig = MISSING
    architecture: ArchitectureConfig = MISSING
    train: TrainConfig = MISSING
    probe: ProbeConfig = field(default_factory=ProbeConfig)
    device: DeviceConfig = MISSING
    tracking: TrackingConfig = MISSING
    name: str = _field(
        "adhoc",
        lambda value: re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", value) is not None,
        "letters, digits, '_', '-' and '.', for it names a folder",
    )
    seed: int = _field(0, lambda value: 0 <= value < 2**31, "a whole number from 0 to 2147483647")
    tuned: list[str] = _field(
        [],
        lambda names: len(set(names)) == len(names) and set(names) <= set(TUNABLE),
        f"some of {', '.join(TUNABLE)}, each once",
    )
    baseline: bool = False
    rerun: bool = False
    root: str = str(ROOT)

    def tuned_values(self) -> dict[str, float]:
        """Each tuned setting with its value in this run."""
        return {name: getattr(getattr(self, TUNABLE[name]), name) for name in self.tuned}

    @property
    def title(self) -> str:
        """What tells this run from the others of its sweep, for a person."""
        # Nothing of a baseline is tuned, though it stands in a sweep that tunes.
        tuned = {} if self.baseline else self.tuned_values()
        values = [f"{name} {value:g}" for name, value in tuned.items()]
        if isinstance(self.data, AddingConfig):
            values = [f"length {self.data.length}", *values]
        return ", ".join([f"{self.architecture.name} seed {self.seed}", *values])


DATA = {"imdb": ImdbConfig, "csv": CsvConfig, "clauses": ClausesConfig, "adding": AddingConfig}
SECTIONS = {
    "tokenizer": TokenizerConfig,
    "architecture": ArchitectureConfig,
    "train": TrainConfig,
    "probe": ProbeConfig,
    "device": DeviceConfig,
    "tracking": TrackingConfig,
}
