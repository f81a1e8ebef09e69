"""Measure how predictions change when neutral words separate the evidence from the end.

Short test reviews with clear labels are read unchanged, and again with d neutral words after them,
before them, and on both sides. The evidence stays complete and only moves, so that changes are due to
memory. The half-life is the distance at which the mean margin has halved.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from pipeline.analysis.curves import describe_reach, half_life, resample_curves
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
from pipeline.probes.neutral import Filler, Material, load_material

PLAIN, ALONE = "plain", "alone"
SIDES = ("after", "before", "both")
_MIN_SENTENCES = 30


def measure_distance(subject: Subject, config: ProbeConfig) -> ProbeResult:
    """Measure accuracy and margins of short reviews with neutral words around them.

    The table has a row for each review and condition: review_id; condition (`plain` for the review
    alone, `after`, `before` or `both` for the position of the words, `alone` for the words without the
    review); distance (neutral words, on each side for `both`); agrees (the same predictions as for the
    plain review); and `answer_columns`. Texts are read whole even beyond the `max_length` of training,
    which would remove the review. A review has the same neutral words for every network, and those of a
    longer distance extend those of a shorter one.

    Raises:
      Skipped: there are too few short decisive reviews or neutral sentences.
    """
    material = load_material(subject, config)
    reviews = draw_decisive(subject.reviews.test, material, config.distance_reviews, config)
    conditions, texts = _build(reviews, material, config)
    answers = ask(subject.reader, texts, np.tile(reviews.labels, (len(conditions), 1)))
    plain = np.tile(answers.predicted[: len(reviews)], (len(conditions), 1))
    table = pd.DataFrame(
        {
            "review_id": np.tile(reviews.ids, len(conditions)),
            "condition": np.repeat([side for side, _ in conditions], len(reviews)),
            "distance": np.repeat([distance for _, distance in conditions], len(reviews)),
            "agrees": (answers.predicted == plain).all(axis=1),
            **answer_columns(answers, subject.heads),
        }
    )
    return _summarize(table, subject, material, config)


def draw_decisive(test: Reviews, material: Material, size: int, config: ProbeConfig) -> Reviews:
    """Draw about `size` short decisive reviews, balanced by label.

    Raises:
      Skipped: there are too few of them, or too few neutral sentences to put around them.
    """
    if len(material.sentences) < _MIN_SENTENCES:
        raise Skipped(
            f"{material.source} has {len(material.sentences)} neutral sentences, and "
            f"{_MIN_SENTENCES} are needed"
        )
    rows = np.flatnonzero(np.isin(test.ids, material.decisive))
    if len(rows):
        rng = np.random.default_rng(config.seed)
        rows = draw_stratified(test.labels[:, 0], rows, size, rng, equal=True)
    if len(rows) < MIN_REVIEWS:
        raise Skipped(
            f"{len(rows)} decisive test texts of at most {config.distance_max_words} words remain, "
            f"balanced by label, and {MIN_REVIEWS} are needed; increase probe.distance_max_words"
        )
    return test.take(rows)


def _build(
    reviews: Reviews, material: Material, config: ProbeConfig
) -> tuple[list[tuple[str, int]], list[str]]:
    """Return every condition, and the texts of all conditions, review by review."""
    rng = np.random.default_rng([config.seed, 1])
    filler = Filler(material.sentences)
    steps = [b - a for a, b in itertools.pairwise([0, *config.distances])]
    before, after = (
        [[filler.write(words, rng) for words in steps] for _ in range(len(reviews))]
        for _ in range(2)
    )
    conditions, texts = [(PLAIN, 0)], list(reviews.texts)
    for side in (*SIDES, ALONE):
        for place, distance in enumerate(config.distances, start=1):
            conditions.append((side, distance))
            for row, text in enumerate(reviews.texts):
                ahead = before[row][:place][::-1] if side in ("before", "both") else []
                behind = after[row][:place] if side != "before" else []
                texts.append(" ".join([*ahead, *([text] if side != ALONE else []), *behind]))
    return conditions, texts


def _summarize(
    table: pd.DataFrame, subject: Subject, material: Material, config: ProbeConfig
) -> ProbeResult:
    plain = table[table.condition == PLAIN]
    metrics = {"reviews": float(len(plain)), "accuracy": float(plain.correct.mean())}
    facts = {"filler": f"{len(material.sentences)} sentences of {material.source}"}
    furthest = config.distances[-1]
    for side in SIDES:
        part = table[table.condition == side]
        metrics[f"flipped_{side}"] = float(1 - part[part.distance == furthest].agrees.mean())
        for number, head in enumerate(subject.heads):
            column = f"{head.name}_margin" if number else "margin"
            name = f"half_life_{side}" + (f"/{head.name}" if number else "")
            margins = np.concatenate([plain[column], part[column]]).reshape(-1, len(plain))
            curves = resample_curves(margins[None], np.random.default_rng(config.seed))
            reach = half_life([0, *config.distances], curves, [0])
            metrics |= reach_metrics(name, reach)
            facts[name] = describe_reach(reach, f"beyond {furthest}")
    alone = table[(table.condition == ALONE) & (table.distance == furthest)]
    metrics["filler_alone_accuracy"] = float(alone.correct.mean())
    for name in subject.heads[0].classes:
        metrics[f"filler_alone/{name}"] = float((alone.predicted == name).mean())
    return ProbeResult("distance", table, metrics, facts)
