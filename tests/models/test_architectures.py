"""Test the shapes, parameters, padding and saved files of every architecture."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from factories import PRESETS, read_preset
from factories.networks import logits_of

from pipeline.config.schema import ForgetBias, Readout
from pipeline.data.splits import Head
from pipeline.models.architectures import (
    MaskedMaxPooling1D,
    build_model,
    count_recurrent_parameters,
)
from pipeline.models.fused import fuse

HEADS = (Head("sentiment", ("negative", "positive")), Head("subject", ("film", "plot", "music")))
GATES = {"simple_rnn": 1, "gru": 3, "lstm": 4}


def _ids(rows: int = 4, length: int = 7, vocab_size: int = 50) -> np.ndarray:
    return np.random.default_rng(0).integers(2, vocab_size, (rows, length)).astype(np.int32)


def test_the_presets_are_the_nine_of_the_comparison():
    assert (
        sorted(
            "simple_rnn lstm gru bi_simple_rnn bi_lstm bi_gru "
            "stacked_simple_rnn stacked_lstm stacked_bi_lstm".split()
        )
        == PRESETS
    )


@pytest.mark.parametrize("name", PRESETS)
def test_shapes_and_parameters_are_those_of_the_literature(name):
    config = read_preset(name, units=6, embedding_dim=5)
    model = build_model(config, 50, HEADS, 0)
    directions = 2 if config.bidirectional else 1
    width, expected = config.embedding_dim, 0
    for _ in range(config.num_layers):
        # The GRU of Keras has a second bias (reset_after), which cuDNN needs.
        biases = 2 if config.cell == "gru" else 1
        expected += directions * GATES[config.cell] * 6 * (width + 6 + biases)
        width = directions * 6
    assert count_recurrent_parameters(model) == expected
    assert config.recurrent_layers.count_weights(6) == expected
    outer = model.get_layer(f"recurrent_{config.num_layers}")
    assert outer.output.shape == (None, directions * 6)
    if config.num_layers > 1:
        assert model.get_layer("recurrent_1").output.shape == (None, None, directions * 6)
    logits = logits_of(model, _ids())
    assert [tuple(part.shape) for part in logits] == [(4, 1), (4, 3)]


def test_a_bidirectional_lstm_of_64_units_has_128_features():
    model = build_model(read_preset("bi_lstm"), 50, HEADS, 0)
    lines: list[str] = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    assert any("recurrent_1" in line and "128" in line for line in "\n".join(lines).splitlines())


def test_there_is_nothing_but_embedding_recurrence_and_dense():
    model = build_model(read_preset("stacked_bi_lstm", dropout=0.5), 50, HEADS, 0)
    kinds = {type(layer).__name__ for layer in model.layers}
    assert kinds == {"InputLayer", "Embedding", "Bidirectional", "Dense"}


@pytest.mark.parametrize("readout", Readout)
@pytest.mark.parametrize("name", PRESETS)
def test_more_padding_changes_no_logit(name, readout):
    model = build_model(read_preset(name, units=6, readout=readout), 50, HEADS, 0)
    ids = _ids()
    ids[1, 3:] = ids[2, 1:] = 0
    short = logits_of(model, ids)
    padded = logits_of(model, np.pad(ids, ((0, 0), (0, 9))))
    for a, b in zip(short, padded, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    alone = logits_of(model, ids[1:2, :3])
    for a, b in zip(short, alone, strict=True):
        np.testing.assert_allclose(a[1:2], b, atol=1e-6)


@pytest.mark.parametrize("readout", Readout)
def test_a_saved_model_opens_in_safe_mode_with_the_same_logits(tmp_path: Path, readout):
    model = build_model(read_preset("bi_gru", units=6, readout=readout), 50, HEADS, 0)
    model.save(tmp_path / "model.keras")
    loaded: Any = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for a, b in zip(
        logits_of(model, _ids()),
        logits_of(loaded, _ids()),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        assert "rnn_vs_lstm" not in file.read("config.json").decode()  # opens without this project


def test_a_maximum_that_version_0_1_saved_as_a_layer_still_opens(tmp_path: Path):
    config = read_preset("bi_gru", units=6, readout=Readout.max)
    model = build_model(config, 50, HEADS, 0)
    token_ids = model.inputs[0]
    states = model.get_layer("recurrent_1").output
    mask = model.get_layer("embedding").compute_mask(token_ids)
    features = MaskedMaxPooling1D(name="max")(states, mask=mask)
    logits = [model.get_layer(f"head_{number}")(features) for number in (1, 2)]
    keras.Model(token_ids, logits).save(tmp_path / "model.keras")
    loaded: Any = keras.saving.load_model(tmp_path / "model.keras")
    assert "max" in {layer.name for layer in loaded.layers}
    ids = _ids()
    ids[1, 3:] = 0
    expected = logits_of(model, ids)
    for answers in (logits_of(loaded, ids), fuse(loaded, config)(ids)):
        for a, b in zip(expected, answers, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_seed_draws_the_weights():
    def weights(seed: int) -> list[np.ndarray]:
        return build_model(read_preset("gru", units=6), 50, HEADS, seed).get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(weights(3), weights(3), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(weights(3), weights(4), strict=True))


@pytest.mark.parametrize("name", PRESETS)
def test_solved_units_give_a_model_of_that_many_weights(name):
    config = read_preset(name, embedding_dim=12)
    config.units = config.recurrent_layers.solve_units(5000)
    model = build_model(config, 50, HEADS, 0)
    assert count_recurrent_parameters(model) == config.recurrent_layers.count_weights(config.units)
    assert count_recurrent_parameters(model) == pytest.approx(5000, rel=0.05)


def _biases(model: Any, units: int) -> list[np.ndarray]:
    """Return the bias of each layer and direction as rows input, forget, candidate, output."""
    cells = []
    for layer in model.layers:
        if layer.name.startswith("recurrent_"):
            both = isinstance(layer, keras.layers.Bidirectional)
            directions = (layer.forward_layer, layer.backward_layer) if both else (layer,)
            cells += [direction.cell for direction in directions]
    return [np.array(cell.bias).reshape(4, units) for cell in cells]


@pytest.mark.parametrize(("kind", "expected"), [(ForgetBias.unit, 1), (ForgetBias.zero, 0)])
def test_the_forget_bias_is_initialised_as_configured(kind, expected):
    model = build_model(read_preset("stacked_bi_lstm", units=6, forget_bias=kind), 50, HEADS, 0)
    assert len(_biases(model, 6)) == 4
    for bias in _biases(model, 6):
        np.testing.assert_array_equal(bias[1], expected)
        np.testing.assert_array_equal(bias[[0, 2, 3]], 0)


def _chrono(seed: int, units: int = 200) -> Any:
    config = read_preset(
        "stacked_bi_lstm", units=units, forget_bias=ForgetBias.chrono, chrono_steps=101
    )
    return build_model(config, 50, HEADS, seed)


def test_chrono_spreads_the_memories_of_the_units_over_its_steps():
    biases = _biases(_chrono(0), 200)
    assert len(biases) == 4
    for bias in biases:
        memories = np.exp(bias[1])  # uniform from 1 to 100: the mean of 200 is 50.5 +- 2
        assert 1 <= memories.min() < 6
        assert 95 < memories.max() <= 100
        assert 42 < memories.mean() < 59
        np.testing.assert_array_equal(bias[0], -bias[1])
        np.testing.assert_array_equal(bias[2:], 0)
    assert not np.array_equal(biases[0], biases[1])
    assert not np.array_equal(biases[0], biases[2])


def test_the_seed_draws_the_memories_and_nothing_but_biases_is_changed():
    first, again, other = (
        _biases(_chrono(3, 6), 6),
        _biases(_chrono(3, 6), 6),
        _biases(_chrono(4, 6), 6),
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    plain = build_model(read_preset("stacked_bi_lstm", units=6), 50, HEADS, 3)
    for ours, theirs in zip(_chrono(3, 6).weights, plain.weights, strict=True):
        if not ours.path.endswith("/bias"):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), err_msg=ours.path)


def test_a_saved_model_with_chrono_biases_needs_none_of_our_code(tmp_path: Path):
    model = _chrono(0, 6)
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        assert "rnn_vs_lstm" not in file.read("config.json").decode()
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(_biases(model, 6), _biases(loaded, 6))
