"""Build the Keras model of an architecture: token ids in, logits of each head out.

Every architecture is an embedding, recurrent layers and a Dense layer for each head, in plain Keras
layers, so that a saved model opens anywhere. Texts are padded on the right with id 0 and masked: padding
does not change logits, and cuDNN accepts no other masks. `build_regressor` builds the same recurrent
layers for sequences of numbers, all of one length, and a single output.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from functools import cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from pipeline.cells import find_cell
from pipeline.config.schema import ArchitectureConfig, ForgetBias, Readout
from pipeline.data.splits import Head
from pipeline.models.dropout import Dropout
from pipeline.models.fused import fuse
from pipeline.models.fused.layers import cells_of
from pipeline.models.pooling import max_over_tokens, pool


@keras.saving.register_keras_serializable("rnn_vs_lstm")
class MaskedMaxPooling1D(keras.layers.Layer):
    """Open the networks that version 0.1 saved with `readout=max`; new ones have plain operations."""

    def call(self, inputs: Any, mask: Any) -> Any:
        return max_over_tokens(inputs, mask)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None  # the output has no steps


def build_model(
    config: ArchitectureConfig, vocab_size: int, heads: tuple[Head, ...], seed: int
) -> keras.Model:
    """Return an untrained classifier with weights drawn by `seed`.

    Input: `token_ids` <int32>[batch, length], right-padded with 0, at least one token in each row.
    Outputs: for each head, logits <float32>[batch, 1] for two classes and [batch, classes] for more. The
    recurrent layers are named `recurrent_1` and so on; if `bidirectional`, each has both directions.
    """
    keras.utils.set_random_seed(seed)
    token_ids = keras.Input(shape=(None,), dtype="int32", name="token_ids")
    features = keras.layers.Embedding(
        vocab_size, config.embedding_dim, mask_zero=True, name="embedding"
    )(token_ids)
    features = _apply_recurrent(config, features, ops.not_equal(token_ids, 0))
    logits = [
        # Named by number, because the name of a head may be any text: a column of a user's table.
        keras.layers.Dense(head.outputs, name=f"head_{number}")(features)
        for number, head in enumerate(heads, start=1)
    ]
    return initialise_biases(keras.Model(token_ids, logits, name=config.name), config, seed)


def build_regressor(config: ArchitectureConfig, features: int, seed: int) -> keras.Model:
    """Return an untrained regressor over sequences of numbers with weights drawn by `seed`.

    Input: `features` <float32>[batch, length, features], without padding. There is no embedding, so
    `embedding_dim` does nothing. Output: <float32>[batch, 1].
    """
    keras.utils.set_random_seed(seed)
    sequence = keras.Input(shape=(None, features), dtype="float32", name="features")
    value = keras.layers.Dense(1, name="value")(_apply_recurrent(config, sequence))
    return initialise_biases(keras.Model(sequence, value, name=config.name), config, seed)


def _apply_recurrent(config: ArchitectureConfig, features: Any, is_token: Any = None) -> Any:
    """Return the input of the heads <float>[batch, _] for inputs <float>[batch, length, _].

    is_token: <bool>[batch, length], False for padding; None for inputs without padding.
    """
    for number in range(1, config.num_layers + 1):
        is_last = number == config.num_layers
        sequences = not is_last or config.readout != Readout.last
        features = recurrent_layer(config, number, sequences=sequences)(features)
    return features if config.readout == Readout.last else pool(config, features, is_token)


def initialise_biases(model: keras.Model, config: ArchitectureConfig, seed: int) -> keras.Model:
    """Return the model with the biases of forget gates as configured; `seed` draws them."""
    if config.forget_bias != ForgetBias.unit:
        _set_forget_bias(model, config, np.random.default_rng(seed))
    return model


@cache
def layer_class(cell: str) -> Any:
    """Return the class of a cell's Keras layer.

    The first call for a cell of this project creates the class and registers it with Keras. A saved
    model with such a cell opens only after that.
    """
    return find_cell(cell).layer(keras)


def recurrent_layer(
    config: ArchitectureConfig, number: int, *, sequences: bool
) -> keras.layers.Layer:
    """Return the recurrent layer of that number, of one direction or both."""
    name = f"recurrent_{number}"
    layer = layer_class(config.cell)(config.units, return_sequences=sequences, name=name)
    return keras.layers.Bidirectional(layer, name=name) if config.bidirectional else layer


def _set_forget_bias(model: Any, config: ArchitectureConfig, rng: np.random.Generator) -> None:
    """Initialise the biases of the forget gate differently from Keras, which sets them to 1.

    chrono is the initialisation of Tallec & Ollivier (2018, "Can recurrent neural networks warp time?",
    ICLR), which gives each unit a memory of its own length: the forget gate starts at log(U(1, T - 1)),
    where T is `chrono_steps`, and the input gate at its negative. The biases are assigned directly,
    because a saved model with a custom initializer would not open without this code.
    """
    cell = find_cell(config.cell)
    assert cell.has_forget_bias
    for number in range(1, config.num_layers + 1):
        for direction in cells_of(model.get_layer(f"recurrent_{number}")):
            biases = np.zeros((cell.biases, len(cell.gates), config.units))
            if config.forget_bias == ForgetBias.chrono:
                assert config.chrono_steps is not None
                forget = np.log(rng.uniform(1, config.chrono_steps - 1, config.units))
                biases[0, cell.keep_gate], biases[0, cell.input_gate] = forget, -forget
            direction.bias.assign(biases.reshape(direction.bias.shape))


def forward_for(
    model: keras.Model, config: ArchitectureConfig, device_kind: str
) -> Callable[..., list[Any]]:
    """Return the fastest forward pass of a model on a device, see `fuse`.

    On a CPU the kernels of this project are several times faster than the layers; a GPU has cuDNN.
    """
    fused = device_kind == "cpu" and find_cell(config.cell).step is not None
    return fuse(model, config) if fused else forward_of(model, config)


def forward_of(model: keras.Model, config: ArchitectureConfig) -> Callable[..., list[Any]]:
    """Return the forward pass of `fuse` by the layers of the Keras model."""
    layers: dict[str, Any] = {layer.name: layer for layer in model.layers}

    def forward(inputs: Any, seed: Any = None) -> list[Any]:
        dropout = Dropout(config, seed)
        if dropout.is_off:
            logits = model(inputs)
            return logits if isinstance(logits, list) else [logits]  # Keras unwraps a single output
        mask, features = None, inputs
        if "embedding" in layers:
            mask = tf.not_equal(inputs, 0)
            features = _embed(layers["embedding"], inputs, dropout)
        for number in range(1, config.num_layers + 1):
            if number > 1:
                features = dropout.between(number - 1, features)
            layer = layers[f"recurrent_{number}"]
            with _dropped_kernels(layer, number, dropout):
                features = layer(features, mask=mask)
        if config.readout != Readout.last:
            features = pool(config, features, mask)
        features = dropout.of_features(features)
        return [layers[name](features) for name in model.output_names]

    return forward


def _embed(embedding: Any, token_ids: Any, dropout: Dropout) -> Any:
    """Return the embeddings <float>[B, T, F] of ids, dropped once for each distinct token."""
    ids, token = tf.unique(tf.reshape(token_ids, [-1]))
    rows = dropout.of_tokens(tf.gather(tf.convert_to_tensor(embedding.embeddings), ids))
    features = tf.gather(rows, tf.reshape(token, tf.shape(token_ids)))
    return tf.ensure_shape(features, [None, None, rows.shape[-1]])


def _dropped_kernels(layer: Any, number: int, dropout: Dropout) -> ExitStack:
    """Return a context in which a Keras layer computes with dropped recurrent weights."""
    stack = ExitStack()
    if dropout.config.weight_drop and find_cell(dropout.config.cell).recurrent:
        variables = [cell.recurrent_kernel for cell in cells_of(layer)]
        kernels = dropout.of_kernel(number, tf.stack([one.value for one in variables]))
        mapping = list(zip(variables, tf.unstack(kernels), strict=True))
        stack.enter_context(keras.StatelessScope(state_mapping=mapping))
    return stack


def count_recurrent_parameters(model: keras.Model) -> int:
    """Return the number of trainable recurrent weights; `RecurrentLayers.count_weights` predicts it."""
    return sum(
        layer.count_params() for layer in model.layers if layer.name.startswith("recurrent_")
    )


def summarise_model(model: keras.Model) -> tuple[str, dict[str, float]]:
    """Return the Keras summary of a model and the metrics of its size."""
    text = io.StringIO()
    with redirect_stdout(text):
        model.summary(line_length=100, print_fn=lambda line, **_: text.write(line + "\n"))
    metrics: dict[str, float] = {
        "model/parameters": model.count_params(),
        "model/recurrent_parameters": count_recurrent_parameters(model),
    }
    return text.getvalue(), metrics
