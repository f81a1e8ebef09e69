"""Define the settings of a run, their defaults and their allowed values.

Hydra composes the files under `conf/` onto these dataclasses, and `pipeline.config.compose` checks the
result by the metadata of each field. Neither imports TensorFlow, so that a wrong configuration is
refused at once.

The dataclasses are not frozen, because Hydra refuses every override on a frozen one. The members of
the enums are lower case, because OmegaConf reads them by name: `architecture.cell=lstm`.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path

from pipeline import cells
from pipeline.config import parameter_counts
from pipeline.config.data import DATA, AddingConfig
from pipeline.config.fields import (
    NO_DEFAULT,
    checked,
    count,
    fraction,
    optional_count,
    optional_fraction,
    positive,
    setting,
)
from pipeline.config.probes import ProbeConfig
from pipeline.config.tasks import TASKS, LanguageConfig, TaskConfig
from pipeline.config.texts import DataConfig

CODE = Path(__file__).resolve().parents[2]  # the folder that holds `pipeline` and `conf`
CONF = CODE / "conf"
IN_CLONE = (CODE / "pyproject.toml").is_file()
# The folder of the store, reports and caches: the clone or, if installed, the working directory.
ROOT = CODE if IN_CLONE else Path.cwd()
VOCAB_SIZE = 20_000  # tokens in a vocabulary at most, unless set
BATCH_SIZE = 64  # texts, or sequences of the adding problem, in a step
BASELINE = "nb_bigrams"  # the name of the baseline among the architectures
LANGUAGE_BASELINE = "kneser_ney"  # and among those of language models
BASELINES = (BASELINE, LANGUAGE_BASELINE)
# Names that stand in tables and on the page.
_NAME = r"\w[\w .+-]{0,59}"
_NAME_EXPECTED = "at most 60 letters, digits, spaces, '_', '-', '+' or '.', a letter or digit first"
FRESH, SKIPGRAM = "fresh", "skipgram"  # what starts a network, if no experiment does


def _is_experiment(value: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", value) is not None


class Readout(Enum):
    """Choose how the outputs of the last recurrent layer are pooled for the heads."""

    last = "last"  # the last step of each direction
    mean = "mean"
    max = "max"
    concat = "concat"  # all three, one after the other: Howard & Ruder 2018


class Rates(Enum):
    """Choose how the learning rate changes over the planned steps, after the warm-up."""

    constant = "constant"
    linear = "linear"  # falls to zero in a straight line
    cosine = "cosine"  # falls to zero along half a cosine: Loshchilov & Hutter 2017
    one_cycle = "one_cycle"  # rises from a 25th along half a cosine, then falls: Smith 2018


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
    character = "character"


class Device(Enum):
    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


@dataclass
class TokenizerConfig:
    kind: TokenizerKind = setting(
        TokenizerKind.word, column="tokenizer", about="whole words, pieces of words, or characters"
    )
    vocab_size: int | None = checked(
        None,
        lambda value: value is None or value >= 3,
        "null or a whole number of at least 3",
        about="tokens in the vocabulary, the most frequent of train; null: at most 20000, and of pieces "
        "of words only those that train holds often enough to learn",
    )
    max_length: int = count(400, about="tokens of a text that a network reads")
    keep: Keep = setting(
        Keep.tail,
        about="the tokens that are kept of a longer text: the last, the first, or half of each",
    )


@dataclass
class ArchitectureConfig:
    """Configure a network."""

    name: str = checked(
        NO_DEFAULT,
        lambda value: re.fullmatch(_NAME, value) is not None,
        _NAME_EXPECTED,
        literal=True,
        about="name of the architecture in the report",
    )
    cell: str = checked(
        NO_DEFAULT,
        cells.is_cell,
        f"one of {', '.join(one.name for one in cells.cells())}",
        about="the recurrent cell",
    )
    units: int = count(64, about="units of a recurrent layer, in each direction")
    recurrent_parameters: int | None = optional_count(
        None,
        resolved_into="units",
        about="trainable weights in all recurrent layers; if set, `units` is solved from it",
    )
    num_layers: int = count(1, about="recurrent layers")
    bidirectional: bool = setting(False, about="read the text backwards too")
    embedding_dim: int = count(64, about="numbers that stand for a token")
    dropout: float = fraction(
        0.0,
        with_zero=True,
        tunable=True,
        about="share of numbers dropped in training: of embeddings, the same wherever a token stands in "
        "a batch; between recurrent layers, the same at all steps of a text; and after the last",
    )
    embedding_dropout: float | None = optional_fraction(
        None, about="of embeddings alone; null: `dropout`"
    )
    word_dropout: float = fraction(
        0.0,
        with_zero=True,
        tunable=True,
        about="share of distinct tokens that a training step does not read",
    )
    weight_drop: float = fraction(
        0.0,
        with_zero=True,
        tunable=True,
        about="share of recurrent weights dropped in a training step: Merity et al. 2018",
    )
    tie_embeddings: bool = setting(
        False,
        about="predict tokens by the weights that embed them, after a projection if `units` and "
        "`embedding_dim` differ: Press & Wolf 2017",
    )
    readout: Readout = setting(
        Readout.last,
        about="what is read of the last recurrent layer: its last step, the mean or the maximum over "
        "all steps, or all three",
    )
    forget_bias: ForgetBias = setting(
        ForgetBias.unit,
        about="how the bias of an LSTM's forget gate begins; chrono: by the length of the memory",
    )
    chrono_steps: int | None = optional_count(
        None,
        2,
        about="the longest memory that `forget_bias=chrono` begins with; null: `max_length`",
    )
    init: str = checked(
        FRESH,
        _is_experiment,
        f"{FRESH}, {SKIPGRAM} or the name of an experiment",
        literal=True,
        about="what a classifier starts with: fresh, random weights; skipgram, word vectors of the "
        "train and unlabelled texts; or the experiment whose finished language models it continues, "
        "with their vocabulary: the embedding and the forward layers of one that reads forward, and "
        "if bidirectional the backward layers of one with task.direction=backward",
    )
    init_runs: list[str] = setting(
        [],
        found_by="init",
        about="ids of the language models that `init` names: the forward one, and if bidirectional the "
        "backward one; []: those that fit, of the run's own seed, or else the best on validation",
    )

    @property
    def continues(self) -> bool:
        """Return whether language models of an experiment start the network."""
        return self.init not in (FRESH, SKIPGRAM)

    @property
    def dropout_of_embeddings(self) -> float:
        """Return the share of numbers of embeddings that are dropped."""
        return self.dropout if self.embedding_dropout is None else self.embedding_dropout

    @property
    def recurrent_layers(self) -> parameter_counts.RecurrentLayers:
        """Return the description of the recurrent layers except for their units."""
        return parameter_counts.RecurrentLayers(
            self.cell, self.embedding_dim, self.num_layers, self.bidirectional
        )


@dataclass
class TrainConfig:
    """Configure training, which ends after `epochs`, `patience` or `max_seconds`, whichever is first.

    The weights of the best epoch are kept: the most accurate on validation. `pipeline.training.schedule`
    chooses what is null by the number of texts.
    """

    epochs: int | None = optional_count(
        None,
        about="most epochs; the weights of the best one are kept; null: 10, of a language model 1, or "
        "as many as it takes for `min_steps`",
    )
    batch_size: int | None = optional_count(
        None,
        tunable=True,
        about="texts, or streams of them for a language model, in a training step; null: 64, or fewer "
        "where texts are few",
    )
    learning_rate: float = positive(
        1e-3, tunable=True, about="of the optimizer, Adam; with a `schedule` the highest"
    )
    schedule: Rates = setting(
        Rates.constant,
        about="how the learning rate changes over the planned steps; all but constant end at about "
        "zero and are trained to the end unless `patience` is set",
    )
    warmup: float | None = optional_fraction(
        None,
        about="share of the planned steps in which the learning rate rises; null: 0.3 of one_cycle, "
        "of others 0",
    )
    head_epochs: int = count(
        0, 0, about="first epochs, in which only the heads are trained: for a network with `init`"
    )
    layer_decay: float = checked(
        1.0,
        lambda value: 0 < value <= 1,
        "a number above 0 and at most 1",
        about="learning rate of a layer as a share of that of the layer above it, the heads on top: "
        "Howard & Ruder 2018 take 0.38",
    )
    ema_momentum: float = fraction(
        0.0,
        with_zero=True,
        about="validate and keep not the weights but their exponential moving average over steps, such "
        "as 0.999; 0: the weights",
    )
    global_clipnorm: float = positive(
        1.0, tunable=True, about="a gradient longer than this is scaled down to it"
    )
    patience: int | None = optional_count(
        None,
        about="epochs without a better validation accuracy or loss after which training ends; null: 2, "
        "or as many as it takes for a quarter of `min_steps`; of a language model it counts "
        "validations, and null is 5; null with a `schedule`: all of them",
    )
    min_steps: int = count(
        2_000,
        about="training steps that null `epochs` and `patience` leave time for, however few the texts",
    )
    max_seconds: float | None = checked(
        None,
        lambda value: value is None or (value > 0 and math.isfinite(value)),
        "null or a positive finite number",
        about="seconds of training, without validation, after which it ends, even within an epoch",
    )


@dataclass
class DeviceConfig:
    """Configure where runs are computed."""

    kind: Device = setting(Device.auto, about="auto: a GPU when there is one")
    workers: int = count(
        1, about="parallel runs of a sweep; unless set, one on each core, or one on a GPU"
    )
    threads: int | None = optional_count(
        None, about="threads of each run; null: its share of the cores"
    )
    memory_mb: int | None = optional_count(
        None, about="most memory of the GPU that a run takes, in MB; null: as much as it needs"
    )


@dataclass
class TrackingConfig:
    """Configure tracking."""

    uri: str | None = checked(
        None,
        lambda value: value is None or re.match(r"https?://\w", value) is not None,
        "null or the address of an MLflow server, such as http://127.0.0.1:5000",
        literal=True,
        about="the server that tracks runs; null: the file `mlflow.db` in `root`",
    )
    wait_seconds: int = count(
        60, 0, about="how long the start and the end of a run wait for an unreachable server"
    )


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

    With `baseline` the run is the baseline instead of a network: the architecture, its training and the
    seed have no effect, and texts are read whole.
    """

    data: DataConfig = setting(NO_DEFAULT, about="what is read: texts, or the adding problem")
    task: TaskConfig = setting(NO_DEFAULT, about="what a network is trained to do")
    tokenizer: TokenizerConfig = setting(NO_DEFAULT, about="how texts become tokens")
    architecture: ArchitectureConfig = setting(NO_DEFAULT, about="the network")
    train: TrainConfig = setting(NO_DEFAULT, about="how it is trained")
    probe: ProbeConfig = field(
        default_factory=ProbeConfig, metadata={"about": "what is measured of it when it is trained"}
    )
    device: DeviceConfig = setting(NO_DEFAULT, about="where it is computed")
    tracking: TrackingConfig = setting(NO_DEFAULT, about="where runs are tracked")
    name: str = checked(
        "adhoc",
        _is_experiment,
        "at most 80 letters, digits, '_', '-' or '.', because it names a folder",
        literal=True,
        about="the experiment: its runs are compared, and its report is in reports/<name>",
    )
    seed: int = checked(
        0,
        lambda value: 0 <= value < 2**31,
        "a whole number from 0 to 2147483647",
        about="draws the first weights and the order of the texts",
    )
    recipe: str = checked(
        "",
        lambda value: value == "" or re.fullmatch(_NAME, value) is not None,
        _NAME_EXPECTED,
        about="a file of settings of training, whose name stands for them in tables and on the page",
    )
    tuned: list[str] = checked(
        [],
        lambda names: len(set(names)) == len(names) and set(names) <= set(TUNABLE),
        f"a list of distinct names out of {', '.join(TUNABLE)}",
        about="settings that a sweep varies only to choose, on validation, the best value for each "
        "architecture; only runs with the chosen values are compared",
    )
    margin: float = positive(
        1.0,
        about="the smallest difference that matters: of accuracies in points, of perplexities in "
        "percent",
    )
    contrasts: dict[str, dict[str, float]] = setting(
        {},
        expected="a weight of every architecture for each question, such as "
        "contrasts.gates={lstm:1,simple_rnn:-1}",
        about="what a sweep asks beside what follows from its settings: for each name a weight of "
        "every architecture that is compared, summing to zero",
    )
    precision: float | None = checked(
        None,
        lambda value: value is None or (value > 0 and math.isfinite(value)),
        "null or a positive finite number",
        about="a sweep adds seeds until the interval of every contrast of accuracies is no wider than "
        "so many points to each side",
    )
    max_seeds: int = count(10, 2, about="most seeds of each architecture with `precision`")
    baseline: bool = setting(
        False, formerly="control", about="run the baseline instead of a network"
    )
    rerun: bool = setting(False, about="run again what is done already")
    root: str = checked(
        str(ROOT),
        lambda value: os.sep == "\\" or "\\" not in value,
        "a folder whose path has no backslash, which Keras takes for a slash",
        literal=True,
        path=True,
        about="folder of the store, the reports and the caches",
    )

    @property
    def unused(self) -> tuple[str, ...]:
        """Return the dotted keys, of sections or settings, that have no effect on this run."""
        return (*self.data.unused, *self.task.unused)

    @property
    def baseline_name(self) -> str:
        """Return the name of the baseline for the task of this run."""
        return LANGUAGE_BASELINE if isinstance(self.task, LanguageConfig) else BASELINE

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
        if self.recipe:
            values = [f"recipe {self.recipe}", *values]
        return ", ".join([f"{self.architecture.name} seed {self.seed}", *values])


# The sections of which there are several kinds, each with settings of its own.
KINDS: dict[str, dict[str, type]] = {"data": {**DATA}, "task": {**TASKS}}
SECTIONS = {
    "tokenizer": TokenizerConfig,
    "architecture": ArchitectureConfig,
    "train": TrainConfig,
    "probe": ProbeConfig,
    "device": DeviceConfig,
    "tracking": TrackingConfig,
}
