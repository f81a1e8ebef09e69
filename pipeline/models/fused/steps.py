"""A step of a cell, and its gradient: the one that the cell brings, or TensorFlow's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.cells import Cell, Tensors


class Steps(NamedTuple):
    """What a pass through time asks of a cell; for the arguments see `Cell`.

    forward: x, m and the states before -> the states after, and what `gradient` wants to see.
    gradient: that, the states before and the gradients of the states after -> the gradients of x, of m
      and, as far as they do not pass through m, of the states before.
    kept: how many tensors `gradient` wants to see.
    seen: these and the states before -> what the cell shows of a step.
    """

    forward: Callable[[Any, Any, Tensors], tuple[Tensors, Tensors]]
    gradient: Callable[[Tensors, Tensors, Tensors], tuple[Any, Any, Tensors]]
    kept: int
    seen: Callable[[Tensors, Tensors], Tensors]


def steps_of(cell: Cell) -> Steps:
    """Return the steps of a cell that has a `step`."""
    assert cell.step is not None
    if cell.gradient is None:
        return _differentiated(cell)
    kept = len(cell.gates) + cell.extras
    return Steps(
        partial(cell.step, tf), partial(cell.gradient, tf), kept, lambda kept, states: kept
    )


def _differentiated(cell: Cell) -> Steps:
    """Steps that are computed again in the backward pass, and differentiated there.

    What is kept of a step is x and m, gate by gate: every tensor on the tape has the shape of a state.
    """
    assert cell.step is not None
    step = partial(cell.step, tf)
    gates = len(cell.gates)

    def split(value: Any) -> list[Any]:
        return [] if value is None else tf.split(value, gates, axis=-1)

    def joined(kept: Tensors) -> tuple[Any, Any]:
        m = tf.concat(kept[gates:], axis=-1) if cell.recurrent else None
        return tf.concat(kept[:gates], axis=-1), m

    def forward(x: Any, m: Any, states: Tensors) -> tuple[Tensors, Tensors]:
        return step(x, m, states)[0], (*split(x), *split(m))

    def gradient(kept: Tensors, states: Tensors, after: Tensors) -> tuple[Any, Any, Tensors]:
        x, m = joined(kept)
        sources = [x, *states] if m is None else [x, *states, m]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(sources)
            reached, _ = step(x, m, states)
        dx, *others = tape.gradient(
            list(reached),
            sources,
            output_gradients=list(after),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        dm = None if m is None else others.pop()
        return dx, dm, tuple(others)

    return Steps(
        forward,
        gradient,
        kept=gates * (1 + cell.recurrent),
        seen=lambda kept, states: step(*joined(kept), states)[1],
    )
