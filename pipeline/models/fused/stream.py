"""Compute the recurrent layers of a language model fast, over streams of tokens that go on.

Every row is a stream of as many tokens as the others, so that there is neither padding nor alignment: a
step reads the same place of all rows. The states enter and leave, and a row may begin anew anywhere.
Shapes as in `pipeline.models.fused`; a stream has one direction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from pipeline.cells import Tensors, find_cell
from pipeline.config.schema import ArchitectureConfig
from pipeline.models.dropout import Dropout
from pipeline.models.fused.layers import kernel_of, recurrent_weights
from pipeline.models.fused.scan import Carried, InputRows, scan_on

StreamForward = Callable[..., tuple[Any, Tensors]]


def fuse_stream(model: keras.Model, config: ArchitectureConfig, begin: int | None) -> StreamForward:
    """Return the recurrent part of a language model as a function over the same variables.

    begin: the token before which the states are set to zero; None: no token.

    Returns: a function of `token_ids` <int32>[B, T], `states`, of each layer in turn, each
      <float32>[B, U], and in training the `seed` <int32>[2] of the dropout. It returns the features
      <float32>[T, B, F] by which the next token is predicted, and the states after the last token,
      through which no gradient flows.
    """
    layers: dict[str, Any] = {layer.name: layer for layer in model.layers}
    cell = find_cell(config.cell)

    def forward(token_ids: Any, states: Tensors, seed: Any = None) -> tuple[Any, Tensors]:
        dropout = Dropout(config, seed)
        by_step = tf.transpose(token_ids)  # [T, B]
        kept = None
        if begin is not None:
            kept = tf.cast(by_step != begin, tf.float32)[:, :, None]
        length, batch = tf.unstack(tf.shape(by_step))
        ids, token = tf.unique(tf.reshape(by_step, [-1]))
        embeddings = tf.convert_to_tensor(layers["embedding"].embeddings)
        features: Any = dropout.of_tokens(take_rows(embeddings, ids))
        rows = _rows_of_tokens(token, by_step)
        after: list[Any] = []
        for number in range(1, config.num_layers + 1):
            weights = layers[f"recurrent_{number}"].cell
            kernel = kernel_of(cell, weights)[:-1]  # without padding there is no idle input
            projected = tf.matmul(features, kernel[:-1]) + kernel[-1]
            first = (number - 1) * cell.states
            carried = Carried(tuple(states[first : first + cell.states]), kept)
            recurrent = recurrent_weights(cell, [weights], number, dropout)
            recurrent = tuple(weight[0] for weight in recurrent)
            outputs, last = scan_on(cell, projected, rows, recurrent, carried)
            after += last
            outputs = dropout.between(number, outputs, steps_axis=0)
            features = tf.reshape(outputs, [-1, config.units])
            rows = _rows_of_positions(by_step)
        if "projection" in layers:
            features = layers["projection"](features)
        return tf.reshape(features, [length, batch, features.shape[-1]]), tuple(after)

    return forward


def take_rows(table: Any, rows: Any) -> Any:
    """Return rows <float>[k, F] of a table <float>[V, F], with a dense gradient.

    The sparse one of `tf.gather` may hold a row several times, so that its norm is not the gradient's.
    """

    @tf.custom_gradient
    def take(table: Any) -> tuple[Any, Callable[[Any], Any]]:
        def gradient(upstream: Any) -> Any:
            return add_rows(upstream, rows, tf.shape(table))

        return tf.gather(table, rows), gradient

    return take(table)


def add_rows(values: Any, rows: Any, shape: Any) -> Any:
    """Return a table of zeros to whose rows <int>[k] the values <float>[k, F] are added."""
    return tf.scatter_nd(rows[:, None], values, shape)


def _rows_of_tokens(token: Any, by_step: Any) -> InputRows:
    """Return which row each step reads, where a row is a distinct token: <int32>[T * B] `token`."""
    order = tf.argsort(token, stable=True)
    return InputRows(tf.reshape(token, tf.shape(by_step)), order, tf.gather(token, order))


def _rows_of_positions(by_step: Any) -> InputRows:
    positions = tf.range(tf.size(by_step))
    return InputRows(tf.reshape(positions, tf.shape(by_step)), positions, None)
