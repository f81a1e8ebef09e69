"""Fit the baseline of language models: n-grams with interpolated modified Kneser-Ney smoothing.

Chen and Goodman (1999), An empirical study of smoothing techniques for language modeling. It predicts a
token from the last few alone, so that a network that predicts better has used what stands further back.

The probability of a token w after the context h is, with h' for h without its first token,

    p(w | h) = (c(hw) - D(c(hw))) / c(h) + weight(h) p(w | h')

where weight(h) passes on what the discounts D took, and the last context of all is uniform over the
vocabulary. c counts occurrences of the longest n-grams, and of those that begin a text; of the others
it counts the different tokens before them. A context that was never seen passes everything on.

An n-gram has the id of its row among all of its length, sorted by key: the id of its context times the
size of the vocabulary, plus its last token. The n-grams after one context thus stand together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# Tokens of the longest n-grams. On IMDB's validation texts, by 20,000 words, 2 to 5 have a perplexity of
# 177, 123, 116 and 115.
ORDER = 5

_NOTHING = -1  # the id of an n-gram that was never seen, and of a token before the first
_NEVER = np.float32(-1e30)  # the logit of padding; infinity would make 0 * logit NaN
_FIXED = (0.5, 1.0, 1.5)  # discounts where too little was seen to estimate them, as KenLM has them
_QUERIES = 1 << 20  # tokens that are looked up at a time

States = tuple[np.ndarray, ...]
Floats = NDArray[np.float64]


class WholeTexts(Protocol):
    """Hold texts, each ended by the same token, which stands nowhere else; as `EncodedSplit` does."""

    @property
    def token_ids(self) -> np.ndarray: ...

    @property
    def offsets(self) -> np.ndarray: ...


@dataclass(frozen=True)
class _Level:
    """Hold the n-grams of one length.

    keys: <int64>[n], rising; shares: <float32>[n + 1], the discounted share of each among those with its
    context; weights: <float32>[contexts + 1], what each context passes on. The last share is that of an
    n-gram never seen, 0, and the last weight that of a context never seen, 1: `_NOTHING` finds them.
    """

    keys: np.ndarray
    shares: np.ndarray
    weights: np.ndarray

    def find(self, contexts: np.ndarray, tokens: np.ndarray, vocab_size: int) -> np.ndarray:
        """Return the ids <int64>[k] of n-grams, from the ids of their contexts and their last tokens."""
        keys = np.where(contexts < 0, _NOTHING, contexts * np.int64(vocab_size) + tokens)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, places, _NOTHING)


@dataclass(frozen=True)
class NgramModel:
    """Predict each token from the `order` - 1 tokens before it.

    end: the token that ends a text, and stands before its first; unigrams: probabilities <float64>[V] of
    tokens after a context of nothing.
    """

    vocab_size: int
    end: int
    unigrams: Floats
    levels: tuple[_Level, ...]  # of two tokens and more

    @property
    def order(self) -> int:
        return len(self.levels) + 1

    @property
    def ngrams(self) -> int:
        """Return the number of n-grams of all lengths that were seen."""
        return int(np.count_nonzero(self.unigrams)) + sum(len(level.keys) for level in self.levels)

    def losses(self, texts: WholeTexts) -> np.ndarray:
        """Return the loss of every token, in nats, <float32>[tokens]."""
        stream, known = _join(texts)
        losses = np.empty(len(stream) - 1, np.float32)
        for at in range(0, len(losses), _QUERIES):
            before = max(at - self.order, 0)  # which only serve as context
            part = slice(before + 1, at + _QUERIES + 1)
            targets = stream[part]
            inputs = stream[before : before + len(targets)]
            losses[at : at + _QUERIES] = self.token_losses(inputs, targets, known[part])[
                at - before :
            ]
        return losses

    def token_losses(
        self, inputs: np.ndarray, targets: np.ndarray, known: np.ndarray
    ) -> np.ndarray:
        """Return the loss of predicting each of `targets` <int>[k] after `inputs` <int>[k].

        known: how many tokens of the inputs, the last its own, may be used for a target, <int>[k].
        """
        chances = self.unigrams[targets]
        context = np.where(known > 0, inputs, _NOTHING).astype(np.int64)
        for number, level in enumerate(self.levels):
            if number:  # one token more: that context of the token before, and the token
                before = np.concatenate([[_NOTHING], context[:-1]])
                before[known <= number] = _NOTHING
                context = self.levels[number - 1].find(before, inputs, self.vocab_size)
            found = level.find(context, targets, self.vocab_size)
            chances = level.shares[found] + level.weights[context] * chances
        return -np.log(chances).astype(np.float32)

    def chances(self, context: Sequence[int] | np.ndarray) -> Floats:
        """Return the probability of every token <float64>[V] after some tokens; padding has none."""
        chances = self.unigrams.copy()
        for level, contexts in zip(self.levels, self._contexts(context), strict=False):
            if contexts != _NOTHING:
                bounds = np.array([contexts, contexts + 1]) * np.int64(self.vocab_size)
                first, stop = np.searchsorted(level.keys, bounds)
                chances *= level.weights[contexts]
                chances[level.keys[first:stop] % self.vocab_size] += level.shares[first:stop]
        return chances

    def _contexts(self, tokens: Sequence[int] | np.ndarray) -> list[int]:
        """Return the id of the last token, of the last two, and so on; `_NOTHING` if never seen."""
        found = []
        for length in range(1, min(len(tokens), self.order - 1) + 1):
            first, *others = (int(token) for token in tokens[-length:])
            context = np.array([first])
            for level, token in zip(self.levels, others, strict=False):
                context = level.find(context, np.array([token]), self.vocab_size)
            found.append(int(context[0]))
        return found


def fit_ngram(train: WholeTexts, vocab_size: int, order: int = ORDER) -> NgramModel:
    """Count the n-grams of texts of less than 2 billion tokens, and smooth.

    Raises:
      ValueError: a text does not end with the same token as the others.
    """
    stream, known = _join(train)
    ids, keys = stream, np.arange(vocab_size)
    starts = np.zeros(vocab_size, bool)  # which n-grams begin a text
    counts = np.bincount(stream[1:], minlength=vocab_size)
    levels: list[tuple[np.ndarray, np.ndarray]] = []
    for length in range(2, min(order, int(known.max()) + 1) + 1):
        longer, places, occurrences, after = _count(ids, stream, known >= length - 1, vocab_size)
        before = np.bincount(ids[places], minlength=len(keys))
        levels.append((keys, np.where(starts, counts, before.astype(np.int32))))
        keys, counts, ids = longer, occurrences, after
        starts = known[places] == length - 1
    levels.append((keys, counts))
    (_, single), *others = levels
    unigrams = _smooth_unigrams(single)
    sizes = [len(keys) for keys, _ in levels]
    smoothed = (
        _smooth(keys, counts, contexts, vocab_size)
        for (keys, counts), contexts in zip(others, sizes, strict=False)
    )
    return NgramModel(vocab_size, int(stream[0]), unigrams, tuple(smoothed))


def _join(texts: WholeTexts) -> tuple[np.ndarray, np.ndarray]:
    """Return all tokens with the end of a text before the first, and how many stand before each.

    The end of a text is at once the token before the next.

    Returns: the tokens <int32>[tokens + 1], and how many before each belong to its text <int32>.
    """
    offsets = np.asarray(texts.offsets)
    tokens = np.asarray(texts.token_ids[offsets[0] : offsets[-1]], np.int32)
    offsets = offsets - offsets[0]
    ends = tokens[offsets[1:] - 1]
    if (ends != ends[0]).any():
        raise ValueError("every text must end with the same token")
    known = np.zeros(len(tokens) + 1, np.int32)
    known[1:] = np.arange(1, len(tokens) + 1) - np.repeat(offsets[:-1], np.diff(offsets))
    return np.concatenate([ends[:1], tokens]), known


def _count(
    ids: np.ndarray, stream: np.ndarray, whole: np.ndarray, vocab_size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Count n-grams, from the ids of those a token shorter that end at each place of the stream.

    whole: the places at which an n-gram of a single text ends, <bool>[tokens].

    Returns: the keys <int64>[n], the place of one occurrence of each <int32>[n], the number of its
      occurrences <int32>[n], and the id of the n-gram that ends at each place <int32>[tokens].
    """
    places = np.flatnonzero(whole).astype(np.int32)
    keys = ids[places - 1] * np.int64(vocab_size) + stream[places]
    order = np.argsort(keys)
    keys, places = keys[order], places[order]
    new = np.concatenate([[True], keys[1:] != keys[:-1]])
    after = np.full(len(stream), _NOTHING, np.int32)
    after[places] = np.cumsum(new, dtype=np.int32) - 1
    firsts = np.flatnonzero(new)
    occurrences = np.diff(np.append(firsts, len(keys))).astype(np.int32)
    return keys[firsts], places[firsts], occurrences, after


def _smooth_unigrams(counts: np.ndarray) -> Floats:
    """Return the probability of each token <float64>[V], of those never counted too."""
    taken = estimate_discounts(counts)[np.minimum(counts, 3)]
    chances = (counts - taken) / counts.sum() + taken.sum() / counts.sum() / (len(counts) - 1)
    chances[0] = 0.0  # padding is nothing that may follow
    return chances


def _smooth(keys: np.ndarray, counts: np.ndarray, contexts: int, vocab_size: int) -> _Level:
    taken = estimate_discounts(counts)[np.minimum(counts, 3)]
    of = keys // vocab_size
    totals = np.bincount(of, weights=counts, minlength=contexts)
    seen = totals > 0
    weights = np.ones(contexts + 1, np.float32)
    passed = np.bincount(of, weights=taken, minlength=contexts)
    weights[:-1][seen] = passed[seen] / totals[seen]
    shares = np.append((counts - taken) / totals[of], 0).astype(np.float32)
    return _Level(keys, shares, weights)


def estimate_discounts(counts: np.ndarray) -> Floats:
    """Return what is taken from counts of 0, 1, 2, and 3 or more, <float64>[4].

    By the number of n-grams that were counted once to four times (Chen and Goodman 1999, equation 26).
    """
    once, twice, thrice, four = np.bincount(np.clip(counts, 0, 5), minlength=6)[1:5].tolist()
    if not (once and twice and thrice and four):
        return np.array([0.0, *_FIXED])
    share = once / (once + 2 * twice)
    found = np.array(
        [
            1 - 2 * share * twice / once,
            2 - 3 * share * thrice / twice,
            3 - 4 * share * four / thrice,
        ]
    )
    fits = (found > 0).all() and (found <= [1, 2, 3]).all()
    return np.array([0.0, *(found if fits else _FIXED)])


@dataclass(frozen=True)
class NgramReader:
    """Read texts with an n-gram model; a `LanguageReader`.

    A state is the last tokens of each row <int32>[B, order - 1], `_NOTHING` before the first.
    """

    model: NgramModel

    @property
    def vocab_size(self) -> int:
        return self.model.vocab_size

    def losses(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the loss of each target <float32>[B, T], 0 where it is padding."""
        known = np.tile(np.arange(1, inputs.shape[1] + 1), len(inputs))
        read = targets.ravel() != 0
        # Padding is predicted too, as another token, so that rows keep their shape.
        flat = np.where(read, targets.ravel(), self.model.end)
        found = self.model.token_losses(inputs.ravel(), flat, known)
        return np.where(read, found, np.float32(0)).reshape(targets.shape)

    def last_losses(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the loss <float32>[B] of the target <int32>[B] after the last token of each row."""
        lengths = (inputs != 0).sum(axis=1)
        width = max(self.model.order - 1, 1)
        places = lengths[:, None] + np.arange(-width, 0)
        known = np.minimum(places + 1, np.arange(1, width + 1))
        tokens = np.take_along_axis(inputs, np.maximum(places, 0), axis=1)
        each = np.repeat(targets[:, None], width, axis=1)
        found = self.model.token_losses(tokens.ravel(), each.ravel(), known.ravel())
        return found.reshape(each.shape)[:, -1]

    def start(self, batch: int) -> States:
        """Return the states before the first token of so many rows."""
        return (np.full((batch, self.model.order - 1), _NOTHING, np.int32),)

    def step(self, token_ids: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """Read <int32>[B, T] and return the logits <float32>[B, V] of what follows, and the states."""
        held = np.concatenate([states[0], token_ids], axis=1, dtype=np.int32)
        held = held[:, held.shape[1] - (self.model.order - 1) :]
        logits = np.full((len(held), self.vocab_size), _NEVER, np.float32)
        for row, tokens in zip(logits, held, strict=True):
            row[1:] = np.log(self.model.chances(tokens[tokens != _NOTHING])[1:])
        return logits, (held,)

    def select(self, states: States, rows: Sequence[int] | np.ndarray) -> States:
        """Return the states of some rows <int>[k] of a batch."""
        return tuple(state[np.asarray(rows)] for state in states)
