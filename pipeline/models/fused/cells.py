"""A step of each cell, and its gradient: all that the way through time has to know of a cell.

The formulas are those of Keras's cells, with its order of gates (LSTM: i, f, c, o; GRU: z, r, h)
and, for GRU, `reset_after=True`. A step is given the input and the state already projected,
x = inputs @ kernel + bias and m = h @ recurrent_kernel (+ recurrent bias), both [D, B, G * U].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.config import schema as config

Tensors = tuple[Any, ...]


class Cell(NamedTuple):
    """One step of a cell, and its gradient. States are [D, B, U]; the first is the output.

    step: x, m and the states before -> the states after, and what `gradient` wants to see.
    gradient: that, the states before and the gradients of the states after -> the gradients of x,
      of m, and of the states before, as far as they do not pass through m (None: not at all).
    states, seen: how many tensors these are.
    idle: for each gate, the x of padding, with which a zero state stays exactly zero.
    recurrent_bias: whether m has a bias of its own.
    """

    step: Callable[[Any, Any, Tensors], tuple[Tensors, Tensors]]
    gradient: Callable[[Tensors, Tensors, Tensors], tuple[Any, Any, Tensors]]
    states: int
    seen: int
    idle: tuple[float, ...]
    recurrent_bias: bool = False


def _tanh_gradient(y: Any, dy: Any) -> Any:
    """dy * (1 - y²), in one pass."""
    return tf.raw_ops.TanhGrad(y=y, dy=dy)


def _sigmoid_gradient(y: Any, dy: Any) -> Any:
    """dy * y * (1 - y), in one pass."""
    return tf.raw_ops.SigmoidGrad(y=y, dy=dy)


def _rnn_step(x: Any, m: Any, states: Tensors) -> tuple[Tensors, Tensors]:
    h = tf.tanh(x + m)
    return (h,), (h,)


def _rnn_gradient(seen: Tensors, states: Tensors, after: Tensors) -> tuple[Any, Any, Tensors]:
    dx = _tanh_gradient(seen[0], after[0])
    return dx, dx, (None,)


def _lstm_step(x: Any, m: Any, states: Tensors) -> tuple[Tensors, Tensors]:
    _, c = states
    i, f, g, o = tf.split(x + m, 4, axis=-1)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    c = f * c + i * g
    return (o * tf.tanh(c), c), (i, f, g, o, c)


def _lstm_gradient(seen: Tensors, states: Tensors, after: Tensors) -> tuple[Any, Any, Tensors]:
    i, f, g, o, c_after = seen
    _, c = states
    dh, dc = after
    squashed = tf.tanh(c_after)  # again: no slower than to fetch it from memory
    dc += _tanh_gradient(squashed, dh * o)
    gates = (
        _sigmoid_gradient(i, dc * g),
        _sigmoid_gradient(f, dc * c),
        _tanh_gradient(g, dc * i),
        _sigmoid_gradient(o, dh * squashed),
    )
    dx = tf.concat(gates, axis=-1)
    return dx, dx, (None, dc * f)


def _gru_step(x: Any, m: Any, states: Tensors) -> tuple[Tensors, Tensors]:
    (h,) = states
    xz, xr, xg = tf.split(x, 3, axis=-1)
    mz, mr, mg = tf.split(m, 3, axis=-1)
    z, r = tf.sigmoid(xz + mz), tf.sigmoid(xr + mr)
    g = tf.tanh(xg + r * mg)
    return (g + z * (h - g),), (z, r, g, mg)


def _gru_gradient(seen: Tensors, states: Tensors, after: Tensors) -> tuple[Any, Any, Tensors]:
    z, r, g, mg = seen
    (h,) = states
    (dh,) = after
    kept = dh * z
    dg = _tanh_gradient(g, dh - kept)
    dz, dr = _sigmoid_gradient(z, dh * (h - g)), _sigmoid_gradient(r, dg * mg)
    return tf.concat([dz, dr, dg], -1), tf.concat([dz, dr, dg * r], -1), (kept,)


CELLS = {
    config.Cell.simple_rnn: Cell(_rnn_step, _rnn_gradient, states=1, seen=1, idle=(0,)),
    config.Cell.lstm: Cell(_lstm_step, _lstm_gradient, states=2, seen=5, idle=(0, 0, 0, 0)),
    # Its recurrent bias moves a GRU even at rest, so that to idle is to keep: sigmoid(100) is 1.
    config.Cell.gru: Cell(
        _gru_step, _gru_gradient, states=1, seen=4, idle=(100, 0, 0), recurrent_bias=True
    ),
}
