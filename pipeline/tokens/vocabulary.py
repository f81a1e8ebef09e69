"""Choose the tokens: the most frequent words or characters of the training texts, or pieces (BPE)."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, models, trainers

from pipeline.config.schema import VOCAB_SIZE, TokenizerConfig, TokenizerKind
from pipeline.words import UNKNOWN, make_tokenizer

PADDING = "[PAD]"
END = (
    "[END]"  # id 2 of a language model's vocabulary: it ends each text, and stands before the first
)
SPECIAL = [PADDING, UNKNOWN]  # ids 0 and 1
# How often a piece must occur to become a token, unless a size is set. In a small table every word
# would become one otherwise, however rare, and the pieces of new words would be unknown to a network.
# Chosen on validation, of 2 to 60, with 400 and 2,000 of IMDB's reviews; all of them hold 20,000 such.
MIN_FREQUENCY = 5


def unknown_id(tokenizer: Tokenizer) -> int:
    number = tokenizer.token_to_id(UNKNOWN)
    assert number is not None
    return number


def train_tokenizer(
    texts: Iterable[str], config: TokenizerConfig, *, ended: bool = False
) -> Tokenizer:
    """Return a tokenizer, with tokens by count, then spelling (`bpe`: by merge).

    It has at most `vocab_size` tokens; if that is null, at most `VOCAB_SIZE`, and of pieces only those
    that occur at least `MIN_FREQUENCY` times. Pieces never reach across words. `texts` is read once.

    ended: give the vocabulary the token `END`, which no text becomes, and which none gets here.
    """
    size = config.vocab_size or VOCAB_SIZE
    special = [*SPECIAL, END] if ended else SPECIAL
    if config.kind != TokenizerKind.bpe:
        by_character = config.kind == TokenizerKind.character
        tokenizer = make_tokenizer(models.WordLevel(unk_token=UNKNOWN), by_character=by_character)
        trainer = trainers.WordLevelTrainer(
            vocab_size=size, special_tokens=special, show_progress=False
        )
    else:
        tokenizer = make_tokenizer(models.BPE(unk_token=UNKNOWN))
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=MIN_FREQUENCY if config.vocab_size is None else 0,
            limit_alphabet=size - len(special),
            special_tokens=special,
            show_progress=False,
        )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
