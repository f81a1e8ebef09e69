"""The recurrent layers of a model, executed the fast way on a CPU.

The Keras model stays the one model: it is what is saved, and what a GPU runs. `fuse` gives another
execution of it over the same weights, with the same logits and gradients, which differs in that

- nothing is masked. Each row is turned so that it *ends* at the last step, its padding before it, and
  padding is projected to what leaves a zero state exactly zero (`_Cell.idle`). The state after the
  last step is then the state after each row's own last token;
- the input projection is a matrix product over the *distinct* tokens of a batch, a quarter of all
  tokens; a step looks its rows up. Order is a matter of those indices: no activation is reversed;
- both directions are one batched product a step, their element-wise work one operation;
- the way back through time is written out: it reads the gates that the way there stored, and sums
  the gradient of the recurrent weights as it goes, where autodiff stores more and computes it twice.

Shapes in what follows: batch B, length T, units U, gates G, directions D, features F, rows R.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from pipeline.config import ArchitectureConfig, Cell, Readout

Tensors = tuple[Any, ...]


class _Cell(NamedTuple):
    """One step of a cell, and its gradient.

    step: projected input and state, both [D, B, G * U], and the states [D, B, U] before, of which the
      first is the output -> the states after, and what `gradient` wants to see of the step.
    gradient: that, the states before and the gradients of the states after -> the gradients of the
      projected input, of the projected state, and of the states before where they do not pass
      through the projected state.
    idle: for each gate, what a projected input holds for the state to stay zero.
    """

    states: int
    seen: int
    idle: tuple[float, ...]
    step: Callable[[Any, Any, Tensors], tuple[Tensors, Tensors]]
    gradient: Callable[[Tensors, Tensors, Tensors], tuple[Any, Any, Tensors]]


def _rnn_step(x: Any, m: Any, states: Tensors) -> tuple[Tensors, Tensors]:
    h = tf.tanh(x + m)
    return (h,), (h,)


def _rnn_gradient(seen: Tensors, states: Tensors, upstream: Tensors) -> tuple[Any, Any, Tensors]:
    dz = _tanh_gradient(seen[0], upstream[0])
    return dz, dz, (None,)


def _lstm_step(x: Any, m: Any, states: Tensors) -> tuple[Tensors, Tensors]:
    _, c = states
    i, f, g, o = tf.split(x + m, 4, axis=-1)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    c = f * c + i * g
    squashed = tf.tanh(c)
    return (o * squashed, c), (i, f, g, o, squashed)


def _lstm_gradient(seen: Tensors, states: Tensors, upstream: Tensors) -> tuple[Any, Any, Tensors]:
    i, f, g, o, squashed = seen
    _, c = states
    dh, dc = upstream
    dc += _tanh_gradient(squashed, dh * o)
    gates = (
        _sigmoid_gradient(i, dc * g),
        _sigmoid_gradient(f, dc * c),
        _tanh_gradient(g, dc * i),
        _sigmoid_gradient(o, dh * squashed),
    )
    dz = tf.concat(gates, axis=-1)
    return dz, dz, (None, dc * f)


def _gru_step(x: Any, m: Any, states: Tensors) -> tuple[Tensors, Tensors]:
    (h,) = states
    xz, xr, xg = tf.split(x, 3, axis=-1)
    mz, mr, mg = tf.split(m, 3, axis=-1)
    z, r = tf.sigmoid(xz + mz), tf.sigmoid(xr + mr)
    g = tf.tanh(xg + r * mg)
    return (g + z * (h - g),), (z, r, g, mg)


def _gru_gradient(seen: Tensors, states: Tensors, upstream: Tensors) -> tuple[Any, Any, Tensors]:
    z, r, g, mg = seen
    (h,) = states
    (dh,) = upstream
    direct = dh * z
    dg = _tanh_gradient(g, dh - direct)
    dz, dr = _sigmoid_gradient(z, dh * (h - g)), _sigmoid_gradient(r, dg * mg)
    return tf.concat([dz, dr, dg], -1), tf.concat([dz, dr, dg * r], -1), (direct,)


def _tanh_gradient(y: Any, dy: Any) -> Any:
    return tf.raw_ops.TanhGrad(y=y, dy=dy)


def _sigmoid_gradient(y: Any, dy: Any) -> Any:
    return tf.raw_ops.SigmoidGrad(y=y, dy=dy)


_CELLS = {
    Cell.simple_rnn: _Cell(1, 1, (0,), _rnn_step, _rnn_gradient),
    Cell.lstm: _Cell(2, 5, (0, 0, 0, 0), _lstm_step, _lstm_gradient),
    Cell.gru: _Cell(
        1, 4, (100, 0, 0), _gru_step, _gru_gradient
    ),  # sigmoid(100) is 1: keep the state
}


def fuse(model: keras.Model, config: ArchitectureConfig) -> Callable[..., list[Any]]:
    """A faster execution of `model` on a CPU, over the same variables.

    Returns: a function of `token_ids` <int32>[B, T], right-padded with 0, no row without a token,
      and `training` -> the logits of `model(token_ids, training=training)`, a list with one
      <float32>[B, outputs] for each head. It is differentiable with respect to the trainable
      variables of the model; the gradient of the embedding comes as `tf.IndexedSlices`, each index
      once unless dropout stands after it. Meant for use within a `tf.function`.
    """
    layers = {layer.name: layer for layer in model.layers}

    def drop(number: int, features: Any, training: bool) -> Any:
        return (
            layers[f"dropout_{number}"](features, training=training) if config.dropout else features
        )

    def forward(token_ids: Any, training: bool = False) -> list[Any]:
        mask = tf.not_equal(token_ids, 0)
        turn = _turn(mask, config.bidirectional)
        if config.dropout and training:
            features = drop(0, layers["embedding"](token_ids), training)
            table = _Table.of_positions(features, mask, turn)
        else:
            table = _Table.of_distinct(layers["embedding"], token_ids, turn)
        features = None
        for number in range(1, config.num_layers + 1):
            if number > 1:
                table = _Table.of_positions(drop(number - 1, features, training), mask, turn)
            sequences = number < config.num_layers or config.readout != Readout.last
            features = _recur(config.cell, layers[f"recurrent_{number}"], table, sequences)
            if sequences:
                features = _as_positions(features, turn)
        if config.readout != Readout.last:
            features = layers[config.readout.name](features, mask=mask)
        features = drop(config.num_layers, features, training)
        return [layers[name](features) for name in model.output_names]

    return forward


class _Turn(NamedTuple):
    """Where each step of each direction stands in the batch: every row ends at the last step.

    positions: <int32>[T, D, B], which of the B * T positions a step reads. The forward direction
      rotates a row by its padding, the backward direction reverses it.
    steps: <int32>[B, T, D], the inverse: which of the T * D * B outputs belongs to a position.
    """

    positions: Any
    steps: Any


def _turn(mask: Any, bidirectional: bool) -> _Turn:
    batch, length = tf.unstack(tf.shape(mask))
    padding = length - tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)  # [B]
    time, row = tf.range(length), tf.range(batch)
    read = [(time[:, None] - padding) % length]  # [T, B]
    step = [(time + padding[:, None]) % length]  # [B, T]
    if bidirectional:
        read.append(tf.repeat(length - 1 - time[:, None], batch, axis=1))
        step.append(tf.repeat(length - 1 - time[None], batch, axis=0))
    directions = len(read)
    positions = tf.stack(read, axis=1) + row * length
    steps = (tf.stack(step, axis=2) * directions + tf.range(directions)) * batch
    return _Turn(positions, steps + row[:, None, None])


class _Table(NamedTuple):
    """The inputs of a recurrent layer.

    rows: <float>[R, F], zero where nothing is to be read.
    valid: <float>[R, 1], 1 or, there, 0.
    read: <int32>[T, D, B], the row that a step reads.
    """

    rows: Any
    valid: Any
    read: Any

    @classmethod
    def of_distinct(cls, embedding: Any, token_ids: Any, turn: _Turn) -> _Table:
        """A row for each distinct token: a fourth of the rows, and no IndexedSlices to add up."""
        ids, where = tf.unique(tf.reshape(token_ids, [-1]))
        valid = tf.cast(ids != 0, tf.float32)[:, None]
        rows = tf.gather(tf.convert_to_tensor(embedding.embeddings), ids) * valid
        return cls(rows, valid, tf.gather(where, turn.positions))

    @classmethod
    def of_positions(cls, features: Any, mask: Any, turn: _Turn) -> _Table:
        """A row for each position of `features` <float>[B, T, F]."""
        valid = tf.cast(tf.reshape(mask, [-1, 1]), tf.float32)
        return cls(tf.reshape(features, [-1, features.shape[-1]]) * valid, valid, turn.positions)


def _as_positions(outputs: Any, turn: _Turn) -> Any:
    """Outputs by step <float>[T, D, B, U] -> by position <float>[B, T, D * U]."""
    directions, units = outputs.shape[1], outputs.shape[3]
    batch, length = tf.unstack(tf.shape(turn.steps)[:2])
    by_position = tf.gather(tf.reshape(outputs, [-1, units]), turn.steps)
    return tf.reshape(by_position, [batch, length, directions * units])


def _recur(kind: Cell, layer: Any, table: _Table, sequences: bool) -> Any:
    """A recurrent layer over a table.

    Returns: outputs by step <float>[T, D, B, U] or, without `sequences`, what the layer ends with
      <float>[B, D * U].
    """
    cell = _CELLS[kind]
    cells = (
        [layer.cell]
        if not isinstance(layer, keras.layers.Bidirectional)
        else [layer.forward_layer.cell, layer.backward_layer.cell]
    )
    units, directions = cells[0].units, len(cells)
    idle = tf.repeat(tf.constant(cell.idle, tf.float32), units)[None]
    bias, recurrent_bias = _biases(cells)
    kernel = tf.concat(
        [tf.concat([c.kernel, b, idle], 0) for c, b in zip(cells, bias, strict=True)], axis=1
    )  # [F + 2, D * G * U]
    recurrent = tf.stack([tf.convert_to_tensor(c.recurrent_kernel) for c in cells])
    rows = tf.concat([table.rows, table.valid, 1 - table.valid], axis=1)
    projected = tf.reshape(tf.matmul(rows, kernel), [-1, recurrent.shape[-1]])  # [R * D, G * U]
    read = table.read * directions + tf.range(directions)[:, None]
    outputs = _scan(cell, projected, read, recurrent, recurrent_bias, sequences)
    if sequences:
        return outputs
    return tf.reshape(tf.transpose(outputs, [1, 0, 2]), [-1, directions * units])


def _biases(cells: list[Any]) -> tuple[list[Any], Any]:
    biases = [tf.convert_to_tensor(cell.bias) for cell in cells]
    if biases[0].shape.rank == 1:
        return [bias[None] for bias in biases], None
    return [bias[:1] for bias in biases], tf.stack([bias[1:] for bias in biases])  # GRU


def _scan(
    cell: _Cell, projected: Any, read: Any, recurrent: Any, bias: Any, sequences: bool
) -> Any:
    """Runs a cell over time.

    projected: <float>[R * D, G * U]. read: <int32>[T, D, B], its row for each step. recurrent:
    <float>[D, U, G * U]. bias: <float>[D, 1, G * U], added to the projected state, or None.

    Returns: the outputs <float>[T, D, B, U] or, without `sequences`, the last one <float>[D, B, U].
    """
    length, _, batch = tf.unstack(tf.shape(read))
    units = recurrent.shape[1]
    zero = tf.zeros([recurrent.shape[0], batch, units])

    def array(count) -> Any:
        return tuple(
            tf.TensorArray(tf.float32, length, clear_after_read=False) for _ in range(count)
        )

    def loop(body, *values) -> Any:
        return tf.while_loop(
            lambda t, *_: t < length,
            body,
            (0, *values),
            parallel_iterations=1,
            maximum_iterations=length,
        )[1:]

    @tf.custom_gradient
    def scan(projected: Any, recurrent: Any, *bias: Any) -> Any:
        def forth(t: Any, states: Any, kept: Any, outputs: Any) -> Any:
            m = tf.matmul(states[0], recurrent)
            if bias:
                m += bias[0]
            after, seen = cell.step(tf.gather(projected, read[t]), m, states)
            kept = tuple(a.write(t, v) for a, v in zip(kept, (*seen, *states), strict=True))
            return t + 1, after, kept, outputs.write(t, after[0])

        states, kept, outputs = loop(
            forth, (zero,) * cell.states, array(cell.seen + cell.states), array(1)[0]
        )

        def gradient(upstream: Any) -> Any:
            def back(k: Any, dstates: Any, drecurrent: Any, dbias, dinputs: Any) -> Any:
                t = length - 1 - k
                values = tuple(a.read(t) for a in kept)
                seen, states = values[: cell.seen], values[cell.seen :]
                if sequences:
                    dstates = (dstates[0] + upstream[t], *dstates[1:])
                dx, dm, (direct, *rest) = cell.gradient(seen, states, dstates)
                dh = tf.matmul(dm, recurrent, transpose_b=True)
                if direct is not None:
                    dh += direct
                drecurrent += tf.matmul(states[0], dm, transpose_a=True)
                dbias = tuple(b + tf.reduce_sum(dm, 1, keepdims=True) for b in dbias)
                return k + 1, (dh, *rest), drecurrent, dbias, dinputs.write(t, dx)

            last = zero if sequences else upstream
            _, drecurrent, dbias, dinputs = loop(
                back,
                (last, *(zero,) * (cell.states - 1)),
                tf.zeros_like(recurrent),
                tuple(tf.zeros_like(b) for b in bias),
                array(1)[0],
            )
            dprojected = tf.math.unsorted_segment_sum(dinputs.stack(), read, tf.shape(projected)[0])
            return dprojected, drecurrent, *dbias

        return (outputs.stack() if sequences else states[0]), gradient

    return scan(projected, recurrent, *(() if bias is None else (bias,)))
