"""Test that tokens are spelled as people write, and that what is spelled is read as the same tokens."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from pipeline.config.schema import TokenizerConfig, TokenizerKind
from pipeline.data.cleaning import clean_text
from pipeline.tokens.spelling import spell
from pipeline.tokens.vocabulary import train_tokenizer
from pipeline.words import make_tokenizer

# Texts that are spelled as they are written.
WRITTEN = [
    "i don't like \"this film\" (it's a well-known flop), but the actors' names: 9/10.",
    "it's 10:30... 7.5 and $1,000, or 50% of 'em!!!",
    'he said: "no." "why?" she asked; and/or so [sic] it is well...',
    "“hello,” she said; ‘no’. ¿qué?",
    "a 'quoted' word and 'more'.",
    "我爱iphone手机，很好。2024年",
    "「ラーメンが好き！」（はい）",
    "ภาษาไทยน้ำดีเก๋",
    "བོད་སྐད་ཡིག།",
    "हिन्दी फ़िल्म अच्छी है।",
    "فِيلْم جميل؟",
    "한국어 영화는 좋다.",
    "می\u200cخواهم دید",
    "ok 👨‍👩‍👧 👍🏽 🇩🇪 ☺",
    "größe ½ x² → naïve café",
]
# What a text may say that looks like something else.
ODD = [
    "it ' s a - b -- c",
    "[END] [unk] [pad]",
    "## #ed ##",
    "เ ก ก า",
    "e \u0301",
    "a ' b ' c",
    "1 . 5 , 200",
]


def _train(texts: list[str], kind: TokenizerKind, size: int | None = None) -> Tokenizer:
    tokenizer = train_tokenizer(texts, TokenizerConfig(kind=kind, vocab_size=size), ended=True)
    tokenizer.encode_special_tokens = True
    return tokenizer


def _respell(text: str, tokenizer: Tokenizer) -> str:
    return "".join(spell(tokenizer, tokenizer.encode(text).ids))


@pytest.mark.parametrize("kind", TokenizerKind)
def test_texts_are_spelled_as_they_are_written(kind: TokenizerKind) -> None:
    tokenizer = _train(WRITTEN, kind, 420)
    assert [_respell(text, tokenizer) for text in WRITTEN] == WRITTEN


_TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.lists(
        st.sampled_from(
            [
                *"aiße19.,:;!?-/'\"()[]#$%“”’",
                "it",
                "'s",
                " ",
                " ",
                *"我電ーがกาเ้། ་བོ🇩🇪👍🏽\u200d\u0301",
            ]
        ),
        max_size=14,
    ).map("".join),
)


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(_TEXTS, min_size=1, max_size=4), kind=st.sampled_from(TokenizerKind))
@example(texts=[*WRITTEN, *ODD], kind=TokenizerKind.word)
@example(texts=[*WRITTEN, *ODD], kind=TokenizerKind.bpe)
@example(texts=[*WRITTEN, *ODD], kind=TokenizerKind.character)
def test_what_is_spelled_is_read_as_the_same_tokens(texts: list[str], kind: TokenizerKind) -> None:
    texts = [unicodedata.normalize("NFC", clean_text(text).lower()) for text in texts]
    tokenizer = _train(texts, kind, 100_000)
    normalise = tokenizer.normalizer.normalize_str
    texts = [text for text in texts if normalise(text) == text]
    assume(texts)
    for text in texts:
        ids = tokenizer.encode(text).ids
        assert tokenizer.encode("".join(spell(tokenizer, ids))).ids == ids


@pytest.mark.parametrize("kind", TokenizerKind)
def test_each_piece_is_its_token_with_the_space_before_it(kind: TokenizerKind) -> None:
    tokenizer = _train(["a bad film, a bad plot"], kind, 80)
    ids = tokenizer.encode("a bad film").ids
    pieces = spell(tokenizer, ids)
    assert len(pieces) == len(ids)
    if kind == TokenizerKind.word:
        assert pieces == ["a", " bad", " film"]


@pytest.mark.parametrize("kind", TokenizerKind)
def test_the_end_is_not_spelled_and_begins_a_text_and_the_unknown_is_named(
    kind: TokenizerKind,
) -> None:
    tokenizer = _train(['a "film.'], kind, 80)
    end, known = 2, tokenizer.encode("a").ids
    assert spell(tokenizer, [end, *known, 1, 0, end, *known]) == [
        *("", "a", "[UNK]" if kind == TokenizerKind.character else " [UNK]"),
        *("", "", "a"),
    ]


def test_a_quote_that_was_left_open_is_closed_by_the_end() -> None:
    tokenizer = _train(['a "film'], TokenizerKind.word)
    ids = [*tokenizer.encode('a "film').ids, 2, *tokenizer.encode('a "film').ids]
    assert "".join(spell(tokenizer, ids)) == 'a "filma "film'


def test_pieces_of_a_vocabulary_of_earlier_versions_are_spelled_as_words() -> None:
    unmarked = make_tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    opened = Tokenizer.from_str(unmarked.to_str())
    ids = opened.encode("aba b").ids
    assert spell(opened, ids) == ["ab", " a", " b"]
