"""The recurrent layers of a model, executed the fast way on a CPU.

The Keras model stays the one model: it is what is saved, and what a GPU runs. `fuse` gives another
execution of it over the same weights, with the same logits and gradients, which differs in that

- nothing is masked. Each row is turned so that it *ends* at the last step, its padding before it,
  and padding is projected to what leaves a zero state exactly zero (`Cell.idle`). The state after
  the last step is then, for every row, the state after its own last token;
- the input projection is one matrix product over the *distinct* tokens of a batch, a fourth of all
  its tokens, and a step looks its rows up. The order of reading is a matter of these indices: no
  activation is ever reversed;
- both directions go through time together: a batched product, and one operation where two would be;
- the backward pass through time is written out (`scan`).

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
from pipeline.models.fused.optimizer import FusedAdam
from pipeline.models.fused.scan import Reading, scan

__all__ = ["FusedAdam", "fuse"]


def fuse(model: keras.Model, config: ArchitectureConfig) -> Callable[..., list[Any]]:
    """A faster execution of `model` on a CPU, over the same variables.

    Returns: a function of `token_ids` <int32>[B, T], right-padded with 0, no row without a token,
      and `training` -> the logits of `model(token_ids, training=training)`, a list with one
      <float32>[B, outputs] for each head. It is differentiable with respect to the trainable
      variables of the model; the gradient of the embedding comes as `tf.IndexedSlices`, each index
      once unless dropout stands after it. Meant for use within a `tf.function`. A model without an
      embedding takes `features` <float32>[B, T, F] in place of ids, nothing of which is padding.
    """
    layers: dict[str, Any] = {layer.name: layer for layer in model.layers}
    embedding = layers.get("embedding")
    cell = find_cell(config.cell)

    def drop(number: int, features: Any, training: bool) -> Any:
        if not (training and config.dropout):
            return features
        return layers[f"dropout_{number}"](features, training=True)

    def forward(inputs: Any, training: bool = False) -> list[Any]:
        mask = tf.ones(tf.shape(inputs)[:2], tf.bool) if embedding is None else inputs != 0
        turn = _turn(mask, config.bidirectional)
        if embedding is None:
            table = _table_of_positions(drop(0, inputs, training), mask, turn)
        elif training and config.dropout:  # each occurrence of a token drops its own features
            table = _table_of_positions(drop(0, embedding(inputs), training), mask, turn)
        else:
            table = _table_of_tokens(embedding, inputs, turn)
        for number in range(1, config.num_layers):
            outputs = _recur(cell, layers[f"recurrent_{number}"], table, sequences=True)
            features = drop(number, _by_position(outputs, turn), training)
            table = _table_of_positions(features, mask, turn)
        sequences = config.readout != Readout.last
        outputs = _recur(cell, layers[f"recurrent_{config.num_layers}"], table, sequences)
        features = _by_position(outputs, turn) if sequences else _side_by_side(outputs)
        if sequences:
            features = layers[config.readout.name](features, mask=mask)
        features = drop(config.num_layers, features, training)
        return [layers[name](features) for name in model.output_names]

    return forward


class _Turn(NamedTuple):
    """Which step reads which position, each row turned so that it ends at the last step.

    The forward direction rotates a row by its padding, the backward direction reverses it.

    positions: <int32>[T, D, B], which of the B * T positions of the batch a step reads.
    steps: <int32>[B * T, D], the inverse: which of the T * D * B steps reads a position.
    """

    positions: Any
    steps: Any


def _turn(mask: Any, bidirectional: bool) -> _Turn:
    """The turn of a batch. mask: <bool>[B, T]."""
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
    return _Turn(positions, tf.reshape(steps, [-1, directions]))


class _Table(NamedTuple):
    """The inputs of a recurrent layer, and how its steps read them.

    rows: <float>[R, F + 2], the features; 1 for text, 0 for padding; and the reverse of that. The
      last two meet, in the kernel, the bias and the idle input; the features of padding are 0.
    """

    rows: Any
    reading: Reading


def _table_of_tokens(embedding: Any, token_ids: Any, turn: _Turn) -> _Table:
    """A row for each distinct token: a fourth of the rows, and a gradient without doubles."""
    ids, token = tf.unique(tf.reshape(token_ids, [-1]))
    features = tf.gather(tf.convert_to_tensor(embedding.embeddings), ids)
    by_token = tf.argsort(token, stable=True)  # positions, ordered by their tokens
    first = tf.range(turn.steps.shape[1])[:, None] * tf.size(ids)  # [D, 1]
    reading = Reading(
        rows=tf.gather(token, turn.positions) + first,
        order=tf.reshape(tf.transpose(tf.gather(turn.steps, by_token)), [-1]),
        segments=tf.reshape(tf.gather(token, by_token) + first, [-1]),
    )
    return _Table(_rows(features, ids != 0), reading)


def _table_of_positions(features: Any, mask: Any, turn: _Turn) -> _Table:
    """A row for each position of `features` <float>[B, T, F], which one step of a direction reads."""
    features = tf.reshape(features, [-1, features.shape[-1]])
    first = tf.range(turn.steps.shape[1])[:, None] * tf.size(mask)  # [D, 1]
    order = tf.reshape(tf.transpose(turn.steps), [-1])
    reading = Reading(turn.positions + first, order, segments=None)
    return _Table(_rows(features, tf.reshape(mask, [-1])), reading)


def _rows(features: Any, valid: Any) -> Any:
    valid = tf.cast(valid, tf.float32)[:, None]
    return tf.concat([features * valid, valid, 1 - valid], axis=1)


def _recur(cell: Cell, layer: Any, table: _Table, sequences: bool) -> Any:
    """A recurrent layer -> its outputs <float>[T, D, B, U], or the last ones <float>[D, B, U]."""
    both = isinstance(layer, keras.layers.Bidirectional)
    weights = [d.cell for d in ((layer.forward_layer, layer.backward_layer) if both else (layer,))]
    kernel = tf.stack([_kernel(cell, one) for one in weights])
    recurrent = []
    if cell.recurrent:
        recurrent.append(tf.stack([one.recurrent_kernel.value for one in weights]))
        if cell.biases == 2:
            recurrent.append(tf.stack([one.bias[1:] for one in weights]))
    projected = tf.matmul(table.rows, kernel)  # [D, R, G * U]
    projected = tf.reshape(projected, [-1, kernel.shape[-1]])
    return scan(cell, projected, table.reading, tuple(recurrent), sequences)


def _kernel(cell: Cell, weights: Any) -> Any:
    """What a row of a `_Table` is multiplied with: <float>[F + 2, G * U]."""
    bias = weights.bias[:1] if cell.biases == 2 else weights.bias[None]
    idle = tf.repeat(tf.constant([cell.idle], tf.float32), weights.units, axis=1)
    return tf.concat([weights.kernel.value, bias, idle], axis=0)


def _by_position(outputs: Any, turn: _Turn) -> Any:
    """Outputs by step <float>[T, D, B, U] -> what Keras gives, <float>[B, T, D * U]."""
    length, _, batch, _ = tf.unstack(tf.shape(outputs))
    directions, units = outputs.shape[1], outputs.shape[3]
    place = turn.positions * directions + tf.range(directions)[:, None]  # [T, D, B]

    @tf.custom_gradient
    def by_position(by_step: Any) -> Any:
        # The gradient of a gather adds up; here every row is read once, so that it is a gather again.
        def gradient(upstream: Any) -> Any:
            return tf.gather(tf.reshape(upstream, [-1, units]), place)

        return tf.gather(tf.reshape(by_step, [-1, units]), turn.steps), gradient

    return tf.reshape(by_position(outputs), [batch, length, directions * units])


def _side_by_side(outputs: Any) -> Any:
    """Last outputs <float>[D, B, U] -> what Keras gives, <float>[B, D * U]."""
    directions, _, units = outputs.shape
    return tf.reshape(tf.transpose(outputs, [1, 0, 2]), [-1, directions * units])
