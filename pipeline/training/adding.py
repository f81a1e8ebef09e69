"""Define the task of the adding problem: mean squared error, validated every few steps.

A step is one update of the weights, on a new batch: there is no training split to memorise, and no
epoch. A network that does not solve the problem within `max_steps` is a valid result.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.config.data import AddingConfig
from pipeline.config.schema import BATCH_SIZE, TrainConfig
from pipeline.data.adding import FEATURES, SOLVED_BELOW, Sequences, draw_batch
from pipeline.training.loop import Forward, Period, TrainingBatch, TrainResult, compile_forward

_FEATURES = tf.TensorSpec([None, None, FEATURES], tf.float32)


@dataclass(frozen=True)
class Validation:
    """Record a validation after `step` steps.

    train_mse: the mean over the steps since the last validation, on new sequences; val_mse: on the
    held-out sequences; seconds: of these steps, without validation.
    """

    step: int
    train_mse: float
    val_mse: float
    seconds: float

    @property
    def is_solved(self) -> bool:
        return self.val_mse < SOLVED_BELOW


class Adding:
    """Train a network on the adding problem and keep its last weights.

    Parameters:
      validation: held-out sequences that decide whether the problem is solved.
      data: the length of the sequences, the maximal number of steps, and the steps per validation.
      seed: draws the sequences of each step, together with its number.
    """

    signature = (_FEATURES, tf.TensorSpec([None], tf.float32))
    record = Validation
    keeps_best = False
    head_steps = 0
    max_seconds = math.inf

    def __init__(
        self, validation: Sequences, data: AddingConfig, config: TrainConfig, seed: int
    ) -> None:
        self.validation, self.data, self.config, self.seed = validation, data, config, seed
        self.batch_size = config.batch_size or BATCH_SIZE
        self.steps = data.max_steps
        self.variables: list[Any] = []

    def batches(self, records: list[Validation]) -> Iterator[TrainingBatch]:
        data, done = self.data, records[-1].step if records else 0
        for step in range(done + 1, min(done + data.steps_per_validation, data.max_steps) + 1):
            batch = draw_batch(self.batch_size, data.length, self.seed, step)
            yield TrainingBatch(batch.features, batch.targets)

    def loss(self, outputs: list[Any], targets: Any) -> tuple[Any, Any]:
        (values,) = outputs
        return tf.reduce_mean(tf.square(values[:, 0] - targets)), ()

    def on_step(self, extra: Any) -> None:
        pass

    def validate(self, period: Period, records: list[Validation], forward: Forward) -> Validation:
        done = records[-1].step if records else 0
        values = read_values(forward, self.validation, self.batch_size)
        val_mse = mean_squared_error(self.validation, values)
        return Validation(done + period.steps, period.mean_loss, val_mse, period.seconds)

    def score(self, record: Validation) -> tuple[float, ...]:
        return (-record.val_mse,)

    def reason_to_end(self, records: list[Validation]) -> str:
        if records and records[-1].is_solved:
            return "solved"
        all_done = bool(records) and records[-1].step >= self.data.max_steps
        return f"after all {self.data.max_steps:,} steps" if all_done else ""


def steps_to_solve(result: TrainResult) -> int | None:
    """Return after how many steps the problem was solved, or None if it was not."""
    history = result.history
    solved = len(history) > 0 and history.val_mse.iloc[-1] < SOLVED_BELOW
    return int(history.step.iloc[-1]) if solved else None


def read_values(forward: Forward, sequences: Sequences, batch_size: int) -> np.ndarray:
    """Return the predictions of a network, <float32>[n]."""
    read = compile_forward(forward, _FEATURES)
    starts = range(0, len(sequences), batch_size)
    parts = [read(sequences.features[at : at + batch_size])[0].numpy()[:, 0] for at in starts]
    return np.concatenate(parts)


def mean_squared_error(sequences: Sequences, predictions: np.ndarray) -> float:
    return float(np.mean((predictions.astype(float) - sequences.targets) ** 2))
