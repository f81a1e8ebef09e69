"""Test batches: every row once, little padding, reproducible order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.data import ImdbConfig
from pipeline.config.schema import TokenizerConfig
from pipeline.data.reviews import load_reviews
from pipeline.tokens.batches import ordered_batches, padded_share, shuffle_rows, shuffled_batches
from pipeline.tokens.encoding import encode_splits
from pipeline.tokens.split import EncodedSplit


def _split(lengths: np.ndarray) -> EncodedSplit:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    token_ids = np.arange(1, offsets[-1] + 1, dtype=np.int32)
    labels = np.arange(len(lengths), dtype=np.int32)[:, None]
    return EncodedSplit(token_ids, offsets, lengths, labels, labels[:, 0])


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=300),
    batch_size=st.integers(1, 9),
    seed=st.integers(0, 5),
)
def test_an_epoch_reads_every_row_once_in_an_order_that_the_seed_fixes(lengths, batch_size, seed):
    sizes = np.array(lengths)
    batches = shuffle_rows(sizes, batch_size, np.random.default_rng(seed))
    again = shuffle_rows(sizes, batch_size, np.random.default_rng(seed))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert all(1 <= len(rows) <= batch_size for rows in batches)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


def test_epochs_differ():
    lengths = np.full(200, 10)
    rng = np.random.default_rng(0)
    first, second = (shuffle_rows(lengths, 8, rng) for _ in range(2))
    assert not all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_batch_is_right_padded_with_its_own_rows_and_labels():
    split = _split(np.array([3, 1, 2]))
    for batches in (
        shuffled_batches(split, 2, np.random.default_rng(0)),
        ordered_batches(split, 2),
    ):
        for batch in batches:
            for place, row in enumerate(batch.rows):
                ids = split.row(row)
                assert batch.token_ids[place, : len(ids)].tolist() == ids.tolist()
                assert not batch.token_ids[place, len(ids) :].any()
                assert batch.labels[place, 0] == row
            assert batch.tokens == np.count_nonzero(batch.token_ids)


@pytest.mark.slow
def test_less_than_a_tenth_is_padding_on_the_real_reviews(tfds_dir, tmp_path):
    reviews = load_reviews(ImdbConfig(data_dir=str(tfds_dir)))
    lengths = encode_splits(reviews, TokenizerConfig(), tmp_path).train.lengths
    assert padded_share(lengths, shuffle_rows(lengths, 64, np.random.default_rng(0))) < 0.1
