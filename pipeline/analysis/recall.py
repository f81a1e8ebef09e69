"""Score the quiz of every architecture by kind of text and distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.analysis import statistics
from pipeline.analysis.curves import PASSING, distance_under
from pipeline.analysis.groups import even_ranges
from pipeline.analysis.probe_tables import Layout, Mask, Row, reach_row


def score_quiz(layout: Layout, rng: np.random.Generator) -> list[Row]:
    """Return the accuracy of each head on each kind of text, by distance and over all distances."""
    table = layout.first
    distances = table.distance.to_numpy()
    columns = {c.removesuffix("_correct"): c for c in layout.columns("_correct")}
    rows = []
    kinds = _kinds_of_texts(table)
    for texts, inside in kinds.items():
        # The kinds are cut alike, though texts without distractors are seldom far ones.
        furthest = int(distances[inside if texts == "lesson" else kinds["all"]].max())
        ranges = [(0, furthest), *even_ranges(furthest)]
        if texts == "lesson":
            ranges = [(0, furthest), *((d, d) for d in np.unique(distances[inside]).tolist())]
        groups = np.stack([(distances >= a) & (distances <= b) & inside for a, b in ranges])
        kept = [place for place, group in enumerate(groups) if group.any()]
        for head, column in ({"both": "correct"} | columns).items():
            correct = layout.stack(column, np.ones(len(table), dtype=bool)).astype(bool)
            found = statistics.resample_reviews(correct, groups[kept], rng)
            rows += [
                _quiz_row(name, members, head, texts, ranges[place], estimates, groups[place])
                for place, estimates in zip(kept, found, strict=True)
                for name, members in layout.members.items()
            ]
    return rows


def _kinds_of_texts(table: pd.DataFrame) -> dict[str, Mask]:
    test = (table.condition == "test").to_numpy(dtype=bool)
    distracted = (table.distractors > 0).to_numpy(dtype=bool)
    contradicted = table.contradicted.to_numpy(dtype=bool)
    kinds = {
        "all": test,
        "with distractors": test & distracted,
        "without distractors": test & ~distracted,
        "contradicted": test & contradicted,
        "not contradicted": test & ~contradicted,
        "lesson": (table.condition == "lesson").to_numpy(dtype=bool),
    }
    return {name: rows for name, rows in kinds.items() if rows.any()}


def _quiz_row(
    name: str,
    members: statistics.Rows,
    head: str,
    texts: str,
    ends: tuple[int, int],
    estimates: statistics.RunEstimates,
    group: Mask,
) -> Row:
    reviews = int(group.sum())
    found = statistics.accuracy_interval(estimates, members, reviews)
    return {
        "architecture": name,
        "head": head,
        "texts": texts,
        "low": ends[0],
        "high": ends[1],
        "reviews": reviews,
        "accuracy": found.value,
        "ci_low": found.low,
        "ci_high": found.high,
    }


def find_passing(layout: Layout, rng: np.random.Generator) -> list[Row]:
    """Find the distance at which the share of texts with all answers right falls below `PASSING`."""
    test = (layout.first.condition == "test").to_numpy(dtype=bool)
    correct = layout.stack("correct", test).astype(bool)
    distances = layout.first.distance.to_numpy()[test]
    architectures: Sequence[statistics.Rows] = list(layout.members.values())
    found = distance_under(PASSING, correct, distances, architectures, rng)
    return [
        reach_row(name, "quiz", "under_75", "both", reach)
        for name, reach in zip(layout.members, found, strict=True)
    ]
