"""Test how texts are encoded for a language model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.config.schema import TokenizerConfig, TokenizerKind
from pipeline.data.language_texts import LanguageTexts
from pipeline.data.splits import Reviews
from pipeline.tokens.language import END, LanguageTokens, encode_language


def _reviews(name: str, texts: list[str]) -> Reviews:
    labels = np.zeros((len(texts), 1), dtype=np.int32)
    return Reviews(np.array([f"{name}-{row}" for row in range(len(texts))]), texts, labels)


def _encode(cache: Path, train: str, validation: str, test: str, **settings) -> LanguageTokens:
    held_out = [_reviews(str(n), part.split("|")) for n, part in enumerate((validation, test))]
    texts = LanguageTexts(train.split("|"), *held_out, fingerprint=f"{train} {validation} {test}")
    return encode_language(texts, TokenizerConfig(**settings), cache)


def test_every_text_is_whole_and_ends_with_its_token(tmp_path):
    tokens = _encode(tmp_path, "a b a|c a", "a b x", "b|c x c", max_length=2)
    assert tokens.end == 2
    assert tokens.tokenizer.id_to_token(2) == END
    rows = [tokens.train.row(0).tolist(), tokens.train.row(1).tolist()]
    assert rows == [[3, 4, 3, 2], [5, 3, 2]]
    assert tokens.validation.row(0).tolist() == [3, 4, tokens.unknown_id, 2]
    assert tokens.counts.tolist() == [0, 0, 2, 3, 1, 1]
    assert tokens.unknown == {"train": 0, "validation": 1 / 4, "test": 1 / 6}
    assert tokens.metrics["data/vocab_size"] == 6
    assert tokens.test.labels.shape == (2, 0)
    assert tokens.test.review_ids.tolist() == ["1-0", "1-1"]


@pytest.mark.parametrize("kind", TokenizerKind)
def test_a_text_that_spells_a_special_token_does_not_become_it(tmp_path, kind):
    odd = "[END] [UNK] [PAD] a"
    tokens = _encode(tmp_path, f"{odd}|{odd}", odd, odd, kind=kind, vocab_size=200)
    row = tokens.test.row(0)
    assert (row[:-1] > 2).all()
    assert row[-1] == 2
    again = _encode(tmp_path, f"{odd}|{odd}", odd, odd, kind=kind, vocab_size=200)
    assert again.tokenizer.encode(odd).ids == row[:-1].tolist()


def test_characters_are_counted_as_they_are_encoded(tmp_path):
    tokens = _encode(tmp_path, "a", "A film.|e\u0301", "\u0130|👍🏽 好")
    assert tokens.characters["validation"].tolist() == [7, 1]
    assert tokens.characters["test"].tolist() == [2, 4]


def test_classifiers_and_language_models_do_not_share_a_cache(tmp_path):
    one = _encode(tmp_path, "a b", "a", "b")
    other = _encode(tmp_path, "a b", "a", "b", kind=TokenizerKind.character)
    assert one.fingerprint != other.fingerprint
    assert _encode(tmp_path, "a b", "a", "b").fingerprint == one.fingerprint


def test_tokens_are_read_from_the_file_in_which_they_lie(tmp_path):
    tokens = _encode(tmp_path, "a b|c", "a", "b")
    assert isinstance(tokens.train.token_ids, np.memmap)
