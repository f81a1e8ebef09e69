"""A network and the adding problem -> the steps of training that it took to solve it, if it did.

A step is one update of the weights, on a batch that is drawn for it alone: there is no training split
that could be learnt by heart, and no epoch. The loss is the mean squared error, the optimiser and the
clipping are those of the texts. Not to solve it in the budget is a result, as good as any.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.config.schema import AddingConfig, TrainConfig
from pipeline.data.adding import FEATURES, SOLVED_BELOW, Sequences, draw_batch
from pipeline.models.fused import FusedAdam
from pipeline.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from pipeline.training.loop import Forward, Outcome


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


@dataclass(frozen=True)
class SolveResult:
    """history: a row for each validation, the columns of `Validation`; steps_to_solve: None when it is
    not solved, else the last step, for there training ends; seconds: of training.
    """

    history: pd.DataFrame
    steps_to_solve: int | None
    seconds: float
    outcome: Outcome


class Watcher(Protocol):
    """Is told how training goes."""

    def on_resume(self, records: list[Validation]) -> None: ...

    def on_validation(self, record: Validation) -> None: ...


def solve(
    model: keras.Model,
    forward: Forward,
    validation: Sequences,
    data: AddingConfig,
    train: TrainConfig,
    seed: int,
    watcher: Watcher,
    checkpoint: Path | None = None,
) -> SolveResult:
    """Trains `model` until the problem is solved or the steps are used up; it keeps its last weights.

    Args:
      forward: computes the model: features <float32>[batch, length, 2] and `training` -> a list with
        the values <float32>[batch, 1].
      validation: sequences held out, on which solved or not is decided.
      seed: draws the training sequences.
      checkpoint: a file that holds where training stands after each validation; where it is there at
        the start, training goes on from it, to the same numbers.
    """
    optimizer = FusedAdam(train.learning_rate, global_clipnorm=train.global_clipnorm)
    optimizer.build(model.trainable_variables)
    learn = _training_step(model, forward, optimizer)
    state = [*model.variables, *optimizer.variables]  # dropout's random numbers are among the first
    records = _restore(checkpoint, state) if checkpoint else []
    if records:
        watcher.on_resume(records)
    while not records or not (records[-1].is_solved or records[-1].step >= data.max_steps):
        done = records[-1].step if records else 0
        steps = range(done + 1, min(done + data.steps_per_validation, data.max_steps) + 1)
        started = time.perf_counter()
        mse = _learn(learn, steps, data.length, train.batch_size, seed)
        seconds = time.perf_counter() - started
        answers = read_values(forward, validation, train.batch_size)
        record = Validation(steps[-1], mse, mean_squared_error(validation, answers), seconds)
        if not (math.isfinite(record.train_mse) and math.isfinite(record.val_mse)):
            return _result(records, Outcome.diverged)
        records.append(record)
        if checkpoint:
            _save(checkpoint, state, records)
        watcher.on_validation(record)
    return _result(records, Outcome.finished)


def _save(path: Path, state: list[Any], records: list[Validation]) -> None:
    arrays = {"state": [np.asarray(variable) for variable in state]}
    facts = {"records": [asdict(record) for record in records]}
    save_checkpoint(Checkpoint(arrays, facts), path)


def _restore(path: Path, state: list[Any]) -> list[Validation]:
    """Puts `state` back to where a checkpoint has it -> what was before; nothing without one."""
    checkpoint = load_checkpoint(path)
    if checkpoint is None:
        return []
    for variable, value in zip(state, checkpoint.arrays["state"], strict=True):
        variable.assign(value)
    return [Validation(**record) for record in checkpoint.facts["records"]]


def read_values(forward: Forward, sequences: Sequences, batch_size: int) -> np.ndarray:
    """What a network answers, <float32>[n]."""
    read = _reader(forward)
    starts = range(0, len(sequences), batch_size)
    parts = [read(sequences.features[at : at + batch_size]).numpy() for at in starts]
    return np.concatenate(parts)


def mean_squared_error(sequences: Sequences, answers: np.ndarray) -> float:
    return float(np.mean((answers.astype(float) - sequences.targets) ** 2))


def _learn(
    learn: Callable[..., Any], steps: range, length: int, batch_size: int, seed: int
) -> float:
    """The mean squared error over some steps of training; at the first that is not finite it ends."""
    total = 0.0
    for step in steps:
        batch = draw_batch(batch_size, length, seed, step)
        total += float(learn(batch.features, batch.targets))
        if not math.isfinite(total):
            break
    return total / len(steps)


def _result(records: list[Validation], outcome: Outcome) -> SolveResult:
    columns = [field.name for field in fields(Validation)]
    history = pd.DataFrame([asdict(record) for record in records], columns=columns)
    solved = records[-1].step if records and records[-1].is_solved else None
    return SolveResult(history, solved, sum(record.seconds for record in records), outcome)


_FEATURES = tf.TensorSpec([None, None, FEATURES], tf.float32)


def _training_step(model: keras.Model, forward: Forward, optimizer: Any) -> Callable[..., Any]:
    variables = model.trainable_variables

    def learn(features: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            (values,) = forward(features, training=True)
            loss = tf.reduce_mean(tf.square(values[:, 0] - targets))
        optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]))
        return loss

    signature = [_FEATURES, tf.TensorSpec([None], tf.float32)]
    traced: Any = tf.function(learn, input_signature=signature, jit_compile=False, autograph=False)
    traced.get_concrete_function()  # now: seconds that are no training
    return traced


@cache  # a trace takes a second, and every validation reads
def _reader(forward: Forward) -> Callable[..., Any]:
    @tf.function(input_signature=[_FEATURES], jit_compile=False, autograph=False)
    def read(features: tf.Tensor) -> tf.Tensor:
        return forward(features, training=False)[0][:, 0]

    return read
