"""Every architecture: its shape, its parameters, its silence about padding, and its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from conftest import ROOT

from pipeline.architectures import build_model, count_recurrent_parameters, forward_of
from pipeline.config import ArchitectureConfig, Cell, Readout
from pipeline.reviews import Head

HEADS = (Head("sentiment", ("negative", "positive")), Head("subject", ("film", "plot", "music")))
PRESETS = sorted(path.stem for path in (ROOT / "conf" / "architecture").glob("*.yaml"))
GATES = {Cell.simple_rnn: 1, Cell.gru: 3, Cell.lstm: 4}


def _preset(name: str, **changes: object) -> ArchitectureConfig:
    values = yaml.safe_load((ROOT / "conf" / "architecture" / f"{name}.yaml").read_text())
    values.pop("defaults")
    values["cell"] = Cell[values["cell"]]
    return ArchitectureConfig(**(values | changes))


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
    config = _preset(name, units=6, embedding_dim=5)
    model = build_model(config, 50, HEADS, 0)
    directions = 2 if config.bidirectional else 1
    width, expected = config.embedding_dim, 0
    for _ in range(config.num_layers):
        # Keras's GRU has a second bias (reset_after), as cuDNN needs it.
        biases = 2 if config.cell == Cell.gru else 1
        expected += directions * GATES[config.cell] * 6 * (width + 6 + biases)
        width = directions * 6
    assert count_recurrent_parameters(model) == expected
    outer = model.get_layer(f"recurrent_{config.num_layers}")
    assert outer.output.shape == (None, directions * 6)
    if config.num_layers > 1:
        assert model.get_layer("recurrent_1").output.shape == (None, None, directions * 6)
    logits = forward_of(model)(_ids(), training=False)
    assert [tuple(part.shape) for part in logits] == [(4, 1), (4, 3)]


def test_a_bidirectional_lstm_of_64_units_has_128_features():
    model = build_model(_preset("bi_lstm"), 50, HEADS, 0)
    lines: list[str] = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    assert any("recurrent_1" in line and "128" in line for line in "\n".join(lines).splitlines())


def test_there_is_nothing_but_embedding_recurrence_and_dense():
    model = build_model(_preset("stacked_bi_lstm", dropout=0.5), 50, HEADS, 0)
    kinds = {type(layer).__name__ for layer in model.layers}
    assert kinds <= {"InputLayer", "Embedding", "NotEqual", "Dropout", "Bidirectional", "Dense"}


@pytest.mark.parametrize("readout", Readout)
@pytest.mark.parametrize("name", PRESETS)
def test_more_padding_moves_no_logit(name, readout):
    model = build_model(_preset(name, units=6, readout=readout), 50, HEADS, 0)
    ids = _ids()
    ids[1, 3:] = ids[2, 1:] = 0
    forward = forward_of(model)
    short = forward(ids, training=False)
    padded = forward(np.pad(ids, ((0, 0), (0, 9))), training=False)
    for a, b in zip(short, padded, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    alone = forward(ids[1:2, :3], training=False)
    for a, b in zip(short, alone, strict=True):
        np.testing.assert_allclose(a[1:2], b, atol=1e-6)


@pytest.mark.parametrize("readout", Readout)
def test_a_saved_model_opens_in_safe_mode_with_the_same_logits(tmp_path: Path, readout):
    model = build_model(_preset("bi_gru", units=6, readout=readout), 50, HEADS, 0)
    model.save(tmp_path / "model.keras")
    loaded: Any = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for a, b in zip(
        forward_of(model)(_ids(), training=False),
        forward_of(loaded)(_ids(), training=False),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_the_seed_draws_the_weights():
    def weights(seed: int) -> list[np.ndarray]:
        return build_model(_preset("gru", units=6), 50, HEADS, seed).get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(weights(3), weights(3), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(weights(3), weights(4), strict=True))
