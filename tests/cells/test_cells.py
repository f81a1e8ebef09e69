"""Every cell: what its file says is what its Keras layer is; and a new one, which is one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import CELLS

import pipeline.cells
from pipeline.cells import cells, find_cell
from pipeline.config.parameter_counts import RecurrentLayers
from pipeline.config.schema import ArchitectureConfig, Readout
from pipeline.data.splits import Head
from pipeline.models import architectures
from pipeline.models.architectures import (
    build_model,
    count_recurrent_parameters,
    forward_for,
    layer_class,
)
from pipeline.models.fused import fuse
from pipeline.models.fused.steps import steps_of
from pipeline.probes.trace import trace
from tests.cells import min_gru

HEADS = (Head("sentiment", ("neg", "pos")),)


@pytest.fixture(autouse=True)
def with_min_gru(monkeypatch) -> Iterator[None]:
    """A fourth cell, as if its file stood in the package."""
    monkeypatch.setitem(pipeline.cells._registry(), "min_gru", min_gru.CELL)
    yield
    layer_class.cache_clear()


EVERY_CELL = [*CELLS, "min_gru"]


def make_model(cell: str, **settings: Any) -> tuple[Any, ArchitectureConfig]:
    config = ArchitectureConfig(
        name="tiny", cell=cell, **{"units": 6, "embedding_dim": 5, **settings}
    )
    model = build_model(config, 30, HEADS, 0)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.4, weight.shape) for weight in model.get_weights()])
    return model, config


def test_cells_come_by_their_gates_and_each_says_which_one_keeps() -> None:
    assert [cell.name for cell in cells()] == ["simple_rnn", "min_gru", "gru", "lstm"]
    names = [cell.keep_gate_name for cell in cells()]
    assert names == [None, "update gate", "update gate", "forget gate"]
    assert [cell.has_forget_bias for cell in cells()] == [False, False, False, True]


@pytest.mark.parametrize("cell", EVERY_CELL)
def test_the_weights_are_counted_without_building_them(cell: str) -> None:
    model, config = make_model(cell, bidirectional=True, num_layers=2)
    layers = RecurrentLayers(cell, config.embedding_dim, 2, True)
    assert layers.count_weights(config.units) == count_recurrent_parameters(model)


@pytest.mark.parametrize("differentiated", [False, True], ids=["own_gradient", "differentiated"])
@pytest.mark.parametrize("cell", EVERY_CELL)
def test_the_gradient_of_a_step_is_that_of_finite_differences(
    cell: str, differentiated: bool
) -> None:
    found = find_cell(cell)
    if differentiated:
        found = replace(found, gradient=None)
    steps = steps_of(found)
    rng = np.random.default_rng(1)
    width = 3 * len(found.gates)

    def draw(size: int) -> Any:
        return tf.constant(rng.normal(0, 1, (1, 2, size)))

    x, m = draw(width), draw(width) if found.recurrent else None
    states = tuple(draw(3) for _ in range(found.states))
    pulls = tuple(draw(3) for _ in range(found.states))
    _, kept = steps.forward(x, m, states)
    assert len(kept) == steps.kept
    assert len(steps.seen(kept, states)) == len(found.gates) + found.extras

    def pulled(x: Any, m: Any, states: Any) -> float:
        after, _ = steps.forward(x, m, states)
        return float(sum(tf.reduce_sum(a * b) for a, b in zip(after, pulls, strict=True)))

    dx, dm, dstates = steps.gradient(kept, states, pulls)
    places = [("x", dx), *([("m", dm)] if found.recurrent else []), *enumerate(dstates)]
    for place, gradient in places:
        step = draw(width if isinstance(place, str) else 3)
        above, below = (
            pulled(
                x + sign * step if place == "x" else x,
                m + sign * step if place == "m" else m,
                tuple(s + sign * step if place == n else s for n, s in enumerate(states)),
            )
            for sign in (1e-6, -1e-6)
        )
        expected = 0.0 if gradient is None else float(tf.reduce_sum(gradient * step))
        assert expected == pytest.approx((above - below) / 2e-6, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("cell", EVERY_CELL)
def test_idle_keeps_a_zero_state_at_exactly_zero(cell: str) -> None:
    found = find_cell(cell)
    units = 4
    x = tf.repeat(tf.constant([[found.idle]], tf.float32), units, axis=2)
    m = tf.random.normal([1, 1, units * len(found.gates)]) if found.biases == 2 else x * 0
    states = (tf.zeros([1, 1, units]),) * found.states
    after, _ = steps_of(found).forward(x, m if found.recurrent else None, states)
    for state in after:
        np.testing.assert_array_equal(state, 0)


@pytest.mark.parametrize(
    ("bidirectional", "num_layers", "readout"),
    [(False, 1, Readout.last), (True, 2, Readout.last), (True, 1, Readout.mean)],
)
def test_a_cell_without_a_gradient_runs_on_the_fast_kernels(
    bidirectional: bool, num_layers: int, readout: Readout
) -> None:
    model, config = make_model(
        "min_gru", bidirectional=bidirectional, num_layers=num_layers, readout=readout
    )
    assert_same(model, config)


def test_the_cells_of_keras_may_do_without_their_gradients_too(monkeypatch) -> None:
    for name in CELLS:
        bare = replace(find_cell(name), gradient=None)
        monkeypatch.setitem(pipeline.cells._registry(), name, bare)
        assert_same(*make_model(name, bidirectional=True, num_layers=2))


def assert_same(model: Any, config: ArchitectureConfig) -> None:
    """The kernels give the logits and the gradients of the Keras layers, with padding in the rows."""
    token_ids = np.random.default_rng(2).integers(1, 30, (4, 9)).astype(np.int32)
    token_ids[1, 3:] = token_ids[3, 8:] = 0

    @tf.function(autograph=False)
    def differentiate(forward: Any) -> Any:
        weights = [weight.value for weight in model.trainable_variables]
        with tf.GradientTape() as tape:
            (logits,) = forward(tf.constant(token_ids))
            total = tf.reduce_sum(logits * tf.constant([[1.0], [-2], [3], [0.5]]))
        return [logits, *map(tf.convert_to_tensor, tape.gradient(total, weights))]

    ours = differentiate(fuse(model, config))
    theirs = differentiate(forward_for(model, config, "gpu"))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(("device", "fused"), [("cpu", True), ("gpu", False)])
def test_a_cpu_has_the_fast_kernels(monkeypatch, device: str, fused: bool) -> None:
    monkeypatch.setattr(architectures, "fuse", lambda model, config: "kernels")
    assert (forward_for(*make_model("lstm"), device) == "kernels") == fused


def test_a_cell_without_a_step_is_left_to_its_layer(monkeypatch) -> None:
    bare = replace(min_gru.CELL, step=None)
    monkeypatch.setitem(pipeline.cells._registry(), "min_gru", bare)
    model, config = make_model("min_gru")
    token_ids = tf.constant([[3, 4, 0]])
    np.testing.assert_array_equal(forward_for(model, config, "cpu")(token_ids)[0], model(token_ids))


def test_the_gates_of_a_differentiated_cell_can_be_read() -> None:
    model, config = make_model("min_gru")
    layer = model.get_layer("recurrent_1").cell
    bias = np.zeros(12)
    bias[:6] = 2.0
    layer.bias.assign(bias)
    layer.kernel.assign(np.zeros((5, 12)))
    (traced,) = trace(model, config, np.array([[3, 4, 5]], np.int32)).layers
    np.testing.assert_allclose(traced.keep_gates, 1 / (1 + np.exp(-2.0)))


def test_a_saved_model_with_a_layer_of_its_own_opens(tmp_path) -> None:
    model, _ = make_model("min_gru", bidirectional=True)
    model.save(tmp_path / "model.keras")
    opened: Any = keras.saving.load_model(tmp_path / "model.keras")
    token_ids = tf.constant([[3, 4, 0]])
    np.testing.assert_array_equal(opened(token_ids), model(token_ids))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"idle": (0,)}, "idle input"),
        ({"states": 2}, "carried"),
        ({"mark": "star"}, "pages draw circle"),
    ],
)
def test_a_cell_that_is_incomplete_says_so(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(min_gru.CELL, **changes)
