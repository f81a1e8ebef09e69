"""Provide the step of a cell and its gradient, from the cell itself or by TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.cells import Cell, Tensors


class Steps(NamedTuple):
    """Hold the functions of a cell that a pass through time needs; `Cell` describes the arguments.

    forward: (x, m, states before) -> (states after, kept: the tensors that `gradient` needs).
    gradient: (kept, states before, gradients of the states after) -> the gradients of x, of m
      and, except for what passes through m, of the states before.
    kept: number of tensors that `gradient` needs.
    seen: (kept, states before) -> the gates and further tensors that the step of the cell returns.
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
    """Return steps that the backward pass computes again and differentiates by TensorFlow.

    They keep x and m, split by gate, because every tensor on the tape has the shape of a state.
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
