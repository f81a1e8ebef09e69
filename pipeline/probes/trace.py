"""A model reads a batch, and states and gates are kept, so that any signal can be traced back.

The model is executed from its own weights in double precision: what is left of a signal after hundreds
of steps may be smaller than any single float. Rows are of one length, so that nothing is padded. Step
T - 1 - d is d steps before the end of reading, in the forward direction (which ends with the text) as
in the backward one (which ends at its start).

Shapes: batch B, length T, units U, gates G, directions D, features F.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.cells import Cell, Tensors, find_cell
from pipeline.config.schema import ArchitectureConfig, ProbeConfig, Readout
from pipeline.data.reviews import Reviews
from pipeline.models.fused.steps import Steps, steps_of
from pipeline.probes.frame import FEWEST_REVIEWS, Skipped, Subject, count_words, draw_stratified
from pipeline.tokens.encoding import encode_texts

DIRECTIONS = ("forward", "backward")


@dataclass(frozen=True)
class LayerTrace:
    """A recurrent layer while it read a batch, both directions at once.

    kernel: <float64>[D, F, G * U]; recurrent: <float64>[D, U, G * U], None of a cell without; kept: for
    each step what its gradient wants to see; states: before each step, and after the last. Tensors of a
    step are <float64>[D, B, U].
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
        """<float64>[T, D, B, U]."""
        return np.stack([states[0].numpy() for states in self.states[1:]])

    @property
    def keep_gates(self) -> np.ndarray:
        """<float64>[T, D, B, U]; only of a cell that has one."""
        assert self.cell.keep_gate is not None
        seen = map(self._seen, range(self.length))
        return np.stack([values[self.cell.keep_gate].numpy() for values in seen])

    def _seen(self, step: int) -> Tensors:
        return self.steps.seen(self.kept[step], self.states[step])

    def carried(self, step: int, gradients: Tensors) -> Any:
        """Return the gradient of the state that lasts, given those of all states after a step."""
        if self.cell.carried is None:
            return gradients[0]
        return self.cell.carried(tf, self._seen(step), gradients)

    def walk_back(
        self, last: Tensors, upstream: np.ndarray | None = None
    ) -> Iterator[tuple[int, Tensors, Any]]:
        """Backpropagation through time, from the last step to the first.

        Args:
          last: the gradients of the states after the last step.
          upstream: <float64>[T, D, B, U], the gradient of each step's output, where that is read.

        Yields: the step, the gradients of the states after it, and that of its projected input,
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
        """The gradient of the layer's input by step, each direction its own, <float64>[T, D, B, F]."""
        projected = tf.stack([dx for _, _, dx in self.walk_back(last, upstream)][::-1])
        return tf.matmul(projected, self.kernel, transpose_b=True).numpy()

    def zero_gradients(self) -> Tensors:
        return tuple(tf.zeros_like(state) for state in self.states[0])


@dataclass(frozen=True)
class Trace:
    """A model while it read a batch.

    layers: from the inner to the outer one; features: <float64>[B, D * U], what the heads are given;
    weights: of each head, <float64>[D * U, outputs]; logits: of each head, <float64>[B, outputs].
    """

    layers: tuple[LayerTrace, ...]
    readout: Readout
    features: np.ndarray
    weights: tuple[np.ndarray, ...]
    logits: tuple[np.ndarray, ...]

    @property
    def length(self) -> int:
        return self.layers[0].length

    def embedding_gradients(self, pull: np.ndarray) -> np.ndarray:
        """The gradient of `sum(pull * features)` with respect to the embedding at each position.

        Args:
          pull: <float64>[B, D * U].

        Returns:
          <float64>[T, D, B, F], what reaches it through each direction of the outer layer alone.
        """
        *inner, outer = self.layers
        through = outer.input_gradients(*self._from_features(pull))
        both = []
        for direction in range(through.shape[1]):
            alone = np.zeros_like(through)
            alone[:, direction] = through[:, direction]
            gradients = turn(alone).sum(axis=1)
            for layer in reversed(inner):
                length, rows, _ = gradients.shape
                split = gradients.reshape(length, rows, len(layer.kernel), -1)  # [T, B, D, U]
                upstream = turn(split.swapaxes(1, 2))
                by_step = layer.input_gradients(layer.zero_gradients(), upstream)
                gradients = turn(by_step).sum(axis=1)
            both.append(gradients)
        return np.stack(both, axis=1)

    def _from_features(self, pull: np.ndarray) -> tuple[Tensors, np.ndarray | None]:
        """The gradients of the outer layer's last states, and of the output of each step."""
        outer = self.layers[-1]
        zero = outer.zero_gradients()
        split = pull.reshape(len(pull), len(outer.kernel), -1).swapaxes(0, 1)  # [D, B, U]
        if self.readout == Readout.last:
            return (tf.constant(split), *zero[1:]), None
        if self.readout == Readout.max:
            steps = np.arange(self.length)[:, None, None, None]
            return zero, (steps == outer.outputs.argmax(axis=0)) * split
        return zero, np.repeat(split[None] / self.length, self.length, axis=0)


def can_trace(config: ArchitectureConfig) -> bool:
    """Whether a network's cell brings the step by which it can be looked into."""
    return find_cell(config.cell).step is not None


def trace(model: keras.Model, config: ArchitectureConfig, token_ids: np.ndarray) -> Trace:
    """Reads a batch <int32>[B, T], T > 0, in which nothing is padding."""
    table = model.get_layer("embedding").embeddings.numpy()
    return trace_embedded(model, config, table[token_ids.T].astype(np.float64))


def trace_embedded(model: keras.Model, config: ArchitectureConfig, features: np.ndarray) -> Trace:
    """Reads a batch that is embedded already, <float64>[T, B, F]."""
    directions = 2 if config.bidirectional else 1
    layers: list[LayerTrace] = []
    for number in range(1, config.num_layers + 1):
        inputs = turn(np.repeat(features[:, None], directions, axis=1))
        layers.append(_read(find_cell(config.cell), model.get_layer(f"recurrent_{number}"), inputs))
        features = _side_by_side(turn(layers[-1].outputs))
    read_out = {
        Readout.last: _side_by_side(layers[-1].outputs)[-1],
        Readout.mean: features.mean(axis=0),
        Readout.max: features.max(axis=0),
    }[config.readout]
    heads = [model.get_layer(name) for name in model.output_names]
    weights = tuple(head.kernel.numpy().astype(np.float64) for head in heads)
    logits = tuple(
        read_out @ kernel + head.bias.numpy() for kernel, head in zip(weights, heads, strict=True)
    )
    return Trace(tuple(layers), config.readout, read_out, weights, logits)


def _read(cell: Cell, layer: Any, inputs: np.ndarray) -> LayerTrace:
    """Run a recurrent layer over inputs by step, <float64>[T, D, B, F], from a zero state."""
    steps = steps_of(cell)
    both = isinstance(layer, keras.layers.Bidirectional)
    readers = (layer.forward_layer, layer.backward_layer) if both else (layer,)

    def weights(name: str) -> Any:
        return tf.constant(np.stack([getattr(r.cell, name).numpy() for r in readers]), tf.float64)

    kernel, bias = weights("kernel"), weights("bias")
    recurrent = weights("recurrent_kernel") if cell.recurrent else None
    directions, width = len(readers), kernel.shape[-1]
    first, *second = tf.unstack(tf.reshape(bias, [directions, -1, 1, width]), axis=1)
    units = width // len(cell.gates)
    states = (tf.zeros([directions, inputs.shape[2], units], tf.float64),) * cell.states
    all_kept, all_states = [], [states]
    for x in tf.unstack(tf.matmul(inputs, kernel) + first):
        m = None if recurrent is None else tf.matmul(states[0], recurrent)
        for more in second:  # a GRU has a bias there too
            m += more
        states, kept = steps.forward(x, m, states)
        all_kept.append(kept)
        all_states.append(states)
    return LayerTrace(cell, steps, kernel, recurrent, all_kept, all_states)


def turn(values: np.ndarray) -> np.ndarray:
    """[T, D, ...] by position -> by step, and back again: the backward direction reads from the end."""
    return np.concatenate([values[:, :1], values[::-1, 1:]], axis=1)


def _side_by_side(outputs: np.ndarray) -> np.ndarray:
    """Outputs <float64>[T, D, B, U] -> what Keras gives, [T, B, D * U]."""
    length, _, rows, _ = outputs.shape
    return outputs.swapaxes(1, 2).reshape(length, rows, -1)


def label(config: ArchitectureConfig, layer: int, direction: str) -> str:
    """What tells a layer (0: the embedding) and a direction from the others, such as
    `_layer_2_backward`, behind the name of a metric; nothing where there are no others.
    """
    which = f"_layer_{layer}" if layer and config.num_layers > 1 else ""
    return which + (f"_{direction}" if config.bidirectional else "")


def trace_tests(subject: Subject, config: ProbeConfig) -> Iterator[tuple[np.ndarray, Trace]]:
    """The network of a subject reads test texts: their ids and the trace, batch after batch.

    The texts are drawn by seed with every label in proportion, and cut to the same number of last
    tokens: `retention_tokens` or, where fewer than `retention_reviews` texts have as many words, as
    many words as so many texts have.

    Raises:
      Skipped: there is no network, its cell brings no step, or there are too few texts or words.
    """
    if subject.network is None:
        raise Skipped("it has no inside")
    if not can_trace(subject.network.architecture):
        raise Skipped("its cell cannot be looked into")
    reviews, length = _draw(subject.reviews.test, config)
    token_ids, offsets = encode_texts(subject.tokenizer, reviews.texts)
    rows = np.stack([token_ids[end - length : end] for end in offsets[1:]])
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        chosen = slice(start, start + _ROWS_AT_A_TIME)
        yield (
            reviews.ids[chosen],
            trace(subject.network.model, subject.network.architecture, rows[chosen]),
        )


_ROWS_AT_A_TIME = 50  # two layers of a bidirectional LSTM of 64 units keep 600 MB of 400 steps


def _draw(test: Reviews, config: ProbeConfig) -> tuple[Reviews, int]:
    """The texts to read, and how many of the last tokens of each."""
    if len(test) < FEWEST_REVIEWS:
        raise Skipped(f"{len(test)} test texts are too few; {FEWEST_REVIEWS} are needed")
    words = np.array([count_words(text) for text in test.texts])  # each is a token at least
    nth_longest = np.sort(words)[-min(config.retention_reviews, len(test))]
    length = min(config.retention_tokens, int(nth_longest))
    if length < 2:
        raise Skipped("its test texts are of one word")
    rng = np.random.default_rng(config.seed)
    long = np.flatnonzero(words >= length)
    return test.take(
        draw_stratified(test.labels[:, 0], long, config.retention_reviews, rng)
    ), length
