"""Test the loop with another kind of task: next-token prediction with a carried state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.config.schema import TrainConfig
from pipeline.training.loop import Outcome, Period, TrainingBatch, train

ROWS, STEPS, WORDS, UNITS = 4, 5, 7, 16


@dataclass(frozen=True)
class PeriodRecord:
    period: int
    train_loss: float
    val_loss: float
    seconds: float


class CountingTask:
    """Predict endless rows of rising numbers in batches; each continues the state of the last."""

    signature = (tf.TensorSpec([ROWS, STEPS], tf.int32), tf.TensorSpec([ROWS, STEPS], tf.int32))
    record = PeriodRecord
    keeps_best = True
    max_seconds = float("inf")

    def __init__(self, periods: int) -> None:
        self.config = TrainConfig(learning_rate=1e-2)
        self.periods = periods
        self.state = tf.Variable(tf.zeros([ROWS, UNITS]))
        self.variables = [self.state]

    def batches(self, records: list[PeriodRecord]) -> Iterator[TrainingBatch]:
        for step in range(20 * len(records), 20 * len(records) + 20):
            ids = (np.arange(STEPS + 1)[None] + np.arange(ROWS)[:, None] + step * STEPS) % WORDS
            yield TrainingBatch(
                ids[:, :-1].astype(np.int32), ids[:, 1:].astype(np.int32), tokens=20
            )

    def loss(self, outputs: list[Any], targets: Any) -> tuple[Any, Any]:
        logits, state = outputs
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        return tf.reduce_mean(loss), state

    def on_step(self, extra: Any) -> None:
        self.state.assign(extra)

    def validate(self, period: Period, records: list[PeriodRecord], forward: Any) -> PeriodRecord:
        return PeriodRecord(period.number, period.mean_loss, period.mean_loss, period.seconds)

    def score(self, record: PeriodRecord) -> tuple[float, ...]:
        return (-record.val_loss,)

    def reason_to_end(self, records: list[PeriodRecord]) -> str:
        return "all periods" if len(records) >= self.periods else ""


class Watcher:
    resumed = 0

    def __init__(self, killed_after: int = 0) -> None:
        self.killed_after = killed_after

    def on_resume(self, records: list[PeriodRecord]) -> None:
        self.resumed = len(records)

    def on_batch(self, period: int, tokens: int, loss: float) -> None:
        pass

    def on_period(self, record: PeriodRecord) -> None:
        if record.period == self.killed_after:
            raise KeyboardInterrupt


def _fit(watcher: Watcher, checkpoint: Path | None = None):
    keras.utils.set_random_seed(0)
    ids = keras.Input((STEPS,), dtype="int32")
    start = keras.Input((UNITS,))
    embedded = keras.layers.Embedding(WORDS, 8)(ids)
    gru = keras.layers.GRU(UNITS, return_sequences=True, return_state=True)
    states, last = gru(embedded, initial_state=start)
    model = keras.Model([ids, start], [keras.layers.Dense(WORDS)(states), last])
    task = CountingTask(periods=3)

    def forward(inputs: Any, training: bool = False) -> list[Any]:
        return model([inputs, task.state], training=training)  # pyright: ignore[reportReturnType]

    return train(model, task, watcher, forward, checkpoint), model, task


def test_a_task_with_a_carried_state_learns_and_resumes_with_the_same_results(tmp_path):
    whole, expected, task = _fit(Watcher())
    assert whole.outcome == Outcome.finished
    assert whole.best == 3
    assert whole.history.val_loss.iloc[-1] < 0.5 < whole.history.val_loss.iloc[0]
    with pytest.raises(KeyboardInterrupt):
        _fit(Watcher(killed_after=2), tmp_path / "run.npz")
    watcher = Watcher()
    result, model, again = _fit(watcher, tmp_path / "run.npz")
    assert watcher.resumed == 2
    untimed = whole.history.drop(columns="seconds")
    assert result.history.drop(columns="seconds").equals(untimed)
    np.testing.assert_array_equal(task.state.numpy(), again.state.numpy())
    for ours, theirs in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
