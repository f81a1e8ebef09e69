"""What is dropped: the same by seed, by token, by row and by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from pipeline.config.schema import ArchitectureConfig
from pipeline.models.dropout import Dropout


def _dropout(seed: tuple[int, int] | None = (0, 0), **rates: Any) -> Dropout:
    config = ArchitectureConfig(name="tiny", cell="lstm", **rates)
    return Dropout(config, None if seed is None else tf.constant(seed, tf.int32))


def _share_and_level(values: Any) -> tuple[float, float]:
    """Return the share of zeros, and what the other ones became."""
    (level,) = set(np.unique(values)) - {0}
    return float(np.mean(np.equal(values, 0))), float(level)


def test_without_a_seed_nothing_is_dropped():
    dropout, ones = _dropout(None, dropout=0.5, word_dropout=0.5, weight_drop=0.5), tf.ones([9, 9])
    assert dropout.is_off
    assert _dropout().is_off
    for values in (dropout.of_tokens(ones), dropout.of_features(ones), dropout.of_kernel(1, ones)):
        np.testing.assert_array_equal(values, ones)


def test_the_rate_is_the_share_and_what_is_kept_is_scaled_up():
    ones = tf.ones([200, 100])
    dropout = _dropout(dropout=0.2, embedding_dropout=0.5, weight_drop=0.25)
    for values, rate in (
        (dropout.of_tokens(ones), 0.5),
        (dropout.of_features(ones), 0.2),
        (dropout.of_kernel(1, ones), 0.25),
    ):
        assert _share_and_level(values) == pytest.approx((rate, 1 / (1 - rate)), abs=0.02)


def test_embeddings_have_the_rate_of_all_unless_they_have_their_own():
    ones = tf.ones([200, 100])
    assert _share_and_level(_dropout(dropout=0.4).of_tokens(ones))[0] == pytest.approx(
        0.4, abs=0.02
    )
    np.testing.assert_array_equal(
        _dropout(dropout=0.4, embedding_dropout=0.0).of_tokens(ones), ones
    )


def test_words_are_dropped_whole():
    values = _dropout(word_dropout=0.3).of_tokens(tf.ones([2_000, 4])).numpy()
    assert (values == values[:, :1]).all()
    assert values.max() == pytest.approx(1 / 0.7)
    assert np.mean(values[:, 0] == 0) == pytest.approx(0.3, abs=0.04)


@pytest.mark.parametrize("axis", [0, 1])
def test_between_layers_a_row_loses_the_same_at_all_steps_and_others_lose_others(axis):
    values = _dropout(dropout=0.5).between(1, tf.ones([7, 7, 50]), steps_axis=axis).numpy()
    by_step = np.moveaxis(values, axis, 0)
    assert (by_step == by_step[0]).all()
    assert len(np.unique(by_step[0], axis=0)) == 7


def test_another_step_another_seed_and_another_layer_drop_others():
    ones = tf.ones([5, 3, 50])
    drawn = [
        _dropout(seed, dropout=0.5).between(layer, ones).numpy()
        for seed, layer in (((0, 0), 1), ((0, 1), 1), ((1, 0), 1), ((0, 0), 2))
    ]
    assert len({values.tobytes() for values in drawn}) == len(drawn)
    np.testing.assert_array_equal(drawn[0], _dropout((0, 0), dropout=0.5).between(1, ones))
