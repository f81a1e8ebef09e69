"""Estimate the memory of a run from its settings, to refuse what cannot fit before any work.

The estimates are low on purpose: what fits must never be refused. They leave out what libraries need
beside the numbers of the network and its texts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pipeline.cells import find_cell
from pipeline.config.data import AddingConfig, ClausesConfig
from pipeline.config.keys import known_keys
from pipeline.config.probes import ProbeKind
from pipeline.config.schema import BATCH_SIZE, RunConfig
from pipeline.config.tables import CsvConfig
from pipeline.config.tasks import LanguageConfig
from pipeline.config.text_sizes import (
    CLAUSE_WORDS,
    LONGEST,
    TEXTS,
    WORD_BYTES,
    count_vocabulary,
    file_size,
    mean_train_distance,
    words_to_train_on,
)

_NUMBER = 4  # bytes of a float32 or an int32
_COPIES = 4  # of every weight: itself, its gradient, and the two moments of Adam
_LIBRARIES = 600e6  # bytes of a process with TensorFlow, before it computes anything


@dataclass(frozen=True)
class Excess:
    """Hold what is too large: a setting, its value, what it makes large and how many bytes that takes.

    fits: the largest value that would fit; None if there is none.
    """

    key: str
    value: Any
    part: str
    size: float
    fits: int | None


def estimate(config: RunConfig, *, on_gpu: bool) -> float:
    """Return the bytes that a run needs, at least."""
    return _LIBRARIES + sum(size(config) for size in _parts(on_gpu).values())


def find_excess(config: RunConfig, limit: float, *, on_gpu: bool) -> Excess | None:
    """Return what makes a run larger than `limit` bytes; None if it fits.

    on_gpu: the network is in the memory of a GPU, and only its weights are counted here, once.
    """
    parts = _parts(on_gpu)
    sizes = {name: size(config) for name, size in parts.items()}
    if sum(sizes.values()) <= limit:
        return None
    part = max(sizes, key=lambda name: sizes[name])
    key = _to_blame(config, _KEYS[part], _batch_as_set if part == BATCH else parts[part])
    value = _value(config, key)

    if isinstance(value, str):  # the path of a table
        return Excess(key, value, part, sizes[part], None)

    def total(number: int) -> float:
        changed = _with(config, key, [number] if isinstance(value, list) else number)
        return sum(size(changed) for size in parts.values())

    largest = max(value) if isinstance(value, list) else value
    return Excess(key, value, part, sizes[part], _largest(total, limit, largest))


def _parts(on_gpu: bool) -> Mapping[str, Callable[[RunConfig], float]]:
    if on_gpu:
        return {
            WEIGHTS: lambda config: _weights(config) / _COPIES,
            CORPUS: _corpus,
            PROBES: _probes,
        }
    return {WEIGHTS: _weights, BATCH: _batch, CORPUS: _corpus, PROBES: _probes}


WEIGHTS, BATCH, CORPUS, PROBES = (
    "its weights",
    "a training step",
    "its data",
    "the texts of a probe",
)
_NETWORK = (
    "architecture.units",
    "architecture.recurrent_parameters",
    "architecture.num_layers",
    "architecture.embedding_dim",
)
_KEYS = {
    WEIGHTS: (*_NETWORK, "tokenizer.vocab_size"),
    BATCH: (
        "train.batch_size",
        "task.bptt",
        "tokenizer.max_length",
        "data.max_distance",
        "data.length",
        *_NETWORK,
    ),
    CORPUS: (
        "data.path",
        "data.test_path",
        "data.train_size",
        "data.validation_size",
        "data.test_size",
        "data.max_distance",
        "data.length",
    ),
    PROBES: (
        "probe.distances",
        "probe.slow_distances",
        "probe.distance_reviews",
        "probe.slow_reviews",
    ),
}


def _weights(config: RunConfig) -> float:
    architecture = config.architecture
    layers, embedding = architecture.recurrent_layers, 0
    if config.data.features is None:
        embedding = count_vocabulary(config) * architecture.embedding_dim
    else:
        layers = dataclasses.replace(layers, features=config.data.features)
    output = 0
    if isinstance(config.task, LanguageConfig):
        # A table of every token, or what leads to that of the embedding.
        tied = architecture.tie_embeddings
        output = architecture.units * (
            architecture.embedding_dim if tied else count_vocabulary(config)
        )
        if tied and architecture.units == architecture.embedding_dim:
            output = 0
    return (embedding + output + layers.count_weights(architecture.units)) * _NUMBER * _COPIES


def _batch(config: RunConfig) -> float:
    """Return the bytes of the activations that a training step keeps for its gradient."""
    architecture = config.architecture
    # Of each gate its input and its value, and the state before and after.
    kept = 2 * len(find_cell(architecture.cell).gates) + 2
    directions = 2 if architecture.bidirectional else 1
    layers = architecture.num_layers * directions * architecture.units * kept
    if isinstance(config.task, LanguageConfig):
        # The target's weights, their gradient, and that of the features.
        loss = 3 * (
            architecture.embedding_dim if architecture.tie_embeddings else architecture.units
        )
        read = min(_batch_size(config) * config.task.bptt, words_to_train_on(config))
        return read * (layers + loss) * _NUMBER
    width = architecture.embedding_dim if config.data.features is None else config.data.features
    texts = min(_batch_size(config), _texts(config))
    return texts * _length(config) * (width + layers) * _NUMBER


def _batch_as_set(config: RunConfig) -> float:
    """Return the same as if a language model had texts without end, so that a setting is to blame."""
    if not isinstance(config.task, LanguageConfig):
        return _batch(config)
    read = _batch_size(config) * config.task.bptt
    return _batch(config) * read / max(1, min(read, words_to_train_on(config)))


def _batch_size(config: RunConfig) -> int:
    return config.train.batch_size or BATCH_SIZE


def _length(config: RunConfig) -> int:
    """Return the tokens, or numbers, of a long text."""
    data = config.data
    if isinstance(data, AddingConfig):
        return data.length
    longest = LONGEST
    if isinstance(data, ClausesConfig):
        longest = data.max_distance + CLAUSE_WORDS
    return min(config.tokenizer.max_length, longest)


def _texts(config: RunConfig) -> int:
    """Return how many texts there are to train on at most; the adding problem has no end of them."""
    data = config.data
    if isinstance(data, AddingConfig):
        return _batch_size(config)
    return data.train_size if isinstance(data, ClausesConfig) else TEXTS


def _corpus(config: RunConfig) -> float:
    """Return the bytes of the data: generated ones, or those of a table, as it is and cleaned."""
    data = config.data
    if isinstance(data, CsvConfig):
        return 2 * sum(map(file_size, (data.path, data.test_path)))
    if isinstance(data, AddingConfig):
        return (data.validation_size + data.test_size) * data.length * 2 * _NUMBER
    if not isinstance(data, ClausesConfig):
        return 0
    train = data.train_size * (CLAUSE_WORDS + mean_train_distance(data))
    held_out = (data.validation_size + data.test_size) * (CLAUSE_WORDS + data.max_distance / 2)
    return (train + held_out) * (WORD_BYTES + _NUMBER)  # a word and its id


def _probes(config: RunConfig) -> float:
    """Return the bytes of the texts that the larger probe reads, each with neutral words around it.

    Those of language models read no more than the texts hold.
    """
    probe, data = config.probe, config.data
    if isinstance(data, AddingConfig) or isinstance(config.task, LanguageConfig):
        return 0
    most = data.test_size if isinstance(data, ClausesConfig) else TEXTS
    read = {
        ProbeKind.distance: (probe.distance_reviews, probe.distances),
        ProbeKind.slow_units: (probe.slow_reviews, probe.slow_distances),
    }
    sizes = [
        min(texts, most) * max(distances) * _NUMBER
        for kind, (texts, distances) in read.items()
        if kind in probe.kinds
    ]
    return max(sizes, default=0)


def _to_blame(config: RunConfig, keys: tuple[str, ...], size: Callable[[RunConfig], float]) -> str:
    """Return the setting that makes a part large: without which, at its default, it is smallest."""
    there = [key for key in keys if _exists(config, key) and _value(config, key) is not None]
    if "architecture.recurrent_parameters" in there:  # from which the units are solved
        there.remove("architecture.units")
    return min(there, key=lambda key: size(_with(config, key, known_keys()[key].default)))


def _exists(config: RunConfig, key: str) -> bool:
    section, name = key.split(".")
    return hasattr(getattr(config, section), name)


def _value(config: RunConfig, key: str) -> Any:
    return reduce(getattr, key.split("."), config)


def _with(config: RunConfig, key: str, value: Any) -> RunConfig:
    """Return the configuration with another value of one setting; weights are solved into units."""
    section, name = key.split(".")
    changes = {name: value}
    if name == "recurrent_parameters":
        layers = config.architecture.recurrent_layers
        changes["units"] = layers.solve_units(value) if value else 1
    changed = dataclasses.replace(getattr(config, section), **changes)
    return dataclasses.replace(config, **{section: changed})


def _largest(total: Callable[[int], float], limit: float, above: int) -> int | None:
    """Return the largest number below `above` for which a total fits, to two digits; None for none."""
    low, high = 0, above
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if total(middle) <= limit else (low, middle)
    if low == 0:
        return None
    digits = 10 ** max(0, len(str(low)) - 2)
    return low // digits * digits
