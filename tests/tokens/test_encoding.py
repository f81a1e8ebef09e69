"""Test the vocabulary, the encoding, its cache and truncation."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.data import ClausesConfig
from pipeline.config.schema import Keep, TokenizerConfig, TokenizerKind
from pipeline.data.reviews import ReviewSplits, load_reviews
from pipeline.tokens.encoding import encode_splits, encode_texts
from pipeline.tokens.split import EncodedSplit, truncate_split
from pipeline.tokens.vocabulary import train_tokenizer

DATA = ClausesConfig(train_size=150, validation_size=100, test_size=100, max_distance=20)


@pytest.fixture(scope="module")
def splits() -> ReviewSplits:
    return load_reviews(DATA)


def test_the_vocabulary_is_ordered_by_count_and_then_by_spelling():
    tokenizer = train_tokenizer(["b b a a c", "It's a d-c."], TokenizerConfig())
    vocabulary = tokenizer.get_vocab()
    ordered = sorted(vocabulary, key=vocabulary.__getitem__)
    counts = Counter("b b a a c it's a d - c .".split())
    assert ordered[:2] == ["[PAD]", "[UNK]"]
    assert ordered[2:] == sorted(counts, key=lambda word: (-counts[word], word))


@pytest.mark.parametrize("kind", TokenizerKind)
def test_the_vocabulary_is_the_same_each_time_and_as_large_as_asked(kind, splits):
    config = TokenizerConfig(kind=kind, vocab_size=120)
    first = train_tokenizer(splits.train.texts, config)
    second = train_tokenizer(splits.train.texts, config)
    assert first.to_str() == second.to_str()
    assert first.get_vocab_size() == 120


def test_a_text_without_known_tokens_is_one_unknown_token():
    tokenizer = train_tokenizer(["a b c"], TokenizerConfig())
    token_ids, offsets = encode_texts(tokenizer, ["zzz", "\u200b", "a"])
    assert np.diff(offsets).tolist() == [1, 1, 1]
    assert token_ids[:2].tolist() == [1, 1]


def test_a_text_that_spells_the_padding_token_holds_no_padding():
    tokenizer = train_tokenizer(["a film [PAD]"], TokenizerConfig())
    token_ids, offsets = encode_texts(tokenizer, ["[PAD]", "a [PAD] film [UNK]"])
    assert 0 not in token_ids
    assert np.diff(offsets).tolist() == [3, 8]


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    max_length=st.integers(1, 14),
    keep=st.sampled_from(Keep),
)
def test_truncation_keeps_the_first_the_last_or_both(lengths, max_length, keep):
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    token_ids = np.arange(offsets[-1], dtype=np.int32)
    zeros = np.zeros(len(lengths), dtype=np.int32)
    whole = EncodedSplit(token_ids, offsets, zeros, zeros[:, None], zeros)
    cut = truncate_split(whole, max_length, keep)
    for number in range(len(lengths)):
        row = whole.row(number).tolist()
        half = (max_length + 1) // 2
        expected = {
            Keep.tail: row[-max_length:],
            Keep.head: row[:max_length],
            Keep.both: row
            if len(row) <= max_length
            else row[:half] + row[len(row) - max_length + half :],
        }[keep]
        assert cut.row(number).tolist() == expected


def test_the_cache_returns_what_was_encoded_and_serves_every_length(tmp_path, splits, caplog):
    caplog.set_level("INFO")
    long = encode_splits(splits, TokenizerConfig(), tmp_path)
    short = encode_splits(splits, TokenizerConfig(max_length=5), tmp_path)
    assert caplog.text.count("Encoded") == 1
    assert short.test.lengths.max() == 5
    assert np.array_equal(short.test.row(0), long.test.row(0)[-5:])
    assert np.array_equal(short.test.full_lengths, long.test.lengths)
    text = splits.test.texts[0]
    assert long.test.row(0).tolist() == long.tokenizer.encode(text).ids
    assert long.test.words[0] == len(text.split())


@pytest.mark.parametrize("name", ["train.token_ids.npy", "tokenizer.json", "manifest.json"])
def test_a_damaged_cache_is_noticed_and_rebuilt(tmp_path, splits, name, caplog):
    whole = np.array(encode_splits(splits, TokenizerConfig(), tmp_path).train.token_ids)
    (file,) = tmp_path.glob(f"encodings/*/{name}")
    content = file.read_bytes()
    file.write_bytes(content[:-8] + b"\xff" * 8)
    again = encode_splits(splits, TokenizerConfig(), tmp_path)
    assert "damaged" in caplog.text
    assert np.array_equal(whole, again.train.token_ids)
    assert file.read_bytes() == content


def _encode(cache: Path, start) -> None:
    splits = load_reviews(DATA)
    start.wait()
    encode_splits(splits, TokenizerConfig(), cache)


def test_parallel_processes_fill_the_cache_once(tmp_path, splits):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    workers = [context.Process(target=_encode, args=(tmp_path, start)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    entries = [path for path in (tmp_path / "encodings").iterdir() if path.is_dir()]
    assert len(entries) == 1
    assert entries[0].name == encode_splits(splits, TokenizerConfig(), tmp_path).fingerprint
