"""Test the gates of cells whose weights are set by hand."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from factories import PRESETS, read_preset
from factories.networks import draw_ids, keep, make_model, make_subject

from pipeline.analysis.fading import time_constants
from pipeline.config.probes import ProbeConfig
from pipeline.config.schema import ArchitectureConfig
from pipeline.probes import Skipped
from pipeline.probes.gates import log_gates, log_kept, measure_gates
from pipeline.probes.trace import trace

GATED = ["lstm", "gru"]
SETTINGS = ProbeConfig(retention_reviews=60, retention_tokens=30)


def set_gate(layer: Any, kind: str, shares: list[float]) -> None:
    """Make each unit keep its own share of its state, whatever the input."""
    keep_bias = [math.log(share / (1 - share)) for share in shares]
    kernel, recurrent, bias = layer.get_weights()
    gate = slice(len(shares), 2 * len(shares)) if kind == "lstm" else slice(0, len(shares))
    kernel[:, gate], recurrent[:, gate] = 0, 0
    if kind == "gru":
        bias[1, gate] = 0
    np.atleast_2d(bias)[0, gate] = keep_bias
    layer.set_weights([kernel, recurrent, bias])


@pytest.mark.parametrize("kind", GATED)
def test_the_gate_that_is_read_is_the_one_that_was_set(kind: str) -> None:
    """All other weights stay as drawn: no other gate has these values."""
    shares = [0.1, 0.5, 0.8, 0.95, 0.99]
    model, config = make_model(cell=kind)
    set_gate(model.get_layer("recurrent_1"), kind, shares)
    (layer,) = trace(model, config, draw_ids()).layers
    expected = np.broadcast_to(shares, layer.keep_gates.shape)
    np.testing.assert_allclose(layer.keep_gates, expected, rtol=1e-6)
    np.testing.assert_allclose(log_kept(layer)[4], 4 * np.log(shares).mean(), rtol=1e-6)
    np.testing.assert_array_equal(log_kept(layer)[0], 0)


@pytest.mark.parametrize("kind", GATED)
def test_a_gate_follows_the_input(kind: str) -> None:
    """The gate of the first step, computed by hand: the state before it is zero."""
    model, config = make_model(cell=kind)
    token_ids = draw_ids()
    weights = model.get_layer("recurrent_1").cell
    place = slice(5, 10) if kind == "lstm" else slice(0, 5)
    embedded = model.get_layer("embedding").embeddings.numpy()[token_ids[:, 0]]
    bias = np.atleast_2d(weights.bias.numpy()).sum(axis=0)[place]  # a GRU adds both of its own
    expected = 1 / (1 + np.exp(-(embedded @ weights.kernel.numpy()[:, place] + bias)))
    (layer,) = trace(model, config, token_ids).layers
    np.testing.assert_allclose(layer.keep_gates[0, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("kind", GATED)
def test_the_backward_direction_has_its_own_gates_from_its_own_end(kind: str) -> None:
    model, config = make_model(cell=kind, bidirectional=True)
    set_gate(model.get_layer("recurrent_1").backward_layer, kind, [0.25] * 5)
    (layer,) = trace(model, config, draw_ids()).layers
    np.testing.assert_allclose(log_kept(layer)[3, 1], 3 * math.log(0.25), rtol=1e-6)
    assert not np.allclose(log_kept(layer)[3, 0], 3 * math.log(0.25))
    turned = trace(model, config, draw_ids()[:, ::-1]).layers[0]
    np.testing.assert_allclose(  # forward over a text is not backward over it
        log_gates(layer)[0, 1], log_gates(turned)[0, 1], rtol=1e-6
    )


@pytest.mark.parametrize("constant", [2.0, 20.0, 300.0])
@pytest.mark.parametrize("kind", GATED)
def test_the_time_constant_of_a_leaky_integrator_is_recovered(kind: str, constant: float) -> None:
    config = ArchitectureConfig(name="set", cell=kind, units=5, embedding_dim=4)
    result = measure_gates(make_subject(config, math.exp(-1 / constant)), SETTINGS)
    for quartile in ("lower", "median", "upper"):
        found = result.metrics[f"time_constant_{quartile}"]
        assert found == pytest.approx(constant, rel=0.02)


def test_the_distribution_over_units_is_that_of_the_units() -> None:
    constants = [1.0, 5.0, 20.0, 80.0, 400.0]
    config = ArchitectureConfig(name="set", cell="gru", units=5, embedding_dim=4)
    subject = make_subject(config)
    assert subject.network is not None
    layer = subject.network.model.get_layer("recurrent_1")
    set_gate(layer, "gru", [math.exp(-1 / constant) for constant in constants])
    result = measure_gates(subject, SETTINGS)
    by_unit = result.table.groupby("unit").log_gate.mean().to_numpy()
    np.testing.assert_allclose(time_constants(by_unit), constants, rtol=1e-3)
    assert result.metrics["time_constant_median"] == pytest.approx(20, rel=1e-3)
    assert result.facts["time_constant"] == "20 steps (20 to 20)"


def test_a_unit_that_forgets_nothing_has_an_infinite_time_constant() -> None:
    model, config = make_model(cell="lstm")
    keep(model, config, 1.0)
    (layer,) = trace(model, config, draw_ids()).layers
    assert np.isinf(time_constants(log_gates(layer).mean(axis=(0, 1, 2)))).all()


@pytest.mark.parametrize("name", [name for name in PRESETS if "simple_rnn" not in name])
def test_every_gated_architecture_is_probed(name: str) -> None:
    config = read_preset(name, units=6, embedding_dim=5)
    subject = make_subject(config)
    result = measure_gates(subject, SETTINGS)
    places = result.table[["layer", "direction"]].drop_duplicates()
    assert len(places) == config.num_layers * (1 + config.bidirectional) == len(result.facts)
    assert len(result.table) == len(places) * 6 * result.metrics["reviews"]
    assert (result.table.log_gate < 0).all()
    assert measure_gates(subject, SETTINGS).table.equals(result.table)


def test_a_simple_rnn_has_no_gate() -> None:
    subject = make_subject(read_preset("simple_rnn", units=6, embedding_dim=5))
    with pytest.raises(Skipped, match="no gate"):
        measure_gates(subject, SETTINGS)
    with pytest.raises(Skipped, match="not a network"):
        measure_gates(dataclasses.replace(subject, network=None), SETTINGS)
