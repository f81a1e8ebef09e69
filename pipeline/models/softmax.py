"""Compute the loss of predicting one token out of a vocabulary, without keeping all its logits.

A vocabulary of 20,000 tokens makes 20,000 logits at each of the thousands of positions in a batch. They
are computed some positions at a time, and their gradients at once with them, so that what is in work
stays in the processor's cache.

In training the softmax may be sampled: with candidates c drawn in proportion to q, K times, the sum over
the vocabulary is estimated by that of the target and of exp(logit_c) / (K q_c) over all c drawn that
are not the target. Its expectation is the whole sum (Blanc & Rendle 2018, "Adaptive Sampled Softmax with
Kernel Based Sampling", ICML). With every token drawn once and no correction it is the full softmax.

Shapes: positions N, features F, vocabulary V, candidates K.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipeline.models.fused.stream import add_rows

_LOGITS = 1 << 20  # computed at a time: 4 MB
_LOGITS_OF_ALL = 1 << 23  # where a row has all tokens: fewer would read the table too often
_NEVER = -1e30  # the logit of a candidate that is the target


def sampled_loss(
    features: Any, table: Any, targets: Any, candidates: Any, corrections: Any, hits: Any
) -> Any:
    """Return the mean loss <float>[] of predicting targets, normalised over candidates.

    Parameters:
      features: <float>[N, F]. table: the weights of each token, <float>[V, F].
      targets: <int>[N]. candidates: distinct tokens, <int>[K].
      corrections: log(number of draws / (K q)) of each candidate, <float>[K].
      hits: the candidate that is the target of a position, <int>[N]; -1 where none is.
    """

    @tf.custom_gradient
    def loss(features: Any, table: Any) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
        own, drawn = tf.gather(table, targets), tf.gather(table, candidates)
        count = tf.shape(targets)[0]
        size = tf.maximum(_LOGITS // tf.shape(candidates)[0], 1)

        def add(start: Any, total: Any, dfeatures: Any, down: Any, ddrawn: Any) -> tuple[Any, ...]:
            part = slice(start, tf.minimum(start + size, count))
            x, y = features[part], own[part]
            logits = tf.matmul(x, drawn, transpose_b=True) + corrections
            logits = _mask(logits, hits[part])
            right = tf.reduce_sum(x * y, axis=1)
            highest = tf.maximum(tf.reduce_max(logits, axis=1), right)
            others, mine = tf.exp(logits - highest[:, None]), tf.exp(right - highest)
            whole = tf.reduce_sum(others, axis=1) + mine
            share = 1 / whole[:, None]
            lacking = (mine / whole - 1)[:, None]
            index = start // size
            return (
                start + size,
                total + tf.reduce_sum(tf.math.log(whole) + highest - right),
                dfeatures.write(index, tf.matmul(others, drawn) * share + lacking * y),
                down.write(index, lacking * x),
                # [F, K]: to turn the few features is faster than to turn the logits
                ddrawn + tf.matmul(x * share, others, transpose_a=True),
            )

        def array() -> Any:
            shape = tf.TensorShape([None, features.shape[-1]])
            return tf.TensorArray(
                tf.float32, (count + size - 1) // size, element_shape=shape, infer_shape=False
            )

        nothing = tf.zeros_like(tf.transpose(drawn))
        begin = (0, tf.zeros([]), array(), array(), nothing)
        _, total, dfeatures, down, ddrawn = tf.while_loop(
            lambda start, *_: start < count, add, begin, parallel_iterations=1
        )
        mean = 1 / tf.cast(count, tf.float32)

        def gradient(upstream: Any) -> tuple[Any, Any]:
            share = upstream * mean
            values = tf.concat([down.concat(), tf.transpose(ddrawn)], axis=0) * share
            rows = tf.concat([targets, candidates], axis=0)
            return dfeatures.concat() * share, add_rows(values, rows, tf.shape(table))

        return total * mean, gradient

    return loss(features, table)


def _mask(logits: Any, hits: Any) -> Any:
    rows = tf.where(hits >= 0)[:, 0]
    places = tf.stack([tf.cast(rows, tf.int32), tf.gather(hits, rows)], axis=1)
    return tf.tensor_scatter_nd_update(logits, places, tf.fill([tf.shape(rows)[0]], _NEVER))


def full_losses(features: Any, table: Any, targets: Any) -> Any:
    """Return the loss <float>[N] of each target, normalised over the vocabulary; it has no gradient."""
    count = tf.shape(targets)[0]
    size = tf.maximum(_LOGITS_OF_ALL // tf.shape(table)[0], 1)

    def part(start: Any) -> Any:
        held = slice(start, tf.minimum(start + size, count))
        x, y = features[held], tf.gather(table, targets[held])
        logits = tf.matmul(x, table, transpose_b=True)
        # Twice as fast as TensorFlow's cross-entropy, which computes a gradient too.
        highest = tf.reduce_max(logits, axis=1)
        whole = tf.reduce_sum(tf.exp(logits - highest[:, None]), axis=1)
        losses = tf.math.log(whole) + highest - tf.reduce_sum(x * y, axis=1)
        return tf.pad(losses, tf.stack([0, size - tf.shape(losses)[0]])[None])

    spec = tf.TensorSpec([None], tf.float32)
    starts = tf.range(0, count, size)
    parts = tf.map_fn(part, starts, fn_output_signature=spec, parallel_iterations=1)
    return tf.reshape(parts, [-1])[:count]
