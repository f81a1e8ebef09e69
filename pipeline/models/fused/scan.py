"""A cell through time, and the way back written out by hand.

Autodiff of a loop keeps every intermediate in a list of its own, goes back through each operation
by itself and adds up a dense gradient wherever a tensor was read. Here the way there pushes onto one
tape just what `Cell.gradient` wants to see, and the way back pops it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.models.fused.cells import Cell, Tensors


class Reading(NamedTuple):
    """Which row of the projected inputs <float>[N, G * U] each step reads.

    rows: <int32>[T, D, B].
    order: <int32>[T * D * B], the steps, counted through T, D and B, ordered by the row they read.
    segments: <int32>[T * D * B], the row that each of these reads: all N, rising. None where every row
      is read by exactly one step.
    """

    rows: Any
    order: Any
    segments: Any | None


def scan(
    cell: Cell, projected: Any, reading: Reading, recurrent: Any, bias: Tensors, sequences: bool
) -> Any:
    """Runs a cell through time, from a zero state.

    projected: <float>[N, G * U]. recurrent: <float>[D, U, G * U]. bias: none, or the recurrent one
    <float>[D, 1, G * U].

    Returns: the outputs <float>[T, D, B, U] or, without `sequences`, the last <float>[D, B, U].
    """

    @tf.custom_gradient
    def run(projected: Any, recurrent: Any, *bias: Any) -> tuple[Any, Callable[[Any], Tensors]]:
        outputs, tape = _forth(cell, projected, reading, recurrent, bias, sequences)

        def gradient(upstream: Any) -> Tensors:
            return _back(cell, tape, reading, recurrent, bias, upstream, sequences)

        return outputs, gradient

    return run(projected, recurrent, *bias)


def _forth(
    cell: Cell, projected: Any, reading: Reading, recurrent: Any, bias: Tensors, sequences: bool
) -> tuple[Any, Any]:
    """-> the outputs, all or the last, and the tape."""
    zero = _zero_state(reading, recurrent)
    length = tf.shape(reading.rows)[0]

    def iterate(t: Any, states: Tensors, tape: Any, outputs: Any) -> Tensors:
        m = tf.matmul(states[0], recurrent)
        for value in bias:
            m += value
        after, seen = cell.step(tf.gather(projected, tf.gather(reading.rows, t)), m, states)
        if sequences:
            outputs = outputs.write(t, after[0])
        return t + 1, after, _push(tape, (*seen, *states)), outputs

    outputs = tf.TensorArray(tf.float32, length, element_shape=zero.shape)
    start = (0, (zero,) * cell.states, _empty_tape(zero), outputs)
    _, states, tape, outputs = _loop(lambda t, *_: t < length, iterate, start)
    return (outputs.stack() if sequences else states[0]), tape


def _back(
    cell: Cell,
    tape: Any,
    reading: Reading,
    recurrent: Any,
    bias: Tensors,
    upstream: Any,
    sequences: bool,
) -> Tensors:
    """-> the gradients of the projected inputs, of `recurrent` and of `bias`.

    A row of the projected inputs may have been read by many steps. The sum over them runs through the
    steps in the order of the rows: faster than adding here and there, and the same each time.
    """
    zero = _zero_state(reading, recurrent)
    state_shape = tf.shape(zero)
    length = tf.shape(reading.rows)[0]

    def iterate(t: Any, dstates: Tensors, tape: Any, dweights: Tensors, dinputs: Any) -> Tensors:
        tape, values = _pop(tape, cell.seen + cell.states, state_shape, zero.shape)
        seen, states = values[: cell.seen], values[cell.seen :]
        if sequences:
            dstates = (dstates[0] + upstream[t], *dstates[1:])
        dx, dm, (direct, *others) = cell.gradient(seen, states, dstates)
        dh = tf.matmul(dm, recurrent, transpose_b=True)
        dstates = (dh if direct is None else dh + direct, *others)
        drecurrent, *dbias = dweights
        drecurrent += tf.matmul(states[0], dm, transpose_a=True)
        dweights = (drecurrent, *(db + tf.reduce_sum(dm, 1, keepdims=True) for db in dbias))
        return t - 1, dstates, tape, dweights, dinputs.write(t, dx)

    first = zero if sequences else upstream
    dstates = (first, *(zero,) * (cell.states - 1))
    dweights = tuple(tf.zeros_like(weight) for weight in (recurrent, *bias))
    start = (length - 1, dstates, tape, dweights, tf.TensorArray(tf.float32, length))
    _, _, _, dweights, dinputs = _loop(lambda t, *_: t >= 0, iterate, start)
    by_step = tf.reshape(dinputs.stack(), [-1, recurrent.shape[-1]])
    if reading.segments is None:
        return tf.gather(by_step, reading.order), *dweights
    dprojected = tf.raw_ops.SparseSegmentSum(
        data=by_step, indices=reading.order, segment_ids=reading.segments
    )
    return dprojected, *dweights


def _loop(condition: Callable[..., Any], iterate: Callable[..., Any], start: Tensors) -> Any:
    return tf.while_loop(condition, iterate, start, parallel_iterations=1)


def _zero_state(reading: Reading, recurrent: Any) -> Any:
    directions, units, _ = recurrent.shape
    return tf.zeros([directions, tf.shape(reading.rows)[2], units])


def _empty_tape(like: Any) -> Any:
    return tf.raw_ops.EmptyTensorList(
        element_shape=tf.shape(like), max_num_elements=-1, element_dtype=like.dtype
    )


def _push(tape: Any, values: Tensors) -> Any:
    for value in values:
        tape = tf.raw_ops.TensorListPushBack(input_handle=tape, tensor=value)
    return tape


def _pop(tape: Any, count: int, shape: Any, known: tf.TensorShape) -> tuple[Any, Tensors]:
    """-> the tape without its last `count` tensors, and these, in the order they were pushed.

    shape: of each of them; known: what is known of that while the loop is traced.
    """
    values = []
    for _ in range(count):
        tape, value = tf.raw_ops.TensorListPopBack(
            input_handle=tape, element_shape=shape, element_dtype=tf.float32
        )
        value.set_shape(known)  # where an operation would be one more in each step
        values.append(value)
    return tape, tuple(reversed(values))
