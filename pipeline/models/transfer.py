"""Start a classifier with the weights of language models, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from pipeline.errors import Failure

EMBEDDING = "embedding"
RECURRENT = "recurrent_"  # begins the name of a recurrent layer, which its number ends

Weights = Mapping[str, Sequence[np.ndarray]]  # of each layer by name, in the order of Keras


def read_weights(model: keras.Model) -> dict[str, list[np.ndarray]]:
    """Return the weights of the embedding and of the recurrent layers, by the names of the layers."""
    return {
        layer.name: layer.get_weights()
        for layer in model.layers
        if layer.name == EMBEDDING or layer.name.startswith(RECURRENT)
    }


def set_vectors(model: keras.Model, vectors: np.ndarray) -> None:
    """Start the embedding with vectors <float32>[V, dim]; a row of NaN leaves the weights as they are.

    Raises:
      Failure: they have another shape than the embedding.
    """
    layer = model.get_layer(EMBEDDING)
    (own,) = layer.get_weights()
    _check_shape(EMBEDDING, vectors, own)
    layer.set_weights([np.where(np.isnan(vectors), own, vectors)])


def start_from(model: keras.Model, forward: Weights, backward: Weights | None = None) -> None:
    """Start the embedding and the recurrent layers of a classifier with those of language models.

    A layer of two directions above another one reads twice as many features as a language model's. The
    weights of those that the other direction computes start at zero, so that each direction computes
    what its language model does until training joins them.

    Parameters:
      forward: of the language model that reads as the classifier does; its embedding is taken too.
      backward: of one that reads from the end, for the backward direction of a bidirectional network.

    Raises:
      Failure: a layer is missing, or its weights have other shapes.
    """
    set_vectors(model, _layer(forward, EMBEDDING)[0])
    for layer in model.layers:
        if not layer.name.startswith(RECURRENT):
            continue
        if not isinstance(layer, keras.layers.Bidirectional):
            _set(layer, layer.name, _layer(forward, layer.name), 0)
            continue
        assert backward is not None
        _set(layer.forward_layer, layer.name, _layer(forward, layer.name), 0)
        _set(layer.backward_layer, layer.name, _layer(backward, layer.name), 1)


def _layer(weights: Weights, name: str) -> Sequence[np.ndarray]:
    if name not in weights:
        raise Failure(f"the language model has no layer {name}; it has {', '.join(weights)}")
    return weights[name]


def _set(layer: Any, name: str, source: Sequence[np.ndarray], place: int) -> None:
    """Set the weights of one direction, 0 forward and 1 backward."""
    own = layer.get_weights()
    if len(source) != len(own):
        raise Failure(
            f"{name} of the language model has {len(source)} arrays of weights, not {len(own)}"
        )
    layer.set_weights([_fit(name, *pair, place) for pair in zip(source, own, strict=True)])


def _fit(name: str, source: np.ndarray, own: np.ndarray, place: int) -> np.ndarray:
    """Return weights in the shape of a network's own.

    Features of both directions stand one after the other on the first axis of the input weights.
    """
    if source.ndim == own.ndim and own.shape == (2 * source.shape[0], *source.shape[1:]):
        wide = np.zeros_like(own)
        wide[place * len(source) :][: len(source)] = source
        return wide
    _check_shape(name, source, own)
    return source


def _check_shape(name: str, source: np.ndarray, own: np.ndarray) -> None:
    if source.shape != own.shape:
        raise Failure(
            f"{name} has weights {_shown(source)}, and the network needs {_shown(own)}: choose "
            "architecture.init=fresh, or train a language model of the same cell, units, embedding_dim "
            "and vocabulary"
        )


def _shown(weights: np.ndarray) -> str:
    return " x ".join(map(str, weights.shape))
