"""Language models: the same logits as plain Keras, and a state that can be carried."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from factories import CELLS
from factories.networks import make_model

from pipeline.config.schema import ArchitectureConfig
from pipeline.errors import Failure
from pipeline.models.fused.stream import fuse_stream
from pipeline.models.language_model import (
    LanguageNetwork,
    build_language_model,
    open_language_model,
    output_table,
)

VOCAB, END = 30, 2
SEED = np.array([3, 4], np.int32)  # of dropout
SHAPES = [(1, False), (2, False), (1, True), (2, True)]


def _network(cell="lstm", layers=1, tied=False, **changes):
    config = ArchitectureConfig(
        name=cell,
        cell=cell,
        units=7,
        embedding_dim=5,
        num_layers=layers,
        tie_embeddings=tied,
        **changes,
    )
    model = build_language_model(config, VOCAB, 0)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return LanguageNetwork(model, config)


def _texts(lengths=(300, 200, 1, 299)):
    rng = np.random.default_rng(1)
    inputs, targets = (rng.integers(1, VOCAB, (len(lengths), 300)).astype(np.int32) for _ in "ab")
    for row, length in enumerate(lengths):
        inputs[row, length:] = targets[row, length:] = 0
    return inputs, targets


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("layers", "tied"), SHAPES)
def test_losses_are_those_of_the_plain_model(cell, layers, tied):
    network = _network(cell, layers, tied)
    inputs, targets = _texts()
    logits = tf.nn.log_softmax(network.model(inputs)).numpy()
    expected = -np.take_along_axis(logits, targets[..., None], axis=2)[..., 0]
    np.testing.assert_allclose(
        network.losses(inputs, targets), np.where(targets != 0, expected, 0), atol=1e-5
    )
    last = (inputs != 0).sum(axis=1) - 1
    rows = np.arange(4)
    np.testing.assert_allclose(
        network.last_losses(inputs, targets[:, 0]), -logits[rows, last, targets[:, 0]], atol=1e-5
    )


@pytest.mark.parametrize("cell", CELLS)
def test_steps_that_carry_the_state_give_what_one_long_pass_gives(cell):
    network = _network(cell, layers=2)
    inputs, _ = _texts((300,))
    states = network.start(1)
    for first, last in ((0, 1), (1, 100), (100, 300)):
        logits, states = network.step(inputs[:, first:last], states)
        np.testing.assert_allclose(logits[0], network.model(inputs)[0, last - 1], atol=1e-5)


def test_states_of_some_rows_go_on_as_before():
    network = _network("gru")
    inputs, _ = _texts((300, 300))
    _, states = network.step(inputs[:, :10], network.start(2))
    both, _ = network.step(inputs[:, 10:12], states)
    second, _ = network.step(inputs[1:, 10:12], network.select(states, [1]))
    np.testing.assert_allclose(second[0], both[1], atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_a_stream_begins_anew_at_every_text(cell):
    network = _network(cell, layers=2)
    first, second = (np.random.default_rng(seed).integers(3, VOCAB, 9) for seed in (0, 1))
    joined = np.concatenate([[END], first, [END], second])[None].astype(np.int32)
    states = tuple(tf.ones_like(state) for state in network.start(1))  # of another text
    begun, _ = fuse_stream(network.model, network.architecture, END)(joined, states)
    alone, _ = fuse_stream(network.model, network.architecture, None)(
        joined[:, 10:], network.start(1)
    )
    np.testing.assert_allclose(begun[10:], alone, atol=1e-6)
    carried, _ = fuse_stream(network.model, network.architecture, None)(joined, network.start(1))
    assert np.abs(carried[10:] - alone).max() > 1e-3


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("layers", "tied"), SHAPES)
def test_gradients_are_those_of_the_plain_model(cell, layers, tied):
    network = _network(cell, layers, tied)
    inputs = np.random.default_rng(0).integers(1, VOCAB, (3, 11)).astype(np.int32)
    variables = network.model.trainable_variables
    upstream = np.random.default_rng(2).normal(size=(3, 11, VOCAB)).astype(np.float32)
    stream = fuse_stream(network.model, network.architecture, None)

    def fused():
        features, _ = stream(inputs, network.start(3))
        table = output_table(network.model).value
        return tf.transpose(tf.einsum("tbf,vf->tbv", features, table), [1, 0, 2])

    for found, expected in zip(
        _gradients(fused, variables, upstream),
        _gradients(lambda: network.model(inputs), variables, upstream),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def _gradients(function, variables, upstream):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(function() * upstream)
    return [tf.convert_to_tensor(one) for one in tape.gradient(loss, [v.value for v in variables])]


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_stop_where_a_text_begins(cell):
    network = _network(cell)
    stream = fuse_stream(network.model, network.architecture, END)
    ids = np.array([[END, 5, 6, END, 7, 8]], np.int32)
    with tf.GradientTape() as tape:
        features, _ = stream(ids, network.start(1))
        loss = tf.reduce_sum(features[3:])
    table: Any = network.model.get_layer("embedding")
    gradient: Any = tape.gradient(loss, table.embeddings.value)
    read = np.abs(gradient.numpy()).sum(axis=1) > 0
    assert read[[END, 7, 8]].all()
    assert not read[[5, 6]].any()


def test_a_uniform_model_is_as_perplexed_as_its_vocabulary_is_large():
    network = _network()
    output_table(network.model).assign(np.zeros((VOCAB, 7)))
    inputs, targets = _texts()
    losses = network.losses(inputs, targets)[targets != 0]
    assert math.exp(losses.mean()) == pytest.approx(VOCAB, rel=1e-5)


def test_dropout_acts_in_training_alone():
    network = _network(dropout=0.5)
    stream = fuse_stream(network.model, network.architecture, END)
    ids = _texts((300,))[0]
    still, _ = stream(ids, network.start(1))
    np.testing.assert_allclose(still, stream(ids, network.start(1))[0])
    assert np.abs(stream(ids, network.start(1), SEED)[0] - still).max() > 0.1


def test_a_classifier_is_no_language_model():
    with pytest.raises(Failure, match="tiny is no language model"):
        open_language_model(*make_model(cell="lstm"))
