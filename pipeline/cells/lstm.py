"""The long short-term memory (Hochreiter & Schmidhuber 1997; its forget gate: Gers et al. 2000), as
`keras.layers.LSTM` has it.
"""

from __future__ import annotations

from typing import Any

from pipeline.cells import Cell, Tensors


def _step(tf: Any, x: Any, m: Any, states: Tensors) -> tuple[Tensors, Tensors]:
    _, c = states
    i, f, g, o = tf.split(x + m, 4, axis=-1)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    c = f * c + i * g
    return (o * tf.tanh(c), c), (i, f, g, o, c)


def _gradient(tf: Any, seen: Tensors, states: Tensors, after: Tensors) -> tuple[Any, Any, Tensors]:
    i, f, g, o, c_after = seen
    _, c = states
    dh, dc = after
    tanh_gradient, sigmoid_gradient = tf.raw_ops.TanhGrad, tf.raw_ops.SigmoidGrad
    squashed = tf.tanh(c_after)  # again: no slower than to fetch it from memory
    dc += tanh_gradient(y=squashed, dy=dh * o)
    gates = (
        sigmoid_gradient(y=i, dy=dc * g),
        sigmoid_gradient(y=f, dy=dc * c),
        tanh_gradient(y=g, dy=dc * i),
        sigmoid_gradient(y=o, dy=dh * squashed),
    )
    dx = tf.concat(gates, axis=-1)
    return dx, dx, (None, dc * f)


def _carried(tf: Any, seen: Tensors, after: Tensors) -> Any:
    """The gradient of c: h is read out of it at each step, so that a change of c changes h."""
    *_, o, c = seen
    dh, dc = after
    return dc + dh * o * (1 - tf.tanh(c) ** 2)


CELL = Cell(
    name="lstm",
    title="LSTM",
    article="an",
    layer=lambda keras: keras.layers.LSTM,
    gates=("input gate", "forget gate", "candidate", "output gate"),
    step=_step,
    gradient=_gradient,
    states=2,
    extras=1,
    idle=(0, 0, 0, 0),
    carried=_carried,
    keep_gate=1,
    input_gate=0,
    colours={
        (False, False): ("#3778c2", "#2279dd"),
        (True, False): ("#483bcf", "#b0b4fe"),
        (False, True): ("#14285c", "#8296ce"),
        (True, True): ("#963d86", "#ef4f8d"),
    },
    mark="square",
)
