"""Compute the recurrent layers of a model fast on a CPU.

The Keras model is the one that is saved and that a GPU runs. `fuse` returns a faster forward pass over
the same weights, with the same logits and gradients. It differs in four ways:

- There are no masks. Each row is aligned so that it *ends* at the last step, with its padding first, and
  the projected padding leaves a zero state exactly zero (`Cell.idle`). The state after the last step is
  then the state after the last token of every row.
- The input projection is one matrix product over the *distinct* tokens of a batch, a quarter of all its
  tokens, and each step gathers its rows. Only these indices depend on the direction: no activation is
  ever reversed.
- Both directions advance together, in batched operations.
- The backward pass through time is written by hand (`scan`).

`FusedAdam` is Adam in one pass over each weight. Shapes throughout: batch B, length T, units U,
gates G, directions D, features F, rows R.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from pipeline.cells import Cell, find_cell
from pipeline.config.schema import ArchitectureConfig, Readout
from pipeline.models.dropout import Dropout
from pipeline.models.fused.layers import cells_of, kernel_of, recurrent_weights
from pipeline.models.fused.optimizer import FusedAdam
from pipeline.models.fused.scan import InputRows, scan
from pipeline.models.pooling import pool

__all__ = ["FusedAdam", "fuse"]


def fuse(model: keras.Model, config: ArchitectureConfig) -> Callable[..., list[Any]]:
    """Return a forward pass of `model` over the same variables that is faster on a CPU.

    Returns: a function of `token_ids` <int32>[B, T], right-padded with 0, at least one token in each
      row, and in training the `seed` <int32>[2] of the dropout. It returns the logits of the model as a
      list with one <float32>[B, outputs] for each head, and is differentiable with respect to the
      trainable variables of the model. The gradient of the embedding is a `tf.IndexedSlices` with each
      index once. Use it within a `tf.function`. A model without an embedding takes `features`
      <float32>[B, T, F] without padding instead of ids.
    """
    layers: dict[str, Any] = {layer.name: layer for layer in model.layers}
    embedding = layers.get("embedding")
    cell = find_cell(config.cell)

    def forward(inputs: Any, seed: Any = None) -> list[Any]:
        dropout = Dropout(config, seed)
        mask = tf.ones(tf.shape(inputs)[:2], tf.bool) if embedding is None else inputs != 0
        alignment = _align(mask, config.bidirectional)
        if embedding is None:
            table = _table_of_positions(inputs, mask, alignment)
        else:
            table = _table_of_tokens(embedding, inputs, alignment, dropout)
        outputs: Any = None
        for number in range(1, config.num_layers + 1):
            if number > 1:
                features = dropout.between(number - 1, _by_position(outputs, alignment))
                table = _table_of_positions(features, mask, alignment)
            sequences = number < config.num_layers or config.readout != Readout.last
            cells = cells_of(layers[f"recurrent_{number}"])
            recurrent = recurrent_weights(cell, cells, number, dropout)
            outputs = scan(cell, *_project(cell, cells, table), recurrent, sequences)
        if config.readout == Readout.last:
            features = _concatenate_directions(outputs)
        else:
            last = _concatenate_directions(outputs[-1])
            features = pool(config, _by_position(outputs, alignment), mask, last)
        features = dropout.of_features(features)
        return [layers[name](features) for name in model.output_names]

    return forward


class _Alignment(NamedTuple):
    """Map steps to positions so that each row ends at the last step.

    The forward direction rotates a row by its padding, the backward direction reverses it.

    positions: <int32>[T, D, B], the position, out of B * T, that a step reads.
    steps: <int32>[B * T, D], the inverse: the step, out of T * D * B, that reads a position.
    """

    positions: Any
    steps: Any


def _align(mask: Any, bidirectional: bool) -> _Alignment:
    """Return the alignment of a batch. mask: <bool>[B, T]."""
    batch, length = tf.unstack(tf.shape(mask))
    padding = length - tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)  # [B]
    time, row = tf.range(length), tf.range(batch)
    position_of_step = [(time[:, None] - padding) % length]  # [T, B]
    step_of_position = [(time + padding[:, None]) % length]  # [B, T]
    if bidirectional:
        position_of_step.append(tf.repeat((length - 1 - time)[:, None], batch, axis=1))
        step_of_position.append(tf.repeat((length - 1 - time)[None], batch, axis=0))
    directions = len(position_of_step)
    positions = tf.stack(position_of_step, axis=1) + row * length
    steps = tf.stack(step_of_position, axis=2) * directions + tf.range(directions)
    steps = steps * batch + row[:, None, None]
    return _Alignment(positions, tf.reshape(steps, [-1, directions]))


class _InputTable(NamedTuple):
    """Hold the inputs of a recurrent layer, and which of their rows its steps read.

    rows: <float>[R, F + 2], the features (0 for padding), then 1 for a token or 0 for padding, then the
      opposite. The kernel has the bias and the idle input in the rows for the last two columns.
    """

    rows: Any
    input_rows: InputRows


def _table_of_tokens(
    embedding: Any, token_ids: Any, alignment: _Alignment, dropout: Dropout
) -> _InputTable:
    """Return a row for each distinct token: a quarter of the rows, and no duplicate gradients."""
    ids, token = tf.unique(tf.reshape(token_ids, [-1]))
    features = dropout.of_tokens(tf.gather(tf.convert_to_tensor(embedding.embeddings), ids))
    by_token = tf.argsort(token, stable=True)  # positions sorted by token
    first = tf.range(alignment.steps.shape[1])[:, None] * tf.size(ids)  # [D, 1]
    input_rows = InputRows(
        rows=tf.gather(token, alignment.positions) + first,
        order=tf.reshape(tf.transpose(tf.gather(alignment.steps, by_token)), [-1]),
        segments=tf.reshape(tf.gather(token, by_token) + first, [-1]),
    )
    return _InputTable(_rows(features, ids != 0), input_rows)


def _table_of_positions(features: Any, mask: Any, alignment: _Alignment) -> _InputTable:
    """Return a row for each position of `features` <float>[B, T, F]; one step per direction reads it."""
    features = tf.reshape(features, [-1, features.shape[-1]])
    first = tf.range(alignment.steps.shape[1])[:, None] * tf.size(mask)  # [D, 1]
    order = tf.reshape(tf.transpose(alignment.steps), [-1])
    input_rows = InputRows(alignment.positions + first, order, segments=None)
    return _InputTable(_rows(features, tf.reshape(mask, [-1])), input_rows)


def _rows(features: Any, valid: Any) -> Any:
    valid = tf.cast(valid, tf.float32)[:, None]
    return tf.concat([features * valid, valid, 1 - valid], axis=1)


def _project(cell: Cell, cells: list[Any], table: _InputTable) -> tuple[Any, InputRows]:
    """Return the projected inputs of a recurrent layer <float>[D * R, G * U], and who reads them."""
    kernel = tf.stack([kernel_of(cell, one) for one in cells])
    projected = tf.matmul(table.rows, kernel)  # [D, R, G * U]
    return tf.reshape(projected, [-1, kernel.shape[-1]]), table.input_rows


def _by_position(outputs: Any, alignment: _Alignment) -> Any:
    """Rearrange outputs by step <float>[T, D, B, U] as Keras does, <float>[B, T, D * U]."""
    length, _, batch, _ = tf.unstack(tf.shape(outputs))
    directions, units = outputs.shape[1], outputs.shape[3]
    place = alignment.positions * directions + tf.range(directions)[:, None]  # [T, D, B]

    @tf.custom_gradient
    def by_position(by_step: Any) -> Any:
        # The gradient of a gather is a scatter-add. Every row is read once here, so a gather suffices.
        def gradient(upstream: Any) -> Any:
            return tf.gather(tf.reshape(upstream, [-1, units]), place)

        return tf.gather(tf.reshape(by_step, [-1, units]), alignment.steps), gradient

    return tf.reshape(by_position(outputs), [batch, length, directions * units])


def _concatenate_directions(outputs: Any) -> Any:
    """Concatenate the last outputs <float>[D, B, U] as Keras does, <float>[B, D * U]."""
    directions, _, units = outputs.shape
    return tf.reshape(tf.transpose(outputs, [1, 0, 2]), [-1, directions * units])
