"""Test the draws of the adding problem, when it is solved, and that solving it needs memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories import CELLS, small_run
from factories.networks import logits_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.config.data import AddingConfig
from pipeline.config.fingerprint import fingerprint
from pipeline.config.schema import ArchitectureConfig, TrainConfig
from pipeline.data.adding import (
    FEATURES,
    SOLVED_BELOW,
    VARIANCE,
    Sequences,
    draw_batch,
    draw_held_out,
    draw_sequences,
)
from pipeline.models.architectures import build_regressor
from pipeline.models.fused import fuse
from pipeline.training.adding import (
    Adding,
    Validation,
    mean_squared_error,
    read_values,
    steps_to_solve,
)
from pipeline.training.loop import Outcome, TrainResult, train


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 50), length=st.integers(2, 60), seed=st.integers(0, 2**31 - 1))
def test_two_steps_are_marked_one_in_each_half_and_the_target_is_their_sum(count, length, seed):
    drawn = draw_sequences(count, length, np.random.default_rng(seed))
    values, marks = drawn.features[:, :, 0], drawn.features[:, :, 1]
    assert drawn.features.shape == (count, length, FEATURES)
    assert drawn.features.dtype == drawn.targets.dtype == np.float32
    assert ((values >= 0) & (values < 1)).all()
    assert set(np.unique(marks)) <= {0, 1}
    assert_array_equal(marks[:, : length // 2].sum(axis=1), 1)
    assert_array_equal(marks[:, length // 2 :].sum(axis=1), 1)
    assert_array_equal(np.argwhere(marks)[:, 1].reshape(count, 2), drawn.marked)
    assert_allclose((values * marks).sum(axis=1), drawn.targets, rtol=1e-6)


def test_marks_are_uniform_over_steps():
    marks = draw_sequences(40_000, 10, np.random.default_rng(0)).features[:, :, 1]
    # Each share is 1/5 with a deviation of 0.002.
    assert_allclose(marks.mean(axis=0), 0.2, atol=0.01)


def test_predicting_the_mean_has_the_variance_as_error_and_solved_is_a_hundredth_of_it():
    drawn = draw_sequences(200_000, 4, np.random.default_rng(0))
    # The squared error has a deviation of 0.2, its mean over these one of 0.0005.
    assert mean_squared_error(drawn, np.ones(len(drawn))) == pytest.approx(VARIANCE, abs=0.0025)
    assert pytest.approx(VARIANCE / 100) == SOLVED_BELOW
    assert Validation(1, 1.0, SOLVED_BELOW * 0.999, 1.0).is_solved
    assert not Validation(1, 0.0, SOLVED_BELOW, 1.0).is_solved


def test_forgetting_the_first_mark_has_half_the_variance_as_error():
    """Only memory of the first mark gives a lower error."""
    drawn = draw_sequences(200_000, 6, np.random.default_rng(0))
    second = np.take_along_axis(drawn.features[:, :, 0], drawn.marked[:, 1:], axis=1)[:, 0]
    assert mean_squared_error(drawn, second + 0.5) == pytest.approx(VARIANCE / 2, abs=0.0025)


def test_held_out_sequences_depend_only_on_the_data_and_are_never_trained_on():
    config = AddingConfig(length=8, validation_size=100, test_size=100)
    held_out, again = draw_held_out(config), draw_held_out(config)
    assert held_out.fingerprint == again.fingerprint
    other = AddingConfig(length=8, validation_size=100, test_size=100, seed=1)
    assert draw_held_out(other).fingerprint != held_out.fingerprint
    batches = [draw_batch(100, 8, seed, step) for seed in (0, 1) for step in (1, 2)]
    firsts = [part.targets[0] for part in (*batches, held_out.validation, held_out.test)]
    assert len(set(firsts)) == 6
    assert_array_equal(draw_batch(100, 8, 1, 2).features, batches[-1].features)


def _problem(max_steps: int = 600) -> AddingConfig:
    return AddingConfig(length=6, max_steps=max_steps, validation_size=400, steps_per_validation=50)


def _architecture(**changes: Any) -> ArchitectureConfig:
    return ArchitectureConfig(**{"name": "tiny", "cell": "gru", "units": 16, **changes})


class _Recorder:
    def __init__(self) -> None:
        self.records: list[Validation] = []
        self.resumed: list[Validation] = []

    def on_batch(self, period: int, tokens: int, loss: float) -> None:
        pass

    def on_resume(self, records: list[Validation]) -> None:
        self.resumed = list(records)

    def on_period(self, record: Validation) -> None:
        self.records.append(record)


def _solve(
    architecture: ArchitectureConfig, data: AddingConfig, seed: int = 0, learning_rate: float = 1e-2
):
    model = build_regressor(architecture, FEATURES, seed)
    config = TrainConfig(learning_rate=learning_rate)
    recorder, forward = _Recorder(), fuse(model, architecture)
    held_out = draw_held_out(data)
    result = train(model, Adding(held_out.validation, data, config, seed), recorder, forward)
    return result, recorder.records, read_values(forward, held_out.test, 64), held_out.test


@pytest.fixture(scope="module")
def solved() -> tuple[TrainResult, list[Validation], np.ndarray, Sequences]:
    return _solve(_architecture(), _problem())


def test_a_gru_solves_a_short_length_and_training_ends(solved):
    result, records, answers, test = solved
    assert result.outcome == Outcome.finished
    assert steps_to_solve(result) == records[-1].step < 600
    assert [record.is_solved for record in records] == [False] * (len(records) - 1) + [True]
    assert list(result.history.step) == list(range(50, records[-1].step + 1, 50))
    # It generalises beyond the validation sequences.
    assert mean_squared_error(test, answers) < 2 * SOLVED_BELOW


def test_without_the_first_mark_nothing_is_solved(monkeypatch):
    """Train the same network on the same targets without the values that it must remember."""
    from pipeline.training import adding as solving

    def blind(sequences: Sequences) -> Sequences:
        features = sequences.features.copy()
        features[:, :3] = 0
        return Sequences(features, sequences.targets, sequences.marked)

    monkeypatch.setattr(solving, "draw_batch", lambda *args: blind(draw_batch(*args)))
    data = _problem(max_steps=300)
    architecture = _architecture()
    model = build_regressor(architecture, FEATURES, 0)
    validation = blind(draw_held_out(data).validation)
    config = TrainConfig(learning_rate=1e-2)
    result = train(
        model, Adding(validation, data, config, 0), _Recorder(), fuse(model, architecture)
    )
    assert steps_to_solve(result) is None
    assert result.history.val_mse.min() > 0.4 * VARIANCE


def test_not_solving_it_is_a_result_after_exactly_the_steps_that_were_given():
    result, records, *_ = _solve(_architecture(units=1), _problem(max_steps=70))
    assert (result.outcome, steps_to_solve(result)) == (Outcome.finished, None)
    assert [record.step for record in records] == [50, 70]


def test_an_error_that_is_not_finite_is_divergence():
    result, records, *_ = _solve(_architecture(), _problem(), learning_rate=3e38)
    assert result.outcome == Outcome.diverged
    assert records == []


def test_the_same_seed_takes_the_same_steps_to_the_last_digit():
    def history(seed: int):
        result, *_ = _solve(_architecture(dropout=0.1), _problem(max_steps=60), seed)
        return result.history.drop(columns="seconds")

    assert history(1).equals(history(1))
    assert not history(1).equals(history(2))


def test_an_interrupted_run_resumes_with_the_same_results(tmp_path):
    data, architecture = _problem(max_steps=150), _architecture(dropout=0.1)
    validation = draw_held_out(data).validation

    class Interrupted(_Recorder):
        def on_period(self, record: Validation) -> None:
            super().on_period(record)
            if record.step == 100:
                raise KeyboardInterrupt

    def run(
        recorder: _Recorder, checkpoint: Path | None = None
    ) -> tuple[TrainResult, list[np.ndarray]]:
        model = build_regressor(architecture, FEATURES, 0)
        forward, config = fuse(model, architecture), TrainConfig(learning_rate=1e-3)
        result = train(model, Adding(validation, data, config, 0), recorder, forward, checkpoint)
        return result, model.get_weights()

    checkpoint = tmp_path / "cut.npz"
    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(), checkpoint)
    recorder = _Recorder()
    resumed, weights = run(recorder, checkpoint)
    whole, expected = run(_Recorder())
    assert [record.step for record in recorder.resumed] == [50, 100]
    assert [record.step for record in recorder.records] == [150]
    timed = ["seconds"]
    assert resumed.history.drop(columns=timed).equals(whole.history.drop(columns=timed))
    for ours, theirs in zip(weights, expected, strict=True):
        assert_array_equal(ours, theirs)


def test_the_fingerprint_follows_the_length_and_leaves_out_what_does_nothing(tmp_path):
    def of(**changes: object) -> str:
        return fingerprint(small_run(tmp_path, **{"data": AddingConfig(), **changes}))

    base = of()
    for change in (
        {"data": AddingConfig(length=51)},
        {"data": AddingConfig(max_steps=7)},
        {"architecture__units": 9},
        {"train__learning_rate": 2e-3},
        {"seed": 1},
    ):
        assert of(**change) != base
    for change in (
        {"tokenizer__max_length": 9},
        {"architecture__embedding_dim": 9},
        {"train__epochs": 9},
        {"train__patience": 9},
        {"train__max_seconds": 9.0},
        {"data": AddingConfig(length_edges=[7])},
    ):
        assert of(**change) == base


@pytest.mark.parametrize("cell", CELLS)
def test_a_network_has_only_recurrent_layers_and_one_output(cell):
    architecture = _architecture(cell=cell, num_layers=2, bidirectional=True)
    model = build_regressor(architecture, FEATURES, 0)
    kinds = {type(layer).__name__ for layer in model.layers}
    assert kinds == {"InputLayer", "Bidirectional", "Dense"}
    (values,) = logits_of(model, draw_batch(3, 5, 0, 1).features)
    assert values.shape == (3, 1)
