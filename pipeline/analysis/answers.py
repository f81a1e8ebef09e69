"""Align the predictions of all runs on the same reviews, and group these reviews."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis.frames import rank, rows_of
from pipeline.analysis.groups import Group, even_ranges, rising_groups
from pipeline.analysis.selection import describe_run
from pipeline.config.data import DATA
from pipeline.errors import ReportError

_MOST_GROUPS = 5
_FEWEST_TEXTS = 50  # of a group that is cut here
_NEARLY_ALL = 0.9
# What nobody chose: a person's own edges are kept, whatever they cut.
_DEFAULT_EDGES = {tuple(kind().length_edges) for kind in DATA.values()}


@dataclass(frozen=True)
class AlignedAnswers:
    """Which runs were right on which reviews.

    correct: <bool>[runs, reviews] for each head. A single head is called `label`; of several, the
      first entry, `both` or `all`, says whether all heads were right.
    traits: length and, where known, distance of each review.
    chance: for each entry of `correct`, the share of the commonest answer.
    """

    correct: dict[str, NDArray[np.bool_]]
    traits: pd.DataFrame
    chance: tuple[float, ...]

    @property
    def heads(self) -> tuple[str, ...]:
        return tuple(self.correct)


def align_answers(
    predictions: pd.DataFrame, chosen: pd.DataFrame, *, shared_only: bool
) -> AlignedAnswers:
    """Arrange predictions as a row for each run and a column for each review.

    Args:
      predictions: those of `TrackedRuns`.
      chosen: the runs to align.
      shared_only: use the reviews that all runs share, instead of refusing runs that differ.

    Raises:
      ReportError: a run predicts a review twice, the reviews differ, or no review is shared.
    """
    rows = align_rows(predictions, chosen, shared_only=shared_only)
    first = predictions.iloc[rows[0]].set_index("review_id")
    first.index = first.index.astype(object)
    heads = [c.removesuffix("_label") for c in map(str, first.columns) if c.endswith("_label")]
    labels = first[["label", *(f"{head}_label" for head in heads)]].astype(object)
    commonest = [labels.value_counts().iloc[0]]
    commonest += [labels[c].value_counts().iloc[0] for c in labels if heads]

    def is_right(prefix: str) -> NDArray[np.bool_]:
        given, asked = predictions[f"{prefix}predicted"], predictions[f"{prefix}label"]
        if given.dtype != asked.dtype:  # categories that do not agree
            given, asked = given.astype(object), asked.astype(object)
        return (given == asked).to_numpy(dtype=bool)[rows]

    right = predictions.correct.to_numpy(dtype=bool)[rows]
    correct = {("label", "both", "all")[min(len(heads), 2)]: right}
    if heads:
        prefix = "test_accuracy_"
        scored = [c.removeprefix(prefix) for c in chosen.columns if c.startswith(prefix)]
        name = next((name for name in scored if name not in heads), "label")
        correct[name] = is_right("")
        correct |= {head: is_right(f"{head}_") for head in heads}
    traits = first[[c for c in ("length", "distance") if c in first]]
    return AlignedAnswers(correct, traits, tuple(float(n / len(labels)) for n in commonest))


def align_rows(
    predictions: pd.DataFrame, chosen: pd.DataFrame, *, shared_only: bool = False
) -> NDArray[np.intp]:
    """Return the rows <int>[runs, reviews] of `predictions`, the reviews by id.

    Only positions are moved: a copy of the table of every run would double the memory of a report.
    """
    reviews, _ = rank(predictions.review_id)
    found = predictions.groupby("run_id", sort=False, observed=True).indices
    by_run: list[NDArray[np.intp]] = []
    index = None
    for run in rows_of(chosen):
        rows = np.asarray(found[run.run_id])
        rows = rows[np.argsort(reviews[rows], kind="stable")]
        own = reviews[rows]
        if (own[1:] == own[:-1]).any():
            raise ReportError(f"{name_run(run)} predicts a review twice")
        if index is None:
            index = own
        elif shared_only:
            index = np.intersect1d(index, own, assume_unique=True)
        elif not np.array_equal(index, own):
            pair = f"{name_run(chosen.iloc[0])} and {name_run(run)}"
            raise ReportError(f"{pair} were tested on different reviews")
        by_run.append(rows)
    if index is None or not len(index):
        raise ReportError("the finished runs share no test review")
    return np.stack([rows[np.isin(reviews[rows], index)] for rows in by_run])


def length_groups(lengths: pd.Series, edges: Sequence[int]) -> list[Group]:
    """Group reviews by length at `edges` or, where the default edges leave nearly all in one group, at
    quantiles: two to five groups about as large as each other, their edges rounded.
    """
    given = rising_groups(lengths, edges)
    largest = max(group.members.mean() for group in given)
    if largest < _NEARLY_ALL or tuple(edges) not in _DEFAULT_EDGES:
        return given
    for count in range(_MOST_GROUPS, 1, -1):
        quantiles = lengths.quantile(np.arange(1, count) / count)
        cut = rising_groups(lengths, sorted({_round_length(value) for value in quantiles} - {0}))
        if len(cut) > 1 and min(group.members.sum() for group in cut) >= _FEWEST_TEXTS:
            return cut
    return given


def _round_length(words: float) -> int:
    step = next((step for step in (100, 50, 10, 5) if words >= 10 * step), 1)
    return round(words / step) * step


def distance_groups(answers: AlignedAnswers) -> list[Group]:
    """Group reviews by distance into about eight groups; none if distances are unknown."""
    if "distance" not in answers.traits or answers.traits.distance.isna().any():
        return []
    distances = answers.traits.distance
    furthest = int(distances.max())
    edges = [low for low, _ in even_ranges(furthest)[1:]]
    return rising_groups(distances, edges, furthest)


def name_run(run) -> str:
    """Describe a row of runs with its run id."""
    return f"{describe_run(run)} ({run.run_id})"
