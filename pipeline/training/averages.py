"""Average the weights of a model over the steps of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tensorflow as tf


class MovingAverages:
    """Hold exponential moving averages of weights; without a momentum, nothing.

    The momentum of the first steps is lower, (1 + n) / (10 + n) after n steps, as in TensorFlow's
    `ExponentialMovingAverage`: the average then forgets the weights that were drawn.
    """

    def __init__(self, weights: Sequence[Any], momentum: float) -> None:
        self.weights = list(weights) if momentum else []
        self.momentum = momentum
        self.variables = [tf.Variable(one.value, trainable=False) for one in self.weights]

    def update(self, steps: Any) -> None:
        """Move the averages toward the weights, after so many steps <int>[] of training."""
        if not self.weights:
            return
        count = tf.cast(tf.convert_to_tensor(steps), tf.float32)
        share = 1 - tf.minimum(self.momentum, (1 + count) / (10 + count))
        for average, weight in zip(self.variables, self.weights, strict=True):
            average.assign_add(share * (weight.value - average))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the model the averages, and afterwards its weights again."""
        kept = [weight.numpy() for weight in self.weights]
        for weight, average in zip(self.weights, self.variables, strict=True):
            weight.assign(average)
        try:
            yield
        finally:
            for weight, value in zip(self.weights, kept, strict=True):
                weight.assign(value)
