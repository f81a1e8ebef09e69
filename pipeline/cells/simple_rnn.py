"""The simple recurrent network (Elman 1990), as `keras.layers.SimpleRNN` has it."""

from __future__ import annotations

from typing import Any

from pipeline.cells import Cell, Tensors


def _step(tf: Any, x: Any, m: Any, states: Tensors) -> tuple[Tensors, Tensors]:
    h = tf.tanh(x + m)
    return (h,), (h,)


def _gradient(tf: Any, seen: Tensors, states: Tensors, after: Tensors) -> tuple[Any, Any, Tensors]:
    dx = tf.raw_ops.TanhGrad(y=seen[0], dy=after[0])
    return dx, dx, (None,)


CELL = Cell(
    name="simple_rnn",
    title="SimpleRNN",
    layer=lambda keras: keras.layers.SimpleRNN,
    gates=("state",),
    step=_step,
    gradient=_gradient,
    idle=(0,),
    colours={
        (False, False): ("#da2200", "#fdb362"),
        (True, False): ("#c68713", "#ffe796"),
        (False, True): ("#862c13", "#b55f39"),
    },
    mark="circle",
)
