"""Choose the tokens: the most frequent words or characters of the training texts, or pieces (BPE)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from tokenizers import Tokenizer, models, trainers

from pipeline.config.schema import VOCAB_SIZE, TokenizerConfig, TokenizerKind
from pipeline.data.progress import watched
from pipeline.words import UNKNOWN, make_tokenizer

PADDING = "[PAD]"
END = (
    "[END]"  # id 2 of a language model's vocabulary: it ends each text, and stands before the first
)
SPECIAL = [PADDING, UNKNOWN]  # ids 0 and 1
# Begins a piece that continues a word. No text is mistaken for it: "#" is a word of its own.
CONTINUED = "##"
_MOST_WORDS = 1 << 18  # the most frequent ones, whose characters may become tokens
# How often a piece must occur to become a token, unless a size is set. In a small table every word
# would become one otherwise, however rare, and the pieces of new words would be unknown to a network.
# Chosen on validation, of 2 to 60, with 400 and 2,000 of IMDB's reviews; all of them hold 20,000 such.
MIN_FREQUENCY = 5


def unknown_id(tokenizer: Tokenizer) -> int:
    number = tokenizer.token_to_id(UNKNOWN)
    assert number is not None
    return number


def train_tokenizer(
    texts: Sequence[str], config: TokenizerConfig, *, ended: bool = False
) -> Tokenizer:
    """Return a tokenizer, with tokens by count, then spelling (`bpe`: by merge).

    It has at most `vocab_size` tokens; if that is null, at most `VOCAB_SIZE`, and of pieces only those
    that occur at least `MIN_FREQUENCY` times. Pieces never reach across words.

    ended: give the vocabulary the token `END`, which no text becomes, and which none gets here.
    """
    size = config.vocab_size or VOCAB_SIZE
    special = [*SPECIAL, END] if ended else SPECIAL
    if config.kind == TokenizerKind.bpe:
        least = MIN_FREQUENCY if config.vocab_size is None else 0
        return _train_pieces(texts, size, least, special)
    return _train_whole(texts, size, special, by_character=config.kind == TokenizerKind.character)


def _train_whole(
    texts: Sequence[str], size: int, special: list[str], *, by_character: bool = False
) -> Tokenizer:
    """Return a tokenizer of whole words or characters."""
    tokenizer = make_tokenizer(models.WordLevel(unk_token=UNKNOWN), by_character=by_character)
    trainer = trainers.WordLevelTrainer(
        vocab_size=size, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator(_shown(texts), trainer)
    return tokenizer


def _train_pieces(texts: Sequence[str], size: int, least: int, special: list[str]) -> Tokenizer:
    """Return a tokenizer of pieces of words, of which those that continue a word begin with `CONTINUED`.

    The trainer numbers continuing characters in the order of a hash table, which differs from process
    to process, and orders pieces of equal count by these numbers. Special tokens keep their order: so
    these characters are given as such, and made ordinary tokens afterwards.
    """
    characters, continuing = _choose_characters(texts, size - len(special))
    tokenizer = make_tokenizer(models.BPE(unk_token=UNKNOWN, continuing_subword_prefix=CONTINUED))
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=least,
        initial_alphabet=characters,
        limit_alphabet=len(characters),
        continuing_subword_prefix=CONTINUED,
        special_tokens=[*special, *(CONTINUED + one for one in continuing)],
        show_progress=False,
    )
    tokenizer.train_from_iterator(_shown(texts), trainer)
    trained = json.loads(tokenizer.to_str())
    trained["added_tokens"] = [
        token for token in trained["added_tokens"] if token["content"] in special
    ]
    return Tokenizer.from_str(json.dumps(trained))


def _choose_characters(texts: Sequence[str], most: int) -> tuple[list[str], list[str]]:
    """Return the characters that become tokens, and those of them that also continue words, sorted.

    Together they are at most so many: those of the most frequent words are taken first.
    """
    numbers = _train_whole(texts, _MOST_WORDS, SPECIAL).get_vocab()
    words = sorted(numbers.keys() - {*SPECIAL}, key=numbers.__getitem__)
    continuing = {one for word in words for one in word[1:]}
    chosen = set()
    for one in dict.fromkeys(one for word in words for one in word):
        cost = 2 if one in continuing else 1
        if cost <= most:
            chosen.add(one)
            most -= cost
    return sorted(chosen), sorted(chosen & continuing)


def _shown(texts: Sequence[str]) -> Iterator[str]:
    return watched(texts, len(texts), "Learning the vocabulary")
