"""Test training: all weights move, the best epoch is kept, divergence ends it, seeds reproduce it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import CELLS, small_run

from pipeline.config.schema import Rates, TrainConfig
from pipeline.data.splits import Head
from pipeline.models.architectures import build_model, forward_of
from pipeline.models.fused import fuse
from pipeline.tokens.encoding import EncodedSplits
from pipeline.tokens.split import EncodedSplit
from pipeline.tokens.vocabulary import train_tokenizer
from pipeline.training import loop as training
from pipeline.training.classify import Classification, EpochRecord
from pipeline.training.loop import Outcome, Period, TrainResult, train
from pipeline.training.schedule import plan_schedule

HEADS = (Head("first", ("a", "b")), Head("second", ("x", "y", "z")))


class Silent:
    def on_resume(self, records: list[EpochRecord]) -> None:
        pass

    def on_batch(self, period: int, tokens: int, loss: float) -> None:
        pass

    def on_period(self, record: EpochRecord) -> None:
        pass


def _split(rows: int, distance: int, rng: np.random.Generator) -> EncodedSplit:
    """Return rows whose first token decides both labels, then up to `distance` tokens of noise."""
    labels = np.stack([rng.integers(0, 2, rows), rng.integers(0, 3, rows)], axis=1)
    lengths = rng.integers(max(1, distance // 2), distance + 1, rows) + 1
    token_ids = rng.integers(8, 20, lengths.sum()).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    token_ids[offsets[:-1]] = 2 + 3 * labels[:, 0] + labels[:, 1]
    ids = np.arange(rows).astype(str)
    return EncodedSplit(token_ids, offsets, lengths, labels.astype(np.int32), ids)


def _splits(rows: int = 256, distance: int = 6, seed: int = 0) -> EncodedSplits:
    rng = np.random.default_rng(seed)
    parts = [_split(size, distance, rng) for size in (rows, 128, 128)]
    tokenizer = train_tokenizer(["a"], small_run_tokenizer())
    return EncodedSplits(
        *parts, heads=HEADS, tokenizer=tokenizer, fingerprint="", unknown={}, unspaced=0
    )


def small_run_tokenizer():
    return small_run(Path()).tokenizer


def _architecture(**changes):
    config = small_run(Path()).architecture
    for name, value in changes.items():
        setattr(config, name, value)
    return config


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("fused", [False, True])
def test_every_weight_moves(cell, fused):
    config = _architecture(cell=cell, num_layers=2, bidirectional=True)
    model = build_model(config, 20, HEADS, 0)
    before = model.get_weights()
    forward = fuse(model, config) if fused else forward_of(model, config)
    train(model, Classification(_splits(), TrainConfig(epochs=1), 0), Silent(), forward)
    for old, new, variable in zip(before, model.get_weights(), model.weights, strict=True):
        assert not np.array_equal(old, new), variable.path


def test_the_same_seed_gives_the_same_numbers_to_the_last_digit():
    config = _architecture(dropout=0.3)

    def history(seed: int):
        model = build_model(config, 20, HEADS, seed)
        result = train(
            model,
            Classification(_splits(), TrainConfig(epochs=2), seed),
            Silent(),
            fuse(model, config),
        )
        return result.history.drop(columns="seconds")

    assert history(1).equals(history(1))
    assert not history(1).equals(history(2))


def test_the_padded_share_is_that_of_the_batches_of_the_first_epoch():
    task = Classification(_splits(rows=250, distance=40), TrainConfig(batch_size=2), 3)
    batches = list(task.batches([]))
    computed = sum(batch.inputs.size for batch in batches)
    assert task.padded_share == 1 - sum(batch.tokens for batch in batches) / computed
    assert 0 < task.padded_share < 0.5


def test_it_stops_after_patience_and_restores_the_best_weights():
    model = build_model(_architecture(), 20, HEADS, 0)
    splits = _splits(rows=64)
    held: dict[int, list[np.ndarray]] = {}

    class Keeper(Silent):
        def on_period(self, record: EpochRecord) -> None:
            held[record.epoch] = model.get_weights()

    config = TrainConfig(epochs=60, patience=2, learning_rate=5e-2, batch_size=16)
    result = train(
        model, Classification(splits, config, 0), Keeper(), forward_of(model, _architecture())
    )
    history = result.history.set_index("epoch")
    most = history[history.val_accuracy == history.val_accuracy.max()]
    assert result.best == most.val_loss.idxmin()
    progress = max(history.val_accuracy.argmax(), history.val_loss.argmin()) + 1
    assert len(history) == progress + 2 < 60
    assert result.ended == "no better validation accuracy or loss for 2 epochs"
    for kept, now in zip(held[result.best], model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)


def _ended(
    curve: list[tuple[float, float]], texts: int = 25_000, **settings: Any
) -> tuple[int, str, int]:
    """Return after which epoch training over this curve (accuracy, loss) ends, why, and the best one."""
    splits = SimpleNamespace(train=range(texts))
    task = Classification(splits, TrainConfig(**settings), 0)  # pyright: ignore[reportArgumentType]
    records: list[EpochRecord] = []
    for epoch, (accuracy, loss) in enumerate(curve, start=1):
        records.append(EpochRecord(epoch, 1.0, 0.5, loss, accuracy, 0.5, 0.5, 1.0, 1))
        if reason := task.reason_to_end(records):
            return epoch, reason, max(records, key=task.score).epoch
    raise AssertionError("training goes on")


FLAT = [(0.92, 0.30 - 0.01 * epoch) for epoch in range(9)]
STALE = [(0.92, 0.30 + 0.01 * epoch) for epoch in range(9)]
NO_BETTER = "no better validation accuracy or loss for {}"


@pytest.mark.parametrize(
    ("curve", "settings", "ended"),
    [
        (STALE, {}, (3, NO_BETTER.format("2 epochs"), 1)),
        (STALE, {"patience": 1}, (2, NO_BETTER.format("1 epoch"), 1)),
        # Nothing but the loss improves where a label is rare.
        ([*FLAT, (0.98, 0.1)], {"epochs": 10}, (10, "after all 10 epochs", 10)),
        ([*FLAT, *STALE], {"epochs": 30}, (11, NO_BETTER.format("2 epochs"), 9)),
        # A network that grows too sure of itself has a rising loss and a better accuracy.
        (
            [(0.5 + 0.01 * n, 0.7 + n) for n in range(5)],
            {"epochs": 5},
            (5, "after all 5 epochs", 5),
        ),
        (STALE, {"epochs": 1}, (1, "after the only epoch", 1)),
        # Of equal accuracies the one with the lower loss counts.
        (
            [(0.9, 0.5), (0.9, 0.4), (0.9, 0.6), (0.9, 0.7)],
            {},
            (4, NO_BETTER.format("2 epochs"), 2),
        ),
    ],
)
def test_an_epoch_with_a_better_accuracy_or_loss_is_progress(curve, settings, ended):
    assert _ended(curve, **settings) == ended


@pytest.mark.parametrize(
    ("texts", "settings", "expected"),
    [
        (25_000, {}, (10, 2, 64)),  # IMDB
        (24_000, {}, (10, 2, 64)),  # the generated texts
        (24_000, {"epochs": 18, "patience": 18}, (18, 18, 64)),
        (12_800, {}, (10, 3, 64)),
        (3_200, {}, (40, 10, 64)),
        (3_199, {}, (20, 5, 32)),
        (216, {}, (75, 19, 8)),
        (216, {"batch_size": 64}, (500, 125, 64)),
        (216, {"epochs": 5}, (5, 19, 8)),
        (216, {"epochs": 5, "patience": 2, "batch_size": 1}, (5, 2, 1)),
        (216, {"min_steps": 54}, (10, 2, 8)),
        (1, {}, (2_000, 500, 8)),
    ],
)
def test_few_texts_get_small_batches_and_as_many_steps(texts, settings, expected):
    schedule = plan_schedule(TrainConfig(**settings), texts)
    assert (schedule.epochs, schedule.patience, schedule.batch_size) == expected


class Clock:
    """Replace the clock: a batch takes one second, a validation a thousand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        validate = Classification.validate

        def slowly(task: Classification, *arguments: Any) -> EpochRecord:
            self.now += 1000
            return validate(task, *arguments)

        monkeypatch.setattr(Classification, "validate", slowly)
        monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def on_resume(self, records: list[EpochRecord]) -> None:
        pass

    def on_batch(self, period: int, tokens: int, loss: float) -> None:
        self.now += 1

    def on_period(self, record: EpochRecord) -> None:
        self.now += 1000


@pytest.mark.parametrize(
    ("max_seconds", "epochs"),
    [(10.0, [4, 4, 2]), (8.0, [4, 4]), (9.5, [4, 4, 2]), (2.0, [2]), (0.1, [1]), (None, [4] * 4)],
)
def test_max_seconds_ends_training_within_an_epoch_and_excludes_validation(
    max_seconds, epochs, monkeypatch
):
    clock = Clock(monkeypatch)
    model = build_model(_architecture(), 20, HEADS, 0)
    config = TrainConfig(epochs=4, patience=99, batch_size=64, max_seconds=max_seconds)
    result = train(
        model, Classification(_splits(rows=256), config, 0), clock, fuse(model, _architecture())
    )
    assert result.outcome == Outcome.finished
    limit = f"the time limit of {max_seconds:g} s" if max_seconds else "after all 4 epochs"
    assert result.ended == limit
    assert result.history.seconds.tolist() == epochs
    assert result.seconds == sum(epochs)
    assert result.history.val_accuracy.notna().all()
    assert result.best == result.history.set_index("epoch").val_accuracy.idxmax()
    tokens = result.history.tokens
    assert (tokens[result.history.seconds < 4] < tokens[0]).all() or len(epochs) == 1


def test_patience_ends_training_before_max_seconds(monkeypatch):
    clock = Clock(monkeypatch)
    model = build_model(_architecture(), 20, HEADS, 0)
    config = TrainConfig(epochs=50, patience=2, learning_rate=1.0, max_seconds=1e6)
    result = train(
        model, Classification(_splits(rows=64), config, 0), clock, fuse(model, _architecture())
    )
    assert len(result.history) < 50
    assert result.ended.startswith("no better")


def test_a_loss_that_is_not_finite_ends_training_as_diverged_and_keeps_the_history():
    model = build_model(_architecture(), 20, HEADS, 0)

    class Poison(Silent):
        def on_period(self, record: EpochRecord) -> None:
            weights = model.get_weights()
            weights[0][:] = np.inf
            model.set_weights(weights)

    result = train(
        model,
        Classification(_splits(), TrainConfig(epochs=5), 0),
        Poison(),
        fuse(model, _architecture()),
    )
    assert result.outcome == Outcome.diverged
    assert len(result.history) == 1
    assert np.isfinite(result.history.to_numpy(float)).all()
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


def _overflowing(model: keras.Model, in_how_many: int) -> Callable[..., list[Any]]:
    """Return a forward pass whose gradient overflows in the first steps; its outputs are finite."""
    steps = tf.Variable(tf.constant(0))

    plain = forward_of(model, _architecture())

    def forward(inputs: Any, seed: Any = None) -> list[Any]:
        outputs = plain(inputs, seed)
        if seed is None:
            return outputs
        overflows = steps.assign_add(1) <= in_how_many

        @tf.custom_gradient
        def scale(values: Any) -> Any:
            return values, lambda upstream: tf.where(overflows, upstream * np.inf, upstream)

        return [scale(values) for values in outputs]

    return forward


def test_a_step_whose_gradient_overflows_is_left_out_and_counted():
    def trained(in_how_many: int) -> tuple[TrainResult, list[np.ndarray], list[np.ndarray]]:
        model = build_model(_architecture(), 20, HEADS, 0)
        before = model.get_weights()
        config = TrainConfig(epochs=1, batch_size=64)
        task = Classification(_splits(rows=128), config, 0)
        result = train(model, task, Silent(), _overflowing(model, in_how_many))
        return result, before, model.get_weights()

    for left_out, of_steps in ((0, 2), (1, 2), (2, 2)):
        result, before, after = trained(left_out)
        assert (result.outcome, result.skipped) == (Outcome.finished, left_out)
        assert all(np.isfinite(weights).all() for weights in after)
        moved = any((a != b).any() for a, b in zip(before, after, strict=True))
        assert moved == (left_out < of_steps)


def test_steps_left_out_before_an_interruption_still_count(tmp_path):
    def trained(epochs: int, overflowing: int) -> TrainResult:
        model = build_model(_architecture(), 20, HEADS, 0)
        task = Classification(_splits(rows=128), TrainConfig(epochs=epochs, batch_size=64), 0)
        forward = _overflowing(model, overflowing)
        return train(model, task, Silent(), forward, tmp_path / "run.npz")

    assert trained(1, 1).skipped == 1
    resumed = trained(2, 0)
    assert (len(resumed.history), resumed.skipped) == (2, 1)


def test_training_whose_gradients_all_overflow_has_diverged():
    model = build_model(_architecture(), 20, HEADS, 0)
    task = Classification(_splits(rows=512), TrainConfig(epochs=1, batch_size=16), 0)
    result = train(model, task, Silent(), _overflowing(model, 1_000))
    assert (result.outcome, len(result.history), result.skipped) == (Outcome.diverged, 0, 10)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gated_cells_learn_both_heads_over_a_short_distance(cell):
    # Chance has both right in 1/6 of 128 rows, 21 +- 4: more than 64 is ten deviations away.
    config = _architecture(cell=cell, units=16)
    model = build_model(config, 20, HEADS, 0)
    train_config = TrainConfig(epochs=25, learning_rate=1e-2, batch_size=32, patience=25)
    splits = _splits(rows=512)
    result = train(model, Classification(splits, train_config, 0), Silent(), fuse(model, config))
    assert result.history.val_accuracy.max() > 0.5


class _Killed(Exception):
    """Stand for the death of the process."""


def test_every_step_draws_by_the_seed_of_the_run_and_its_own_number():
    model = build_model(_architecture(), 20, HEADS, 0)
    plain, seen = forward_of(model, _architecture()), tf.Variable(tf.zeros([4, 2], tf.int32))

    def forward(inputs: Any, seed: Any = None) -> list[Any]:
        if seed is not None:
            seen.scatter_nd_update([[seed[1]]], [seed])
        return plain(inputs, seed)

    config = TrainConfig(epochs=2, batch_size=32)
    train(model, Classification(_splits(rows=64), config, 7), Silent(), forward)
    np.testing.assert_array_equal(seen, [[7, 0], [7, 1], [7, 2], [7, 3]])


@pytest.mark.parametrize("fused", [False, True])
def test_the_heads_are_trained_first_and_inner_layers_slowly(fused):
    config = _architecture(num_layers=2, cell="gru")

    def moved(**settings: Any) -> dict[str, float]:
        model = build_model(config, 20, HEADS, 0)
        before = [weight.numpy() for weight in model.trainable_variables]
        forward = fuse(model, config) if fused else forward_of(model, config)
        # One step of Adam, which is as long as the rate.
        given: dict[str, Any] = {"epochs": 1, "batch_size": 256} | settings
        train(model, Classification(_splits(), TrainConfig(**given), 0), Silent(), forward)
        changes = zip(model.trainable_variables, before, strict=True)
        return {one.path: float(np.abs(one.numpy() - old).max()) for one, old in changes}

    for path, change in moved(layer_decay=0.5).items():
        layer = path.split("/")[0]
        depth = {"recurrent_2": 1, "recurrent_1": 2, "embedding": 3}.get(layer, 0)
        assert change == pytest.approx(1e-3 * 0.5**depth, rel=0.02), path
    for path, change in moved(head_epochs=1).items():
        assert (change > 0) == path.startswith("head_"), path
    assert all(moved(head_epochs=1, epochs=2).values())


def test_the_averaged_weights_are_validated_and_kept():
    architecture = _architecture()
    model = build_model(architecture, 20, HEADS, 0)
    weights: list[np.ndarray] = []

    class Watcher(Silent):
        def on_batch(self, period: int, tokens: int, loss: float) -> None:
            weights.append(model.get_weights()[0])

    settings: dict[str, Any] = {
        "epochs": 2,
        "batch_size": 16,
        "ema_momentum": 0.6,
        "learning_rate": 1e-2,
    }
    task = Classification(_splits(rows=64), TrainConfig(**settings), 0)
    start = model.get_weights()[0]
    result = train(model, task, Watcher(), fuse(model, architecture))
    average = start
    for number, now in enumerate(weights[: 4 * result.best], start=1):
        average = average + (1 - min(0.6, (1 + number) / (10 + number))) * (now - average)
    np.testing.assert_allclose(model.get_weights()[0], average, atol=1e-6)
    held = task.validate(Period(1, 0.0, 1), [], fuse(model, architecture)).val_loss
    assert held == pytest.approx(result.history.val_loss[result.best - 1], rel=1e-6)


class _KilledAfter(Silent):
    """Raise `_Killed` after an epoch, and record the calls."""

    def __init__(self, epoch: int) -> None:
        self.epoch, self.resumed, self.periods = epoch, [], []

    def on_resume(self, records: list[EpochRecord]) -> None:
        self.resumed = [record.epoch for record in records]

    def on_period(self, record: EpochRecord) -> None:
        self.periods.append(record.epoch)
        if record.epoch == self.epoch:
            raise _Killed


def _fit(watcher: Silent, checkpoint: Path | None):
    rates = {
        "dropout": 0.3,
        "word_dropout": 0.1,
        "weight_drop": 0.2,
    }  # what they drop is resumed too
    architecture = _architecture(**rates)
    model = build_model(architecture, 30, HEADS, seed=1)
    config = TrainConfig(
        epochs=4, learning_rate=1e-2, patience=9, schedule=Rates.one_cycle, ema_momentum=0.9
    )
    forward = fuse(model, architecture)
    return model, train(model, Classification(_splits(), config, 1), watcher, forward, checkpoint)


def test_interrupted_training_resumes_with_the_same_results(tmp_path):
    whole, expected = _fit(Silent(), None)
    path = tmp_path / "deep" / "run.npz"
    for epoch in (1, 3):
        with pytest.raises(_Killed):
            _fit(_KilledAfter(epoch), path)
    last = _KilledAfter(99)
    model, result = _fit(last, path)
    assert (last.resumed, last.periods) == ([1, 2, 3], [4])
    columns = [column for column in result.history if column != "seconds"]
    assert result.history[columns].equals(expected.history[columns])
    assert result.best == expected.best
    for ours, theirs in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short"])
def test_an_unreadable_checkpoint_is_reported_and_training_starts_again(tmp_path, content, caplog):
    (tmp_path / "run.npz").write_bytes(content)
    watcher = _KilledAfter(99)
    _fit(watcher, tmp_path / "run.npz")
    assert (watcher.resumed, watcher.periods) == ([], [1, 2, 3, 4])
    assert "Cannot read the checkpoint run.npz" in caplog.text
