"""Train a model on a task.

The loop owns the training step, checkpoints, resuming, divergence, time limits and the best weights. A
`Task` defines the batches, the loss, the validation and the end of training: `classify` trains on texts,
`adding` on the adding problem. Training is divided into periods, such as an epoch or a number of steps,
and is validated and checkpointed after each. A task with long epochs can define shorter periods. A task
that carries a state from batch to batch receives it from `loss` in `on_step`, uses it for the next batch
and lists it in `variables`, so that it is checkpointed.

A gradient through hundreds of steps can overflow, and clipping would turn it and all weights into NaN.
Such a step is left out and counted, as in training with loss scaling (Micikevicius et al. 2018).
Training has diverged when the loss is not finite, or after several such steps in a row.

With `ema_momentum` a moving average of the weights is validated and kept (Polyak & Juditsky 1992).

The test split is never used here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.config.schema import TrainConfig
from pipeline.models.fused import FusedAdam
from pipeline.training.averages import MovingAverages
from pipeline.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from pipeline.training.rates import LearningRates, share_by_layer

_MOST_SKIPPED = 10  # steps in a row: then no batch can be trained on

Forward = Callable[..., list[Any]]  # (inputs, seed of dropout or None) -> outputs, one per head


class Outcome(Enum):
    finished = "finished"
    diverged = "diverged"  # the loss is not finite, or no gradient is


@dataclass(frozen=True)
class TrainingBatch:
    """Hold the batch of a training step.

    inputs, targets: arrays as described by `Task.signature`; weight: the weight of its loss in the mean
    of the period; tokens: number of inputs that are not padding.
    """

    inputs: Any
    targets: Any
    weight: int = 1
    tokens: int = 0


@dataclass
class Period:
    """Accumulate the training statistics of a period; seconds are without validation."""

    number: int
    loss: float = 0.0
    weight: int = 0
    tokens: int = 0
    steps: int = 0
    seconds: float = 0.0

    def add(self, batch: TrainingBatch, loss: float) -> None:
        self.loss += loss * batch.weight
        self.weight += batch.weight
        self.tokens += batch.tokens
        self.steps += 1

    @property
    def mean_loss(self) -> float:
        return self.loss / self.weight


class Task(Protocol):
    """Define what a model is trained on. The record of a period is a dataclass with `seconds`.

    config: learning rate and clipping; steps: as many as are planned, head_steps: the first of them, in
    which only the heads are trained; seed: draws what is dropped;
    max_seconds: the limit of training time; signature: of inputs and targets; record: the type of the
    records; keeps_best: whether to keep the weights of the best period or the last; variables: what a
    step changes besides the variables of the model and the optimizer.
    """

    config: TrainConfig
    steps: int
    head_steps: int
    seed: int
    max_seconds: float
    signature: tuple[tf.TensorSpec, tf.TensorSpec]
    record: type
    keeps_best: bool
    variables: list[Any]

    def batches(self, records: list[Any]) -> Iterator[TrainingBatch]:
        """Yield the batches of the period after `records`, which alone determine them."""
        ...

    def loss(self, outputs: list[Any], targets: Any) -> tuple[Any, Any]:
        """Return the loss <float>[] of a batch, and a tensor that is passed to `on_step`."""
        ...

    def on_step(self, extra: Any) -> None:
        """Receive the second result of `loss` after each step."""
        ...

    def validate(self, period: Period, records: list[Any], forward: Forward) -> Any:
        """Validate after a period and return its record."""
        ...

    def score(self, record: Any) -> tuple[float, ...]:
        """Return the score of a record; higher is better, the first number that differs decides."""
        ...

    def reason_to_end(self, records: list[Any]) -> str:
        """Return why training is over after `records`; nothing if it is not."""
        ...


class Watcher(Protocol):
    """Receive the progress of training; when training is resumed, first the earlier records."""

    def on_resume(self, records: list[Any]) -> None: ...

    def on_batch(self, period: int, tokens: int, loss: float) -> None: ...

    def on_period(self, record: Any) -> None: ...


@dataclass(frozen=True)
class TrainResult:
    """Hold the result of training.

    history: a row for each validated period, with the fields of the task's record as columns; best: the
    number of the period whose weights the model has now, or 0; seconds: of training;
    tokens_per_second: without padding; skipped: steps left out, as their gradient was not finite; ended:
    why training ended, nothing if it diverged.
    """

    history: pd.DataFrame
    best: int
    seconds: float
    tokens_per_second: float
    skipped: int
    outcome: Outcome
    ended: str = ""


def train(
    model: keras.Model,
    task: Task,
    watcher: Watcher,
    forward: Forward,
    checkpoint: Path | None = None,
) -> TrainResult:
    """Train `model` on a task until the task is over.

    Parameters:
      forward: the forward pass of the model, see `pipeline.models.fused.fuse`.
      checkpoint: a file that is written after each period. If it exists, training resumes from it, with
        the same results as without an interruption.
    """
    state = _TrainingState(model, forward, task)
    if checkpoint and state.restore(checkpoint):
        watcher.on_resume(state.records)
    while not (ended := state.reason_to_end()):
        record = state.run_period(watcher)
        if record is None:
            return state.result(Outcome.diverged)
        if checkpoint:
            state.save(checkpoint)
        watcher.on_period(record)
    return state.result(Outcome.finished, ended)


@cache  # tracing takes a second, and every period is validated
def compile_forward(forward: Forward, signature: tf.TensorSpec) -> Callable[..., Any]:
    """Return `forward` in inference mode as a graph for inputs of that signature."""

    @tf.function(input_signature=[signature], jit_compile=False, autograph=False)
    def read(inputs: tf.Tensor) -> Any:
        return forward(inputs)

    return read


@dataclass
class _TrainingState:
    """Hold the state of training, which a checkpoint saves."""

    model: keras.Model
    forward: Forward
    task: Task
    records: list[Any] = field(default_factory=list)
    tokens: int = 0
    skipped: int = 0
    best: int = 0
    best_weights: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        config = self.task.config
        rates: Any = LearningRates(config, self.task.steps)  # which Keras takes for a float
        shares = share_by_layer(self.model, config, self.task.head_steps)
        self.optimizer = FusedAdam(rates, shares, global_clipnorm=config.global_clipnorm)
        self.optimizer.build(self.model.trainable_variables)
        self.averages = MovingAverages(self.model.trainable_variables, config.ema_momentum)
        self.step = _training_step(
            self.model, self.forward, self.task, self.optimizer, self.averages
        )

    def reason_to_end(self) -> str:
        if reason := self.task.reason_to_end(self.records):
            return reason
        return f"the time limit of {self.task.max_seconds:g} s" if self._is_out_of_time() else ""

    def _is_out_of_time(self, seconds: float = 0.0) -> bool:
        """Return whether training took `max_seconds`, including `seconds` of the current period."""
        before = sum(record.seconds for record in self.records)
        return before + seconds >= self.task.max_seconds

    def run_period(self, watcher: Watcher) -> Any:
        """Train and validate a period; return its record, or None if training diverged."""
        period = Period(len(self.records) + 1)
        started = time.perf_counter()
        in_a_row = 0
        for batch in self.task.batches(self.records):
            loss, extra, skipped = self.step(batch.inputs, batch.targets)
            loss, skipped = float(loss), bool(skipped)
            self.skipped += skipped
            in_a_row = in_a_row + 1 if skipped else 0
            if not math.isfinite(loss) or in_a_row == _MOST_SKIPPED:
                return None
            self.task.on_step(extra)
            period.add(batch, loss)
            watcher.on_batch(period.number, batch.tokens, period.mean_loss)
            if self._is_out_of_time(time.perf_counter() - started):
                break  # the incomplete period is validated and recorded like a complete one
        period.seconds = time.perf_counter() - started
        with self.averages.in_place():
            record = self.task.validate(period, self.records, self.forward)
            if not all(math.isfinite(value) for value in asdict(record).values()):
                return None
            self._append(record)
        self.tokens += period.tokens
        return record

    def _append(self, record: Any) -> None:
        self.records.append(record)
        if not self.task.keeps_best or not self.best or self._is_better_than_best(record):
            self.best = len(self.records)
            self.best_weights = self.model.get_weights()

    def _is_better_than_best(self, record: Any) -> bool:
        return self.task.score(record) > self.task.score(self.records[self.best - 1])

    def _state(self) -> list[Any]:
        """Return every variable that a step changes."""
        of_steps = (self.optimizer.variables, self.averages.variables, self.task.variables)
        return [*self.model.variables, *(one for part in of_steps for one in part)]

    def save(self, path: Path) -> None:
        state = [np.asarray(variable) for variable in self._state()]
        facts = {
            "records": [asdict(record) for record in self.records],
            "tokens": self.tokens,
            "skipped": self.skipped,
            "best": self.best,
        }
        save_checkpoint(Checkpoint({"state": state, "best": self.best_weights}, facts), path)

    def restore(self, path: Path) -> bool:
        """Load a checkpoint and return whether there was one."""
        checkpoint = load_checkpoint(path)
        if checkpoint is None:
            return False
        for variable, value in zip(self._state(), checkpoint.arrays["state"], strict=True):
            variable.assign(value)
        self.best_weights = checkpoint.arrays.get("best", [])
        self.tokens = checkpoint.facts["tokens"]
        self.skipped = checkpoint.facts["skipped"]
        self.best = checkpoint.facts["best"]
        self.records = [self.task.record(**record) for record in checkpoint.facts["records"]]
        return True

    def result(self, outcome: Outcome, ended: str = "") -> TrainResult:
        if self.best_weights:
            self.model.set_weights(self.best_weights)
        seconds = sum(record.seconds for record in self.records)
        columns = list(self.task.record.__dataclass_fields__)
        history = pd.DataFrame([asdict(record) for record in self.records], columns=columns)
        rate = self.tokens / seconds if seconds else 0.0
        return TrainResult(history, self.best, seconds, rate, self.skipped, outcome, ended)


def _training_step(
    model: keras.Model, forward: Forward, task: Task, optimizer: Any, averages: MovingAverages
) -> Callable[..., Any]:
    variables = model.trainable_variables

    def update(gradients: list[Any]) -> None:
        optimizer.apply(gradients)
        averages.update(optimizer.iterations)

    @tf.function(
        input_signature=list(task.signature),
        jit_compile=False,
        autograph=False,  # no Python branch depends on a tensor, and autograph takes seconds
    )
    def step(inputs: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, Any, tf.Tensor]:
        # Drawn from the number of the step, so that a resumed run drops the same.
        seed = tf.stack([task.seed, tf.cast(optimizer.iterations.value, tf.int32)])
        with tf.GradientTape() as tape:
            loss, extra = task.loss(forward(inputs, seed), targets)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        finite = tf.math.is_finite(tf.linalg.global_norm(gradients))
        tf.cond(finite, lambda: update(gradients), lambda: None)
        return loss, extra, tf.logical_not(finite)

    graph: Any = step
    graph.get_concrete_function()  # trace now, so that tracing does not count as training time
    return graph
