"""Update weights by Adam in a single pass."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class FusedAdam(keras.optimizers.Adam):
    """Apply `keras.optimizers.Adam` by one TensorFlow operation instead of a dozen.

    Most weights of a model are in the embedding, and Adam updates all of them at each step, even those
    of tokens that are not in the batch: a dozen passes over it take a tenth of a step. The results equal
    those of the parent class up to rounding. `amsgrad` does nothing here. Do not save a model with this
    optimizer: it would not open without this class.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        step = tf.cast(tf.convert_to_tensor(self.iterations), tf.float32) + 1
        index = self._get_variable_index(variable)
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
