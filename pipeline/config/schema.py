"""Define the settings of a run, their defaults and their allowed values.

Hydra composes the files under `conf/` onto these dataclasses, and `pipeline.config.compose` checks the
result by the metadata of each field. Neither imports TensorFlow, so that a wrong configuration is
refused at once.

The dataclasses are not frozen, because Hydra refuses every override on a frozen one. The members of
the enums are lower case, because OmegaConf reads them by name: `architecture.cell=lstm`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path

from omegaconf import MISSING

from pipeline import cells
from pipeline.config import parameter_counts
from pipeline.config.data import AddingConfig, DataConfig
from pipeline.config.fields import NO_DEFAULT, checked, count, fraction, increasing, positive

CODE = Path(__file__).resolve().parents[2]  # the folder that holds `pipeline` and `conf`
CONF = CODE / "conf"
IN_CLONE = (CODE / "pyproject.toml").is_file()
# The folder of the store, reports and caches: the clone or, if installed, the working directory.
ROOT = CODE if IN_CLONE else Path.cwd()
BASELINE = "nb_bigrams"  # the name of the baseline among the architectures


class Readout(Enum):
    """Choose how the outputs of the last recurrent layer are pooled for the heads."""

    last = "last"  # the last step of each direction
    mean = "mean"
    max = "max"


class ForgetBias(Enum):
    """Choose how the bias of an LSTM's forget gate is initialised."""

    unit = "unit"  # to 1, the default of Keras: Jozefowicz et al. 2015
    zero = "zero"
    chrono = "chrono"  # by the length of the memory: Tallec & Ollivier 2018


class Keep(Enum):
    """Choose which tokens of a text longer than `max_length` are kept."""

    tail = "tail"  # the last tokens
    head = "head"  # the first tokens
    both = "both"  # the first and the last `max_length` / 2 tokens


class TokenizerKind(Enum):
    word = "word"
    bpe = "bpe"


class ProbeKind(Enum):
    """Choose what to measure of a trained network beside its accuracy."""

    context = "context"  # accuracy when only the first or the last tokens are read
    distance = "distance"  # answers with neutral words around the evidence
    quiz = "quiz"  # the generated corpus: sentiment and subject by distance
    retention = "retention"  # what is left of a signal after some steps, by derivatives
    gates = "gates"  # the memory of units that their gates imply
    slow_units = "slow_units"  # what the slowest units carry, by wiping all others
    lesson = "lesson"  # the lesson's sentence, word by word


class Device(Enum):
    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


def _is_distinct(kinds: list[ProbeKind]) -> bool:
    return len(set(kinds)) == len(kinds)


@dataclass
class TokenizerConfig:
    kind: TokenizerKind = field(default=TokenizerKind.word, metadata={"column": "tokenizer"})
    vocab_size: int = count(20_000, 3)
    max_length: int = count(400)
    keep: Keep = Keep.tail


@dataclass
class ArchitectureConfig:
    """Configure a network. `dropout` is applied before, between and after the recurrent layers.

    `recurrent_parameters`: the total number of trainable weights in the recurrent layers; if set,
    `build` solves `units` from it and ignores the given `units`. `forget_bias` needs an LSTM.
    `chrono_steps`: the longest memory that `forget_bias=chrono` initialises; null means `max_length`.
    Without chrono it does nothing.
    """

    name: str = MISSING
    cell: str = checked(
        NO_DEFAULT, cells.is_cell, f"one of {', '.join(one.name for one in cells.cells())}"
    )
    units: int = count(64)
    recurrent_parameters: int | None = checked(
        None,
        lambda value: value is None or value >= 1,
        "null or a whole number of at least 1",
        resolved_into="units",
    )
    num_layers: int = count(1)
    bidirectional: bool = False
    embedding_dim: int = count(64)
    dropout: float = fraction(0.0, with_zero=True, tunable=True)
    readout: Readout = Readout.last
    forget_bias: ForgetBias = ForgetBias.unit
    chrono_steps: int | None = checked(
        None, lambda value: value is None or value >= 2, "null or a whole number of at least 2"
    )

    @property
    def recurrent_layers(self) -> parameter_counts.RecurrentLayers:
        """Return the description of the recurrent layers except for their units."""
        return parameter_counts.RecurrentLayers(
            self.cell, self.embedding_dim, self.num_layers, self.bidirectional
        )


@dataclass
class TrainConfig:
    """Configure training, which ends at whichever comes first.

    After `epochs`; after `patience` epochs without a better validation accuracy; or after `max_seconds`
    of training, without validation, even within an epoch. The weights of the best epoch are kept.
    """

    epochs: int = count(10)
    batch_size: int = count(64, tunable=True)
    learning_rate: float = positive(1e-3, tunable=True)
    global_clipnorm: float = positive(1.0, tunable=True)
    patience: int = count(2)
    max_seconds: float | None = checked(
        None,
        lambda value: value is None or (value > 0 and math.isfinite(value)),
        "null or a positive finite number",
    )


@dataclass
class ProbeConfig:
    """Configure the probes, which measure a trained network by intervening in its texts.

    `seed` draws the test reviews of a probe, stratified by label and the same for every architecture.
    `context_lengths`: how many tokens at the start, and at the end, are read of reviews of at least
    `context_min_words` words. `distances`: neutral words around reviews of at most `distance_max_words`
    words. `retention_tokens`: the last tokens that are read while gradients and gates are recorded.
    `slow_distances`: neutral tokens that the slowest units bridge alone, around short reviews like those
    of `distances`; `slow_draws`: how often as many units are drawn at random instead.
    Probing does not change a network, so that other probes need no new training.
    """

    kinds: list[ProbeKind] = checked(
        list(ProbeKind),
        _is_distinct,
        "a list of distinct kinds of probes, such as [context,distance]",
    )
    seed: int = count(0, 0)
    context_reviews: int = count(2_000, 2)
    context_min_words: int = count(200)
    context_lengths: list[int] = increasing([10, 25, 50, 100, 200, 400], may_be_empty=False)
    distance_reviews: int = count(300, 2)
    distance_max_words: int = count(80)
    distances: list[int] = increasing([25, 50, 100, 200, 400, 800], may_be_empty=False)
    retention_reviews: int = count(100, 2)
    retention_tokens: int = count(400, 2)
    slow_reviews: int = count(100, 2)
    slow_distances: list[int] = increasing([50, 200], may_be_empty=False)
    slow_draws: int = count(5)


@dataclass
class DeviceConfig:
    """Configure where runs are computed.

    `workers`: parallel runs of a sweep; `threads`: threads of each run; null divides the cores equally.
    """

    kind: Device = Device.auto
    workers: int = count(1)
    threads: int | None = checked(
        None, lambda value: value is None or value >= 1, "null or at least 1"
    )


@dataclass
class TrackingConfig:
    """Configure tracking.

    `uri`: the address of an MLflow server; null means the SQLite store `mlflow.db` in `root`.
    `wait_seconds`: how long the start and the end of a run wait for an unreachable server.
    """

    uri: str | None = checked(
        None,
        lambda value: value is None or re.match(r"https?://\w", value) is not None,
        "null or the address of an MLflow server, such as http://127.0.0.1:5000",
    )
    wait_seconds: int = count(60, 0)


# The section of each setting that may be tuned: how a network is trained. A setting that changes the
# network itself makes it another architecture.
TUNABLE = {
    entry.name: section
    for section, node in (("train", TrainConfig), ("architecture", ArchitectureConfig))
    for entry in fields(node)
    if entry.metadata.get("tunable")
}


@dataclass
class RunConfig:
    """Configure a run: one architecture, its settings and one seed.

    `name` is the experiment: its runs are compared with each other, and its report is written to
    `reports/<name>`. `tuned`: settings that a sweep varies only to choose, on validation, the best value
    for each architecture; only runs with the chosen values are compared. `root` is the folder of the
    store, the reports and the caches. `margin`: the smallest difference of accuracies that matters, in
    points. `contrasts`: what a sweep asks beside what follows from its settings: for each name a weight
    of every architecture that is compared, summing to zero. `precision`: a sweep adds seeds, at most
    `max_seeds` of each architecture, until the interval of every contrast of accuracies is no wider than
    so many points to each side. With `baseline` the run is the baseline
    instead of a network: the architecture, its training and the seed have no effect, and texts are read
    whole.
    """

    data: DataConfig = MISSING
    tokenizer: TokenizerConfig = MISSING
    architecture: ArchitectureConfig = MISSING
    train: TrainConfig = MISSING
    probe: ProbeConfig = field(default_factory=ProbeConfig)
    device: DeviceConfig = MISSING
    tracking: TrackingConfig = MISSING
    name: str = checked(
        "adhoc",
        lambda value: re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", value) is not None,
        "at most 80 letters, digits, '_', '-' or '.', because it names a folder",
    )
    seed: int = checked(0, lambda value: 0 <= value < 2**31, "a whole number from 0 to 2147483647")
    tuned: list[str] = checked(
        [],
        lambda names: len(set(names)) == len(names) and set(names) <= set(TUNABLE),
        f"a list of distinct names out of {', '.join(TUNABLE)}",
    )
    margin: float = positive(1.0)
    contrasts: dict[str, dict[str, float]] = field(default_factory=dict)
    precision: float | None = checked(
        None,
        lambda value: value is None or (value > 0 and math.isfinite(value)),
        "null or a positive finite number",
    )
    max_seeds: int = count(10, 2)
    baseline: bool = False
    rerun: bool = False
    root: str = str(ROOT)

    def tuned_values(self) -> dict[str, float]:
        """Return the value of each tuned setting in this run."""
        return {name: getattr(getattr(self, TUNABLE[name]), name) for name in self.tuned}

    @property
    def title(self) -> str:
        """Return a name for this run that is unique within its sweep, for messages."""
        # The baseline is not tuned, even in a sweep that tunes.
        tuned = {} if self.baseline else self.tuned_values()
        values = [f"{name} {value:g}" for name, value in tuned.items()]
        if isinstance(self.data, AddingConfig):
            values = [f"length {self.data.length}", *values]
        return ", ".join([f"{self.architecture.name} seed {self.seed}", *values])


SECTIONS = {
    "tokenizer": TokenizerConfig,
    "architecture": ArchitectureConfig,
    "train": TrainConfig,
    "probe": ProbeConfig,
    "device": DeviceConfig,
    "tracking": TrackingConfig,
}
