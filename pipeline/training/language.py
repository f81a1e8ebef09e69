"""Define the task of predicting the next token: truncated backpropagation over streams of texts.

An epoch takes minutes, so that a period is a number of steps, after which the network is validated on a
sample of the validation texts and can be resumed. The state is carried from step to step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.config.schema import BATCH_SIZE, ArchitectureConfig, Rates, TrainConfig
from pipeline.config.tasks import FULL_UP_TO, LanguageConfig, Softmax
from pipeline.models.fused.stream import fuse_stream
from pipeline.models.language_model import (
    LanguageNetwork,
    output_table,
    state_shapes,
)
from pipeline.models.softmax import sampled_loss
from pipeline.tokens.language import LanguageTokens
from pipeline.tokens.streams import (
    Candidates,
    Streams,
    count_steps,
    find_hits,
    make_streams,
)
from pipeline.training.loop import Forward, Period, TrainingBatch
from pipeline.training.perplexity import draw_validation, perplexity_of, read_losses

_MOST_STEPS, _FEWEST_STEPS = 1_000, 100  # between validations
_VALIDATIONS = 10  # in an epoch, as far as that allows
_PATIENCE = 5  # validations: their losses differ by chance where the network hardly improves
_LEAST_PER_STREAM = 8  # tokens of a stream, in the shortest texts


@dataclass(frozen=True)
class LanguageRecord:
    """Record a period of training.

    step: after how many steps, since the beginning; tokens: read until then; losses: means over tokens,
    in nats, of training with the softmax of training; seconds: of these steps, without validation.
    """

    step: int
    tokens: int
    train_loss: float
    val_loss: float
    seconds: float

    @property
    def val_perplexity(self) -> float:
        return perplexity_of(self.val_loss)


@dataclass(frozen=True)
class LanguageSchedule:
    """Hold how long is trained: epochs, patience in validations, streams of a step, and steps."""

    epochs: int
    patience: int
    batch_size: int
    steps_per_epoch: int
    steps_per_validation: int

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    @property
    def periods(self) -> int:
        return self.epochs * math.ceil(self.steps_per_epoch / self.steps_per_validation)

    def as_metrics(self) -> dict[str, float]:
        return {f"budget/{name}": value for name, value in asdict(self).items()}

    def describe(self, tokens: int) -> str:
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs:,} epochs"
        return (
            f"at most {epochs} of {tokens:,} tokens in {self.steps_per_epoch:,} steps, "
            f"{self.batch_size} streams each"
        )


def plan_language(config: TrainConfig, task: LanguageConfig, tokens: int) -> LanguageSchedule:
    """Return the schedule for so many training tokens; what the configuration sets is kept.

    Otherwise 64 streams, or as many as have eight tokens each; as many epochs as `min_steps` need; a
    validation after a tenth of an epoch, within 100 to 1,000 steps; and patience for five, or for all
    where the learning rate falls to zero.
    """
    streams = config.batch_size or BATCH_SIZE
    streams = max(1, min(streams, tokens // _LEAST_PER_STREAM))
    steps = count_steps(tokens, streams, task.bptt)
    every = task.steps_per_validation or min(
        max(_FEWEST_STEPS, math.ceil(steps / _VALIDATIONS)), _MOST_STEPS
    )
    epochs = config.epochs or math.ceil(config.min_steps / steps)
    waits = _PATIENCE if config.schedule == Rates.constant else epochs * math.ceil(steps / every)
    return LanguageSchedule(epochs, config.patience or waits, streams, steps, every)


class LanguageModelling:
    """Train a language model, and keep the weights with the lowest validation loss.

    Parameters:
      model, architecture: the network, whose states are carried.
      seed: draws the order of the texts of each epoch, and the candidates of each step.
      data_seed: draws the validation texts, the same for every network.
    """

    record = LanguageRecord
    keeps_best = True
    head_steps = 0

    def __init__(
        self,
        tokens: LanguageTokens,
        model: keras.Model,
        architecture: ArchitectureConfig,
        task: LanguageConfig,
        config: TrainConfig,
        seed: int,
        data_seed: int,
    ) -> None:
        self.tokens, self.task, self.config, self.seed = tokens, task, config, seed
        self.schedule = plan_language(config, task, int(tokens.train.lengths.sum()))
        self.steps = self.schedule.steps
        self.max_seconds = config.max_seconds or math.inf
        self.network = LanguageNetwork(model, architecture)
        self.table = output_table(model)
        self._sampler = _sampler(task, tokens.counts)
        self._streams: tuple[int, Streams] | None = None
        self.validation = draw_validation(tokens, task, data_seed)
        rows = self.schedule.batch_size
        self.variables = [
            tf.Variable(tf.zeros([rows, units]), trainable=False, name=f"state_{number}")
            for number, units in enumerate(state_shapes(architecture))
        ]
        ids = tf.TensorSpec([rows, None], tf.int32)
        states = tuple(tf.TensorSpec(state.shape, tf.float32) for state in self.variables)
        some, numbers = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)
        self.signature: Any = ((ids, states), (some, some, numbers, some))

    @property
    def forward(self) -> Forward:
        """Return the function (token ids, states) -> features and states, for `train`."""
        begin = self.tokens.end if self.task.reset_state else None
        stream = fuse_stream(self.network.model, self.network.architecture, begin)

        def forward(inputs: Any, seed: Any = None) -> list[Any]:
            token_ids, states = inputs
            features, after = stream(token_ids, states, seed)
            return [features, *after]

        return forward

    def batches(self, records: list[LanguageRecord]) -> Iterator[TrainingBatch]:
        done = records[-1].step if records else 0
        epoch, first = divmod(done, self.schedule.steps_per_epoch)
        stop = min(first + self.schedule.steps_per_validation, self.schedule.steps_per_epoch)
        if not first:
            for state in self.variables:
                state.assign(tf.zeros_like(state))
        for step, batch in enumerate(self._epoch(epoch).batches(first, stop), start=first):
            targets = batch.targets.T.ravel()  # by step, as the features are
            drawn = self._sampler(targets, np.random.default_rng([self.seed, epoch, step]))
            states = tuple(state.value() for state in self.variables)
            yield TrainingBatch(
                (batch.inputs, states), (targets, *drawn), len(targets), len(targets)
            )

    def _epoch(self, number: int) -> Streams:
        if self._streams is None or self._streams[0] != number:
            made = make_streams(
                self.tokens.train,
                self.schedule.batch_size,
                self.task.bptt,
                self.tokens.end,
                np.random.default_rng([self.seed, number]),
                backward=self.task.is_backward,
            )
            self._streams = number, made
        return self._streams[1]

    def loss(self, outputs: list[Any], targets: Any) -> tuple[Any, Any]:
        features, *states = outputs
        features = tf.reshape(features, [-1, features.shape[-1]])
        return sampled_loss(features, self.table.value, *targets), tuple(states)

    def on_step(self, extra: Any) -> None:
        for state, value in zip(self.variables, extra, strict=True):
            state.assign(value)

    def validate(
        self, period: Period, records: list[LanguageRecord], forward: Forward
    ) -> LanguageRecord:
        done = records[-1] if records else None
        losses = read_losses(
            self.network, self.validation, self.tokens.end, backward=self.task.is_backward
        )
        return LanguageRecord(
            step=(done.step if done else 0) + period.steps,
            tokens=(done.tokens if done else 0) + period.tokens,
            train_loss=period.mean_loss,
            val_loss=float(losses.mean()),
            seconds=period.seconds,
        )

    def score(self, record: LanguageRecord) -> tuple[float, ...]:
        return (-record.val_loss,)

    def reason_to_end(self, records: list[LanguageRecord]) -> str:
        schedule = self.schedule
        if records and records[-1].step >= schedule.steps:
            return (
                "after the only epoch"
                if schedule.epochs == 1
                else f"after all {schedule.epochs} epochs"
            )
        best = int(np.argmin([record.val_loss for record in records])) + 1 if records else 0
        if records and len(records) - best >= schedule.patience:
            waited = (
                "1 validation" if schedule.patience == 1 else f"{schedule.patience} validations"
            )
            return f"no better validation loss for {waited}"
        return ""


def _sampler(task: LanguageConfig, counts: np.ndarray) -> Callable[..., tuple[np.ndarray, ...]]:
    """Return the function (targets, rng) -> candidates, corrections and hits."""
    full = task.softmax == Softmax.full or (
        task.softmax == Softmax.auto and len(counts) <= FULL_UP_TO
    )
    if not full:
        return Candidates(counts, task.candidates, task.proposal).draw
    every, nothing = np.arange(len(counts), dtype=np.int32), np.zeros(len(counts), np.float32)
    return lambda targets, rng: (every, nothing, find_hits(every, targets))
