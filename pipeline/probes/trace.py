"""A model reads a batch and all that its cells see is kept: states, gates, and with them the way back.

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

from pipeline.config.schema import ArchitectureConfig, Cell, ProbeConfig, Readout
from pipeline.data.reviews import Reviews
from pipeline.models.fused.cells import CELLS, Tensors
from pipeline.probes.frame import FEWEST_REVIEWS, Skipped, Subject, count_words, draw_stratified
from pipeline.tokens.encoding import encode_texts

DIRECTIONS = ("forward", "backward")

# How much of its state a unit keeps: the forget gate of an LSTM, the update gate of a GRU (in Keras it
# weighs the old state). Where it stands in what the cell's gradient wants to see.
KEEP_GATES = {Cell.lstm: 1, Cell.gru: 0}


@dataclass(frozen=True)
class LayerTrace:
    """A recurrent layer while it read a batch, both directions at once.

    kernel: <float64>[D, F, G * U]; recurrent: <float64>[D, U, G * U]; seen: for each step what the
    cell's gradient wants to see; states: before each step, and after the last. Tensors of a step are
    <float64>[D, B, U].
    """

    kind: Cell
    kernel: Any
    recurrent: Any
    seen: list[Tensors]
    states: list[Tensors]

    @property
    def outputs(self) -> np.ndarray:
        """<float64>[T, D, B, U]."""
        return np.stack([states[0].numpy() for states in self.states[1:]])

    @property
    def keep_gates(self) -> np.ndarray:
        """<float64>[T, D, B, U]; only for the cells of `KEEP_GATES`."""
        return np.stack([seen[KEEP_GATES[self.kind]].numpy() for seen in self.seen])

    def carried(self, step: int, gradients: Tensors) -> Any:
        """The gradient of the state that is carried on, given those of all states after a step.

        It is h; in an LSTM c, which h is read out of at each step, so that a change of c changes h.
        """
        if self.kind != Cell.lstm:
            return gradients[0]
        *_, o, c = self.seen[step]
        dh, dc = gradients
        return dc + dh * o * (1 - tf.tanh(c) ** 2)

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
        cell, gradients = CELLS[self.kind], last
        for step in reversed(range(len(self.seen))):
            if upstream is not None:
                gradients = (gradients[0] + upstream[step], *gradients[1:])
            dx, dm, (direct, *others) = cell.gradient(self.seen[step], self.states[step], gradients)
            yield step, gradients, dx
            dh = tf.matmul(dm, self.recurrent, transpose_b=True)
            gradients = (dh if direct is None else dh + direct, *others)

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
        return len(self.layers[0].seen)

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
        layers.append(_read(config.cell, model.get_layer(f"recurrent_{number}"), inputs))
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


def _read(kind: Cell, layer: Any, inputs: np.ndarray) -> LayerTrace:
    """Runs a recurrent layer over inputs by step, <float64>[T, D, B, F], from a zero state."""
    cell = CELLS[kind]
    both = isinstance(layer, keras.layers.Bidirectional)
    readers = (layer.forward_layer, layer.backward_layer) if both else (layer,)
    kernel, recurrent, bias = (
        tf.constant(np.stack([getattr(one.cell, name).numpy() for one in readers]), tf.float64)
        for name in ("kernel", "recurrent_kernel", "bias")
    )
    directions, units, width = recurrent.shape
    first, *second = tf.unstack(tf.reshape(bias, [directions, -1, 1, width]), axis=1)
    states = (tf.zeros([directions, inputs.shape[2], units], tf.float64),) * cell.states
    seen, all_states = [], [states]
    for x in tf.unstack(tf.matmul(inputs, kernel) + first):
        m = tf.matmul(states[0], recurrent)
        for more in second:  # a GRU has a bias there too
            m += more
        states, kept = cell.step(x, m, states)
        seen.append(kept)
        all_states.append(states)
    return LayerTrace(kind, kernel, recurrent, seen, all_states)


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
      Skipped: there is no network, or there are too few texts or words.
    """
    if subject.network is None:
        raise Skipped("it has no inside")
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
