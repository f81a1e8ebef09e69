"""The task of solving the adding problem: mean squared error, a number of steps at a time.

A step is one update of the weights, on a batch that is drawn for it alone: there is no training split
that could be learnt by heart, and no epoch. Not to solve it in the budget is a result, as good as any.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.config.schema import AddingConfig, TrainConfig
from pipeline.data.adding import FEATURES, SOLVED_BELOW, Sequences, draw_batch
from pipeline.training.loop import Forward, Period, TrainingBatch, TrainResult, reader

_FEATURES = tf.TensorSpec([None, None, FEATURES], tf.float32)


@dataclass(frozen=True)
class Validation:
    """How far a network is after `step` steps. train_mse: the mean over the steps since the last
    validation, each on sequences not seen before; val_mse: over those held out; seconds: of these steps
    alone.
    """

    step: int
    train_mse: float
    val_mse: float
    seconds: float

    @property
    def is_solved(self) -> bool:
        return self.val_mse < SOLVED_BELOW


class Adding:
    """The task of one network, which keeps its last weights.

    Parameters:
      validation: sequences held out, on which solved or not is decided.
      data: the length of the sequences, the steps at most, and those between two validations.
      seed: draws, with the number of a step, its sequences.
    """

    signature = (_FEATURES, tf.TensorSpec([None], tf.float32))
    record = Validation
    keeps_best = False
    max_seconds = math.inf

    def __init__(
        self, validation: Sequences, data: AddingConfig, config: TrainConfig, seed: int
    ) -> None:
        self.validation, self.data, self.config, self.seed = validation, data, config, seed
        self.variables: list[Any] = []

    def batches(self, records: list[Validation]) -> Iterator[TrainingBatch]:
        data, done = self.data, records[-1].step if records else 0
        for step in range(done + 1, min(done + data.steps_per_validation, data.max_steps) + 1):
            batch = draw_batch(self.config.batch_size, data.length, self.seed, step)
            yield TrainingBatch(batch.features, batch.targets)

    def loss(self, outputs: list[Any], targets: Any) -> tuple[Any, Any]:
        (values,) = outputs
        return tf.reduce_mean(tf.square(values[:, 0] - targets)), ()

    def on_step(self, seen: Any) -> None:
        pass

    def validate(self, period: Period, records: list[Validation], forward: Forward) -> Validation:
        done = records[-1].step if records else 0
        values = read_values(forward, self.validation, self.config.batch_size)
        val_mse = mean_squared_error(self.validation, values)
        return Validation(done + period.steps, period.mean_loss, val_mse, period.seconds)

    def score(self, record: Validation) -> float:
        return -record.val_mse

    def is_over(self, records: list[Validation], best: int) -> bool:
        return bool(records) and (records[-1].is_solved or records[-1].step >= self.data.max_steps)


def steps_to_solve(result: TrainResult) -> int | None:
    """Return after how many steps the problem was solved; None where it was not."""
    history = result.history
    solved = len(history) > 0 and history.val_mse.iloc[-1] < SOLVED_BELOW
    return int(history.step.iloc[-1]) if solved else None


def read_values(forward: Forward, sequences: Sequences, batch_size: int) -> np.ndarray:
    """Return what a network answers, <float32>[n]."""
    read = reader(forward, _FEATURES)
    starts = range(0, len(sequences), batch_size)
    parts = [read(sequences.features[at : at + batch_size])[0].numpy()[:, 0] for at in starts]
    return np.concatenate(parts)


def mean_squared_error(sequences: Sequences, answers: np.ndarray) -> float:
    return float(np.mean((answers.astype(float) - sequences.targets) ** 2))
