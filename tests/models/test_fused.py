"""Test that the fused forward pass has the logits and gradients of the Keras model."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import CELLS

from pipeline.config.schema import ArchitectureConfig, ForgetBias, Readout
from pipeline.data.adding import draw_sequences
from pipeline.data.splits import Head
from pipeline.models.architectures import build_model, build_regressor, forward_of
from pipeline.models.fused import FusedAdam, fuse

VOCAB_SIZE = 40
HEADS = (Head("sentiment", ("neg", "pos")), Head("topic", ("a", "b", "c")))
TOLERANCE = 1e-5
SEED = np.array([3, 4], np.int32)  # of dropout

LENGTHS = {
    "mixed": [7, 1, 12, 5, 12],
    "equal": [6, 6, 6],
    "single_tokens": [1, 1],
}


def draw_tokens(lengths: list[int], seed: int = 0) -> np.ndarray:
    """Draw right-padded ids, few of them distinct, so that most occur more than once."""
    rng = np.random.default_rng(seed)
    token_ids = rng.integers(1, VOCAB_SIZE, (len(lengths), max(lengths)), np.int32)
    return np.where(np.arange(max(lengths)) < np.array(lengths)[:, None], token_ids, 0)


def make_model(seed: int = 0, **settings: Any) -> tuple[Any, ArchitectureConfig]:
    """Return a small model with random weights: the zero biases of Keras would hide mistakes."""
    config = ArchitectureConfig(name="tiny", **{"units": 8, "embedding_dim": 6, **settings})
    model = build_model(config, VOCAB_SIZE, HEADS, seed)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.3, weight.shape) for weight in model.get_weights()])
    return model, config


def differentiate(
    model: Any, forward: Any, token_ids: np.ndarray, seed: Any = None, traced: bool = True
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the logits and the gradients of a randomly weighted mean of them, for every weight."""
    weights = [weight.value for weight in model.trainable_variables]
    cotangents = [
        np.random.default_rng(1).normal(0, 1, (len(token_ids), head.outputs)) for head in HEADS
    ]

    def run(token_ids: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = forward(token_ids, seed)
            total = tf.add_n(
                [tf.reduce_mean(a * np.float32(b)) for a, b in zip(logits, cotangents, strict=True)]
            )
        gradients = tape.gradient(total, weights)
        return logits, [tf.convert_to_tensor(gradient) for gradient in gradients]

    run = tf.function(run, autograph=False) if traced else run
    logits, gradients = run(tf.constant(token_ids))
    return [value.numpy() for value in logits], [value.numpy() for value in gradients]


def assert_same(
    model: Any,
    config: ArchitectureConfig,
    token_ids: np.ndarray,
    seed: Any = None,
    traced: bool = False,
) -> None:
    """Holds the two together; over short rows it is quicker not to trace what Keras computes."""
    logits, gradients = differentiate(model, fuse(model, config), token_ids, seed)
    expected_logits, expected_gradients = differentiate(
        model, forward_of(model, config), token_ids, seed, traced
    )
    for ours, theirs in zip(logits, expected_logits, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=TOLERANCE, rtol=0)
    for weight, ours, theirs in zip(
        model.trainable_variables, gradients, expected_gradients, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=TOLERANCE, rtol=0, err_msg=weight.path)


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("cell", CELLS)
def test_every_shape_of_batch(cell: str, lengths: list[int]) -> None:
    assert_same(*make_model(cell=cell, bidirectional=True), draw_tokens(lengths))


@pytest.mark.parametrize(
    ("cell", "bidirectional", "num_layers", "readout"),
    [
        combination
        for combination in itertools.product(CELLS, (False, True), (1, 2), Readout)
        if combination[3] == Readout.last or combination[1] != (combination[2] == 1)
    ],
)
def test_every_architecture(
    cell: str, bidirectional: bool, num_layers: int, readout: Readout
) -> None:
    model, config = make_model(
        cell=cell, bidirectional=bidirectional, num_layers=num_layers, readout=readout
    )
    assert_same(model, config, draw_tokens(LENGTHS["mixed"]))


@pytest.mark.parametrize("cell", CELLS)
def test_three_layers_and_long_rows(cell: str) -> None:
    model, config = make_model(cell=cell, bidirectional=True, num_layers=3)
    assert_same(model, config, draw_tokens([330, 301, 2]), traced=True)


@pytest.mark.parametrize("cell", CELLS)
def test_the_units_of_a_real_run(cell: str) -> None:
    model, config = make_model(
        cell=cell, bidirectional=True, units=64, embedding_dim=64, num_layers=2
    )
    model.set_weights([weight * 0.5 for weight in model.get_weights()])
    assert_same(model, config, draw_tokens([40, 33, 40, 12]))


@pytest.mark.parametrize("kind", ForgetBias)
def test_initial_biases(kind: ForgetBias) -> None:
    config = ArchitectureConfig(
        name="tiny",
        cell="lstm",
        units=8,
        num_layers=2,
        bidirectional=True,
        embedding_dim=6,
        forget_bias=kind,
        chrono_steps=300,
    )
    model = build_model(config, VOCAB_SIZE, HEADS, 0)
    assert_same(model, config, draw_tokens([60, 3, 41]))


RATES: dict[str, dict[str, Any]] = {
    "everywhere": {"dropout": 0.4},
    "of embeddings alone": {"embedding_dropout": 0.4},
    "of words": {"word_dropout": 0.4},
    "of recurrent weights": {"weight_drop": 0.4},
    "all": {"dropout": 0.2, "embedding_dropout": 0.1, "word_dropout": 0.3, "weight_drop": 0.4},
}


@pytest.mark.parametrize(
    ("cell", "rates"),
    [*(("lstm", rates) for rates in RATES.values()), *((cell, RATES["all"]) for cell in CELLS)],
)
def test_fused_and_plain_layers_drop_the_same(cell: str, rates: dict[str, Any]) -> None:
    model, config = make_model(
        cell=cell, bidirectional=True, num_layers=2, readout=Readout.concat, **rates
    )
    token_ids = draw_tokens(LENGTHS["mixed"])
    assert_same(model, config, token_ids, SEED)
    still, _ = differentiate(model, fuse(model, config), token_ids)
    dropped, _ = differentiate(model, fuse(model, config), token_ids, SEED)
    assert np.abs(still[0] - dropped[0]).max() > 1e-3


@pytest.mark.parametrize("readout", Readout, ids=lambda readout: readout.name)
@pytest.mark.parametrize("cell", CELLS)
def test_padding_changes_nothing(cell: str, readout: Readout) -> None:
    model, config = make_model(cell=cell, bidirectional=True, num_layers=2, readout=readout)
    token_ids = draw_tokens(LENGTHS["mixed"])
    padded = np.pad(token_ids, ((0, 0), (0, 50)))
    for ours, theirs in zip(
        differentiate(model, fuse(model, config), token_ids),
        differentiate(model, fuse(model, config), padded),
        strict=True,
    ):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize(
    ("cell", "bidirectional", "num_layers", "readout"),
    [
        *((cell, both, 1, Readout.last) for cell in CELLS for both in (False, True)),
        *((cell, True, 2, Readout.mean) for cell in CELLS),
        ("gru", False, 2, Readout.max),
    ],
)
def test_sequences_of_numbers(
    cell: str, bidirectional: bool, num_layers: int, readout: Readout, dropout: float
) -> None:
    config = ArchitectureConfig(
        name="tiny",
        cell=cell,
        units=8,
        num_layers=num_layers,
        bidirectional=bidirectional,
        readout=readout,
        dropout=dropout,
    )
    model = build_regressor(config, 2, 0)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.3, weight.shape) for weight in model.get_weights()])
    features = draw_sequences(5, 12, rng).features
    features[2, :4] = 0  # zeros would be padding in a text, but are read here
    results = []
    for forward in (fuse(model, config), forward_of(model, config)):
        weights = [weight.value for weight in model.trainable_variables]
        with tf.GradientTape() as tape:
            (values,) = forward(tf.constant(features), SEED)
            total = tf.reduce_mean(values[:, 0] * np.array([1, -2, 3, 0.5, 1], np.float32))
        results.append([values, *tape.gradient(total, weights)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=TOLERANCE, rtol=0)


def test_the_same_numbers_each_time() -> None:
    model, config = make_model(cell="lstm", bidirectional=True, num_layers=2)
    token_ids = draw_tokens([60] * 8)
    first, second = (differentiate(model, fuse(model, config), token_ids) for _ in range(2))
    for ours, theirs in zip(first, second, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_gradient_of_the_embedding_names_each_token_once() -> None:
    model, config = make_model(cell="lstm")
    token_ids = draw_tokens(LENGTHS["mixed"])
    with tf.GradientTape() as tape:
        logits = fuse(model, config)(tf.constant(token_ids), SEED)
    gradient = tape.gradient(logits[0], model.get_layer("embedding").embeddings.value)
    assert sorted(gradient.indices.numpy()) == sorted(np.unique(token_ids))


def test_fused_adam_is_adam() -> None:
    weights = []
    for optimizer_class in (FusedAdam, keras.optimizers.Adam):
        model, config = make_model(cell="lstm", readout=Readout.max)
        forward = fuse(model, config)
        optimizer = optimizer_class(0.01, global_clipnorm=0.1)
        optimizer.build(model.trainable_variables)

        @tf.function(autograph=False)
        def step(token_ids: Any, model=model, forward=forward, optimizer=optimizer) -> None:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(
                    tf.add_n([tf.reduce_sum(a**2, 1) for a in forward(token_ids)])
                )
            optimizer.apply(
                tape.gradient(loss, [weight.value for weight in model.trainable_variables])
            )

        for number in range(10):
            step(tf.constant(draw_tokens([8, 5, 8], seed=number)))
        weights.append(model.get_weights())
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6, rtol=0)
