"""Choose the tokens: the most frequent words of the training texts, or pieces of words (BPE)."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, models, trainers

from pipeline.config.schema import TokenizerConfig, TokenizerKind
from pipeline.words import UNKNOWN, make_tokenizer

PADDING = "[PAD]"
SPECIAL = [PADDING, UNKNOWN]  # ids 0 and 1
LARGEST = 20_000  # tokens, unless set
# How often a piece must occur to become a token, unless a size is set. In a small table every word
# would become one otherwise, however rare, and the pieces of new words would be unknown to a network.
# Chosen on validation, of 2 to 60, with 400 and 2,000 of IMDB's reviews; all of them hold 20,000 such.
MIN_FREQUENCY = 5


def train_tokenizer(texts: Iterable[str], config: TokenizerConfig) -> Tokenizer:
    """Return a tokenizer, with tokens by count, then spelling (`bpe`: by merge).

    It has at most `vocab_size` tokens; if that is null, at most `LARGEST`, and of pieces only those that
    occur at least `MIN_FREQUENCY` times. Pieces never reach across words. `texts` is read once.
    """
    size = config.vocab_size or LARGEST
    if config.kind == TokenizerKind.word:
        tokenizer = make_tokenizer(models.WordLevel(unk_token=UNKNOWN))
        trainer = trainers.WordLevelTrainer(
            vocab_size=size, special_tokens=SPECIAL, show_progress=False
        )
    else:
        tokenizer = make_tokenizer(models.BPE(unk_token=UNKNOWN))
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=MIN_FREQUENCY if config.vocab_size is None else 0,
            limit_alphabet=size - len(SPECIAL),
            special_tokens=SPECIAL,
            show_progress=False,
        )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
