"""A classifier that starts from language models computes what they do, in each of its directions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from factories import CELLS, read_preset

from pipeline.config.schema import ArchitectureConfig, Readout
from pipeline.data.splits import Head
from pipeline.errors import Failure
from pipeline.models.architectures import build_model
from pipeline.models.language_model import build_language_model
from pipeline.models.transfer import read_weights, set_vectors, start_from

VOCAB, HEADS = 30, (Head("label", ("no", "yes")),)


def _architecture(cell: str, **settings: Any) -> ArchitectureConfig:
    given: dict[str, Any] = {"units": 6, "embedding_dim": 5} | settings
    return ArchitectureConfig(name=cell, cell=cell, **given)


def _language_weights(config: ArchitectureConfig, seed: int, vocab_size: int = VOCAB):
    one_way = ArchitectureConfig(
        **{**vars(config), "bidirectional": False, "tie_embeddings": bool(seed % 2)}
    )
    model = build_language_model(one_way, vocab_size, seed)
    return model, read_weights(model)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_network_of_one_direction_has_the_weights_of_the_language_model(cell, layers):
    config = _architecture(cell, num_layers=layers)
    _, source = _language_weights(config, 7)
    model = build_model(config, VOCAB, HEADS, 1)
    fresh = build_model(config, VOCAB, HEADS, 1)
    start_from(model, source)
    own = read_weights(model)
    assert list(own) == ["embedding", *(f"recurrent_{n}" for n in range(1, layers + 1))]
    for name, arrays in own.items():
        for one, other in zip(arrays, source[name], strict=True):
            np.testing.assert_array_equal(one, other)
    for one, other in zip(
        model.get_layer("head_1").get_weights(),
        fresh.get_layer("head_1").get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def _states(model, layers: int, token_ids: np.ndarray) -> np.ndarray:
    """Return the outputs of the last recurrent layer of a model, layer by layer."""
    features = model.get_layer("embedding")(token_ids)
    for number in range(1, layers + 1):
        layer = model.get_layer(f"recurrent_{number}")
        features = layer(features)
    return np.asarray(features)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_each_direction_computes_what_its_language_model_does(cell, layers):
    config = _architecture(cell, num_layers=layers, bidirectional=True, readout=Readout.mean)
    forward, forward_weights = _language_weights(config, 7)
    backward, backward_weights = _language_weights(config, 8)
    backward.get_layer("embedding").set_weights(forward.get_layer("embedding").get_weights())
    model = build_model(config, VOCAB, HEADS, 1)
    start_from(model, forward_weights, backward_weights)
    ids = np.random.default_rng(0).integers(3, VOCAB, (4, 9)).astype(np.int32)
    both = _states(model, layers, ids)
    np.testing.assert_allclose(both[..., :6], _states(forward, layers, ids), atol=1e-6)
    turned = _states(backward, layers, ids[:, ::-1])[:, ::-1]
    np.testing.assert_allclose(both[..., 6:], turned, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "vocab_size", "message"),
    [
        ({"units": 7}, VOCAB, r"recurrent_1 has weights 5 x 28, and the network needs 5 x 24"),
        ({"embedding_dim": 4}, VOCAB, r"embedding has weights 30 x 4, .* needs 30 x 5"),
        (
            {},
            31,
            r"embedding has weights 31 x 5, .* needs 30 x 5: choose architecture.init=fresh, or",
        ),
        ({"num_layers": 1}, VOCAB, r"has no layer recurrent_2; it has embedding, recurrent_1$"),
        ({"cell": "gru"}, VOCAB, r"recurrent_1 has weights 5 x 18, and the network needs 5 x 24"),
    ],
)
def test_what_does_not_fit_is_named_with_both_shapes(settings, vocab_size, message):
    config = _architecture("lstm", num_layers=2)
    other = ArchitectureConfig(**vars(config) | settings)
    _, source = _language_weights(other, 0, vocab_size)
    with pytest.raises(Failure, match=message):
        start_from(build_model(config, VOCAB, HEADS, 1), source)


def test_a_layer_with_another_number_of_arrays_does_not_fit():
    config = _architecture("lstm")
    _, source = _language_weights(config, 0)
    source["recurrent_1"].pop()
    with pytest.raises(Failure, match="recurrent_1 of the language model has 2 arrays"):
        start_from(build_model(config, VOCAB, HEADS, 1), source)


def test_a_row_without_a_vector_stays_as_it_was():
    model = build_model(read_preset("gru", embedding_dim=4), 6, HEADS, 1)
    before = model.get_layer("embedding").get_weights()[0]
    vectors = np.arange(24, dtype=np.float32).reshape(6, 4)
    vectors[[0, 1]] = np.nan
    set_vectors(model, vectors)
    after = model.get_layer("embedding").get_weights()[0]
    np.testing.assert_array_equal(after[:2], before[:2])
    np.testing.assert_array_equal(after[2:], vectors[2:])
    with pytest.raises(Failure, match="embedding has weights 5 x 4"):
        set_vectors(model, vectors[:5])
