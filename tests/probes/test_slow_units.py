"""Test what slow units carry on networks of which it is known which unit remembers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories import CELLS, PRESETS, read_preset
from factories.networks import draw_ids, keep, make_model, make_subject

from pipeline.config.probes import ProbeConfig
from pipeline.config.schema import ArchitectureConfig, Readout
from pipeline.probes import Skipped, Subject
from pipeline.probes.neutral import load_material
from pipeline.probes.slow_units import (
    measure_slow_units,
    score_answers,
    time_constant,
    wipe_others,
)
from pipeline.probes.trace import trace
from pipeline.tokens.encoding import encode_texts

SETTINGS = ProbeConfig(
    retention_reviews=40, retention_tokens=30, slow_reviews=40, slow_distances=[30], slow_draws=6
)
MANY = {"train_size": 300, "test_size": 400, "max_distance": 30}
UNITS = 10
ONE_REMEMBERS = [0.99] + [0.2] * (UNITS - 1)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold the neutral sentences of all tests here, which are the same."""
    return tmp_path_factory.mktemp("cache")


def make_known(cell: str, kept: Any, folder: Path, **shape: Any) -> Subject:
    """A network that no neutral word moves, so that what it says is due to the evidence alone."""
    config = ArchitectureConfig(name="set", cell=cell, units=UNITS, embedding_dim=4, **shape)
    subject = replace(make_subject(config, kept, **MANY), cache=folder)
    assert subject.network is not None
    embedding = subject.network.model.get_layer("embedding")
    table = embedding.embeddings.numpy()
    neutral, _ = encode_texts(subject.tokenizer, load_material(subject, SETTINGS).sentences)
    table[np.unique(neutral)] = 0
    embedding.set_weights([table])
    return subject


def carried(subject: Subject) -> pd.Series:
    """Return the share of the score that each condition leaves, by distance, units and draw."""
    table = measure_slow_units(subject, SETTINGS).table
    answers = table[table.measure == "answer"]
    score = answers.groupby(["distance", "units", "draw"]).value.mean()
    whole = score.xs("all", level="units").droplevel("draw")
    distances = score.index.get_level_values("distance")
    return score / whole.loc[distances].to_numpy()


@pytest.mark.parametrize("shape", [{}, {"bidirectional": True}], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_the_unit_that_remembers_carries_the_whole_answer(
    cell: str, shape: dict[str, Any], cache: Path
) -> None:
    found = carried(make_known(cell, ONE_REMEMBERS, cache, **shape))
    assert found[30, "slowest", 0] == pytest.approx(1, abs=1e-6)
    # A random unit is another one, or that one: nothing in between.
    others = found[30, "random"].to_numpy()
    if not shape:
        np.testing.assert_allclose(others, others.round(), atol=1e-6)
    assert (np.abs(others) < 1e-6).any()
    assert abs(found[0, "slowest", 0] - 1) > 0.01  # the others are read too while they last


@pytest.mark.parametrize("cell", CELLS)
def test_among_like_units_the_slowest_carry_what_others_do(cell: str, cache: Path) -> None:
    subject = make_known(cell, 0.9, cache)
    assert subject.network is not None
    model = subject.network.model
    kernel, *others = model.get_layer("recurrent_1").get_weights()
    for gate in range(0, kernel.shape[1], UNITS):
        kernel[:, gate : gate + UNITS] = kernel[:, gate : gate + 1]
    model.get_layer("recurrent_1").set_weights([kernel, *others])
    for name in model.output_names:
        weights, bias = model.get_layer(name).get_weights()
        alike = np.broadcast_to(weights[:1], weights.shape)
        model.get_layer(name).set_weights([alike, bias])
    found = carried(subject)
    parts = found[found.index.get_level_values("units") != "all"]
    np.testing.assert_allclose(parts, 1 / UNITS, rtol=1e-4)


def test_a_unit_that_nobody_reads_may_still_carry_the_answer(cache: Path) -> None:
    """The head reads only a follower, which takes over what the slow unit holds."""
    subject = make_known("simple_rnn", ONE_REMEMBERS, cache)
    assert subject.network is not None
    layer = subject.network.model.get_layer("recurrent_1")
    kernel, recurrent, bias = layer.get_weights()
    recurrent[0, 1] = 0.5
    layer.set_weights([kernel, recurrent, bias])
    for name in subject.network.model.output_names:
        head = subject.network.model.get_layer(name)
        weights, bias = head.get_weights()
        weights[[0, *range(2, UNITS)]] = 0
        head.set_weights([weights, bias])
    found = carried(subject)
    assert found[0, "slowest", 0] == pytest.approx(0, abs=1e-6)
    assert found[30, "slowest", 0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_wiped_is_wiped_in_every_layer_and_direction(cell: str) -> None:
    """Texts that differ in the middle alone: without their traces all answers are the same."""
    model, config = make_model(cell=cell, bidirectional=True, num_layers=2)
    token_ids = np.full((6, 20), 7, dtype=np.int32)
    token_ids[:, 8:12] = draw_ids(6, 4)
    none, every = (np.full((2, config.units), value) for value in (False, True))
    wiped = trace(model, config, token_ids, wipe_others([none, none], 11)).features
    np.testing.assert_allclose(wiped, wiped[:1].repeat(6, axis=0), atol=1e-12)
    for masks in ([every, none], [none, every], [every, every]):
        features = trace(model, config, token_ids, wipe_others(masks, 11)).features
        assert np.ptp(features, axis=0).max() > 1e-6
    untouched = trace(model, config, token_ids).features
    np.testing.assert_array_equal(features, untouched)


def test_an_answer_that_is_the_same_for_all_texts_scores_nothing() -> None:
    labels = np.array([[0, 0], [0, 1], [0, 1], [1, 1]])
    same = [np.full((4, 1), 3.0), np.tile([5.0, 1.0, 2.0], (4, 1))]
    np.testing.assert_allclose(score_answers(same, labels), 0, atol=1e-12)
    # By hand: the second head has means (1.5, 4.5, 0) and the first one that of 0.
    told = [
        np.array([[-2.0], [-2.0], [-2.0], [6.0]]),
        np.array([[6.0, 0.0, 0.0], *[[0.0, 6.0, 0.0]] * 3]),
    ]
    expected = [2 + 4.5 + 2.25, 2 + 1.5 + 0.75, 2 + 1.5 + 0.75, 6 + 1.5 + 0.75]
    np.testing.assert_allclose(score_answers(told, labels), expected)


@pytest.mark.parametrize("cell", CELLS)
def test_the_time_constant_of_a_unit_is_what_it_was_set_to(cell: str) -> None:
    model, config = make_model(cell=cell, bidirectional=True)
    kept = [0.2, 0.5, 0.8, 0.9, 0.95]
    keep(model, config, kept)
    token_ids = np.random.default_rng(0).integers(1, 30, (400, 150)).astype(np.int32)
    (layer,) = trace(model, config, token_ids).layers
    found = time_constant(layer.carried_states)
    assert found.shape == (2, 5)
    np.testing.assert_allclose(found, [-1 / np.log(kept)] * 2, rtol=0.05)


def test_a_unit_that_stands_still_is_not_slow() -> None:
    rng = np.random.default_rng(0)
    same_in_all = np.broadcast_to(rng.normal(size=(50, 1, 1, 1)), (50, 1, 20, 1)) / 3
    latched = np.broadcast_to(rng.normal(size=(1, 1, 20, 1)), (50, 1, 20, 1))
    alternating = latched * (-1.0) ** np.arange(50)[:, None, None, None]
    states = np.concatenate([same_in_all, latched, alternating], axis=-1)
    found = time_constant(states)[0]
    assert found[0] == 0
    assert found[1] > 1e10
    assert found[2] == 0


@pytest.mark.parametrize("name", PRESETS)
def test_every_architecture_is_probed(name: str, cache: Path) -> None:
    config = read_preset(name, units=6, embedding_dim=5)
    subject = replace(make_subject(config, **MANY), cache=cache)
    settings = replace(SETTINGS, slow_distances=[5], slow_draws=2)
    result = measure_slow_units(subject, settings)
    times = result.table[result.table.measure == "time"]
    places = config.num_layers * (1 + config.bidirectional)
    assert len(times) == places * 6
    assert (times.value >= 0).all()
    answers = result.table[result.table.measure == "answer"]
    reviews = answers.review_id.nunique()
    assert set(answers.review_id) <= set(subject.reviews.test.ids)
    assert len(answers) == reviews * 2 * (1 + 1 + 2)
    assert set(result.facts) == {"carried_0", "carried_5"}
    assert np.isfinite(answers.value).all()
    assert measure_slow_units(subject, settings).table.equals(result.table)


def test_what_cannot_be_wiped_is_skipped(cache: Path) -> None:
    subject = make_known("gru", 0.5, cache, readout=Readout.mean)
    with pytest.raises(Skipped, match="sees all states"):
        measure_slow_units(subject, SETTINGS)
    with pytest.raises(Skipped, match="not a network"):
        measure_slow_units(replace(subject, network=None), SETTINGS)
