"""Arrange the weights of Keras's recurrent layers for the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from pipeline.cells import Cell, Tensors
from pipeline.models.dropout import Dropout


def cells_of(layer: Any) -> list[Any]:
    """Return the Keras cell of each direction of a recurrent layer."""
    both = isinstance(layer, keras.layers.Bidirectional)
    return [one.cell for one in ((layer.forward_layer, layer.backward_layer) if both else (layer,))]


def kernel_of(cell: Cell, weights: Any) -> Any:
    """Return the weights of the inputs <float>[F + 2, G * U]: kernel, bias, and idle input."""
    bias = weights.bias[:1] if cell.biases == 2 else weights.bias[None]
    idle = tf.repeat(tf.constant([cell.idle], tf.float32), weights.units, axis=1)
    return tf.concat([weights.kernel.value, bias, idle], axis=0)


def recurrent_weights(
    cell: Cell, directions: Sequence[Any], number: int, dropout: Dropout
) -> Tensors:
    """Return the weights of the state: none, or <float>[D, U, G * U] and a bias <float>[D, 1, G * U].

    directions: the Keras cell of each; number: of the layer, whose dropout it is.
    """
    if not cell.recurrent:
        return ()
    kernel = tf.stack([one.recurrent_kernel.value for one in directions])
    kernel = dropout.of_kernel(number, kernel)
    if cell.biases < 2:
        return (kernel,)
    return kernel, tf.stack([one.bias[1:] for one in directions])
