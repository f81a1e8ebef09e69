"""Measure the loss of a language model by context: how many tokens before a word must it read?

After Khandelwal et al. 2018 (Sharp Nearby, Fuzzy Far Away: How Neural Language Models Use Context). The
same tokens of long test texts are predicted after less and less of what stands before them:

cut: the last n tokens before the token alone, from a state of zeros; or all from the start of the text.

shuffled: all tokens, those before the last n in random order. What is lost is what their order says.

replaced: the same number of tokens, those before the last n from other test texts. Unlike a cut, it does
not put the network into the state of zeros that it knows only from the start of a text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.analysis.curves import describe_reach, resample_curves
from pipeline.analysis.language_memory import (
    CUT,
    REPLACED,
    SHUFFLED,
    effective_loss_context,
)
from pipeline.config.probes import ProbeConfig
from pipeline.probes.frame import ProbeResult, reach_metrics
from pipeline.probes.language_frame import LanguageSubject, Places, draw_places, read_last


class _Reading(NamedTuple):
    """Name a condition, its context (0: all), and what is read before each target of some texts."""

    condition: str
    context: int
    texts: int  # of the drawn ones, the first
    contexts: list[np.ndarray]


def measure_language_context(subject: LanguageSubject, config: ProbeConfig) -> ProbeResult:
    """Measure the loss on the same tokens after more and more context.

    The table has a row for each text, condition and context: review_id; condition (`cut`, `shuffled`,
    `replaced`); context (tokens, 0: all, under `cut` only); targets (the number of predicted tokens);
    nats (the sum of their losses). The conditions `shuffled` and `replaced` have only the first
    `disturbed_reviews` of the texts.

    Raises:
      Skipped: the test split has too few texts that are long enough.
    """
    drawn = draw_places(
        subject,
        config.language_reviews,
        config.language_targets,
        config.language_contexts,
        config.seed,
        "reduce probe.language_reviews or the shortest of probe.language_contexts",
    )
    words = [subject.words(row) for row in drawn.rows]
    targets = np.stack([ids[places] for ids, places in zip(words, drawn.places, strict=True)])
    ids = subject.tokens.test.review_ids[drawn.rows]
    parts = []
    for reading in _readings(subject, words, drawn, config):
        nats = read_last(subject.reader, reading.contexts, targets[: reading.texts].ravel())
        parts.append(
            pd.DataFrame(
                {
                    "review_id": ids[: reading.texts],
                    "condition": reading.condition,
                    "context": reading.context,
                    "targets": targets.shape[1],
                    "nats": nats.reshape(reading.texts, -1).sum(axis=1),
                }
            )
        )
    return _summarize(pd.concat(parts, ignore_index=True), config)


def _readings(
    subject: LanguageSubject, words: list[np.ndarray], drawn: Places, config: ProbeConfig
) -> Iterator[_Reading]:
    """Yield what is read of the texts, one condition and context after the other."""
    every = [(row, place) for row, places in enumerate(drawn.places) for place in places]
    whole = [subject.begin(words[row][:place]) for row, place in every]
    yield _Reading(CUT, 0, len(words), whole)
    for n in config.language_contexts:
        if n <= drawn.before:
            cut = [words[row][place - n : place] for row, place in every]
            yield _Reading(CUT, n, len(words), cut)
    rng = np.random.default_rng([config.seed, 1])
    texts = min(config.disturbed_reviews, len(words))
    some = every[: texts * drawn.places.shape[1]]
    for n in config.disturbed_contexts:
        if n < drawn.before:
            shuffled = [
                subject.begin(_shuffle(words[row][:place], place - n, rng)) for row, place in some
            ]
            yield _Reading(SHUFFLED, n, texts, shuffled)
            replaced = [
                subject.begin(_replace(words, row, place, place - n)) for row, place in some
            ]
            yield _Reading(REPLACED, n, texts, replaced)


def _shuffle(ids: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return tokens with the first `size` in random order."""
    return np.concatenate([rng.permutation(ids[:size]), ids[size:]])


def _replace(words: list[np.ndarray], row: int, place: int, size: int) -> np.ndarray:
    """Return the tokens of a text before a place, the first `size` replaced by the next texts' first."""
    others: list[np.ndarray] = []
    found, other = 0, row
    while found < size:
        other = (other + 1) % len(words)
        if other != row:
            others.append(words[other][: size - found])
            found += len(others[-1])
    return np.concatenate([*others, words[row][size:place]])


def _summarize(table: pd.DataFrame, config: ProbeConfig) -> ProbeResult:
    cut = table[table.condition == CUT]
    losses = (cut.nats / cut.targets).to_numpy().reshape(cut.context.nunique(), -1)
    contexts = cut.context.unique()[1:].tolist()
    # The whole text, which was read first, is last.
    scores = np.concatenate([losses[1:], losses[:1]])[None]
    curves = resample_curves(scores, np.random.default_rng(config.seed))
    reach = effective_loss_context(contexts, curves, [0])
    metrics = {
        "reviews": float(losses.shape[1]),
        "targets": float(cut[cut.context == 0].targets.sum()),
        "loss": float(losses[0].mean()),
        **{f"loss_of_{n}": float(of.mean()) for n, of in zip(contexts, losses[1:], strict=True)},
        **reach_metrics("effective", reach),
    }
    facts = {"effective": describe_reach(reach, "the whole text")}
    return ProbeResult("language_context", table, metrics, facts)
