"""Build small networks: of every preset, with random weights, and with a memory set by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.data import ClausesConfig
from pipeline.config.schema import ArchitectureConfig, TokenizerConfig
from pipeline.data.reviews import load_reviews
from pipeline.data.splits import Head
from pipeline.models.architectures import build_model
from pipeline.models.fused import fuse
from pipeline.probes import Network, NetworkReader, Subject
from pipeline.tokens.vocabulary import train_tokenizer

HEADS = (Head("sentiment", ("neg", "pos")), Head("topic", ("a", "b", "c")))
GATE_THAT_KEEPS = {"lstm": 1, "gru": 0}  # its place among a cell's gates


def make_model(seed: int = 0, **settings: Any) -> tuple[Any, ArchitectureConfig]:
    """Return a small model with random weights: the zero biases of Keras would hide mistakes."""
    config = ArchitectureConfig(name="tiny", **{"units": 5, "embedding_dim": 4, **settings})
    model = build_model(config, 30, HEADS, seed)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    return model, config


def set_memory(layer: Any, kind: str, kept: float | list[float], rng: np.random.Generator) -> None:
    """Set the weights of a layer so that each unit keeps the share `kept` of its state at each step.

    kept: of all units, or of each. The recurrent kernel of a SimpleRNN is diagonal; the gates of the
    others are set by their biases. Input weights are small, so that no unit saturates.
    """
    units = layer.cell.units
    shares = np.broadcast_to(kept, units)
    kernel, recurrent, bias = (np.zeros(weight.shape) for weight in layer.get_weights())
    if kind == "simple_rnn":
        kernel, recurrent = rng.normal(0, 1e-4, kernel.shape), np.diag(shares)
    else:
        candidate = slice(2 * units, 3 * units)  # in both cells the third
        kernel[:, candidate] = rng.normal(0, 1e-4, kernel[:, candidate].shape)
        gate = slice(GATE_THAT_KEEPS[kind] * units, (GATE_THAT_KEEPS[kind] + 1) * units)
        np.atleast_2d(bias)[0, gate] = [
            60.0 if share == 1 else math.log(share / (1 - share)) for share in shares
        ]
    layer.set_weights([kernel, recurrent, bias])


def keep(model: Any, config: ArchitectureConfig, kept: float | list[float]) -> None:
    """Make the units of every layer and direction keep `kept` of their state at each step."""
    rng = np.random.default_rng(1)
    for number in range(1, config.num_layers + 1):
        layer = model.get_layer(f"recurrent_{number}")
        both = (layer.forward_layer, layer.backward_layer) if config.bidirectional else (layer,)
        for one in both:
            set_memory(one, config.cell, kept, rng)


def logits_of(model: Any, inputs: Any) -> list[np.ndarray]:
    """Return what the layers of Keras answer, for each head."""
    logits = model(inputs)
    return [np.array(part) for part in (logits if isinstance(logits, list) else [logits])]


def draw_ids(rows: int = 6, length: int = 9) -> np.ndarray:
    return np.random.default_rng(3).integers(1, 30, (rows, length)).astype(np.int32)


def make_subject(
    config: ArchitectureConfig, kept: float | list[float] | None = None, **data: Any
) -> Subject:
    """Return an untrained network with generated texts; `kept` sets its memory by hand."""
    sizes: dict[str, Any] = {
        "train_size": 100,
        "validation_size": 100,
        "test_size": 120,
        "max_distance": 80,
    }
    data_config = ClausesConfig(**(sizes | data))
    reviews = load_reviews(data_config)
    tokenizer = train_tokenizer(reviews.train.texts, TokenizerConfig())
    model = build_model(config, tokenizer.get_vocab_size(), reviews.heads, 0)
    if kept is not None:
        keep(model, config, kept)
    forward = fuse(model, config)
    reader = NetworkReader(forward, reviews.heads, tokenizer)
    network = Network(model, forward, config)
    return Subject(reader, tokenizer, data_config, reviews, Path(), network)
