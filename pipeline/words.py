"""Define what counts as a word: one rule for networks, the baseline, probes and reports.

A word stands between spaces or punctuation, with its inner apostrophes. Many scripts are written
without spaces between words: there each character is a word, with the marks and vowels that are written
around it, and in Tibetan each syllable. Every other symbol is a token of its own, such as a full stop or
an emoji. White space, control characters and invisible ones are never tokens.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

UNKNOWN = "[UNK]"  # the token of whatever is not in a vocabulary
MANY_UNKNOWN = 0.1  # a share of the test tokens that needs a warning

# Blocks of scripts that are written without spaces between words. Hangul is not among them.
_BY_CHARACTER = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf\U00011700-\U0001174f"  # Tai Le, Tai Lue, Tai Tham, Ahom
    "\u1b00-\u1b7f\ua980-\ua9df"  # Balinese, Javanese
    "\u2e80-\u312f\u3190-\u33ff\uff65-\uff9f\U0001aff0-\U0001b2ff"  # Kana, Bopomofo, Nushu
    "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\ua000-\ua4cf\U00016fe0-\U00018dff"  # Yi, Tangut, Khitan
)
_BY_SYLLABLE = "\u0f00-\u0fff"  # Tibetan

# The expressions are Oniguruma's, in which \w includes combining marks.
_LETTER = rf"[[{_BY_CHARACTER}]&&[\p{{L}}\p{{Nl}}]]"
_BEFORE = "[\u0e40-\u0e44\u0ec0-\u0ec4]"  # vowels that are written before their consonant
_AFTER = "[\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3]"  # vowels that are letters after it
_STACKING = "[\u1039\u17d2\u1a60\u1b44\ua9c0]"  # a mark that puts the next consonant below
_CHARACTER = (
    rf"{_BEFORE}?{_LETTER}(?:{_STACKING}{_LETTER}|\p{{M}})*(?:{_AFTER}\p{{M}}*)?[\uff9e\uff9f]?"
)
_OTHER = rf"[[\w\p{{N}}]&&[^{_LETTER[1:-1]}]]"
_INNER = "['’]|[\u200c\u200d]+"  # apostrophes, and joiners that no one sees
_SPACED = rf"{_OTHER}+(?:(?:{_INNER}){_OTHER}+)*"
_TSHEG = "\u0f0b\u0f0c"  # stand between Tibetan syllables, like a space
_SIGN = rf"[^\w\s\p{{N}}\p{{Cc}}\p{{Cf}}{_TSHEG}]"
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_EMOJI_PARTS = "[\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"  # colours of skin, parts of flags
_SYMBOL = rf"{_FLAG}|{_SIGN}(?:\p{{M}}|{_EMOJI_PARTS}|\u200d{_SIGN})*"
_WORD = rf"{_CHARACTER}|{_SPACED}"
PATTERN = rf"{_WORD}|{_SYMBOL}"

_UNSPACED = re.compile(f"[{_BY_CHARACTER}{_BY_SYLLABLE}]")
_UNSPACED_SIGN = re.compile(f"[{_BY_CHARACTER}\uff01-\uff64]")
_SYLLABLE_LETTER = re.compile("[\u0f00\u0f20-\u0f33\u0f35\u0f37\u0f39\u0f3e-\u0fbc]")
CHUNK = 2_048  # texts that are encoded at once

# A sentence ends with a stop and white space; no space follows the wide stops, and Thai and Lao have
# a space instead of a stop.
_WIDE, _CLOSING = "。！？｡", "」』”’）》"
_BETWEEN = re.compile(
    "(?<=[.!?।॥۔؟።။។։])\\s+"
    f"|(?:(?<=[{_WIDE}])|(?<=[{_WIDE}][{_CLOSING}]))\\s*(?=[^\\s{_WIDE}{_CLOSING}])"
    "|(?<=[\u0e00-\u0eff])\\s+(?=[\u0e00-\u0eff])"
)


def make_tokenizer(model: models.Model, *, by_character: bool = False) -> Tokenizer:
    """Return a tokenizer that cuts texts into words and symbols, and these into tokens by `model`.

    by_character: cut them into characters as people see them, with all marks, and spaces are some too.
    """
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = _split_at(r"\X" if by_character else PATTERN)
    return tokenizer


def cut_words(text: str) -> list[str]:
    """Return the words and symbols of a text in lower case, as every model reads them."""
    cutter = _word_counter(symbols=True)
    normal = cutter.normalizer.normalize_str(text)
    return [word for word, _ in cutter.pre_tokenizer.pre_tokenize_str(normal)]


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return the start and end in a text of each of its words and symbols."""
    return _word_counter(symbols=True).encode(text).offsets


def reads_spaces(tokenizer: Tokenizer) -> bool:
    """Return whether a space is a token: then a text is more than the tokens of its words."""
    return bool(tokenizer.pre_tokenizer.pre_tokenize_str(" "))


def has_unspaced(text: str) -> bool:
    """Return whether a text has letters or signs of a script that is written without spaces."""
    return _UNSPACED_SIGN.search(text) is not None


def is_syllable(character: str) -> bool:
    """Return whether a character belongs to a syllable of Tibetan, where a sign separates them."""
    return _SYLLABLE_LETTER.fullmatch(character) is not None


def encode_in_chunks(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    if_empty: Sequence[int] = (),
    ending: Sequence[int] = (),
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the ids <int32>[tokens] of some texts after the other, and how many each has <int64>[k].

    if_empty: the ids of a text without any token; ending: ids that are put after every text.
    """
    # A text that contains the characters "[PAD]" must not become padding.
    tokenizer.encode_special_tokens = True
    for start in range(0, len(texts), CHUNK):
        chunk = texts[start : start + CHUNK]
        encodings = tokenizer.encode_batch_fast(chunk)
        rows = [[*(encoding.ids or if_empty), *ending] for encoding in encodings]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        flat = itertools.chain.from_iterable(rows)
        yield np.fromiter(flat, np.int32, int(lengths.sum())), lengths


def count_words(text: str) -> int:
    """Return the number of words of a cleaned text, at least 1.

    What stands between spaces is a word, as most people count; in a script that is written without
    them, each character or syllable is, and punctuation is not.
    """
    return int(count_all_words([text])[0])


def count_all_words(texts: Sequence[str]) -> np.ndarray:
    """Return the number of words of each text, <int32>[n]; see `count_words`."""
    starts = range(0, len(texts), CHUNK)
    counts = [_count(texts[start : start + CHUNK]) for start in starts]
    return np.concatenate([np.zeros(0, np.int32), *counts])


def _count(texts: Sequence[str]) -> np.ndarray:
    counts = np.array([text.count(" ") + 1 for text in texts], dtype=np.int32)
    rows = [n for n, text in enumerate(texts) if not text.isascii() and _UNSPACED.search(text)]
    unspaced = [[part for part in texts[n].split() if _UNSPACED.search(part)] for n in rows]
    if unspaced:
        ((_, lengths),) = encode_in_chunks(_word_counter(), [*map(" ".join, unspaced)])
        counts[rows] += lengths.astype(np.int32) - np.array([*map(len, unspaced)], np.int32)
    return np.maximum(counts, 1)


def split_sentences(text: str) -> list[str]:
    return [part for part in _BETWEEN.split(text) if part]


@cache
def _word_counter(*, symbols: bool = False) -> Tokenizer:
    """Return a tokenizer with one token for each word, and for each symbol if `symbols`."""
    counter = make_tokenizer(models.WordLevel({UNKNOWN: 0}, unk_token=UNKNOWN))
    if not symbols:
        no_symbol = pre_tokenizers.Split(Regex(rf"\A(?:{_SYMBOL})\z"), behavior="removed")
        counter.pre_tokenizer = pre_tokenizers.Sequence([_split_at(PATTERN), no_symbol])
    return counter


def _split_at(pattern: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True)
