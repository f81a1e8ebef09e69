"""Spell tokens as text that people read: with spaces where they are written, and nowhere else.

A vocabulary of words does not say where a text had spaces, and no vocabulary has capital letters.
What is spelled here encodes to the same tokens again.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from tokenizers import Tokenizer

from pipeline.tokens.vocabulary import CONTINUED, END, PADDING
from pipeline.words import UNKNOWN, cut_words, has_unspaced, is_syllable, reads_spaces

_CLOSING = frozenset(".,;:!?%)]}…”’»›।॥،؛؟۔།༎°")
_OPENING = frozenset("([{“‘„«‹¿¡$£€#@")
_QUOTES = frozenset("\"'")  # which open or close
_LINKS = frozenset("-/")  # between words: well-known, 9/10
_IN_NUMBERS = frozenset(".,:")  # 7.5, 1,000, 10:30
_TSHEG = "\u0f0b"
_WINDOW = 2  # words before a word that may be read as one with it: it ' s


def spell(tokenizer: Tokenizer, ids: Iterable[int]) -> list[str]:
    """Return the text of each token, with the space before it where there is one.

    Joined they are the text. `END` and padding are empty, and a token after them begins a text. An
    unknown token is spelled `[UNK]`, as a word: of an unknown piece nothing says whether it is one. A
    hyphen between words always joins them, since nothing says whether it was a dash.
    """
    tokens = [tokenizer.id_to_token(int(one)) or UNKNOWN for one in ids]
    if reads_spaces(tokenizer):
        return ["" if token in (END, PADDING) else token for token in tokens]
    speller = _Speller()
    return [speller.add(token) for token in tokens]


class _Speller:
    """Spell one token after the other."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._words: list[str] = []  # the last ones that no space separates, and at least one
        self._open: set[str] = set()  # straight quotes
        self._attached = False  # whether the next word follows without a space

    def add(self, token: str) -> str:
        """Return the text of the next token."""
        if token in (END, PADDING):
            self._begin()
            return ""
        if token.startswith(CONTINUED) and token != CONTINUED:
            piece = token.removeprefix(CONTINUED)
            self._words = [*self._words[:-1], "".join(self._words[-1:]) + piece]
            return piece
        between = self._between(token)
        kept = [] if between else self._words[-_WINDOW:]
        self._words = [*kept, token]
        return between + token

    def _between(self, word: str) -> str:
        """Return what is written between the last word and the next one."""
        before = self._words[-1] if self._words else ""
        wanted = self._wanted(before, word)
        if not before:
            return ""
        joined = [before, word] if wanted else [*self._words[-_WINDOW:], word]
        if wanted != " " and UNKNOWN not in joined and not _parts(tuple(joined), wanted):
            return " "
        return wanted

    def _wanted(self, before: str, word: str) -> str:
        attached, self._attached = self._attached, False
        if word in _QUOTES:
            return self._quote(before, word, attached)
        if word in _OPENING:
            self._attached = True
            return "" if attached or has_unspaced(before[-1:]) else " "
        if word in _LINKS and _is_word(before):
            self._attached = True
            return ""
        if attached or word in _CLOSING or (word == before and not _is_word(word)):
            return ""
        if before in _IN_NUMBERS and self._continues_number(before, word):
            return ""
        if is_syllable(before[-1:]) and is_syllable(word[0]):
            return _TSHEG
        return "" if has_unspaced(before[-1:]) or has_unspaced(word[0]) else " "

    def _continues_number(self, sign: str, word: str) -> bool:
        """Return whether digits follow a sign within a number; of a comma's, three."""
        first = self._words[-2:-1]
        digits = word.isdecimal() and bool(first) and first[0].isdecimal()
        return digits and (sign != "," or len(word) == 3)

    def _quote(self, before: str, word: str, attached: bool) -> str:
        """Return what is written before a straight quote, which closes if one is open."""
        if word in self._open:
            self._open.remove(word)
            return ""
        if word == "'" and before.endswith("s"):  # the actors' names
            return ""
        self._open.add(word)
        self._attached = True
        return "" if attached else " "


def _is_word(token: str) -> bool:
    return token[-1:].isalnum() or token == UNKNOWN


@lru_cache(maxsize=1 << 14)
def _parts(words: tuple[str, ...], between: str) -> bool:
    """Return whether words are still the same ones when no space stands before the last."""
    return cut_words("".join(words[:-1]) + between + words[-1]) == [*words]
