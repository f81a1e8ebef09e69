"""ArchitectureConfig -> keras.Model: token ids in, one logit output for each head.

Every architecture is an embedding, recurrent layers and a Dense layer for each head, in plain Keras
layers, so that a saved model opens anywhere. Texts are padded on the right with id 0 and masked:
padding moves no logit, and the masks are the only ones that cuDNN takes. The same recurrent layers
also read sequences of numbers, all of one length, and give a number: `build_regressor`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.cells import find_cell
from pipeline.config.schema import ArchitectureConfig, ForgetBias, Readout
from pipeline.data.reviews import Head
from pipeline.models.fused import fuse


@keras.saving.register_keras_serializable("rnn_vs_lstm")
class MaskedMaxPooling1D(keras.layers.Layer):
    """The largest output over the steps that are not padding (Keras's own pooling ignores masks).

    Input <float>[batch, length, features] with a mask <bool>[batch, length], output
    <float>[batch, features].
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is not None:
            lowest = ops.full_like(inputs, -float("inf"))
            inputs = ops.where(ops.expand_dims(mask, -1), inputs, lowest)
        return ops.max(inputs, axis=1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None  # the steps are gone

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], input_shape[2])


def build_model(
    config: ArchitectureConfig, vocab_size: int, heads: tuple[Head, ...], seed: int
) -> keras.Model:
    """A fresh model, its weights drawn by `seed`.

    Input: `token_ids` <int32>[batch, length], right-padded with 0, no row without a token. Outputs: for
    each head, logits <float32>[batch, 1] for two classes and [batch, classes] for more. The recurrent
    layers are named `recurrent_1` up; with `bidirectional` each holds both directions.
    """
    keras.utils.set_random_seed(seed)
    token_ids = keras.Input(shape=(None,), dtype="int32", name="token_ids")
    features = keras.layers.Embedding(
        vocab_size, config.embedding_dim, mask_zero=True, name="embedding"
    )(token_ids)
    features = _read(config, features)
    logits = [
        # By number: a head is named by a column of somebody's table, which may be any text.
        keras.layers.Dense(head.outputs, name=f"head_{number}")(features)
        for number, head in enumerate(heads, start=1)
    ]
    return _begin(keras.Model(token_ids, logits, name=config.name), config, seed)


def build_regressor(config: ArchitectureConfig, features: int, seed: int) -> keras.Model:
    """A fresh model over sequences of numbers, its weights drawn by `seed`.

    Input: `features` <float32>[batch, length, features], nothing padded; the kernel of the first
    recurrent layer is what projects it, so that `embedding_dim` does nothing. Output:
    <float32>[batch, 1].
    """
    keras.utils.set_random_seed(seed)
    sequence = keras.Input(shape=(None, features), dtype="float32", name="features")
    value = keras.layers.Dense(1, name="value")(_read(config, sequence))
    return _begin(keras.Model(sequence, value, name=config.name), config, seed)


def _read(config: ArchitectureConfig, features: Any) -> Any:
    """Features of each step, <float>[batch, length, _] -> what the heads see, <float>[batch, _]."""
    for number in range(1, config.num_layers + 1):
        features = _dropout(config, features, f"dropout_{number - 1}")
        outer = number == config.num_layers
        features = _recurrent(
            config, number, sequences=not outer or config.readout != Readout.last
        )(features)
    features = _read_out(config, features)
    return _dropout(config, features, f"dropout_{config.num_layers}")


def _begin(model: keras.Model, config: ArchitectureConfig, seed: int) -> keras.Model:
    if config.forget_bias != ForgetBias.unit:
        _set_forget_bias(model, config, np.random.default_rng(seed))
    return model


@cache
def layer_class(cell: str) -> Any:
    """Return the class of a cell's Keras layer.

    One that is not Keras's own is made, and made known to Keras, by the first call, so that a saved
    model opens only after it.
    """
    return find_cell(cell).layer(keras)


def _recurrent(config: ArchitectureConfig, number: int, *, sequences: bool) -> keras.layers.Layer:
    name = f"recurrent_{number}"
    layer = layer_class(config.cell)(config.units, return_sequences=sequences, name=name)
    return keras.layers.Bidirectional(layer, name=name) if config.bidirectional else layer


def _set_forget_bias(model: Any, config: ArchitectureConfig, rng: np.random.Generator) -> None:
    """Begin with other biases than Keras's, whose forget gate begins at 1.

    chrono is the initialisation of Tallec & Ollivier (2018, "Can recurrent neural networks warp time?",
    ICLR), by which each unit begins with a memory of its own length: the forget gate at
    log(U(1, T - 1)), T being `chrono_steps`, the input gate at its negative. Written into the biases:
    a file that names an initializer of ours would not open without this code.
    """
    cell = find_cell(config.cell)
    assert cell.has_forget_bias
    for number in range(1, config.num_layers + 1):
        layer = model.get_layer(f"recurrent_{number}")
        both = isinstance(layer, keras.layers.Bidirectional)
        for direction in (layer.forward_layer, layer.backward_layer) if both else (layer,):
            biases = np.zeros((cell.biases, len(cell.gates), config.units))
            if config.forget_bias == ForgetBias.chrono:
                assert config.chrono_steps is not None
                forget = np.log(rng.uniform(1, config.chrono_steps - 1, config.units))
                biases[0, cell.keep_gate], biases[0, cell.input_gate] = forget, -forget
            direction.cell.bias.assign(biases.reshape(direction.cell.bias.shape))


def _read_out(config: ArchitectureConfig, features: Any) -> Any:
    if config.readout == Readout.mean:
        return keras.layers.GlobalAveragePooling1D(name="mean")(features)
    if config.readout == Readout.max:
        return MaskedMaxPooling1D(name="max")(features)
    return features


def _dropout(config: ArchitectureConfig, features: Any, name: str) -> Any:
    return keras.layers.Dropout(config.dropout, name=name)(features) if config.dropout else features


def forward_for(
    model: keras.Model, config: ArchitectureConfig, device_kind: str
) -> Callable[..., list[Any]]:
    """Return (token_ids, training) -> logits for each head, as they are computed fastest on a device.

    On a CPU the project's own kernels are several times faster than the layers; a GPU has cuDNN's.
    """
    fused = device_kind == "cpu" and find_cell(config.cell).step is not None
    return fuse(model, config) if fused else forward_of(model)


def forward_of(model: keras.Model) -> Callable[..., list[Any]]:
    """Return (token_ids, training) -> logits for each head, computed by the layers of the model."""

    def forward(token_ids: Any, training: bool = False) -> list[Any]:
        logits = model(token_ids, training=training)
        return logits if isinstance(logits, list) else [logits]  # Keras unwraps a single output

    return forward


def count_recurrent_parameters(model: keras.Model) -> int:
    """Trainable weights of the recurrent layers alone; `RecurrentLayers.count_weights` foresees them."""
    return sum(
        layer.count_params() for layer in model.layers if layer.name.startswith("recurrent_")
    )


def summarise_model(model: keras.Model) -> tuple[str, dict[str, float]]:
    """Return what a model is made of, in Keras's words, and how large it is."""
    text = io.StringIO()
    with redirect_stdout(text):
        model.summary(line_length=100, print_fn=lambda line, **_: text.write(line + "\n"))
    metrics: dict[str, float] = {
        "model/parameters": model.count_params(),
        "model/recurrent_parameters": count_recurrent_parameters(model),
    }
    return text.getvalue(), metrics
