"""Test what counts as a word: in many scripts, and the same for networks, baseline and reports."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.config.schema import TokenizerConfig, TokenizerKind
from pipeline.data.splits import Head, Reviews
from pipeline.models.bigram_baseline import Words, fit_baseline
from pipeline.tokens.encoding import encode_texts
from pipeline.tokens.vocabulary import train_tokenizer
from pipeline.words import count_all_words, count_words, cut_words, split_sentences

HEADS = (Head("label", ("a", "b")),)
# Texts with their words and symbols, separated by |, and how many words are counted.
CUT = {
    "English": ("It's a well-known film!", "it's|a|well|-|known|film|!", 4),
    "German": ("Größe zählt doch", "größe|zählt|doch", 3),
    "Russian": ("Это хороший фильм.", "это|хороший|фильм|.", 3),
    "Hindi": ("हिन्दी फ़िल्म अच्छी है।", "हिन्दी|फ़िल्म|अच्छी|है|।", 4),
    "Arabic": ("فِيلْم جميل؟", "فِيلْم|جميل|؟", 2),
    "Persian": ("می\u200cخواهم دید", "می\u200cخواهم|دید", 2),
    "Korean": ("한국어 영화는 좋다", "한국어|영화는|좋다", 3),
    "Chinese": ("我爱iPhone手机，很好。2024年", "我|爱|iphone|手|机|，|很|好|。|2024|年", 9),
    "rare Chinese": ("𠮷野家〇々", "𠮷|野|家|〇|々", 5),
    "Japanese": ("ラーメンが好き！", "ラ|ー|メ|ン|が|好|き|！", 7),
    "decomposed Japanese": ("か\u3099き", "が|き", 2),
    "narrow Japanese": ("ﾊﾟﾝ", "ﾊﾟ|ﾝ", 2),
    "Thai": ("ภาษาไทย น้ำดีเก๋ ๑๒", "ภา|ษา|ไท|ย|น้ำ|ดี|เก๋|๑๒", 8),
    "Lao": ("ພາສາລາວ", "ພາ|ສາ|ລາ|ວ", 4),
    "Khmer": ("ភាសាខ្មែរ", "ភា|សា|ខ្មែ|រ", 4),
    "Myanmar": ("မြန်မာဘာသာ", "မြ|န်|မာ|ဘာ|သာ", 5),
    "Tibetan": ("བོད་སྐད་ཡིག།", "བོད|སྐད|ཡིག|།", 3),
    "Javanese": ("ꦧꦱꦗꦮ", "ꦧ|ꦱ|ꦗ|ꦮ", 4),
    "emoji": ("ok 👨‍👩‍👧👍🏽 🇩🇪☺️1️⃣", "ok|👨‍👩‍👧|👍🏽|🇩🇪|☺️|1️⃣", 3),
    "decomposed": ("cafe\u0301 nai\u0308ve", "café|naïve", 2),
    "invisible": ("a\u200b b\x00c \ufeffd", "a|b|c|d", 3),
    "numbers": ("½ x² Ⅷ ①", "½|x²|ⅷ|①", 4),
}


@pytest.mark.parametrize("name", CUT)
def test_texts_are_cut_as_their_script_is_written(name: str) -> None:
    text, words, count = CUT[name]
    assert cut_words(text) == words.split("|")
    assert count_words(text) == count


# Letters of many scripts, marks, joiners, emoji and control characters, close together.
_CHARACTERS = st.one_of(
    st.characters(codec="utf-8"),
    st.sampled_from("".join(text for text, _, _ in CUT.values()) + " '’\u0301\u200d\ufe0f\x01"),
)
_TEXTS = st.lists(st.text(_CHARACTERS, max_size=30), min_size=1, max_size=6)


def _words_of_network(texts: list[str]) -> list[list[str]]:
    tokenizer = train_tokenizer(texts, TokenizerConfig())
    ids, offsets = encode_texts(tokenizer, texts, fill=False)
    words = {number: word for word, number in tokenizer.get_vocab().items()}
    return [[words[int(one)] for one in row] for row in np.split(ids, offsets[1:-1])]


@settings(max_examples=150, deadline=None)
@given(texts=_TEXTS)
@example(texts=[text for text, _, _ in CUT.values()])
def test_the_baseline_and_the_networks_read_the_same_words(texts: list[str]) -> None:
    rows = _words_of_network(texts)
    assert rows == [cut_words(text) for text in texts]
    assert rows == list(Words.of(texts).cut(texts))


def test_the_baseline_knows_words_and_pairs_of_chinese_and_hindi() -> None:
    texts = ["电影很好", "फ़िल्म अच्छी है"]
    reviews = Reviews(np.array(["0", "1"]), texts, np.array([[0], [1]], dtype=np.int32))
    baseline = fit_baseline(reviews, reviews, HEADS)
    assert set(baseline.document_counts) == {*"电影很好", *cut_words(texts[1])}
    assert baseline.parameters == 7 + 3 + 2 + 1
    assert baseline.validation_accuracy == 1


@settings(max_examples=150, deadline=None)
@given(texts=_TEXTS)
def test_no_character_that_is_seen_is_lost_but_what_divides_syllables(texts: list[str]) -> None:
    for text in texts:
        read = {char for word in cut_words(text) for char in word}
        normal = unicodedata.normalize("NFC", text).lower()
        # Of characters that Python does not know yet, tokenizers may know the lower case.
        unseen = ("Cc", "Cf", "Cn")
        seen = {char for char in normal if unicodedata.category(char) not in unseen}
        assert {char for char in seen - read if not char.isspace()} <= set("\u0f0b\u0f0c")


@settings(max_examples=100, deadline=None)
@given(first=st.text(_CHARACTERS, max_size=30), second=st.text(_CHARACTERS, max_size=30))
def test_lengths_add_up_where_texts_are_joined_by_a_space(first: str, second: str) -> None:
    first, second = (" ".join([*part.split(), "好", "ok"]) for part in (first, second))
    assert count_words(f"{first} {second}") == count_words(first) + count_words(second)


def test_texts_with_spaces_are_counted_as_their_parts() -> None:
    texts = ["A well-known film - at 9/10, isn't it?", "Größe", "хорошо , да", "좋다 !"]
    assert count_all_words(texts).tolist() == [len(text.split()) for text in texts]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It is. Is it? Yes", ["It is.", "Is it?", "Yes"]),
        ("很好。真的吗？“是。”好！！", ["很好。", "真的吗？", "“是。”", "好！！"]),
        ("अच्छा है। हाँ।", ["अच्छा है।", "हाँ।"]),
        ("ดีมาก ชอบ", ["ดีมาก", "ชอบ"]),
    ],
)
def test_sentences_end_as_their_script_ends_them(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@pytest.mark.parametrize("kind", TokenizerKind)
def test_pieces_stay_within_characters_of_chinese(kind: TokenizerKind) -> None:
    texts = ["电影很好看，我喜欢。"] * 50
    tokenizer = train_tokenizer(texts, TokenizerConfig(kind=kind))
    vocabulary = set(tokenizer.get_vocab())
    assert vocabulary == {"[PAD]", "[UNK]", *"电影很好看，我喜欢。"}
