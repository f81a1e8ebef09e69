"""Run a model on a batch and record states and gates, for gradients with respect to any step.

The forward pass is computed from the weights of the model in double precision: what is left of a signal
after hundreds of steps may be smaller than any single-precision number. All rows have the same length,
without padding. Step T - 1 - d is d steps before the last, in the forward direction (which ends at the
end of the text) as in the backward one (which ends at its start).

Shapes: batch B, length T, units U, gates G, directions D, features F.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.cells import Cell, Tensors, find_cell
from pipeline.config.schema import ArchitectureConfig, Readout
from pipeline.models.fused.layers import cells_of
from pipeline.models.fused.steps import Steps, steps_of
from pipeline.models.pooling import pooled_by

DIRECTIONS = ("forward", "backward")

# (layer, from 1; step; the states after it) -> the states to go on with
Intervention = Callable[[int, int, Tensors], Tensors]


@dataclass(frozen=True)
class LayerTrace:
    """Hold the forward pass of a recurrent layer on a batch, both directions together.

    kernel: <float64>[D, F, G * U]; recurrent: <float64>[D, U, G * U], or None if the cell has none;
    kept: for each step the tensors that its gradient needs; states: before each step, and after the
    last. Tensors of a step are <float64>[D, B, U].
    """

    cell: Cell
    steps: Steps
    kernel: Any
    recurrent: Any | None
    kept: list[Tensors]
    states: list[Tensors]

    @property
    def length(self) -> int:
        return len(self.kept)

    @property
    def outputs(self) -> np.ndarray:
        """Return the outputs of all steps, <float64>[T, D, B, U]."""
        return np.stack([states[0].numpy() for states in self.states[1:]])

    @property
    def carried_states(self) -> np.ndarray:
        """Return the state that lasts after each step, <float64>[T, D, B, U]: c in an LSTM, else h."""
        return np.stack([states[-1].numpy() for states in self.states[1:]])

    @property
    def keep_gates(self) -> np.ndarray:
        """Return the forget or update gates, <float64>[T, D, B, U], of a cell that has them."""
        assert self.cell.keep_gate is not None
        seen = map(self._seen, range(self.length))
        return np.stack([values[self.cell.keep_gate].numpy() for values in seen])

    def _seen(self, step: int) -> Tensors:
        return self.steps.seen(self.kept[step], self.states[step])

    def carried(self, step: int, gradients: Tensors) -> Any:
        """Return the gradient of the carried state, given those of all states after a step."""
        if self.cell.carried is None:
            return gradients[0]
        return self.cell.carried(tf, self._seen(step), gradients)

    def backpropagate(
        self, last: Tensors, upstream: np.ndarray | None = None
    ) -> Iterator[tuple[int, Tensors, Any]]:
        """Backpropagate through time, from the last step to the first.

        Parameters:
          last: the gradients of the states after the last step.
          upstream: <float64>[T, D, B, U], the gradient of the output of each step, if it is used.

        Yields: the step, the gradients of the states after it, and the gradient of its projected input,
        <float64>[D, B, G * U].
        """
        gradients = last
        for step in reversed(range(self.length)):
            if upstream is not None:
                gradients = (gradients[0] + upstream[step], *gradients[1:])
            dx, dm, (direct, *others) = self.steps.gradient(
                self.kept[step], self.states[step], gradients
            )
            yield step, gradients, dx
            if self.recurrent is not None:
                dh = tf.matmul(dm, self.recurrent, transpose_b=True)
                direct = dh if direct is None else dh + direct
            gradients = (direct, *others)

    def input_gradients(self, last: Tensors, upstream: np.ndarray | None) -> np.ndarray:
        """Return the gradient of the layer's input by step and direction, <float64>[T, D, B, F]."""
        projected = tf.stack([dx for _, _, dx in self.backpropagate(last, upstream)][::-1])
        return tf.matmul(projected, self.kernel, transpose_b=True).numpy()

    def zero_gradients(self) -> Tensors:
        return tuple(tf.zeros_like(state) for state in self.states[0])


@dataclass(frozen=True)
class Trace:
    """Hold the forward pass of a model on a batch.

    layers: from the inner to the outer one; features: <float64>[B, F], the input of the heads, D * U
    for each part of the readout; weights: of each head, <float64>[F, outputs]; logits: of each head,
    <float64>[B, outputs]; both empty for a language model.
    """

    layers: tuple[LayerTrace, ...]
    readout: Readout
    features: np.ndarray
    weights: tuple[np.ndarray, ...]
    logits: tuple[np.ndarray, ...]

    @property
    def length(self) -> int:
        return self.layers[0].length

    def embedding_gradients(self, cotangent: np.ndarray) -> np.ndarray:
        """Return the gradient of `sum(cotangent * features)` for the embedding at each position.

        Parameters:
          cotangent: <float64>[B, F].

        Returns: <float64>[T, D, B, F], separately through each direction of the outer layer.
        """
        *inner, outer = self.layers
        through = outer.input_gradients(*self._from_features(cotangent))
        both = []
        for direction in range(through.shape[1]):
            alone = np.zeros_like(through)
            alone[:, direction] = through[:, direction]
            gradients = reverse_backward(alone).sum(axis=1)
            for layer in reversed(inner):
                length, rows, _ = gradients.shape
                split = gradients.reshape(length, rows, len(layer.kernel), -1)  # [T, B, D, U]
                upstream = reverse_backward(split.swapaxes(1, 2))
                by_step = layer.input_gradients(layer.zero_gradients(), upstream)
                gradients = reverse_backward(by_step).sum(axis=1)
            both.append(gradients)
        return np.stack(both, axis=1)

    def _from_features(self, cotangent: np.ndarray) -> tuple[Tensors, np.ndarray | None]:
        """Return the gradients of the outer layer's last states, and of the output of each step."""
        outer = self.layers[-1]
        zero = outer.zero_gradients()
        parts = np.split(cotangent, len(pooled_by(self.readout)), axis=1)
        by_part = {
            name: part.reshape(len(part), len(outer.kernel), -1).swapaxes(0, 1)  # [D, B, U]
            for name, part in zip(pooled_by(self.readout), parts, strict=True)
        }
        upstream = None
        if (split := by_part.get(Readout.max)) is not None:
            steps = np.arange(self.length)[:, None, None, None]
            upstream = (steps == outer.outputs.argmax(axis=0)) * split
        if (split := by_part.get(Readout.mean)) is not None:
            mean = np.repeat(split[None] / self.length, self.length, axis=0)
            upstream = mean if upstream is None else upstream + mean
        if (split := by_part.get(Readout.last)) is None:
            return zero, upstream
        return (tf.constant(split), *zero[1:]), upstream


def can_trace(config: ArchitectureConfig) -> bool:
    """Return whether the cell of a network has the step function that tracing needs."""
    return find_cell(config.cell).step is not None


def _go_on(layer: int, step: int, states: Tensors) -> Tensors:
    return states


def trace(
    model: keras.Model,
    config: ArchitectureConfig,
    token_ids: np.ndarray,
    intervene: Intervention = _go_on,
) -> Trace:
    """Run a model on token ids <int32>[B, T], T > 0, without padding.

    intervene: may change the states after a step. The gradients of a changed pass have no meaning.
    """
    table = model.get_layer("embedding").embeddings.numpy()
    return trace_embedded(model, config, table[token_ids.T].astype(np.float64), intervene)


def trace_embedded(
    model: keras.Model,
    config: ArchitectureConfig,
    features: np.ndarray,
    intervene: Intervention = _go_on,
) -> Trace:
    """Run a model on embedded tokens <float64>[T, B, F]."""
    layers = trace_layers(model, config, features, intervene)
    features = _concatenate_directions(reverse_backward(layers[-1].outputs))
    pooled = {
        Readout.last: _concatenate_directions(layers[-1].outputs)[-1],
        Readout.mean: features.mean(axis=0),
        Readout.max: features.max(axis=0),
    }
    read_out = np.concatenate([pooled[name] for name in pooled_by(config.readout)], axis=1)
    heads = [model.get_layer(name) for name in model.output_names]
    weights = tuple(head.kernel.numpy().astype(np.float64) for head in heads)
    logits = tuple(
        read_out @ kernel + head.bias.numpy() for kernel, head in zip(weights, heads, strict=True)
    )
    return Trace(layers, config.readout, read_out, weights, logits)


def trace_language_model(
    model: keras.Model, config: ArchitectureConfig, token_ids: np.ndarray
) -> Trace:
    """Run a language model on token ids <int32>[B, T], T > 0, from a state of zeros.

    The features are the last output; weights and logits of the next token are left out.
    """
    table = model.get_layer("embedding").embeddings.numpy()
    layers = trace_layers(model, config, table[token_ids.T].astype(np.float64), _go_on)
    read_out = _concatenate_directions(layers[-1].outputs)[-1]
    return Trace(layers, Readout.last, read_out, (), ())


def trace_layers(
    model: keras.Model, config: ArchitectureConfig, features: np.ndarray, intervene: Intervention
) -> tuple[LayerTrace, ...]:
    """Run the recurrent layers of a model on embedded tokens <float64>[T, B, F]."""
    directions = 2 if config.bidirectional else 1
    layers: list[LayerTrace] = []
    for number in range(1, config.num_layers + 1):
        inputs = reverse_backward(np.repeat(features[:, None], directions, axis=1))
        recurrent = model.get_layer(f"recurrent_{number}")
        layers.append(
            _trace_layer(
                find_cell(config.cell), recurrent, inputs, functools.partial(intervene, number)
            )
        )
        features = _concatenate_directions(reverse_backward(layers[-1].outputs))
    return tuple(layers)


def _trace_layer(
    cell: Cell, layer: Any, inputs: np.ndarray, intervene: Callable[[int, Tensors], Tensors]
) -> LayerTrace:
    """Run a recurrent layer over inputs by step, <float64>[T, D, B, F], from a zero state."""
    steps = steps_of(cell)
    readers = cells_of(layer)

    def weights(name: str) -> Any:
        return tf.constant(np.stack([getattr(one, name).numpy() for one in readers]), tf.float64)

    kernel, bias = weights("kernel"), weights("bias")
    recurrent = weights("recurrent_kernel") if cell.recurrent else None
    directions, width = len(readers), kernel.shape[-1]
    first, *second = tf.unstack(tf.reshape(bias, [directions, -1, 1, width]), axis=1)
    units = width // len(cell.gates)
    states = (tf.zeros([directions, inputs.shape[2], units], tf.float64),) * cell.states
    all_kept, all_states = [], [states]
    for step, x in enumerate(tf.unstack(tf.matmul(inputs, kernel) + first)):
        m = None if recurrent is None else tf.matmul(states[0], recurrent)
        for more in second:  # the recurrent bias of a GRU
            m += more
        states, kept = steps.forward(x, m, states)
        states = intervene(step, states)
        all_kept.append(kept)
        all_states.append(states)
    return LayerTrace(cell, steps, kernel, recurrent, all_kept, all_states)


def reverse_backward(values: np.ndarray) -> np.ndarray:
    """Reverse the backward direction of [T, D, ...]: convert positions to steps, or back."""
    return np.concatenate([values[:, :1], values[::-1, 1:]], axis=1)


def _concatenate_directions(outputs: np.ndarray) -> np.ndarray:
    """Concatenate the directions of outputs <float64>[T, D, B, U] as Keras does, [T, B, D * U]."""
    length, _, rows, _ = outputs.shape
    return outputs.swapaxes(1, 2).reshape(length, rows, -1)


def metric_suffix(config: ArchitectureConfig, layer: int, direction: str) -> str:
    """Return a suffix such as `_layer_2_backward` for a layer (0: the embedding) and direction.

    A part that is the same for all metrics of the network is left out.
    """
    which = f"_layer_{layer}" if layer and config.num_layers > 1 else ""
    return which + (f"_{direction}" if config.bidirectional else "")
