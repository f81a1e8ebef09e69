"""Summarise what language models remember, from the tables of the probes.

All runs were probed on the same texts; `pipeline.analysis.statistics` covers texts and seeds in the
intervals. Losses are in nats for each token. The n-gram baseline is an architecture with one run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

CUT, SHUFFLED, REPLACED = "cut", "shuffled", "replaced"  # conditions of the probe language_context
REPEATED, FIRST, ERASED = "repeated", "first", "erased"  # of the probe word_recall

LOSS_COLUMNS = tuple(
    "architecture condition context reviews targets runs loss loss_low loss_high"
    " relative relative_low relative_high".split()
)
EFFECTIVE_COLUMNS = tuple("architecture condition value low high furthest".split())
RECALL_COLUMNS = tuple(
    "architecture against low high reviews pairs runs repeated other gain gain_low gain_high".split()
)
SUBJECT_COLUMNS = tuple(
    "architecture low high reviews runs probability ci_low ci_high right right_low right_high".split()
)


@dataclass(frozen=True)
class LanguageMemory:
    """What every architecture and the baseline gain from what they have read.

    losses: `LOSS_COLUMNS`, a row for each architecture, condition and context. condition: `cut` (only
      the last `context` tokens before the predicted one are read), `shuffled` and `replaced` (all are
      read, but those before the last `context` in random order, or another text's). context: tokens; 0
      is the whole text as it is, the reference, which stands once, under `cut`. reviews, targets: texts
      and predicted tokens, of which `shuffled` and `replaced` have fewer. loss: mean nats, with its
      interval. relative: that loss divided by the loss on the same tokens with the whole text read: 1
      is as good; with its interval, which is paired by text and so is far narrower.
    effective: `EFFECTIVE_COLUMNS`, a row for each architecture and condition. value: the shortest
      context from which the loss stays within `TOLERANCE` of that with the whole text; low and high: its
      interval. Under `shuffled` it is the number of tokens whose order counts, under `replaced` beyond
      which it does not matter what was read. Infinite ends mean longer than `furthest`, the longest
      that was tried: the whole text.
    recall: `RECALL_COLUMNS`, a row for each architecture, comparison and range of distances from low to
      high, both included (high of the last is the largest measured), and one over all distances.
      distance: tokens since a rare word was read the last time. against: `erased` (the same place, with
      every earlier occurrence replaced by another word as rare: what reading the word itself brings)
      or `first` (the first occurrence of the same word in another text, at a like place: what
      reading the word and what stands around it bring). repeated, other: mean nats of either;
      gain: other - repeated, with its interval: above 0 if the network profits.
    subjects: `SUBJECT_COLUMNS`, of generated texts, a row for each architecture and range of distances,
      from low to high words between the evidence and the place that names its subject again, and one
      over all distances. probability: of the right one among the subjects, with its interval; right:
      share of texts in which it is the likeliest, with its interval. Empty for other texts.
    chance: the probability of the right subject by guessing, NaN where `subjects` is empty.
    notes: what a reader must know before using a number.
    """

    losses: pd.DataFrame
    effective: pd.DataFrame
    recall: pd.DataFrame
    subjects: pd.DataFrame
    chance: float
    notes: tuple[str, ...]


TOLERANCE = 0.01  # of a loss, relative to that with the whole text


def summarise_language_memory(
    probes: Mapping[str, pd.DataFrame], runs: pd.DataFrame, rng: np.random.Generator
) -> LanguageMemory | None:
    """Summarise the probes of language_context, word_recall and subject_recall; None if there are none.

    Args:
      probes: for each probe the joined tables of all runs, with `run_id`.
      runs: run_id and architecture of the runs to compare, including the baseline's.
      rng: resamples the texts.
    """
    raise NotImplementedError
