"""Define the task of classifying texts: cross-entropy summed over heads, validated every epoch.

Validation accuracy chooses the best epoch. Training goes on while accuracy or loss improve: where one
label is rare, the loss falls for long before any answer changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.config.schema import TrainConfig
from pipeline.data.splits import Head, predicted_classes
from pipeline.tokens.batches import ordered_batches, padded_share, shuffle_rows, shuffled_batches
from pipeline.tokens.encoding import EncodedSplits
from pipeline.tokens.split import EncodedSplit
from pipeline.training.loop import Forward, Period, TrainingBatch, compile_forward
from pipeline.training.schedule import plan_schedule
from pipeline.training.scores import score_classes

_ANY_LENGTH = tf.TensorSpec([None, None], tf.int32)  # a single trace for batches of all lengths


@dataclass(frozen=True)
class EpochRecord:
    """Record an epoch, or the part of it that `max_seconds` allowed.

    Losses are means over reviews of the natural logarithm, summed over heads. Accuracies are shares of
    reviews with every head right; the balanced accuracy and the macro F1 are means over heads. Seconds
    are of training without validation; tokens exclude padding.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    val_balanced_accuracy: float
    val_macro_f1: float
    seconds: float
    tokens: int


class Classification:
    """Train a network for at most `epochs`, or until neither validation accuracy nor loss improves.

    Parameters:
      seed: draws the order of the batches of each epoch, together with its number.
    """

    signature = (_ANY_LENGTH, _ANY_LENGTH)  # token ids [batch, length], labels [batch, heads]
    record = EpochRecord
    keeps_best = True

    def __init__(self, splits: EncodedSplits, config: TrainConfig, seed: int) -> None:
        self.splits, self.config, self.seed = splits, config, seed
        self.schedule = plan_schedule(config, len(splits.train))
        self.steps = self.schedule.steps(len(splits.train))
        self.head_steps = config.head_epochs * (self.steps // self.schedule.epochs)
        self.max_seconds = config.max_seconds or math.inf
        self.variables: list[Any] = []
        self._right = 0

    @property
    def padded_share(self) -> float:
        """Return the share of padding in all positions of the first epoch's batches."""
        lengths = self.splits.train.lengths
        return padded_share(
            lengths, shuffle_rows(lengths, self.schedule.batch_size, self._order(1))
        )

    def batches(self, records: list[EpochRecord]) -> Iterator[TrainingBatch]:
        self._right = 0
        order = self._order(len(records) + 1)
        for batch in shuffled_batches(self.splits.train, self.schedule.batch_size, order):
            yield TrainingBatch(batch.token_ids, batch.labels, len(batch.rows), batch.tokens)

    def _order(self, epoch: int) -> np.random.Generator:
        """Return the generator that draws the batches of an epoch, which a resumed run draws again."""
        return np.random.default_rng([self.seed, epoch])

    def loss(self, outputs: list[Any], targets: Any) -> tuple[Any, Any]:
        loss = tf.reduce_mean(_losses(targets, outputs))
        right = tf.reduce_all(predicted_classes_in_graph(outputs) == targets, axis=1)
        return loss, tf.reduce_sum(tf.cast(right, tf.int32))

    def on_step(self, extra: Any) -> None:
        self._right += int(extra)

    def validate(self, period: Period, records: list[EpochRecord], forward: Forward) -> EpochRecord:
        split, heads = self.splits.validation, self.splits.heads
        logits = read_logits(forward, split, heads, self.schedule.batch_size)
        predicted = predicted_classes(logits)
        scores = [
            score_classes(split.labels[:, number], predicted[:, number], len(head.classes))
            for number, head in enumerate(heads)
        ]
        return EpochRecord(
            epoch=period.number,
            train_loss=period.mean_loss,
            train_accuracy=self._right / period.weight,
            val_loss=float(losses(split.labels, logits, heads).mean()),
            val_accuracy=float(np.mean((predicted == split.labels).all(axis=1))),
            val_balanced_accuracy=float(np.mean([one["balanced_accuracy"] for one in scores])),
            val_macro_f1=float(np.mean([one["macro_f1"] for one in scores])),
            seconds=period.seconds,
            tokens=period.tokens,
        )

    def score(self, record: EpochRecord) -> tuple[float, ...]:
        return record.val_accuracy, -record.val_loss

    def reason_to_end(self, records: list[EpochRecord]) -> str:
        epochs, patience = self.schedule.epochs, self.schedule.patience
        if len(records) >= epochs:
            return "after the only epoch" if epochs == 1 else f"after all {epochs} epochs"
        if records and len(records) - _last_progress(records) >= patience:
            waited = "1 epoch" if patience == 1 else f"{patience} epochs"
            return f"no better validation accuracy or loss for {waited}"
        return ""


def _last_progress(records: list[EpochRecord]) -> int:
    """Return the last epoch with a better validation accuracy or loss than all epochs before it."""
    accuracies, losses = (
        np.array([getattr(record, name) for record in records])
        for name in ("val_accuracy", "val_loss")
    )
    return int(max(accuracies.argmax(), losses.argmin())) + 1


def read_logits(
    forward: Forward, split: EncodedSplit, heads: tuple[Head, ...], batch_size: int
) -> list[np.ndarray]:
    """Return the logits <float32>[n, outputs] of each head, in the order of the split."""
    logits = [np.empty((len(split), head.outputs), dtype=np.float32) for head in heads]
    read = compile_forward(forward, _ANY_LENGTH)
    for batch in ordered_batches(split, batch_size):
        for place, values in zip(logits, read(batch.token_ids), strict=True):
            place[batch.rows] = values.numpy()
    return logits


def losses(labels: np.ndarray, logits: list[np.ndarray], heads: tuple[Head, ...]) -> np.ndarray:
    """Return the loss of each review, summed over heads, <float>[n]."""
    return np.asarray(_losses(tf.constant(labels), [tf.constant(part) for part in logits]))


def _losses(labels: tf.Tensor, logits: list[tf.Tensor]) -> tf.Tensor:
    """Return the cross-entropy of each row, summed over heads: <float>[batch]."""
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


def predicted_classes_in_graph(logits: list[tf.Tensor]) -> tf.Tensor:
    """Return the same as `predicted_classes`, with TensorFlow for the graph of a training step."""
    columns = [
        tf.cast(values[:, 0] > 0, tf.int32)
        if values.shape[1] == 1
        else tf.argmax(values, axis=1, output_type=tf.int32)
        for values in logits
    ]
    return tf.stack(columns, axis=1)
