"""The training loop: a model and a task -> trained weights, and how they came about.

The loop owns the training step, checkpoints, resuming, divergence, seconds and the best weights. A
`Task` says what a batch, a loss and a validation are, and when training is over: `classify` trains on
texts, `adding` on the adding problem. Training goes by periods: an epoch, or a number of steps. What a
period is, is the task's business: a task whose epochs take minutes makes shorter periods, and so is
validated and checkpointed within an epoch. A task that carries a state from batch to batch takes it
from `loss` by `on_step`, hands it to the next batch, and names it in `variables` to be checkpointed.

The test split is never seen here.
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
from pipeline.models.architectures import forward_of
from pipeline.models.fused import FusedAdam
from pipeline.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint

Forward = Callable[..., list[Any]]  # (inputs, training: bool) -> the outputs of each head


class Outcome(Enum):
    finished = "finished"
    diverged = "diverged"  # the loss is no longer a finite number


@dataclass(frozen=True)
class TrainingBatch:
    """What one step learns from.

    inputs, targets: arrays as `Task.signature` describes them; weight: how much the loss of this batch
    counts in the mean of its period; tokens: how many of the inputs are not padding.
    """

    inputs: Any
    targets: Any
    weight: int = 1
    tokens: int = 0


@dataclass
class Period:
    """What the training of one period adds up to; seconds: of training alone, without validation."""

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
    """What is trained. A record is a dataclass of numbers with a field `seconds`, one for each period.

    config: learning rate and clipping; max_seconds: of training, at most; signature: of inputs and of
    targets; record: the type of the records; keeps_best: whether the weights of the best period are
    kept, or the last; variables: beside the model's and the optimizer's, what a step changes.
    """

    config: TrainConfig
    max_seconds: float
    signature: tuple[tf.TensorSpec, tf.TensorSpec]
    record: type
    keeps_best: bool
    variables: list[Any]

    def batches(self, records: list[Any]) -> Iterator[TrainingBatch]:
        """Yields the batches of the period that follows `records`, which decide them alone."""
        ...

    def loss(self, outputs: list[Any], targets: Any) -> tuple[Any, Any]:
        """Returns the loss <float>[] of a batch, and a tensor to be given to `on_step`."""
        ...

    def on_step(self, seen: Any) -> None:
        """Is told what `loss` gave beside the loss, after each step."""
        ...

    def validate(self, period: Period, records: list[Any], forward: Forward) -> Any:
        """Returns the record of a period that has been trained."""
        ...

    def score(self, record: Any) -> float:
        """Returns by what records are compared: the higher the better."""
        ...

    def is_over(self, records: list[Any], best: int) -> bool:
        """Returns whether training has come to its end, `best` being the number of the best period."""
        ...


class Watcher(Protocol):
    """Is told how training goes. After an interruption it is first told what was done before."""

    def on_resume(self, records: list[Any]) -> None: ...

    def on_batch(self, period: int, tokens: int, loss: float) -> None: ...

    def on_period(self, record: Any) -> None: ...


@dataclass(frozen=True)
class TrainResult:
    """How training went.

    history: a row for each validated period, the columns of the task's record; best: the number of the
    period whose weights the model holds now, 0 where there is none; seconds: of training;
    tokens_per_second: tokens that are not padding.
    """

    history: pd.DataFrame
    best: int
    seconds: float
    tokens_per_second: float
    outcome: Outcome


def train(
    model: keras.Model,
    task: Task,
    watcher: Watcher,
    forward: Forward | None = None,
    checkpoint: Path | None = None,
) -> TrainResult:
    """Train `model` on a task until the task says that it is over.

    Parameters:
      forward: computes the outputs of the model; the model itself unless a faster way is given.
      checkpoint: a file that holds where training stands after each period; where it is there at the
        start, training resumes from it, to the same numbers.
    """
    fitting = _Fitting(model, forward or forward_of(model), task)
    if checkpoint and fitting.restore(checkpoint):
        watcher.on_resume(fitting.records)
    while not fitting.is_over():
        record = fitting.run_period(watcher)
        if record is None:
            return fitting.result(Outcome.diverged)
        if checkpoint:
            fitting.save(checkpoint)
        watcher.on_period(record)
    return fitting.result(Outcome.finished)


@cache  # a trace takes a second, and every period reads the validation split
def reader(forward: Forward, signature: tf.TensorSpec) -> Callable[..., Any]:
    """Return `forward` as a graph that reads inputs of that signature, without training."""

    @tf.function(input_signature=[signature], jit_compile=False, autograph=False)
    def read(inputs: tf.Tensor) -> Any:
        return forward(inputs, training=False)

    return read


@dataclass
class _Fitting:
    """What changes while a model is trained."""

    model: keras.Model
    forward: Forward
    task: Task
    records: list[Any] = field(default_factory=list)
    tokens: int = 0
    best: int = 0
    best_score: float = -math.inf
    best_weights: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        config = self.task.config
        self.optimizer = FusedAdam(config.learning_rate, global_clipnorm=config.global_clipnorm)
        self.optimizer.build(self.model.trainable_variables)
        self.step = _training_step(self.model, self.forward, self.task, self.optimizer)

    def is_over(self) -> bool:
        return self.task.is_over(self.records, self.best) or self._is_spent()

    def _is_spent(self, seconds: float = 0.0) -> bool:
        """Whether `max_seconds` went into training; `seconds`: into the period that has not ended."""
        before = sum(record.seconds for record in self.records)
        return before + seconds >= self.task.max_seconds

    def run_period(self, watcher: Watcher) -> Any:
        """Train and validate one period; None where a loss is no longer finite."""
        period = Period(len(self.records) + 1)
        started = time.perf_counter()
        for batch in self.task.batches(self.records):
            loss, seen = self.step(batch.inputs, batch.targets)
            loss = float(loss)
            if not math.isfinite(loss):
                return None
            self.task.on_step(seen)
            period.add(batch, loss)
            watcher.on_batch(period.number, batch.tokens, period.mean_loss)
            if self._is_spent(time.perf_counter() - started):
                break  # what there is of the period is validated and recorded like a whole one
        period.seconds = time.perf_counter() - started
        record = self.task.validate(period, self.records, self.forward)
        if not all(math.isfinite(value) for value in asdict(record).values()):
            return None
        self.tokens += period.tokens
        self._keep(record)
        return record

    def _keep(self, record: Any) -> None:
        self.records.append(record)
        if not self.task.keeps_best:
            self.best = len(self.records)
        elif self.task.score(record) > self.best_score:
            self.best, self.best_score = len(self.records), self.task.score(record)
            self.best_weights = self.model.get_weights()

    def _state(self) -> list[Any]:
        """Every variable that a step changes: weights, the state of dropout's random numbers, the
        optimizer's and the task's."""
        return [*self.model.variables, *self.optimizer.variables, *self.task.variables]

    def save(self, path: Path) -> None:
        state = [np.asarray(variable) for variable in self._state()]
        facts = {
            "records": [asdict(record) for record in self.records],
            "tokens": self.tokens,
            "best": self.best,
            "best_score": self.best_score,
        }
        save_checkpoint(Checkpoint({"state": state, "best": self.best_weights}, facts), path)

    def restore(self, path: Path) -> bool:
        """Return whether there was a checkpoint to resume from."""
        checkpoint = load_checkpoint(path)
        if checkpoint is None:
            return False
        for variable, value in zip(self._state(), checkpoint.arrays["state"], strict=True):
            variable.assign(value)
        self.best_weights = checkpoint.arrays.get("best", [])
        self.tokens = checkpoint.facts["tokens"]
        self.best = checkpoint.facts["best"]
        self.best_score = checkpoint.facts["best_score"]
        self.records = [self.task.record(**record) for record in checkpoint.facts["records"]]
        return True

    def result(self, outcome: Outcome) -> TrainResult:
        if self.best_weights:
            self.model.set_weights(self.best_weights)
        seconds = sum(record.seconds for record in self.records)
        columns = list(self.task.record.__dataclass_fields__)
        history = pd.DataFrame([asdict(record) for record in self.records], columns=columns)
        rate = self.tokens / seconds if seconds else 0.0
        return TrainResult(history, self.best, seconds, rate, outcome)


def _training_step(
    model: keras.Model, forward: Forward, task: Task, optimizer: Any
) -> Callable[..., Any]:
    variables = model.trainable_variables

    @tf.function(
        input_signature=list(task.signature),
        jit_compile=False,
        autograph=False,  # nothing to rewrite: no Python branch asks a tensor, and to look takes seconds
    )
    def step(inputs: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, Any]:
        with tf.GradientTape() as tape:
            loss, seen = task.loss(forward(inputs, training=True), targets)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        optimizer.apply(gradients)
        return loss, seen

    graph: Any = step
    graph.get_concrete_function()  # traces it now: seconds that are no training
    return graph
