"""Test the probes of language models on networks: what is traced, and every probe on every cell."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from factories import CELLS
from factories.language import generated_subject
from factories.networks import draw_ids, keep
from scipy.special import log_softmax

from pipeline.config.probes import OF_LANGUAGE_MODELS, ProbeConfig, ProbeKind
from pipeline.config.schema import ArchitectureConfig
from pipeline.config.tasks import Direction
from pipeline.models.language_model import LanguageNetwork, build_language_model
from pipeline.probes.language import LanguageSubject, run_language_probes
from pipeline.probes.language_traces import (
    measure_language_gates,
    measure_language_retention,
    next_token_gradient,
)
from pipeline.probes.trace import trace_language_model

SHAPES = [
    {},
    {"num_layers": 2},
    {"tie_embeddings": True},
    {"tie_embeddings": True, "embedding_dim": 5},
]
SETTINGS = ProbeConfig(
    language_reviews=40,
    language_contexts=[1, 2, 5, 10],
    disturbed_reviews=20,
    disturbed_contexts=[1, 5],
    recall_pairs=10,
    recall_share=0.4,
    subject_reviews=50,
    retention_reviews=40,
    retention_tokens=20,
)


def _network(seed: int = 0, vocab: int = 30, **settings: Any) -> LanguageNetwork:
    config = ArchitectureConfig(name="tiny", **{"units": 5, "embedding_dim": 4, **settings})
    model = build_language_model(config, vocab, seed)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    return LanguageNetwork(model, config)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_of_the_next_token_is_that_of_finite_differences(cell, shape):
    network = _network(cell=cell, **shape)
    model, config = network.model, network.architecture
    ids = draw_ids(4, 7)
    targets = np.array([3, 8, 15, 29])
    trace = trace_language_model(model, config, ids)
    gradient = next_token_gradient(model, trace, targets)

    def log_probability(features: np.ndarray) -> np.ndarray:
        if "projection" in {layer.name for layer in model.layers}:
            layer = model.get_layer("projection")
            features = features @ layer.kernel.numpy() + layer.bias.numpy()
        last = model.layers[-1].name
        table = model.get_layer("output" if last == "output" else "embedding").embeddings.numpy()
        return log_softmax(features @ table.T.astype(np.float64), axis=1)[range(4), targets]

    # What is differentiated is what the model computes.
    losses = network.last_losses(ids, targets.astype(np.int32))
    np.testing.assert_allclose(-log_probability(trace.features), losses, atol=1e-4)
    change = np.random.default_rng(1).normal(0, 1, trace.features.shape)
    above, below = (log_probability(trace.features + step * change) for step in (1e-6, -1e-6))
    np.testing.assert_allclose((gradient * change).sum(axis=1), (above - below) / 2e-6, rtol=1e-5)


@pytest.fixture(scope="module")
def texts() -> LanguageSubject:
    return generated_subject(max_distance=60, named_again=True)


def _subject(texts: LanguageSubject, kept: float | None = None, **settings: Any) -> LanguageSubject:
    vocab = texts.tokens.tokenizer.get_vocab_size()
    network = _network(vocab=vocab, **settings)
    if kept is not None:
        keep(network.model, network.architecture, kept)
    return LanguageSubject(network, texts.tokens, texts.reviews, texts.data, network=network)


@pytest.mark.parametrize("cell", CELLS)
def test_a_language_model_that_forgets_has_the_half_life_it_was_set_to(texts, cell):
    result = measure_language_retention(_subject(texts, 0.9, cell=cell), SETTINGS)
    half_life = math.log(0.5, 0.9)
    assert result.metrics["half_life_state"] == pytest.approx(half_life, rel=0.02)
    assert result.metrics["half_life_next_token"] == pytest.approx(half_life, abs=1.5)
    if cell != "simple_rnn":
        assert result.metrics["half_life_gate"] == pytest.approx(half_life, rel=0.02)
        gates = measure_language_gates(_subject(texts, 0.9, cell=cell), SETTINGS)
        expected = -1 / math.log(0.9)
        assert gates.metrics["time_constant_median"] == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("cell", CELLS)
def test_every_probe_measures_every_cell(texts, cell, direction):
    subject = replace(_subject(texts, cell=cell, num_layers=2), direction=direction)
    results = {one.name: one for one in run_language_probes(subject, SETTINGS)}
    expected = {kind.name for kind in OF_LANGUAGE_MODELS}
    expected -= {"gates"} if cell == "simple_rnn" else set()
    expected -= {"subject_recall"} if direction == Direction.backward else set()
    assert set(results) == expected
    for result in results.values():
        assert all(np.isfinite(value) for value in result.metrics.values())
        assert not result.table.isna().any(axis=None)
    kinds = set(results["retention"].table.kind)
    assert kinds == {"next_token", "state"} | ({"gate"} if cell != "simple_rnn" else set())


def test_a_reader_without_a_network_has_all_probes_but_the_inner_ones(texts):
    names = [one.name for one in run_language_probes(texts, SETTINGS)]
    assert names == ["language_context", "word_recall", "subject_recall"]


def test_the_kinds_of_classifiers_are_left_out(texts):
    config = ProbeConfig(kinds=[ProbeKind.quiz, ProbeKind.lesson])
    assert list(run_language_probes(texts, config)) == []
