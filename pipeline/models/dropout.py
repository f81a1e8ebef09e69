"""Draw the dropout masks of a training step.

A mask is drawn by the seed of the step and by its own place, so that the fused and the plain layers drop
the same, and a resumed run drops what an uninterrupted one would. What is kept is scaled up, so that
nothing changes outside training.

- Embeddings have one mask for each distinct token of a batch (Gal & Ghahramani 2016, "A theoretically
  grounded application of dropout in recurrent neural networks", NeurIPS; Merity et al. 2018,
  "Regularizing and optimizing LSTM language models", ICLR). A kernel can then still project every
  distinct token once.
- Between layers a row has one mask for all steps (variational dropout, in the same papers).
- `weight_drop` drops recurrent weights, for all rows and steps of a batch (Merity et al. 2018).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.config.schema import ArchitectureConfig

# What draws a mask: its number is folded into the seed of the step. Layers count on from the last.
_TOKENS, _WORDS, _FEATURES, _LAYERS, _KERNELS = 0, 1, 2, 1_000, 2_000


class Dropout(NamedTuple):
    """Drop what an architecture says, in one training step; nothing where `seed` is None.

    seed: <int32>[2].
    """

    config: ArchitectureConfig
    seed: Any | None

    @property
    def is_off(self) -> bool:
        config = self.config
        rates = (
            config.dropout,
            config.dropout_of_embeddings,
            config.word_dropout,
            config.weight_drop,
        )
        return self.seed is None or not any(rates)

    def of_tokens(self, rows: Any) -> Any:
        """Drop numbers of embeddings, and whole ones. rows: <float>[R, F], one for each token."""
        rows = self._drop(rows, self.config.dropout_of_embeddings, _TOKENS, tf.shape(rows))
        return self._drop(rows, self.config.word_dropout, _WORDS, [tf.shape(rows)[0], 1])

    def between(self, number: int, features: Any, steps_axis: int = 1) -> Any:
        """Drop features <float>[B, T, F] after the layer `number`, the same at all steps of a row."""
        shape = tf.concat(
            [tf.shape(features)[:steps_axis], [1], tf.shape(features)[steps_axis + 1 :]], 0
        )
        return self._drop(features, self.config.dropout, _LAYERS + number, shape)

    def of_features(self, features: Any) -> Any:
        """Drop features <float>[B, F] of what the heads read."""
        return self._drop(features, self.config.dropout, _FEATURES, tf.shape(features))

    def of_kernel(self, number: int, kernel: Any) -> Any:
        """Drop recurrent weights of the layer `number`, <float>[D, U, G * U] for all directions."""
        return self._drop(kernel, self.config.weight_drop, _KERNELS + number, tf.shape(kernel))

    def _drop(self, values: Any, rate: float, number: int, shape: Any) -> Any:
        if self.seed is None or not rate:
            return values
        seed: Any = tf.random.fold_in(self.seed, number)
        kept = tf.random.stateless_uniform(shape, seed) >= rate
        return values * (tf.cast(kept, values.dtype) / (1 - rate))
