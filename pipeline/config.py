"""The vocabulary of a run: what may be chosen, what it may hold, and what identifies it.

Hydra composes the files under `conf/` onto these dataclasses; `build` turns the composed tree into
plain objects and checks every value, so that each stage can trust the sub-config it is given. What a
field may hold stands at the field. Nothing here imports TensorFlow: a wrong configuration is refused
at once.

The dataclasses are not frozen, because Hydra refuses every override on a frozen one. The members of
the enums are lower case, because OmegaConf reads them by name: `architecture.cell=lstm`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from pipeline import sizes

ROOT = Path(__file__).resolve().parents[1]
CONTROL = "nb_bigrams"  # the order-free control's name among the architectures


class ConfigError(ValueError):
    """A value that a run cannot be made of; the message names the key, what it holds and may hold."""


class DataError(ValueError):
    """Somebody's data cannot be used; the message names what, where and the way out."""


class Cell(Enum):
    simple_rnn = "simple_rnn"
    lstm = "lstm"
    gru = "gru"


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


def _field(default: Any, check: Callable[[Any], bool], may_hold: str) -> Any:
    """A field that holds what `check` accepts; `may_hold` says so to a person."""
    metadata = {"check": check, "may_hold": may_hold}
    if default is NO_DEFAULT:
        default = MISSING
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def _count(default: int, low: int = 1) -> Any:
    return _field(default, lambda value: value >= low, f"a whole number of at least {low}")


def _fraction(default: float, *, with_zero: bool) -> Any:
    if with_zero:
        return _field(default, lambda value: 0 <= value < 1, "a number from 0 up to, not with, 1")
    return _field(default, lambda value: 0 < value < 1, "a number between 0 and 1")


def _positive(default: float) -> Any:
    return _field(
        default, lambda value: value > 0 and math.isfinite(value), "a positive finite number"
    )


def _rising(default: list[int], *, may_be_empty: bool = True) -> Any:
    return _field(
        default,
        lambda edges: (
            (may_be_empty or len(edges) > 0)
            and all(edge >= 1 for edge in edges)
            and all(a < b for a, b in itertools.pairwise(edges))
        ),
        "whole numbers of at least 1 that rise, such as [100,200,400]",
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
    length_edges: list[int] = _rising([100, 200, 400, 800])

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
    """`data_dir`: as TFDS takes it; null leaves it to `TFDSDATA_DIR` and then to TFDS's default."""

    kind: str = "imdb"
    data_dir: str | None = None

    @property
    def source(self) -> str:
        return "tfds:imdb_reviews/plain_text"


@dataclass
class CsvConfig(DataConfig):
    """A person's own table. Without `test_path`, `test_fraction` of `path` is set aside, by seed."""

    kind: str = "csv"
    path: str = _field(NO_DEFAULT, _is_file, "the path of a CSV or Parquet file")
    test_path: str | None = _field(
        None,
        lambda value: value is None or _is_file(value),
        "null or the path of a CSV or Parquet file",
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
    length_edges: list[int] = _rising([50, 100, 150, 200])

    @property
    def source(self) -> str:
        return f"generated with seed {self.seed}"


@dataclass
class AddingConfig(DataConfig):
    """The adding problem: sequences of numbers in place of texts (see `pipeline.adding`).

    `length`: steps of a sequence. Training sequences are drawn anew for every step of training, by the
    seed of the run; `seed` draws those that are held out. Training ends when the problem is solved, as
    found every `steps_per_validation` steps, or after `max_steps`.
    """

    kind: str = "adding"
    length: int = _count(50, 2)
    max_steps: int = _count(5_000)
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
    kind: TokenizerKind = TokenizerKind.word
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
    cell: Cell = MISSING
    units: int = _count(64)
    recurrent_parameters: int | None = _field(
        None, lambda value: value is None or value >= 1, "null or a whole number of at least 1"
    )
    num_layers: int = _count(1)
    bidirectional: bool = False
    embedding_dim: int = _count(64)
    dropout: float = _fraction(0.0, with_zero=True)
    readout: Readout = Readout.last
    forget_bias: ForgetBias = ForgetBias.unit
    chrono_steps: int | None = _field(
        None, lambda value: value is None or value >= 2, "null or a whole number of at least 2"
    )

    @property
    def recurrent_layers(self) -> sizes.RecurrentLayers:
        """What the recurrent layers are, but for their units."""
        return sizes.RecurrentLayers(
            self.cell.name, self.embedding_dim, self.num_layers, self.bidirectional
        )


@dataclass
class TrainConfig:
    """Training ends at whichever comes first: `epochs`; `patience` epochs without a better validation
    accuracy; `max_seconds` of training, validation not counted, within an epoch if need be. Whichever
    it is, the weights of the best epoch are kept.
    """

    epochs: int = _count(10)
    batch_size: int = _count(64)
    learning_rate: float = _positive(1e-3)
    global_clipnorm: float = _positive(1.0)
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
    "learning_rate": "train",
    "batch_size": "train",
    "global_clipnorm": "train",
    "dropout": "architecture",
}


@dataclass
class RunConfig:
    """One run: one architecture, its settings and one seed.

    `name` is the experiment: its runs are compared with each other, and its report is written to
    `reports/<name>`. `tuned`: settings that a sweep varies only to find, on validation, the best value
    for each architecture; alone the chosen values are compared. `root` is the folder of the store, the
    reports and the caches. With `control` it is the order-free control in the place of a network: then
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
    control: bool = False
    rerun: bool = False
    root: str = str(ROOT)

    def tuned_values(self) -> dict[str, float]:
        """Each tuned setting with its value in this run."""
        return {name: getattr(getattr(self, TUNABLE[name]), name) for name in self.tuned}

    @property
    def title(self) -> str:
        """What tells this run from the others of its sweep, for a person."""
        values = [f"{name} {value:g}" for name, value in self.tuned_values().items()]
        if isinstance(self.data, AddingConfig):
            values = [f"length {self.data.length}", *values]
        return ", ".join([f"{self.architecture.name} seed {self.seed}", *values])


DATA = {"imdb": ImdbConfig, "csv": CsvConfig, "clauses": ClausesConfig, "adding": AddingConfig}
_SECTIONS = {
    "tokenizer": TokenizerConfig,
    "architecture": ArchitectureConfig,
    "train": TrainConfig,
    "probe": ProbeConfig,
    "device": DeviceConfig,
    "tracking": TrackingConfig,
}


def register_schemas() -> None:
    """Makes the dataclasses known to Hydra, under the names that the files in `conf/` build on."""
    OmegaConf.register_new_resolver("default_workers", default_workers, replace=True)
    store = ConfigStore.instance()
    store.store(name="run_schema", node=RunConfig)
    for name, node in (DATA | _SECTIONS).items():
        store.store(group="schema", name=name, node=node)


def default_workers(device: Device | str) -> int:
    """Runs at a time: one for each core this process may use, and one alone on a GPU."""
    kind = getattr(device, "name", device)  # OmegaConf hands over the member of the enum
    on_gpu = kind == "gpu" or (kind == "auto" and has_gpu())
    return 1 if on_gpu else available_cores()


def available_cores() -> int:
    """The cores this process may use; in a job of Slurm's those it was given, bound to them or not."""
    bound = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if bound else os.cpu_count() or 1
    return min(cores, int(os.environ.get("SLURM_CPUS_ON_NODE", cores)))


def has_gpu() -> bool:
    """Whether an NVIDIA device is visible, found out without TensorFlow."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(Path("/dev").glob("nvidia[0-9]*"))


def build(tree: DictConfig) -> RunConfig:
    """The composed tree as checked objects.

    Raises:
      ConfigError: a value is missing or outside what its field may hold.
    """
    _refuse_unknown(RunConfig, tree)
    try:
        config = OmegaConf.to_object(tree)
    except MissingMandatoryValue as error:
        key = str(error.full_key)
        raise ConfigError(f"{key} is not set; give it as {key}=...") from None
    assert isinstance(config, RunConfig)
    check(config)
    _resolve_architecture(config)
    _resolve_paths(config)
    return control_of(config) if config.control else config


def _refuse_unknown(schema: type, tree: DictConfig, prefix: str = "") -> None:
    """Hydra lets `+name=value` add any key, which would then do nothing."""
    known = {entry.name for entry in dataclasses.fields(schema)}
    for name in tree:
        if name not in known:
            raise ConfigError(
                f"unknown key {prefix}{name}; {schema.__name__} has {', '.join(sorted(known))}"
            )
        if not OmegaConf.is_missing(tree, name) and isinstance(tree[name], DictConfig):
            section = OmegaConf.get_type(tree, name)
            assert section is not None
            _refuse_unknown(section, tree[name], f"{prefix}{name}.")


def _resolve_architecture(config: RunConfig) -> None:
    """What follows from other settings, so that it stands with the run: units, and steps to remember."""
    architecture = config.architecture
    if architecture.forget_bias != ForgetBias.unit and architecture.cell != Cell.lstm:
        raise ConfigError(
            f"architecture.forget_bias is {architecture.forget_bias.name}, but only an lstm has a "
            f"forget gate: with architecture.cell {architecture.cell.name} it may hold unit"
        )
    if architecture.forget_bias == ForgetBias.chrono and architecture.chrono_steps is None:
        read = config.tokenizer.max_length
        read = config.data.length if isinstance(config.data, AddingConfig) else read
        architecture.chrono_steps = max(2, read)
    if architecture.recurrent_parameters is not None:
        layers = architecture.recurrent_layers
        if config.data.features is not None:
            layers = dataclasses.replace(layers, features=config.data.features)
        architecture.units = _solve_units(architecture, layers)


def _solve_units(architecture: ArchitectureConfig, layers: sizes.RecurrentLayers) -> int:
    weights = architecture.recurrent_parameters
    assert weights is not None
    units = layers.solve_units(weights)
    found = layers.count_weights(units)
    if abs(found - weights) > sizes.TOLERANCE * weights:
        raise ConfigError(
            f"architecture.recurrent_parameters is {weights}, and no units of {architecture.name} come "
            f"within {sizes.TOLERANCE:.0%} of it; it may hold {found}, the weights of {units} units"
        )
    return units


def _resolve_paths(config: RunConfig) -> None:
    """Paths as seen from where the program was started: jobs run elsewhere."""
    config.root = str(Path(config.root).expanduser().resolve())
    for name in ("path", "test_path", "data_dir"):
        value = getattr(config.data, name, None)
        if value and "://" not in value:
            setattr(config.data, name, str(Path(value).expanduser().resolve()))


def check(config: RunConfig) -> None:
    """Raises `ConfigError` for the first value that its field may not hold."""
    if "@" in (config.tracking.uri or ""):
        # Not shown: the configuration is kept with every run, and so would be what is secret in it.
        raise ConfigError(
            "tracking.uri holds a user or a password; take them out of the address, and set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, in the "
            "environment"
        )
    for key, value, metadata in _walk(config):
        if "check" in metadata and not metadata["check"](value):
            raise ConfigError(f"{key} is {_shown(value)}; it may hold {metadata['may_hold']}")
    if config.architecture.name == CONTROL and not config.control:
        raise ConfigError(f"architecture.name is {CONTROL}, which is the control's (control=true)")
    if config.control and isinstance(config.data, AddingConfig):
        raise ConfigError("control is true, which is for texts; with data=adding it may hold false")


def control_of(config: RunConfig) -> RunConfig:
    """The order-free control that stands beside a run: on the same texts, which it reads whole.

    It asks for no GPU: where the sweep of a cluster is launched, and the control trained, is often none.
    """
    return dataclasses.replace(
        config,
        tokenizer=dataclasses.replace(config.tokenizer, max_length=2**31 - 1),
        architecture=dataclasses.replace(config.architecture, name=CONTROL),
        device=dataclasses.replace(config.device, kind=Device.cpu),
        seed=0,
        control=True,
    )


def may_hold(key: str) -> str | None:
    """What the value at a dotted key such as `architecture.units` may hold, where that is said."""
    for known, entry in _fields():
        if known == key:
            return entry.metadata.get("may_hold")
    return None


def known_keys() -> set[str]:
    """Every dotted key that a run may set."""
    return {key for key, _ in _fields()}


def _fields() -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    sections = [*_SECTIONS.items(), *(("data", node) for node in DATA.values())]
    for name, section in sections:
        for entry in dataclasses.fields(section):
            yield f"{name}.{entry.name}", entry
    for entry in dataclasses.fields(RunConfig):
        yield entry.name, entry


def _walk(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    for entry in dataclasses.fields(config):
        value = getattr(config, entry.name)
        if dataclasses.is_dataclass(value):
            yield from _walk(value, f"{prefix}{entry.name}.")
        else:
            yield f"{prefix}{entry.name}", value, entry.metadata


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_shown, value))}]"
    return value.name if isinstance(value, Enum) else repr(value)


def as_plain(config: Any) -> dict[str, Any]:
    """A config as nested dictionaries of JSON values, enums by name."""
    return json.loads(json.dumps(dataclasses.asdict(config), default=lambda value: value.name))


def as_used(config: RunConfig) -> dict[str, Any]:
    """`as_plain` without what does nothing with the data of this run."""
    plain = as_plain(config)
    for key in config.data.unused:
        *sections, name = key.split(".")
        del (plain[sections[0]] if sections else plain)[name]
    return plain


def without_effect(config: RunConfig) -> list[str]:
    """The dotted keys that hold other than their default and do nothing with the data of this run."""
    sections = {name: section() for name, section in _SECTIONS.items()}
    standard = dataclasses.replace(config, data=type(config.data)(), tuned=[], **sections)
    defaults = {key: value for key, value, _ in _walk(standard)}
    unused = tuple(f"{key}." for key in config.data.unused)
    return [
        key
        for key, value, _ in _walk(config)
        if f"{key}.".startswith(unused) and value != defaults[key]
    ]


def from_plain(plain: dict[str, Any]) -> RunConfig:
    """The config that `as_plain` gave.

    Raises:
      ConfigError: it is of another version, or no longer holds, such as the path of a table.
    """
    sections = {name: section() for name, section in _SECTIONS.items()}
    try:
        schema = RunConfig(data=DATA[plain["data"]["kind"]](), **sections)
        tree = OmegaConf.merge(OmegaConf.structured(schema), plain)
    except (OmegaConfBaseException, KeyError, TypeError) as error:
        raise ConfigError(f"not a configuration of a run: {str(error).splitlines()[0]}") from error
    assert isinstance(tree, DictConfig)
    return build(tree)


def fingerprint(config: RunConfig) -> str:
    """What determines the result of a run: its configuration, its data and the code of the stages.

    Where a run is computed, tracked and compared does not count, nor does where its data lies or how
    its answers are grouped by length: a person's own table counts with its content.
    """
    plain = as_used(config)
    sections = ["control"] if config.control else ["tokenizer", "architecture", "train", "seed"]
    determining = {name: plain[name] for name in sections if name in plain}
    data = plain["data"]
    for name in ("data_dir", "length_edges"):
        data.pop(name, None)
    for name in ("path", "test_path"):
        if data.get(name):
            data[name] = hashlib.blake2b(Path(data[name]).read_bytes(), digest_size=16).hexdigest()
    stages = _ADDING_STAGES if isinstance(config.data, AddingConfig) else _STAGES
    stages = _CONTROL_STAGES if config.control else stages
    return code_fingerprint([determining, data], stages)


def probe_fingerprint(config: ProbeConfig) -> str:
    """What determines the tables of the probes of a trained run: their settings and their code."""
    return code_fingerprint(as_plain(config), _PROBE_STAGES)


def code_fingerprint(settings: Any, stages: list[str]) -> str:
    """Of settings (JSON values) and the code of modules or packages of the pipeline, by name."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(json.dumps(settings, sort_keys=True).encode())
    for stage in stages:
        folder = Path(__file__).parent
        for file in sorted([*folder.glob(f"{stage}.py"), *folder.glob(f"{stage}/*.py")]):
            digest.update(file.read_bytes())
    return digest.hexdigest()


# The stages whose code decides what numbers come out: of a run, of one on the adding problem,
# of the control, and of probes.
_STAGES = [
    *("clauses", "reviews", "tokens", "batches"),
    *("architectures", "kernels", "training", "predictions"),
]
_ADDING_STAGES = ["adding", "architectures", "kernels", "solving"]
_CONTROL_STAGES = ["clauses", "reviews", "baseline", "predictions"]
_PROBE_STAGES = ["baseline", "probes"]
