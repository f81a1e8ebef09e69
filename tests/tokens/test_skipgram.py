"""Word vectors: words that stand in the same places are neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from pipeline.config.schema import TokenizerConfig, TokenizerKind
from pipeline.tokens import skipgram
from pipeline.tokens.skipgram import train_vectors
from pipeline.tokens.vocabulary import train_tokenizer

GROUPS = {"fruit": "apple pear plum fig", "metal": "iron zinc lead gold"}
AROUND = {
    "fruit": "ripe sweet juicy peeled eaten tasty fresh picked".split(),
    "metal": "molten rusty forged mined smelted shiny heavy alloyed".split(),
}


def _texts(count: int = 2_000) -> list[str]:
    """Return texts in which a word has the neighbours of its group, never another of the group."""
    rng = np.random.default_rng(0)
    texts = []
    for _ in range(count):
        group = str(rng.choice([*GROUPS]))
        around = rng.choice(AROUND[group], 6).tolist()
        texts.append(" ".join([*around[:3], str(rng.choice(GROUPS[group].split())), *around[3:]]))
    return texts


def _train(cache: Path, texts: list[str], **changes: Any) -> tuple[Tokenizer, np.ndarray]:
    given: dict[str, Any] = {"seed": 0, "dim": 12, "fingerprint": "made"} | changes
    seed, dim, fingerprint = (given.pop(name) for name in ("seed", "dim", "fingerprint"))
    settings = given
    tokenizer = train_tokenizer(_texts(), TokenizerConfig(**settings))
    return tokenizer, train_vectors(texts, fingerprint, tokenizer, dim, seed, cache)


def test_words_of_the_same_places_are_neighbours(tmp_path):
    tokenizer, vectors = _train(tmp_path, _texts())
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = {
        name: units[[tokenizer.token_to_id(word) for word in words.split()]]
        for name, words in GROUPS.items()
    }
    for name, own in rows.items():
        other = rows["metal" if name == "fruit" else "fruit"]
        alike = (own @ own.T)[~np.eye(len(own), dtype=bool)]
        assert alike.min() > (own @ other.T).max() + 0.2


def test_the_same_seed_gives_the_same_vectors_and_another_others(tmp_path):
    (_, one), (_, again), (_, other) = (
        _train(tmp_path / name, _texts(300), seed=seed)
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(np.nan_to_num(one), np.nan_to_num(other))


def test_padding_unknown_and_tokens_of_no_text_have_no_vector(tmp_path):
    tokenizer, vectors = _train(tmp_path, ["apple pear neverseen ripe"] * 50)
    seen = [tokenizer.token_to_id(word) for word in ("apple", "pear", "ripe")]
    assert np.flatnonzero(~np.isnan(vectors).any(axis=1)).tolist() == sorted(filter(None, seen))
    assert np.isnan(vectors[[0, 1]]).all()
    assert vectors.shape == (tokenizer.get_vocab_size(), 12)


def test_texts_of_unknown_tokens_alone_have_no_vectors(tmp_path):
    _, vectors = _train(tmp_path, ["neverseen"] * 5)
    assert np.isnan(vectors).all()


@pytest.mark.parametrize("kind", [TokenizerKind.bpe, TokenizerKind.character])
def test_pieces_and_characters_have_vectors_too(tmp_path, kind):
    _, vectors = _train(tmp_path, _texts(50), kind=kind)
    assert np.isfinite(vectors[2:]).any()


def test_vectors_are_kept_by_what_decides_them(tmp_path, monkeypatch):
    trained: list[tuple[int, int]] = []

    def train(token_ids, offsets, vocab_size, dim, seed):
        trained.append((dim, seed))
        return np.zeros((vocab_size, dim), np.float32)

    monkeypatch.setattr(skipgram, "_train", train)
    varied: list[dict[str, Any]] = [{}, {}, {"seed": 1}, {"dim": 3}, {"fingerprint": "other"}]
    for settings in [*varied, {"vocab_size": 9}, {}]:
        _train(tmp_path, ["apple"], **settings)
    assert trained == [(12, 0), (12, 1), (3, 0), (12, 0), (12, 0)]


def test_a_text_longer_than_gensim_takes_is_read_whole(tmp_path):
    tokenizer, vectors = _train(tmp_path, [" ".join(["apple pear"] * 6_000 + ["zinc iron"] * 20)])
    assert np.isfinite(vectors[tokenizer.token_to_id("zinc")]).all()
