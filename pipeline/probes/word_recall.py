"""Measure recall: does a language model predict a rare word better for having read it before?

A rare word that stands in a text a second time is predicted three times:

repeated: where it stands, after the whole text before it.

erased: at the same place after the same text, in which each earlier occurrence is replaced by another
word as rare. Only the word itself is gone, so that the difference is what reading it brings.

first: where the same word stands for the first time in another test text, of all such places the one
with most nearly as many tokens before it. Nothing of the word has been read there, nor, most often, of
what it comes with. So the difference is what the word and its company bring together: a text on boats
that has named a rudder makes another rudder likelier in more than one way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.analysis.language_memory import ERASED, FIRST, RECALL_STARTS, REPEATED
from pipeline.config.probes import ProbeConfig
from pipeline.config.tasks import Direction
from pipeline.probes.frame import MIN_REVIEWS, ProbeResult, Skipped
from pipeline.probes.language_frame import LanguageSubject, read_last

_NEIGHBOURS = 20  # words of about the same frequency, one of which takes the place of an erased one


class _Occurrences(NamedTuple):
    """Hold the occurrences of rare words in the test texts, by word, text and place.

    token, row, place: <int>[n], place in the order of reading; distance: <int>[n], tokens since the
    same word stood in the same text the last time, 0 where it stands there for the first time.
    """

    token: np.ndarray
    row: np.ndarray
    place: np.ndarray
    distance: np.ndarray


class _Pair(NamedTuple):
    """Hold a repeated word: the indices of its occurrence and of the matched first one."""

    repeated: int
    first: int


def measure_word_recall(subject: LanguageSubject, config: ProbeConfig) -> ProbeResult:
    """Measure the loss on rare words that have been read before, by distance.

    The table has three rows for each repeated word, one for each condition: review_id (of the text that
    repeats it, in all three); pair (its number); token (its id); condition (`repeated`, `erased`,
    `first`); distance (tokens since it was read the last time in the text that repeats it: 1 if the
    word follows itself); nats.

    Raises:
      Skipped: rare words are repeated too seldom.
    """
    rng = np.random.default_rng([config.seed, 2])
    rare = rare_words(subject, config.recall_share)
    found = _find_occurrences(subject, rare)
    pairs = _draw_pairs(found, config.recall_pairs, rng)
    if len(pairs) < MIN_REVIEWS:
        raise Skipped(
            f"the test texts repeat {len(pairs)} rare words, and {MIN_REVIEWS} are needed; increase "
            "probe.recall_share"
        )
    repeated = np.array([pair.repeated for pair in pairs])
    contexts = {
        REPEATED: [_before(subject, found, one) for one in repeated],
        ERASED: [_erase(subject, found, one, rare, rng) for one in repeated],
        FIRST: [_before(subject, found, pair.first) for pair in pairs],
    }
    tokens = found.token[repeated]
    parts = [
        pd.DataFrame(
            {
                "review_id": subject.tokens.test.review_ids[found.row[repeated]],
                "pair": np.arange(len(pairs)),
                "token": tokens,
                "condition": condition,
                "distance": found.distance[repeated],
                "nats": read_last(subject.reader, read, tokens),
            }
        )
        for condition, read in contexts.items()
    ]
    return _summarize(pd.concat(parts, ignore_index=True))


def rare_words(subject: LanguageSubject, share: float) -> np.ndarray:
    """Return the rarest known tokens, the rarest first, that make up `share` of the train tokens."""
    counts = np.asarray(subject.tokens.counts).copy()
    every = counts.sum()
    counts[[0, subject.tokens.unknown_id, subject.tokens.end]] = 0
    order = np.argsort(counts, kind="stable")
    order = order[counts[order] > 0]
    return order[np.cumsum(counts[order]) <= share * every]


def _find_occurrences(subject: LanguageSubject, rare: np.ndarray) -> _Occurrences:
    test = subject.tokens.test
    ids = np.asarray(test.token_ids[: test.offsets[-1]])
    is_rare = np.zeros(len(subject.tokens.counts), dtype=bool)
    is_rare[rare] = True
    there = np.flatnonzero(is_rare[ids])
    row = np.searchsorted(test.offsets, there, side="right") - 1
    place = there - test.offsets[row]
    if subject.direction == Direction.backward:
        place = test.full_lengths[row] - 2 - place  # END is the last token of a row
    token = ids[there]
    order = np.lexsort((place, row, token))
    token, row, place = token[order], row[order], place[order]
    again = (token[1:] == token[:-1]) & (row[1:] == row[:-1])
    distance = np.concatenate([[0], np.where(again, np.diff(place), 0)]) if len(token) else place
    return _Occurrences(token, row, place, distance)


def _draw_pairs(found: _Occurrences, size: int, rng: np.random.Generator) -> list[_Pair]:
    """Draw up to `size` repeated words from each range of distances, each with its matched first."""
    firsts = np.flatnonzero(found.distance == 0)
    ends = [*RECALL_STARTS[1:], np.iinfo(np.int64).max]
    pairs: list[_Pair] = []
    for low, high in zip(RECALL_STARTS, ends, strict=True):
        drawn = 0
        for one in rng.permutation(
            np.flatnonzero((found.distance >= low) & (found.distance < high))
        ):
            first = _match(found, firsts, one)
            if first is not None:
                pairs.append(_Pair(int(one), first))
                drawn += 1
            if drawn == size:
                break
    return pairs


def _match(found: _Occurrences, firsts: np.ndarray, one: int) -> int | None:
    """Return the first occurrence of the same word in another text, at the place nearest to its own."""
    start, end = np.searchsorted(found.token[firsts], [found.token[one], found.token[one] + 1])
    others = firsts[start:end]
    others = others[found.row[others] != found.row[one]]
    if not len(others):
        return None
    return int(others[np.abs(found.place[others] - found.place[one]).argmin()])


def _before(subject: LanguageSubject, found: _Occurrences, one: int) -> np.ndarray:
    return subject.begin(subject.words(found.row[one])[: found.place[one]])


def _erase(
    subject: LanguageSubject,
    found: _Occurrences,
    one: int,
    rare: Sequence[int] | np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the tokens before a repeated word, where another one, as rare, stands in its place."""
    rare = np.asarray(rare)
    text = subject.words(found.row[one])
    rank = int(np.flatnonzero(rare == found.token[one])[0])
    near = rare[max(0, rank - _NEIGHBOURS // 2) : rank + _NEIGHBOURS // 2 + 1]
    near = near[~np.isin(near, text)]  # which leaves the word itself out too
    other = int(rng.choice(near)) if len(near) else subject.tokens.unknown_id
    before = text[: found.place[one]]
    return subject.begin(np.where(before == found.token[one], other, before))


def _summarize(table: pd.DataFrame) -> ProbeResult:
    mean = table.groupby("condition").nats.mean()
    gains = {f"gain_over_{one}": float(mean[one] - mean[REPEATED]) for one in (ERASED, FIRST)}
    pairs = table.pair.nunique()
    metrics = {"pairs": float(pairs), "reviews": float(table.review_id.nunique()), **gains}
    facts = {"gain": f"{gains[f'gain_over_{ERASED}']:.2f} nats of {mean[ERASED]:.2f}"}
    return ProbeResult("word_recall", table, metrics, facts)
