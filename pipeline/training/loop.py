"""A model and encoded splits -> the weights of the best epoch, and how it got there.

Owns the loss, the training step, stopping early, noticing divergence and going on after a cut.
Validation decides which epoch is kept; the test split is never seen here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
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
from pipeline.data.reviews import Head
from pipeline.models.architectures import forward_of
from pipeline.models.fused import FusedAdam
from pipeline.tokens.batches import ordered_batches, shuffled_batches
from pipeline.tokens.encoding import EncodedSplit, EncodedSplits
from pipeline.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint


class Outcome(Enum):
    finished = "finished"
    diverged = "diverged"  # the loss is no longer a finite number


@dataclass(frozen=True)
class EpochRecord:
    """One epoch, or as much of it as `max_seconds` allowed: mean losses per review (natural logarithm,
    summed over heads), shares of reviews with every head right, and seconds of training alone, without
    validation.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float
    tokens: int


@dataclass(frozen=True)
class TrainResult:
    """history: a row for each validated epoch, the columns of `EpochRecord`; best_epoch: the one whose
    weights the model holds now, 0 when there is none; seconds: of training; tokens_per_second: tokens
    that are not padding.
    """

    history: pd.DataFrame
    best_epoch: int
    seconds: float
    tokens_per_second: float
    outcome: Outcome


class Watcher(Protocol):
    """Is told how training goes. After a cut it is first told the epochs that were done before."""

    def on_resume(self, records: list[EpochRecord]) -> None: ...

    def on_batch(self, epoch: int, tokens: int, loss: float) -> None: ...

    def on_epoch(self, record: EpochRecord) -> None: ...


_ANY_LENGTH = tf.TensorSpec([None, None], tf.int32)  # one trace for batches of every length
Forward = Callable[..., list[Any]]  # (token_ids, training: bool) -> logits for each head


def train(
    model: keras.Model,
    splits: EncodedSplits,
    config: TrainConfig,
    seed: int,
    watcher: Watcher,
    forward: Forward | None = None,
    checkpoint: Path | None = None,
) -> TrainResult:
    """Fits `model` until its epochs, its patience or its seconds are at an end.

    The model ends with the weights of its best epoch. `forward` computes the model's logits, and is the
    model itself unless a faster way is given. `checkpoint`: a file that holds where training stands
    after each epoch; where it is there at the start, training goes on from it, to the same numbers.
    """
    fitting = _Fitting(model, forward or forward_of(model), splits, config, seed)
    if checkpoint and fitting.restore(checkpoint):
        watcher.on_resume(fitting.records)
    while not fitting.is_over(config):
        record = fitting.run_epoch(watcher)
        if record is None:
            return fitting.result(Outcome.diverged)
        if checkpoint:
            fitting.save(checkpoint)
        watcher.on_epoch(record)
    return fitting.result(Outcome.finished)


def read_logits(
    forward: Forward, split: EncodedSplit, heads: tuple[Head, ...], batch_size: int
) -> list[np.ndarray]:
    """Logits <float32>[n, outputs] for each head, in the order of the split."""
    logits = [np.empty((len(split), head.outputs), dtype=np.float32) for head in heads]
    read = _reader(forward)
    for batch in ordered_batches(split, batch_size):
        for place, values in zip(logits, read(batch.token_ids), strict=True):
            place[batch.rows] = values.numpy()
    return logits


def losses(labels: np.ndarray, logits: list[np.ndarray], heads: tuple[Head, ...]) -> np.ndarray:
    """The loss of each review, summed over heads, <float>[n]."""
    return np.asarray(_losses(tf.constant(labels), [tf.constant(part) for part in logits]))


def answers(logits: list[np.ndarray]) -> np.ndarray:
    """The answer of each head, <int32>[n, heads]."""
    return np.asarray(_answers([tf.constant(part) for part in logits]))


@dataclass
class _Fitting:
    """What changes while a model is fitted."""

    model: keras.Model
    forward: Forward
    splits: EncodedSplits
    config: TrainConfig
    seed: int
    records: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    best_accuracy: float = -math.inf
    best_weights: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.optimizer = FusedAdam(
            self.config.learning_rate, global_clipnorm=self.config.global_clipnorm
        )
        self.optimizer.build(self.model.trainable_variables)
        self.step = _training_step(self.model, self.forward, self.optimizer)

    def is_over(self, config: TrainConfig) -> bool:
        done = len(self.records)
        return (
            done >= config.epochs
            or (self.best_epoch > 0 and done - self.best_epoch >= config.patience)
            or self._is_spent()
        )

    def _is_spent(self, seconds: float = 0.0) -> bool:
        """Whether `max_seconds` went into training; `seconds`: into the epoch that has not ended."""
        before = sum(record.seconds for record in self.records)
        return before + seconds >= (self.config.max_seconds or math.inf)

    def run_epoch(self, watcher: Watcher) -> EpochRecord | None:
        """One pass over train and validation; None when the loss is no longer finite."""
        epoch = len(self.records) + 1
        # The order of an epoch depends on nothing but the seed and its number.
        rng = np.random.default_rng([self.seed, epoch])
        total_loss = total_right = seen = tokens = 0
        started = time.perf_counter()
        for batch in shuffled_batches(self.splits.train, self.config.batch_size, rng):
            loss, right = self.step(batch.token_ids, batch.labels)
            loss = float(loss)
            if not math.isfinite(loss):
                return None
            total_loss += loss * len(batch.rows)
            total_right += int(right)
            seen += len(batch.rows)
            tokens += batch.tokens
            watcher.on_batch(epoch, batch.tokens, total_loss / seen)
            if self._is_spent(time.perf_counter() - started):
                break  # what there is of the epoch is validated and recorded like a whole one
        seconds = time.perf_counter() - started
        val_loss, val_accuracy = self._validate()
        if not math.isfinite(val_loss):
            return None
        record = EpochRecord(
            epoch, total_loss / seen, total_right / seen, val_loss, val_accuracy, seconds, tokens
        )
        self._keep(record)
        return record

    def _validate(self) -> tuple[float, float]:
        split, heads = self.splits.validation, self.splits.heads
        logits = read_logits(self.forward, split, heads, self.config.batch_size)
        loss = float(losses(split.labels, logits, heads).mean())
        return loss, float(np.mean((answers(logits) == split.labels).all(axis=1)))

    def _keep(self, record: EpochRecord) -> None:
        self.records.append(record)
        if record.val_accuracy > self.best_accuracy:
            self.best_epoch, self.best_accuracy = record.epoch, record.val_accuracy
            self.best_weights = self.model.get_weights()

    def _state(self) -> list[Any]:
        """Every variable that a step changes: weights, where dropout stands in its random numbers, and
        the optimizer's."""
        return [*self.model.variables, *self.optimizer.variables]

    def save(self, path: Path) -> None:
        state = [np.asarray(variable) for variable in self._state()]
        facts = {
            "records": [asdict(record) for record in self.records],
            "best_epoch": self.best_epoch,
            "best_accuracy": self.best_accuracy,
        }
        save_checkpoint(Checkpoint({"state": state, "best": self.best_weights}, facts), path)

    def restore(self, path: Path) -> bool:
        """Whether there was a checkpoint to go on from."""
        checkpoint = load_checkpoint(path)
        if checkpoint is None:
            return False
        for variable, value in zip(self._state(), checkpoint.arrays["state"], strict=True):
            variable.assign(value)
        self.best_weights = checkpoint.arrays.get("best", [])
        self.best_epoch = checkpoint.facts["best_epoch"]
        self.best_accuracy = checkpoint.facts["best_accuracy"]
        self.records = [EpochRecord(**record) for record in checkpoint.facts["records"]]
        return True

    def result(self, outcome: Outcome) -> TrainResult:
        if self.best_weights:
            self.model.set_weights(self.best_weights)
        seconds = sum(record.seconds for record in self.records)
        tokens = sum(record.tokens for record in self.records)
        columns = list(EpochRecord.__dataclass_fields__)
        history = pd.DataFrame([asdict(record) for record in self.records], columns=columns)
        rate = tokens / seconds if seconds else 0.0
        return TrainResult(history, self.best_epoch, seconds, rate, outcome)


def _training_step(model: keras.Model, forward: Forward, optimizer: Any) -> Callable[..., Any]:
    variables = model.trainable_variables

    @tf.function(
        input_signature=[_ANY_LENGTH, _ANY_LENGTH],
        jit_compile=False,
        autograph=False,  # nothing to rewrite: no Python branch asks a tensor, and to look takes seconds
    )
    def step(token_ids: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = forward(token_ids, training=True)
            loss = tf.reduce_mean(_losses(labels, logits))
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        optimizer.apply(gradients)
        right = tf.reduce_all(_answers(logits) == labels, axis=1)
        return loss, tf.reduce_sum(tf.cast(right, tf.int32))

    graph: Any = step
    graph.get_concrete_function()  # traces it: seconds, the more the larger, that are no training
    return graph


@cache  # a trace takes a second, and every epoch reads the validation split
def _reader(forward: Forward) -> Callable[..., Any]:
    @tf.function(input_signature=[_ANY_LENGTH], jit_compile=False, autograph=False)
    def read(token_ids: tf.Tensor) -> Any:
        return forward(token_ids, training=False)

    return read


def _losses(labels: tf.Tensor, logits: list[tf.Tensor]) -> tf.Tensor:
    """Cross entropy of each row, summed over heads: <float>[batch]."""
    total = tf.zeros([tf.shape(labels)[0]])
    for head, values in enumerate(logits):
        truth = labels[:, head]
        if values.shape[1] == 1:
            total += tf.nn.sigmoid_cross_entropy_with_logits(
                tf.cast(truth, tf.float32), values[:, 0]
            )
        else:
            total += tf.nn.sparse_softmax_cross_entropy_with_logits(truth, values)
    return total


def _answers(logits: list[tf.Tensor]) -> tf.Tensor:
    """The likelier class of each head: <int32>[batch, heads]."""
    columns = [
        tf.cast(values[:, 0] > 0, tf.int32)
        if values.shape[1] == 1
        else tf.argmax(values, axis=1, output_type=tf.int32)
        for values in logits
    ]
    return tf.stack(columns, axis=1)
