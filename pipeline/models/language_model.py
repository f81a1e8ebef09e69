"""Build language models, and read texts with them: which token comes next, and how sure is the network?

A text w1 .. wn is read as END, w1 .. wn, and w1 .. wn, END are predicted: the token END begins and ends
a text. A Keras model holds the weights; the kernels of `pipeline.models.fused.stream` compute, on a CPU
and on a GPU alike, as the state has to enter and leave.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from pipeline.cells import find_cell
from pipeline.config.schema import ArchitectureConfig
from pipeline.errors import Failure
from pipeline.models.architectures import initialise_biases, recurrent_layer
from pipeline.models.fused.stream import fuse_stream
from pipeline.models.softmax import full_losses

States = tuple[np.ndarray, ...]  # of each layer in turn, <float32>[B, units]

_SEGMENT = 128  # tokens of a row that are read at a time


class LanguageReader(Protocol):
    """Predict the tokens of texts. Rows are padded on the right with id 0; logarithms are natural."""

    @property
    def vocab_size(self) -> int: ...

    def losses(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the loss of each target <float32>[B, T], 0 where it is padding.

        inputs, targets: <int32>[B, T]. Every row is read from the beginning, with a state of zeros.
        """
        ...

    def last_losses(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the loss <float32>[B] of the target <int32>[B] after the last token of each row."""
        ...

    def start(self, batch: int) -> States:
        """Return the states before the first token of so many rows."""
        ...

    def step(self, token_ids: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """Read <int32>[B, T] without padding.

        Returns: the logits <float32>[B, V] of the token that follows, and the states.
        """
        ...

    def select(self, states: States, rows: Sequence[int] | np.ndarray) -> States:
        """Return the states of some rows <int>[k] of a batch."""
        ...


def build_language_model(config: ArchitectureConfig, vocab_size: int, seed: int) -> keras.Model:
    """Return an untrained language model with weights drawn by `seed`.

    Input: `token_ids` <int32>[batch, length], right-padded with 0. Output: logits
    <float32>[batch, length, vocab_size] of the token that follows each. The layers are `embedding`,
    `recurrent_1` and so on, and `output`, or with `tie_embeddings` the embedding again, after the layer
    `projection` where the sizes differ.
    """
    keras.utils.set_random_seed(seed)
    token_ids = keras.Input(shape=(None,), dtype="int32", name="token_ids")
    # No masks: padding on the right follows all that is read, and changes no logit before it.
    embedding = keras.layers.ReversibleEmbedding(vocab_size, config.embedding_dim, name="embedding")
    features = embedding(token_ids)
    for number in range(1, config.num_layers + 1):
        features = recurrent_layer(config, number, sequences=True)(features)
    if not config.tie_embeddings:
        output = keras.layers.ReversibleEmbedding(vocab_size, config.units, name="output")
        logits = output(features, reverse=True)
    else:
        if config.units != config.embedding_dim:
            features = keras.layers.Dense(config.embedding_dim, name="projection")(features)
        logits = embedding(features, reverse=True)
    model = keras.Model(token_ids, logits, name=config.name)
    return initialise_biases(model, config, seed)


def output_table(model: keras.Model) -> Any:
    """Return the variable <float32>[V, F] whose products with the features are the logits."""
    names = {layer.name for layer in model.layers}
    return model.get_layer("output" if "output" in names else "embedding").embeddings


def state_shapes(config: ArchitectureConfig) -> list[int]:
    """Return the units of every state: of each layer in turn, as many as its cell has."""
    return [config.units] * (config.num_layers * find_cell(config.cell).states)


@dataclass(frozen=True)
class LanguageNetwork:
    """Read texts with a language model; see `LanguageReader`."""

    model: keras.Model
    architecture: ArchitectureConfig

    @property
    def vocab_size(self) -> int:
        return int(output_table(self.model).shape[0])

    def start(self, batch: int) -> States:
        return tuple(
            np.zeros((batch, units), np.float32) for units in state_shapes(self.architecture)
        )

    def select(self, states: States, rows: Sequence[int] | np.ndarray) -> States:
        return tuple(state[np.asarray(rows)] for state in states)

    def step(self, token_ids: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        logits, after = self._next(token_ids, states)
        return logits.numpy(), tuple(state.numpy() for state in after)

    def losses(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        found = [part.numpy() for part in self._by_segment(inputs, targets)]
        return np.where(targets != 0, np.concatenate(found, axis=1), np.float32(0))

    def last_losses(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        last = np.maximum((inputs != 0).sum(axis=1) - 1, 0).astype(np.int32)
        features = np.empty((len(inputs), output_table(self.model).shape[1]), np.float32)
        states: Any = self.start(len(inputs))
        for at in range(0, inputs.shape[1], _SEGMENT):
            part = inputs[:, at : at + _SEGMENT]
            here = (last >= at) & (last < at + _SEGMENT)
            found, states = self._features(part, states, np.clip(last - at, 0, part.shape[1] - 1))
            features[here] = found.numpy()[here]
        return self._losses_of(features, targets).numpy()

    def _by_segment(self, inputs: np.ndarray, targets: np.ndarray) -> Iterator[Any]:
        states: Any = self.start(len(inputs))
        for at in range(0, inputs.shape[1], _SEGMENT):
            part = slice(at, at + _SEGMENT)
            losses, states = self._read(inputs[:, part], targets[:, part], states)
            yield losses

    @cached_property
    def _stream(self) -> Any:
        return fuse_stream(self.model, self.architecture, None)  # every row is one text

    @cached_property
    def _specs(self) -> tuple[Any, Any]:
        ids = tf.TensorSpec([None, None], tf.int32)
        states = tuple(
            tf.TensorSpec([None, units], tf.float32) for units in state_shapes(self.architecture)
        )
        return ids, states

    @cached_property
    def _read(self) -> Any:
        ids, states = self._specs

        @tf.function(input_signature=[ids, ids, states], autograph=False)
        def read(inputs: Any, targets: Any, states: Any) -> Any:
            features, after = self._stream(inputs, states)
            by_step = tf.reshape(tf.transpose(targets), [-1])
            flat = tf.reshape(features, [-1, features.shape[-1]])
            losses = full_losses(flat, output_table(self.model).value, by_step)
            shape = tf.reverse(tf.shape(targets), [0])
            return tf.transpose(tf.reshape(losses, shape)), after

        return read

    @cached_property
    def _features(self) -> Any:
        ids, states = self._specs

        @tf.function(
            input_signature=[ids, states, tf.TensorSpec([None], tf.int32)], autograph=False
        )
        def read(inputs: Any, states: Any, last: Any) -> Any:
            features, after = self._stream(inputs, states)  # [T, B, F]
            places = tf.stack([last, tf.range(tf.shape(inputs)[0])], axis=1)
            return tf.gather_nd(features, places), after

        return read

    @cached_property
    def _losses_of(self) -> Any:
        width = output_table(self.model).shape[1]
        signature = [tf.TensorSpec([None, width], tf.float32), tf.TensorSpec([None], tf.int32)]

        @tf.function(input_signature=signature, autograph=False)
        def read(features: Any, targets: Any) -> Any:
            return full_losses(features, output_table(self.model).value, targets)

        return read

    @cached_property
    def _next(self) -> Any:
        ids, states = self._specs

        @tf.function(input_signature=[ids, states], autograph=False)
        def read(token_ids: Any, states: Any) -> Any:
            features, after = self._stream(token_ids, states)
            table = output_table(self.model).value
            return tf.matmul(features[-1], table, transpose_b=True), after

        return read


def open_language_model(model: keras.Model, config: ArchitectureConfig) -> LanguageNetwork:
    """Return a loaded language model as a reader.

    Raises:
      Failure: it is no language model.
    """
    names = {layer.name for layer in model.layers}
    if "embedding" not in names or any(name.startswith("head_") for name in names):
        raise Failure(
            f"{config.name} is no language model: it classifies texts and cannot write one"
        )
    return LanguageNetwork(model, config)
