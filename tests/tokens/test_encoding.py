"""Test the vocabulary, the encoding, its cache and truncation."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipeline.config.data import ClausesConfig
from pipeline.config.schema import Keep, TokenizerConfig, TokenizerKind
from pipeline.data.reviews import load_reviews
from pipeline.data.splits import Head, Reviews, ReviewSplits
from pipeline.tokens.encoding import EncodedSplits, encode_splits, encode_texts
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
    assert first.get_vocab_size() == (32 if kind == TokenizerKind.character else 120)


@pytest.mark.parametrize("size", [3, 4, 10, 31, 60])
@pytest.mark.parametrize("ended", [False, True])
def test_no_vocabulary_of_pieces_is_larger_than_asked(size, ended, splits):
    config = TokenizerConfig(kind=TokenizerKind.bpe, vocab_size=size)
    sizes = [
        train_tokenizer(texts, config, ended=ended).get_vocab_size()
        for texts in (splits.train.texts, ["电影很好看，我喜欢。ab"])
    ]
    assert max(sizes) <= size
    assert sizes[0] >= size - 1  # where a character needs two tokens, one may be left


def _train_pieces(place: Path) -> None:
    config = TokenizerConfig(kind=TokenizerKind.bpe, vocab_size=200)
    place.write_text(train_tokenizer(load_reviews(DATA).train.texts, config).to_str())


def test_pieces_are_the_same_in_every_process(tmp_path):
    context = multiprocessing.get_context("spawn")
    places = [tmp_path / "one", tmp_path / "other"]
    workers = [context.Process(target=_train_pieces, args=(place,)) for place in places]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert places[0].read_text() == places[1].read_text()


def test_pieces_say_whether_they_continue_a_word_and_no_text_is_mistaken_for_one():
    config = TokenizerConfig(kind=TokenizerKind.bpe, vocab_size=60)
    tokenizer = train_tokenizer(["walk walking talk talking ## #ing"] * 9, config)
    assert tokenizer.encode("walk talking").tokens == ["walk", "talking"]
    assert tokenizer.encode("lking ##ing").tokens[-3:] == ["#", "#", "ing"]
    assert tokenizer.encode("talkalk").tokens == ["talk", "##alk"]
    opened = Tokenizer.from_str(tokenizer.to_str())
    assert opened.encode("talkalk ##").ids == tokenizer.encode("talkalk ##").ids
    specials = [token.content for token in opened.get_added_tokens_decoder().values()]
    assert specials == ["[PAD]", "[UNK]"]


def test_characters_are_tokens_as_people_see_them_with_spaces():
    texts = ["Cafe\u0301 हिन्दी 👨‍👩‍👧👍🏽", "한국 น้ำ 🇩🇪🇫🇷"]
    tokenizer = train_tokenizer(texts, TokenizerConfig(kind=TokenizerKind.character))
    assert tokenizer.encode(texts[0]).tokens == [*"café ", "हि", "न्", "दी", " ", "👨‍👩‍👧", "👍🏽"]
    assert tokenizer.encode(texts[1]).tokens == ["한", "국", " ", "น้ำ", " ", "🇩🇪", "🇫🇷"]


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


def _reviews(texts: list[str]) -> Reviews:
    labels = np.zeros((len(texts), 1), dtype=np.int32)
    return Reviews(np.arange(len(texts)).astype(str), texts, labels)


def _encode_words(train: str, validation: str, test: str, cache: Path, **settings) -> EncodedSplits:
    splits = ReviewSplits(
        *(_reviews(texts.split("|")) for texts in (train, validation, test)),
        heads=(Head("label", ("a", "b")),),
        fingerprint=f"{train} {validation} {test}",
    )
    return encode_splits(splits, TokenizerConfig(**settings), cache)


def test_unknown_tokens_of_every_split_are_counted_as_they_are_read(tmp_path, caplog):
    caplog.set_level("INFO")
    texts = ("a b|c", "a b x", "x x x a b|y a")
    encoded = _encode_words(*texts, tmp_path)
    assert encoded.unknown == {"train": 0, "validation": 1 / 3, "test": 4 / 7}
    assert encoded.metrics["data/unknown_share_test"] == 4 / 7
    assert encoded.metrics["data/vocab_size"] == 5
    assert "0.0 % of train, 33.3 % of validation, 57.1 % of test" in caplog.text
    assert "57 % of the test tokens are unknown" in caplog.messages[-1]
    assert caplog.messages[-1].endswith(
        "Take more texts, or tokenizer=bpe, which cuts rare words into known pieces"
    )
    assert _encode_words(*texts, tmp_path, max_length=2).unknown["test"] == 1 / 4


def test_few_unknown_tokens_need_no_warning(tmp_path, caplog):
    _encode_words("a b|c", "a b", "a b c a b c a b c a b c x", tmp_path)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize("kind", TokenizerKind)
def test_characters_of_chinese_are_known_where_whole_clauses_are_not(tmp_path, kind, caplog):
    train = "我喜欢电影，很好。|电影不好，我很难过。|他说难看，我说好看。"
    encoded = _encode_words(train, "我不喜欢。", "他很喜欢看电影，好。", tmp_path, kind=kind)
    assert encoded.unknown["test"] == 0
    assert encoded.test.words.tolist() == [8]
    assert encoded.test.lengths.tolist() == [10]
    assert encoded.unspaced == pytest.approx(7 / 8)


def test_tokens_are_read_from_the_file_in_which_they_lie(tmp_path, splits):
    encoded = encode_splits(splits, TokenizerConfig(max_length=5), tmp_path)
    assert isinstance(encoded.train.token_ids, np.memmap)
    longest = int(np.argmax(encoded.train.full_lengths))
    assert np.shares_memory(encoded.train.row(longest), encoded.train.token_ids)


def test_texts_are_encoded_in_chunks_as_they_are_at_once(splits, monkeypatch):
    tokenizer = train_tokenizer(splits.train.texts, TokenizerConfig())
    whole = encode_texts(tokenizer, splits.test.texts)
    monkeypatch.setattr("pipeline.words.CHUNK", 7)
    for one, other in zip(encode_texts(tokenizer, splits.test.texts), whole, strict=True):
        assert np.array_equal(one, other)


def test_pieces_suit_the_texts_unless_a_size_is_set():
    texts = ["a film " * 20, "strangely filmed"]
    pieces = set(train_tokenizer(texts, TokenizerConfig(kind=TokenizerKind.bpe)).get_vocab())
    assert "film" in pieces
    assert not {"strangely", "filmed"} & pieces
    large = TokenizerConfig(kind=TokenizerKind.bpe, vocab_size=500)
    assert {"film", "strangely", "filmed"} <= set(train_tokenizer(texts, large).get_vocab())


@given(
    rows=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=9), min_size=1, max_size=8),
    max_length=st.integers(1, 10),
    keep=st.sampled_from(Keep),
)
def test_the_share_of_a_token_is_among_those_that_are_read(rows, max_length, keep):
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    zeros = np.zeros(len(rows), dtype=np.int32)
    flat = np.concatenate(rows).astype(np.int32)
    split = EncodedSplit(flat, offsets, zeros, zeros[:, None], zeros)
    for one in (split, truncate_split(split, max_length, keep)):
        read = one.take(np.arange(len(rows))).token_ids
        assert one.share_of(1) == np.mean(read == 1)
        assert one.lengths.sum() == len(read)


@pytest.mark.parametrize("name", ["train.token_ids.npy", "tokenizer.json"])
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
