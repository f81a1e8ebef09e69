"""Measure the context curve: how many tokens of a long review must a network read?

After Khandelwal et al. 2018 (Sharp Nearby, Fuzzy Far Away): only the last k tokens of long test reviews
are read, or only the first k, and the predictions are compared with those of the whole review.
Truncation removes evidence as well as distance; the distance probe separates the two.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

from pipeline.analysis.curves import describe_reach, effective_context, resample_curves
from pipeline.config.probes import ProbeConfig
from pipeline.data.splits import Reviews
from pipeline.probes.frame import (
    MIN_REVIEWS,
    ProbeResult,
    Skipped,
    Subject,
    answer_columns,
    ask,
    draw_stratified,
    reach_metrics,
)
from pipeline.words import count_all_words

SIDES = ("tail", "head")
WHOLE = "whole"


def measure_context(subject: Subject, config: ProbeConfig) -> ProbeResult:
    """Measure accuracy, margin and agreement when only k tokens are read.

    The table has a row for each review and condition: review_id; condition (`tail`, `head`, `whole`);
    distance (k, NA for the whole); tokens (of the whole review); agrees (the same predictions as for the
    whole review); and `answer_columns`. The whole review is read even beyond the `max_length` of
    training.

    Raises:
      Skipped: the test split has too few long reviews.
    """
    reviews = _draw(subject.reviews.test, config)
    spans = [encoding.offsets for encoding in _encode(subject.tokenizer, reviews.texts)]
    readings = [(WHOLE, None), *((side, k) for side in SIDES for k in config.context_lengths)]
    texts = [
        _truncate(text, span, side, k)
        for side, k in readings
        for text, span in zip(reviews.texts, spans, strict=True)
    ]
    answers = ask(subject.reader, texts, np.tile(reviews.labels, (len(readings), 1)))
    whole = np.tile(answers.predicted[: len(reviews)], (len(readings), 1))
    table = pd.DataFrame(
        {
            "review_id": np.tile(reviews.ids, len(readings)),
            "condition": np.repeat([side for side, _ in readings], len(reviews)),
            "distance": pd.array([k for _, k in readings], dtype="Int64").repeat(len(reviews)),
            "tokens": np.tile([len(span) for span in spans], len(readings)),
            "agrees": (answers.predicted == whole).all(axis=1),
            **answer_columns(answers, subject.heads),
        }
    )
    return _summarize(table, reviews, config)


def _draw(test: Reviews, config: ProbeConfig) -> Reviews:
    long = np.flatnonzero(count_all_words(test.texts) >= config.context_min_words)
    if len(long) < MIN_REVIEWS:
        raise Skipped(
            f"{len(long)} test texts have at least {config.context_min_words} words, and "
            f"{MIN_REVIEWS} are needed; reduce probe.context_min_words"
        )
    rng = np.random.default_rng(config.seed)
    return test.take(draw_stratified(test.labels[:, 0], long, config.context_reviews, rng))


def _encode(tokenizer: Tokenizer, texts: list[str]) -> list:
    tokenizer.encode_special_tokens = True  # the characters "[PAD]" in a text are not padding
    return tokenizer.encode_batch(texts)


def _truncate(text: str, spans: list[tuple[int, int]], side: str, k: int | None) -> str:
    """Return the part of a text with its last or first `k` tokens."""
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
        metrics |= reach_metrics(f"effective_{side}", reach)
        facts[f"effective_{side}"] = describe_reach(reach, "the whole text")
    return ProbeResult("context", table, metrics, facts)
