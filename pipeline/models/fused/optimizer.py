"""Update weights by Adam in a single pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


class FusedAdam(keras.optimizers.Adam):
    """Apply `keras.optimizers.Adam` by one TensorFlow operation instead of a dozen.

    Most weights of a model are in the embedding, and Adam updates all of them at each step, even those
    of tokens that are not in the batch: a dozen passes over it take a tenth of a step. The results equal
    those of the parent class up to rounding. `amsgrad` does nothing here. Do not save a model with this
    optimizer: it would not open without this class.

    Parameters:
      share_of: the function (number of a variable, step) -> its share of the learning rate; 1 for all if
        there is none.
    """

    def __init__(
        self, learning_rate: Any, share_of: Callable[[int, Any], Any] | None = None, **settings: Any
    ) -> None:
        super().__init__(learning_rate, **settings)
        self.share_of = share_of

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        step = tf.cast(tf.convert_to_tensor(self.iterations), tf.float32) + 1
        index = self._get_variable_index(variable)
        if self.share_of:
            learning_rate = self.share_of(index, step - 1) * learning_rate
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.convert_to_tensor(gradient),
        )
