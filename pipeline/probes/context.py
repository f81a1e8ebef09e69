"""The context curve: how much of a long review must a network read?

After Khandelwal et al. 2018 (Sharp Nearby, Fuzzy Far Away): long test reviews are read with only
their last k tokens, and with only their first k, and the answers compared with those of the full
reading. A cut removes evidence as well as distance; the distance probe separates the two.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

from pipeline.analysis.curves import describe_reach, effective_context, resample_curves
from pipeline.config.schema import ProbeConfig
from pipeline.data.reviews import Reviews
from pipeline.probes.frame import (
    FEWEST_REVIEWS,
    ProbeResult,
    Skipped,
    Subject,
    answer_columns,
    ask,
    count_words,
    draw_stratified,
)

SIDES = ("tail", "head")
WHOLE = "whole"


def measure_context(subject: Subject, config: ProbeConfig) -> ProbeResult:
    """Accuracy, margin and agreement of readings of k tokens.

    The table has a row for each review and reading: review_id; condition (`tail`, `head`, `whole`);
    distance (k, NA for the whole); tokens (of the whole review); agrees (the same answers as of the
    full reading); and `answer_columns`. The full reading is of the whole review, beyond the
    `max_length` that a network was trained with.

    Raises:
      Skipped: the test split has too few long reviews.
    """
    reviews = _draw(subject.reviews.test, config)
    spans = [encoding.offsets for encoding in _encode(subject.tokenizer, reviews.texts)]
    readings = [(WHOLE, None), *((side, k) for side in SIDES for k in config.context_lengths)]
    texts = [
        _cut(text, span, side, k)
        for side, k in readings
        for text, span in zip(reviews.texts, spans, strict=True)
    ]
    answers = ask(subject.reader, texts, np.tile(reviews.labels, (len(readings), 1)))
    full = np.tile(answers.given[: len(reviews)], (len(readings), 1))
    table = pd.DataFrame(
        {
            "review_id": np.tile(reviews.ids, len(readings)),
            "condition": np.repeat([side for side, _ in readings], len(reviews)),
            "distance": pd.array([k for _, k in readings], dtype="Int64").repeat(len(reviews)),
            "tokens": np.tile([len(span) for span in spans], len(readings)),
            "agrees": (answers.given == full).all(axis=1),
            **answer_columns(answers, subject.heads),
        }
    )
    return _summarize(table, reviews, config)


def _draw(test: Reviews, config: ProbeConfig) -> Reviews:
    words = np.array([count_words(text) for text in test.texts])
    long = np.flatnonzero(words >= config.context_min_words)
    if len(long) < FEWEST_REVIEWS:
        raise Skipped(
            f"{len(long)} test texts have at least {config.context_min_words} words, and "
            f"{FEWEST_REVIEWS} are needed (probe.context_min_words)"
        )
    rng = np.random.default_rng(config.seed)
    return test.take(draw_stratified(test.labels[:, 0], long, config.context_reviews, rng))


def _encode(tokenizer: Tokenizer, texts: list[str]) -> list:
    tokenizer.encode_special_tokens = True  # "[PAD]" in a text is a bracket, a word and a bracket
    return tokenizer.encode_batch(texts)


def _cut(text: str, spans: list[tuple[int, int]], side: str, k: int | None) -> str:
    """The last or the first `k` tokens of a text, as they stand in it."""
    if k is None or len(spans) <= k:
        return text
    return text[spans[-k][0] :] if side == "tail" else text[: spans[k - 1][1]]


def _summarize(table: pd.DataFrame, reviews: Reviews, config: ProbeConfig) -> ProbeResult:
    whole = table[table.condition == WHOLE].correct.to_numpy()
    metrics = {"reviews": len(reviews), "accuracy": float(whole.mean())}
    facts = {}
    _, counts = np.unique(reviews.labels, axis=0, return_counts=True)
    chance = float(counts.max() / len(reviews))
    for side in SIDES:
        part = table[table.condition == side].correct.to_numpy().reshape(-1, len(reviews))
        scores = np.concatenate([part, whole[None]])[None].astype(float)
        curves = resample_curves(scores, np.random.default_rng(config.seed))
        reach = effective_context(config.context_lengths, curves, [0], chance)
        metrics[f"effective_{side}"] = reach.value
        facts[f"effective_{side}"] = describe_reach(reach, "the whole text")
    return ProbeResult("context", table, metrics, facts)
