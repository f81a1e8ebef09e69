"""Run a cell through time, with a hand-written backward pass.

Automatic differentiation of a loop keeps a list for every intermediate value, differentiates each
operation separately and accumulates a dense gradient for every tensor that was read. Here the forward
pass pushes only the values that the gradient of a step needs onto one tape, and the backward pass pops
them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.cells import Cell, Tensors
from pipeline.models.fused.steps import Steps, steps_of


class InputRows(NamedTuple):
    """Say which row of the projected inputs <float>[N, G * U] each step reads.

    rows: <int32>[T, D, B], or [T, B] where there is one direction: then D is left out in all shapes.
    order: <int32>[T * D * B], the steps, as flat indices into [T, D, B], sorted by the row they read.
    segments: <int32>[T * D * B], the row that each of these reads, in increasing order, each of the N at
      least once. None if every row is read by exactly one step.
    """

    rows: Any
    order: Any
    segments: Any | None


class Carried(NamedTuple):
    """Say with which states a pass begins, and where it begins anew.

    states: each <float>[B, U]; no gradient reaches them. kept: <float>[T, B, 1], 0 where a row
    begins anew, with states of zeros before that step, else 1; None where none does.
    """

    states: Tensors
    kept: Any | None = None


def scan(
    cell: Cell, projected: Any, input_rows: InputRows, recurrent: Tensors, sequences: bool
) -> Any:
    """Run a cell through time, from a zero state.

    projected: <float>[N, G * U]. recurrent: the recurrent weights: none, or <float>[D, U, G * U] and, if
    the cell has one, the recurrent bias <float>[D, 1, G * U].

    Returns: the outputs <float>[T, D, B, U] or, without `sequences`, the last <float>[D, B, U].
    """
    carried = Carried((_zero_state(cell, input_rows, projected.shape[-1]),) * cell.states)
    sums = _Accumulated(recurrent)
    run = _Pass(steps_of(cell), cell, input_rows, sequences, carried, sums)
    return run.through_time(projected, recurrent)[0]


def scan_on(
    cell: Cell, projected: Any, input_rows: InputRows, recurrent: Tensors, carried: Carried
) -> tuple[Any, Tensors]:
    """Run a cell through time as `scan` does, but from given states, in one direction, over few steps.

    Returns: the outputs <float>[T, B, U], and the states after the last step, without gradients.
    """
    run = _Pass(steps_of(cell), cell, input_rows, True, carried, _Collected(recurrent))
    outputs, *states = run.through_time(projected, recurrent)
    return outputs, tuple(tf.stop_gradient(state) for state in states)


def _zero_state(cell: Cell, input_rows: InputRows, width: int) -> Any:
    rows = input_rows.rows
    batch = [*rows.shape[1:-1], tf.shape(rows)[-1]]
    return tf.zeros([*batch, width // len(cell.gates)])


class _Pass(NamedTuple):
    """Compute the forward and the backward pass of one batch."""

    steps: Steps
    cell: Cell
    input_rows: InputRows
    sequences: bool
    carried: Carried
    sums: _Accumulated | _Collected

    def through_time(self, projected: Any, recurrent: Tensors) -> Tensors:
        """Return the outputs, all or the last, and the states after the last step."""

        @tf.custom_gradient
        def run(projected: Any, *recurrent: Any) -> tuple[Tensors, Callable[..., Tensors]]:
            outputs, states, tape = self.forward(projected, recurrent)

            def gradient(upstream: Any, *_: Any) -> Tensors:
                return self.backward(tape, projected.shape[-1], recurrent, upstream)

            return (outputs, *states), gradient

        return run(projected, *recurrent)

    def forward(self, projected: Any, recurrent: Tensors) -> tuple[Any, Tensors, Any]:
        """Return the outputs, all or the last, the states after the last step, and the tape."""
        zero = _zero_state(self.cell, self.input_rows, projected.shape[-1])
        length = tf.shape(self.input_rows.rows)[0]

        def iterate(t: Any, states: Tensors, tape: Any, outputs: Any) -> Tensors:
            states = self._kept(t, states)
            x = tf.gather(projected, tf.gather(self.input_rows.rows, t))
            after, kept = self.steps.forward(x, _project(states[0], recurrent), states)
            if self.sequences:
                outputs = outputs.write(t, after[0])
            return t + 1, after, _push(tape, (*kept, *states)), outputs

        outputs = tf.TensorArray(tf.float32, length, element_shape=zero.shape)
        start = (0, self.carried.states, _empty_tape(zero), outputs)
        _, states, tape, outputs = _loop(lambda t, *_: t < length, iterate, start)
        return (outputs.stack() if self.sequences else states[0]), states, tape

    def backward(self, tape: Any, width: int, recurrent: Tensors, upstream: Any) -> Tensors:
        """Return the gradients of the projected inputs, `width` wide, and of the recurrent weights.

        Many steps may have read a row of the projected inputs. Their gradients are summed in the order
        of the rows, which is faster than a scatter-add and deterministic.
        """
        zero = _zero_state(self.cell, self.input_rows, width)
        state_shape = tf.shape(zero)
        length = tf.shape(self.input_rows.rows)[0]
        count = self.steps.kept
        # Turned once for all steps.
        turned: Any = tf.linalg.matrix_transpose(recurrent[0]) if recurrent else None

        def iterate(
            t: Any, dstates: Tensors, tape: Any, dweights: Tensors, dinputs: Any
        ) -> Tensors:
            tape, values = _pop(tape, count + self.cell.states, state_shape, zero.shape)
            kept, states = values[:count], values[count:]
            if self.sequences:
                dstates = (dstates[0] + upstream[t], *dstates[1:])
            dx, dm, (direct, *others) = self.steps.gradient(kept, states, dstates)
            if recurrent:
                dh = tf.matmul(dm, turned)
                direct = dh if direct is None else dh + direct
                dweights = self.sums.add(dweights, t, states[0], dm)
            dstates = self._kept(t, (direct, *others))
            return t - 1, dstates, tape, dweights, dinputs.write(t, dx)

        first = zero if self.sequences else upstream
        dstates = (first, *(zero,) * (self.cell.states - 1))
        dinputs = tf.TensorArray(tf.float32, length)
        start = (length - 1, dstates, tape, self.sums.start(length), dinputs)
        _, _, _, dweights, dinputs = _loop(lambda t, *_: t >= 0, iterate, start)
        dweights = self.sums.result(dweights)
        by_step = tf.reshape(dinputs.stack(), [-1, width])
        if self.input_rows.segments is None:
            return tf.gather(by_step, self.input_rows.order), *dweights
        dprojected = tf.raw_ops.SparseSegmentSum(
            data=by_step, indices=self.input_rows.order, segment_ids=self.input_rows.segments
        )
        return dprojected, *dweights

    def _kept(self, t: Any, states: Tensors) -> Tensors:
        """Return the states before a step, or their gradients: zero where a row begins anew."""
        if self.carried.kept is None:
            return states
        kept = tf.gather(self.carried.kept, t)
        return tuple(state * kept for state in states)


class _Accumulated(NamedTuple):
    """Add up the gradients of the recurrent weights step by step, in little memory."""

    recurrent: Tensors

    def start(self, length: Any) -> Tensors:
        return tuple(tf.zeros_like(weight) for weight in self.recurrent)

    def add(self, sums: Tensors, t: Any, h: Any, dm: Any) -> Tensors:
        kernel, *bias = sums
        kernel += tf.matmul(h, dm, transpose_a=True)
        return kernel, *(db + tf.reduce_sum(dm, -2, keepdims=True) for db in bias)

    def result(self, sums: Tensors) -> Tensors:
        return sums


class _Collected(NamedTuple):
    """Compute the gradients of the recurrent weights by one product over all steps, of one direction.

    To add to a large gradient at each step would move it through the cache as often. For small ones in
    two directions this is slower, and many steps would take much memory.
    """

    recurrent: Tensors

    def start(self, length: Any) -> Tensors:
        if not self.recurrent:
            return ()
        return tf.TensorArray(tf.float32, length), tf.TensorArray(tf.float32, length)

    def add(self, arrays: Tensors, t: Any, h: Any, dm: Any) -> Tensors:
        states, gradients = arrays
        return states.write(t, h), gradients.write(t, dm)

    def result(self, arrays: Tensors) -> Tensors:
        if not self.recurrent:
            return ()
        kernel, *bias = self.recurrent
        h, dm = (
            tf.reshape(array.stack(), [-1, width])
            for array, width in zip(arrays, kernel.shape, strict=True)
        )
        dbias = (tf.reduce_sum(dm, 0, keepdims=True) for _ in bias)
        return tf.matmul(h, dm, transpose_a=True), *dbias


def _project(h: Any, recurrent: Tensors) -> Any:
    """Return m, the projected state, or None without recurrent weights."""
    if not recurrent:
        return None
    kernel, *bias = recurrent
    m = tf.matmul(h, kernel)
    for value in bias:
        m += value
    return m


def _loop(condition: Callable[..., Any], iterate: Callable[..., Any], start: Tensors) -> Any:
    return tf.while_loop(condition, iterate, start, parallel_iterations=1)


def _empty_tape(like: Any) -> Any:
    return tf.raw_ops.EmptyTensorList(
        element_shape=tf.shape(like), max_num_elements=-1, element_dtype=like.dtype
    )


def _push(tape: Any, values: Tensors) -> Any:
    for value in values:
        tape = tf.raw_ops.TensorListPushBack(input_handle=tape, tensor=value)
    return tape


def _pop(tape: Any, count: int, shape: Any, known: tf.TensorShape) -> tuple[Any, Tensors]:
    """Return the tape without its last `count` tensors, and these tensors in the order of the pushes.

    shape: the shape of each; known: the part of it that is known when the loop is traced.
    """
    values = []
    for _ in range(count):
        tape, value = tf.raw_ops.TensorListPopBack(
            input_handle=tape, element_shape=shape, element_dtype=tf.float32
        )
        value.set_shape(known)  # `tf.ensure_shape` would be another operation in each step
        values.append(value)
    return tape, tuple(reversed(values))
