"""Plan how long a network is trained on so many texts, and in batches of which size.

Epochs of a small table are only a few steps: ten epochs of 300 texts in batches of 64 are forty updates
of the weights, in which no network learns. What is not set therefore follows from the number of texts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.config.schema import BATCH_SIZE, Rates, TrainConfig

_EPOCHS, _PATIENCE = 10, 2  # where texts are many
_BATCH_SIZES = (BATCH_SIZE, 32, 16, 8)
_STEPS_PER_EPOCH = 50  # the largest batches that give so many


@dataclass(frozen=True)
class Schedule:
    """Hold the number of most epochs, the patience in epochs, and how many texts are in a batch."""

    epochs: int
    patience: int
    batch_size: int

    def steps(self, texts: int) -> int:
        """Return the number of steps of all epochs."""
        return self.epochs * math.ceil(texts / self.batch_size)

    def describe(self, texts: int) -> str:
        """Say in a line how long is trained at most."""
        steps = math.ceil(texts / self.batch_size)
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs:,} epochs"
        each = "1 step" if steps == 1 else f"{steps:,} steps"
        texts_each = "1 text" if self.batch_size == 1 else f"{self.batch_size} texts"
        return f"at most {epochs} of {each}, of {texts_each} each"


def plan_schedule(config: TrainConfig, texts: int) -> Schedule:
    """Return the schedule for so many training texts; what `config` sets is kept.

    Batches are the largest of 64, 32, 16 and 8 texts that give at least fifty steps an epoch. Training
    takes ten epochs, or as many as `min_steps` need, and waits for two epochs, or for a quarter of
    `min_steps`; where the learning rate falls to zero, it is trained to the end.
    """
    batch_size = config.batch_size or next(
        (size for size in _BATCH_SIZES if texts >= size * _STEPS_PER_EPOCH), _BATCH_SIZES[-1]
    )
    steps = math.ceil(texts / batch_size)
    epochs = config.epochs or max(_EPOCHS, math.ceil(config.min_steps / steps))
    waits = max(_PATIENCE, math.ceil(config.min_steps / 4 / steps))
    if config.schedule != Rates.constant:
        waits = epochs
    return Schedule(epochs, config.patience or waits, batch_size)
