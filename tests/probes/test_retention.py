"""Test retention by finite differences, and on cells whose memory is set by hand."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from factories import CELLS, PRESETS, read_preset
from factories.networks import (
    HEADS,
    draw_ids,
    keep,
    logits_of,
    make_model,
    make_subject,
    set_memory,
)

from pipeline.config.probes import ProbeConfig
from pipeline.config.schema import ArchitectureConfig, Readout
from pipeline.probes import Skipped
from pipeline.probes.retention import (
    Signal,
    log_spaced,
    logit_gradient,
    measure_retention,
    signals_by_distance,
    state_retention,
)
from pipeline.probes.trace import trace, trace_embedded

EVERY_SHAPE = [
    {"cell": cell, "bidirectional": bidirectional, "num_layers": num_layers, "readout": readout}
    for cell, bidirectional, num_layers, readout in itertools.product(
        CELLS, (False, True), (1, 2), Readout
    )
    if readout == Readout.last or bidirectional != (num_layers == 1)
]


def _shape_id(shape: dict[str, Any]) -> str:
    direction = "bi_" if shape["bidirectional"] else ""
    return f"{direction}{shape['cell']}_{shape['num_layers']}_{shape['readout'].name}"


@pytest.mark.parametrize("shape", EVERY_SHAPE, ids=_shape_id)
def test_a_traced_network_answers_as_the_model_does(shape: dict[str, Any]) -> None:
    model, config = make_model(**shape)
    token_ids = draw_ids()
    traced = trace(model, config, token_ids)
    for ours, theirs in zip(traced.logits, logits_of(model, token_ids), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("shape", EVERY_SHAPE, ids=_shape_id)
def test_the_derivative_of_the_logit_is_that_of_finite_differences(shape: dict[str, Any]) -> None:
    model, config = make_model(**shape)
    rng = np.random.default_rng(0)
    embedded = rng.normal(0, 1, (7, 2, config.embedding_dim))
    directions = 2 if config.bidirectional else 1

    traced = trace_embedded(model, config, embedded)
    cotangent = logit_gradient(traced, 0)
    gradients = traced.embedding_gradients(cotangent)
    assert gradients.shape == (7, directions, 2, config.embedding_dim)
    change = rng.normal(0, 1, embedded.shape)  # of every number at once
    above, below = (
        trace_embedded(model, config, embedded + step * change) for step in (1e-6, -1e-6)
    )
    expected = (above.logits[0] - below.logits[0])[:, 0] / 2e-6
    found = (gradients.sum(axis=1) * change).sum(axis=(0, 2))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def test_a_direction_has_what_passes_through_it_alone() -> None:
    model, config = make_model(cell="gru", bidirectional=True, num_layers=2)
    embedded = np.random.default_rng(0).normal(0, 1, (6, 3, config.embedding_dim))
    traced = trace_embedded(model, config, embedded)
    cotangent = logit_gradient(traced, 0)
    gradients = traced.embedding_gradients(cotangent)
    forward, backward = cotangent.copy(), cotangent.copy()
    forward[:, config.units :] = backward[:, : config.units] = 0
    for direction, part in enumerate((forward, backward)):
        alone = traced.embedding_gradients(part)
        np.testing.assert_allclose(alone[:, direction], gradients[:, direction])
        np.testing.assert_array_equal(alone[:, 1 - direction], 0)


def test_of_several_classes_the_answer_is_followed_and_no_constant() -> None:
    model, config = make_model(cell="lstm")
    traced = trace(model, config, draw_ids())
    cotangent = logit_gradient(traced, 1)
    logits = traced.logits[1] - model.get_layer("head_2").bias.numpy()
    answers = logits[np.arange(6), traced.logits[1].argmax(axis=1)] - logits.mean(axis=1)
    np.testing.assert_allclose((cotangent * traced.features).sum(axis=1), answers)


@pytest.mark.parametrize("kind", CELLS)
def test_state_to_state_is_the_jacobian_of_finite_differences(kind: str) -> None:
    model, config = make_model(cell=kind)
    length, rows, back = 8, 3, 4
    embedded = np.random.default_rng(0).normal(0, 1, (length, rows, config.embedding_dim))
    (layer,) = trace_embedded(model, config, embedded).layers
    recurrent: Any = layer.recurrent
    weights = model.get_layer("recurrent_1").cell
    projected = (
        embedded @ weights.kernel.numpy() + weights.bias.numpy().reshape(-1, recurrent.shape[2])[0]
    )

    def last_state(change: np.ndarray) -> np.ndarray:
        """Return the last carried state after a change `back` steps before."""
        start = length - 1 - back
        states = list(layer.states[start + 1])
        states[-1] = states[-1] + change
        if kind == "lstm":  # h is read out of c
            states[0] = layer.kept[start][3] * tf.tanh(states[1])
        for values in projected[start + 1 :]:
            m = tf.matmul(states[0], recurrent)
            if kind == "gru":
                m += weights.bias.numpy()[1]
            states, _ = layer.steps.forward(values, m, tuple(states))
        return states[-1].numpy()

    vectors = np.random.default_rng(5).standard_normal((1, rows, config.units))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    columns = []
    for unit in np.eye(config.units):
        difference = last_state(1e-6 * unit) - last_state(-1e-6 * unit)
        columns.append((vectors * difference / 2e-6).sum(axis=-1))
    expected = np.linalg.norm(np.stack(columns), axis=0)
    found = state_retention(layer, np.arange(length), np.random.default_rng(5))
    np.testing.assert_allclose(found[0], 1)
    np.testing.assert_allclose(found[back], expected, rtol=1e-6)


def test_random_vectors_estimate_the_size_of_the_jacobian() -> None:
    model, config = make_model(cell="simple_rnn")
    (layer,) = trace(model, config, np.repeat(draw_ids(1), 4000, axis=0)).layers
    norms = state_retention(layer, np.array([1]), np.random.default_rng(0))[0, 0]
    h = layer.states[-1][0].numpy()[0, 0]
    recurrent: Any = layer.recurrent
    jacobian = recurrent.numpy()[0] * (1 - h**2)
    assert np.mean(norms**2) == pytest.approx((jacobian**2).sum() / config.units, rel=0.05)


SHAPES = [{}, {"bidirectional": True, "num_layers": 2}]
SETTINGS = ProbeConfig(retention_reviews=60, retention_tokens=60)


@pytest.mark.parametrize("shape", SHAPES, ids=["plain", "stacked_both_ways"])
@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_that_keeps_its_state_retains_all_at_every_distance(
    kind: str, shape: dict[str, Any]
) -> None:
    model, config = make_model(cell=kind, **shape)
    keep(model, config, 1.0)
    curves = signals_by_distance(
        trace(model, config, draw_ids(4, 50)), HEADS, np.arange(50), np.random.default_rng(0)
    )
    states = {signal: values for signal, values in curves.items() if signal.kind == "state"}
    assert len(states) == config.num_layers * (1 + config.bidirectional)
    for values in states.values():
        assert values.shape == (50, 4)
        np.testing.assert_allclose(values, 1, rtol=1e-4)


@pytest.mark.parametrize(("kept", "half_life"), [(0.5, 1), (0.9, math.log(0.5, 0.9))])
@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_that_forgets_has_the_half_life_it_was_set_to(
    kind: str, kept: float, half_life: float
) -> None:
    config = ArchitectureConfig(name="set", cell=kind, units=5, embedding_dim=4)
    result = measure_retention(make_subject(config, kept), SETTINGS)
    assert result.metrics["half_life_state"] == pytest.approx(half_life, rel=0.02)
    if kind != "simple_rnn":
        assert result.metrics["half_life_gate"] == pytest.approx(half_life, rel=0.02)
    # The logit sees words that differ, through weights that do not: a share of them, no more.
    assert result.metrics["half_life_logit_sentiment"] == pytest.approx(half_life, abs=1)
    left = result.table.query("kind == 'state' and distance == 12").value
    np.testing.assert_allclose(left, kept**12, rtol=1e-3)


def test_a_cell_that_never_forgets_has_no_half_life_within_reach() -> None:
    config = ArchitectureConfig(name="set", cell="lstm", units=5, embedding_dim=4)
    result = measure_retention(make_subject(config, 1.0), SETTINGS)
    assert result.metrics["half_life_state"] == 59
    assert result.metrics["half_life_state_is_bound"] == 1
    assert result.facts["half_life_state"] == "beyond 59"


def test_each_direction_counts_from_its_own_end() -> None:
    """Set one direction to remember and the other to forget, so that only its last token counts."""
    model, config = make_model(cell="simple_rnn", bidirectional=True)
    keep(model, config, 0.0)
    set_memory(
        model.get_layer("recurrent_1").forward_layer, config.cell, 0.9, np.random.default_rng(0)
    )
    token_ids = draw_ids(3, 12)
    traced = trace(model, config, token_ids)
    gradients = np.linalg.norm(traced.embedding_gradients(logit_gradient(traced, 0)), axis=-1)
    assert (gradients[0, 1] > 0).all()  # the backward direction ends at the first token
    np.testing.assert_array_equal(gradients[1:, 1], 0)
    curves = signals_by_distance(traced, HEADS, np.arange(12), np.random.default_rng(0))
    forward, backward = (
        curves[Signal("logit", "sentiment", 0, name)] for name in ("forward", "backward")
    )
    np.testing.assert_allclose(forward[5] / forward[0], 0.9**5, rtol=1e-3)
    np.testing.assert_array_equal(backward[1:], 0)


def test_with_mean_readout_the_logit_depends_uniformly_on_all_steps() -> None:
    model, config = make_model(cell="simple_rnn", readout=Readout.mean)
    keep(model, config, 0.5)
    curves = signals_by_distance(
        trace(model, config, draw_ids(3, 30)), HEADS, np.arange(30), np.random.default_rng(0)
    )
    logit, state = (
        curves[Signal("logit", "sentiment", 0, "forward")],
        curves[Signal("state", "", 1, "forward")],
    )
    np.testing.assert_allclose(logit[20], logit[10], rtol=1e-2)
    np.testing.assert_allclose(state[10], 0.5**10, rtol=1e-3)


@pytest.mark.parametrize("name", PRESETS)
def test_every_architecture_is_probed(name: str) -> None:
    config = read_preset(name, units=6, embedding_dim=5)
    settings = ProbeConfig(retention_reviews=40, retention_tokens=15)
    subject = make_subject(config)
    result = measure_retention(subject, settings)
    table = result.table
    assert list(table.columns) == "review_id kind head layer direction distance value".split()
    directions = ["forward", "backward"][: 1 + config.bidirectional]
    signals = set(table[["kind", "head", "layer", "direction"]].itertuples(index=False, name=None))
    kinds = ["state"] if config.cell == "simple_rnn" else ["state", "gate"]
    layers = range(1, config.num_layers + 1)
    assert signals == {
        *(("logit", head.name, 0, way) for head in subject.heads for way in directions),
        *((kind, "", layer, way) for kind in kinds for layer in layers for way in directions),
    }
    reviews = table.review_id.nunique()
    assert abs(reviews - 40) <= 2
    assert set(table.review_id) <= set(subject.reviews.test.ids)
    assert len(table) == len(signals) * reviews * len(log_spaced(15))
    assert np.isfinite(table.value).all()
    assert (table.value >= 0).all()
    np.testing.assert_allclose(table[(table.kind != "logit") & (table.distance == 0)].value, 1)
    reaches = {name for name in result.metrics if not name.endswith("_is_bound")}
    assert set(result.facts) == reaches - {"reviews"}
    assert len(result.facts) == len(signals)

    again = measure_retention(subject, settings)
    assert again.table.equals(table)
    assert again.facts == result.facts


def test_short_texts_are_read_as_far_as_enough_of_them_go() -> None:
    config = read_preset("lstm", units=6, embedding_dim=5)
    subject = make_subject(config, max_distance=0)
    words = sorted(text.count(" ") + 1 for text in subject.reviews.test.texts)
    result = measure_retention(subject, ProbeConfig(retention_reviews=50))
    assert result.table.distance.max() == log_spaced(words[-50])[-1]


def test_a_missing_network_and_too_few_texts_are_reported() -> None:
    config = read_preset("lstm", units=6, embedding_dim=5)
    subject = make_subject(config)
    with pytest.raises(Skipped, match="not a network"):
        measure_retention(dataclasses.replace(subject, network=None), SETTINGS)
    few = dataclasses.replace(subject.reviews, test=subject.reviews.test.take(np.arange(10)))
    with pytest.raises(Skipped, match="10 texts are too few"):
        measure_retention(dataclasses.replace(subject, reviews=few), SETTINGS)


def test_distances_rise_evenly_on_a_log_axis() -> None:
    distances = log_spaced(400)
    assert list(distances[:10]) == list(range(10))
    assert distances[-1] == 399
    assert (np.diff(distances) > 0).all()
    steps = distances[9:] / distances[8:-1]
    assert (steps < 1.2).all()
