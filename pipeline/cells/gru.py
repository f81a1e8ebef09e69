"""The gated recurrent unit (Cho et al. 2014), as `keras.layers.GRU` has it with `reset_after=True`: the
reset gate weighs the projected state, and the update gate the old one.
"""

from __future__ import annotations

from typing import Any

from pipeline.cells import Cell, Tensors


def _step(tf: Any, x: Any, m: Any, states: Tensors) -> tuple[Tensors, Tensors]:
    (h,) = states
    xz, xr, xg = tf.split(x, 3, axis=-1)
    mz, mr, mg = tf.split(m, 3, axis=-1)
    z, r = tf.sigmoid(xz + mz), tf.sigmoid(xr + mr)
    g = tf.tanh(xg + r * mg)
    return (g + z * (h - g),), (z, r, g, mg)


def _gradient(tf: Any, seen: Tensors, states: Tensors, after: Tensors) -> tuple[Any, Any, Tensors]:
    z, r, g, mg = seen
    (h,) = states
    (dh,) = after
    kept = dh * z
    dg = tf.raw_ops.TanhGrad(y=g, dy=dh - kept)
    dz = tf.raw_ops.SigmoidGrad(y=z, dy=dh * (h - g))
    dr = tf.raw_ops.SigmoidGrad(y=r, dy=dg * mg)
    return tf.concat([dz, dr, dg], -1), tf.concat([dz, dr, dg * r], -1), (kept,)


CELL = Cell(
    name="gru",
    title="GRU",
    layer=lambda keras: keras.layers.GRU,
    gates=("update gate", "reset gate", "candidate"),
    biases=2,  # as cuDNN needs it
    step=_step,
    gradient=_gradient,
    extras=1,
    # Its recurrent bias moves a GRU even at rest, so that to idle is to keep: sigmoid(100) is 1.
    idle=(100, 0, 0),
    keep_gate=0,
    colours={
        (False, False): ("#419f86", "#48d9b8"),
        (True, False): ("#47783f", "#a89d23"),
        (False, True): ("#03554f", "#81f3fe"),
    },
    mark="triangle-up",
)
