"""Change the learning rate over the steps of training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from pipeline.config.schema import Rates, TrainConfig

_ONE_CYCLE = 0.3  # share of the steps in which the rate rises, and
_FIRST = 1 / 25  # share of the rate at which it begins, as PyTorch's OneCycleLR has both


def _half_cosine(share: Any) -> Any:
    return (1 + tf.cos(math.pi * share)) / 2


# The share of the rate that is left when so much of the time after the warm-up has passed, 0 to 1.
_AFTER: dict[Rates, Callable[[Any], Any]] = {
    Rates.constant: tf.ones_like,
    Rates.linear: lambda share: 1 - share,
    Rates.cosine: _half_cosine,
    Rates.one_cycle: _half_cosine,
}


class LearningRates(keras.optimizers.schedules.LearningRateSchedule):
    """Return the learning rate of a step, which is a function of its number alone.

    A resumed run therefore continues where it was. The warm-up rises in a straight line, of `one_cycle`
    along half a cosine (Smith 2018, "A disciplined approach to neural network hyper-parameters"); what
    follows is described by `Rates`.

    Parameters:
      steps: as many as are planned, at least 1; the last has a rate of about zero.
    """

    def __init__(self, config: TrainConfig, steps: int) -> None:
        self.config, self.steps = config, steps
        unset = _ONE_CYCLE if config.schedule == Rates.one_cycle else 0.0
        self.warmup = unset if config.warmup is None else config.warmup

    def __call__(self, step: Any) -> Any:
        """Return the rate <float>[] of a step <int>[], counted from 0."""
        passed = tf.minimum((tf.cast(step, tf.float32) + 1) / (self.steps + 1), 1.0)
        rising = self._rising(passed / max(self.warmup, 1e-9))
        falling = _AFTER[self.config.schedule]((passed - self.warmup) / (1 - self.warmup))
        return self.config.learning_rate * tf.where(passed < self.warmup, rising, falling)

    def _rising(self, share: Any) -> Any:
        if self.config.schedule != Rates.one_cycle:
            return share
        return _FIRST + (1 - _FIRST) * (1 - _half_cosine(share))

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError("models are saved without their optimizer")


def share_by_layer(
    model: keras.Model, config: TrainConfig, head_steps: int
) -> Callable[[int, Any], Any] | None:
    """Return the share of the learning rate of each trainable variable, by its number and the step.

    Each layer has `layer_decay` of the rate of the layer above it, and all but the heads wait for
    `head_steps` (Howard & Ruder 2018, "Universal language model fine-tuning", ACL). None: all have the
    whole rate.
    """
    if config.layer_decay == 1 and not head_steps:
        return None
    depths = _depths(model)

    def share_of(number: int, step: Any) -> Any:
        depth = depths[number]
        waits = tf.cast(step, tf.float32) < head_steps if depth else False
        return tf.where(waits, 0.0, config.layer_decay**depth)

    return share_of


def _depths(model: keras.Model) -> list[int]:
    """Return how far below the heads the layer of each trainable variable lies."""
    layers = [layer for layer in model.layers if layer.trainable_variables]
    inner = [layer for layer in layers if layer.name not in model.output_names]
    below = {layer.name: depth for depth, layer in enumerate(reversed(inner), start=1)}
    by_id = {
        id(variable): below.get(layer.name, 0) for layer in layers for variable in layer.variables
    }
    return [by_id[id(variable)] for variable in model.trainable_variables]
