"""Summarise what language models remember, from the tables of the probes.

All runs were probed on the same texts; `pipeline.analysis.statistics` covers texts and seeds in the
intervals. Losses are in nats for each token. The n-gram baseline is an architecture with one run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis.curves import Curves, Reach, resample_curves
from pipeline.analysis.groups import even_ranges
from pipeline.analysis.probe_tables import Layout, Mask, Row, lay_out, name_left_out, with_ends
from pipeline.analysis.statistics import Floats, Rows, contrast

CUT, SHUFFLED, REPLACED = "cut", "shuffled", "replaced"  # conditions of the probe language_context
REPEATED, FIRST, ERASED = RECALL_CONDITIONS = ("repeated", "first", "erased")  # of word_recall
RECALL_STARTS = (1, 6, 11, 21, 51, 101, 201)  # of the ranges of distances
TOLERANCE = 0.01  # of a loss, relative to that with the whole text
_FEWEST_TEXTS = 10  # of a range of distances; fewer say little of how much texts differ

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
      high, both included (high of the last is the largest measured; ranges with few texts are left
      out), and first one over all distances.
      distance: tokens since a rare word was read the last time. against: `erased` (the same place, with
      every earlier occurrence replaced by another word as rare: what reading the word itself brings)
      or `first` (the first occurrence of the same word in another text, at a like place: what
      reading the word and what stands around it bring). repeated, other: mean nats of either;
      gain: other - repeated, with its interval: above 0 if the network profits.
    subjects: `SUBJECT_COLUMNS`, of generated texts, a row for each architecture and range of distances,
      from low to high words between the evidence and the place that names its subject again, and first
      one over all distances. probability: of the right one among the subjects, with its interval; right:
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


def summarise_language_memory(
    probes: Mapping[str, pd.DataFrame], runs: pd.DataFrame, rng: np.random.Generator
) -> LanguageMemory | None:
    """Summarise the probes of language_context, word_recall and subject_recall; None if there are none.

    Args:
      probes: for each probe the joined tables of all runs, with `run_id`.
      runs: run_id and architecture of the runs to compare, including the baseline's.
      rng: resamples the texts.
    """
    notes: list[str] = []
    found: dict[str, Layout] = {}
    for probe, keys in _KEYS.items():
        if probe not in probes:
            continue
        layout, left_out = lay_out(probes[probe].assign(**keys(probes[probe])), runs)
        notes += [name_left_out(probe, left_out)] if len(left_out) else []
        if layout is not None:
            found[probe] = layout
    if not found:
        return None
    context, recall, subject = (found.get(probe) for probe in _KEYS)
    losses, effective = _describe_contexts(context, rng) if context else ([], [])
    subjects = _describe_subjects(subject, rng) if subject else []
    return LanguageMemory(
        losses=pd.DataFrame(losses, columns=list(LOSS_COLUMNS)),
        effective=pd.DataFrame(effective, columns=list(EFFECTIVE_COLUMNS)),
        recall=pd.DataFrame(
            _describe_recall(recall, rng) if recall else [], columns=list(RECALL_COLUMNS)
        ),
        subjects=pd.DataFrame(subjects, columns=list(SUBJECT_COLUMNS)),
        chance=1 / subject.first.subject.nunique() if subject else math.nan,
        notes=tuple(notes),
    )


# The columns by which the rows of every run are brought into one order, by probe.
_KEYS: dict[str, Callable[[pd.DataFrame], dict[str, Any]]] = {
    "language_context": lambda table: {"distance": table.context},
    "word_recall": lambda table: {"text": table.review_id, "review_id": table.pair},
    "subject_recall": lambda table: {"condition": ""},
}


def _describe_contexts(layout: Layout, rng: np.random.Generator) -> tuple[list[Row], list[Row]]:
    """Return the losses under every condition, and the effective contexts."""
    losses: list[Row] = []
    effective: list[Row] = []
    for condition in (CUT, SHUFFLED, REPLACED):
        contexts, masks = _find_contexts(layout.first, condition)
        if not contexts:
            continue
        scores = [layout.stack("nats", rows) / layout.stack("targets", rows) for rows in masks]
        curves = resample_curves(np.stack(scores, axis=1), rng)
        means = [curves.only(place) for place in range(len(masks))]
        shares = [curves.relative_to(-1, place) for place in range(len(masks))]
        counts = {
            "reviews": scores[0].shape[1],
            "targets": int(layout.stack("targets", masks[0])[0].sum()),
        }
        for name, members in layout.members.items():
            names: Row = {"architecture": name, "condition": condition}
            effective.append(names | _ends_of(effective_loss_context(contexts, curves, members)))
            # The whole text is a row of its own only once: under the first condition.
            for place, context in enumerate([*contexts, 0] if condition == CUT else contexts):
                losses.append(
                    names
                    | {"context": context, "runs": len(members)}
                    | counts
                    | with_ends("loss", means[place], members)
                    | with_ends("relative", shares[place], members)
                )
    return losses, effective


def _find_contexts(table: pd.DataFrame, condition: str) -> tuple[list[int], list[Mask]]:
    """Return the contexts of a condition, and their rows; last the same texts, read whole."""
    context = table.context.to_numpy()
    under = (table.condition == condition).to_numpy(dtype=bool) & (context > 0)
    contexts = np.unique(context[under]).tolist()
    texts = table.review_id[under].unique()
    whole = (table.condition == CUT).to_numpy(dtype=bool) & (context == 0)
    masks = [under & (context == one) for one in contexts]
    return contexts, [*masks, whole & table.review_id.isin(texts).to_numpy()]


def effective_loss_context(lengths: Sequence[int], curves: Curves, members: Rows) -> Reach:
    """Find the shortest context from which the loss stays within `TOLERANCE` of that with all read.

    As in `pipeline.analysis.curves.effective_context`, the interval runs from the shortest that may
    satisfy this to the shortest that certainly does, by the pointwise intervals of paired differences.

    Args:
      lengths: rising.
      curves: losses at those lengths and, as the last condition, with the whole text.
      members: the rows of the runs of one architecture.
    """
    excess = [
        contrast(curves.difference(place, -1, 1 + TOLERANCE), [(1.0, members)])
        for place in range(len(lengths))
    ]

    def shortest(of: Sequence[float]) -> float:
        too_short = np.flatnonzero(np.array(of) > 0)
        first = int(too_short[-1]) + 1 if len(too_short) else 0
        return float(lengths[first]) if first < len(lengths) else math.inf

    return Reach(
        value=shortest([one.value for one in excess]),
        low=shortest([one.low for one in excess]),
        high=shortest([one.high for one in excess]),
        furthest=float(lengths[-1]),
    )


def _describe_recall(layout: Layout, rng: np.random.Generator) -> list[Row]:
    first = layout.first
    masks = {name: (first.condition == name).to_numpy(dtype=bool) for name in RECALL_CONDITIONS}
    nats = {name: layout.stack("nats", rows).astype(np.float64) for name, rows in masks.items()}
    pairs = first[masks[REPEATED]]
    texts, distances = pd.factorize(pairs.text)[0], pairs.distance.to_numpy()
    ranges = [(1, int(distances.max())), *_recall_ranges(distances, texts)]
    groups = np.stack([(distances >= low) & (distances <= high) for low, high in ranges])
    rows: list[Row] = []
    for against in (ERASED, FIRST):
        gains = resample_items(nats[against] - nats[REPEATED], texts, groups, rng)
        estimates = [gains.only(place) for place in range(len(ranges))]
        for name, members in layout.members.items():
            for place, (low, high) in enumerate(ranges):
                inside = groups[place]
                rows.append(
                    {
                        "architecture": name,
                        "against": against,
                        "low": low,
                        "high": high,
                        "reviews": len(np.unique(texts[inside])),
                        "pairs": int(inside.sum()),
                        "runs": len(members),
                        "repeated": float(nats[REPEATED][members][:, inside].mean()),
                        "other": float(nats[against][members][:, inside].mean()),
                        **with_ends("gain", estimates[place], members),
                    }
                )
    return rows


def _recall_ranges(
    distances: NDArray[np.integer], texts: NDArray[np.integer]
) -> list[tuple[int, int]]:
    """Return the ranges of distances with pairs of enough texts; the last ends with the largest."""
    furthest = int(distances.max())
    ends = [*(start - 1 for start in RECALL_STARTS[1:]), furthest]
    return [
        (low, min(high, furthest))
        for low, high in zip(RECALL_STARTS, ends, strict=True)
        if len(np.unique(texts[(distances >= low) & (distances <= high)])) >= _FEWEST_TEXTS
    ]


def _describe_subjects(layout: Layout, rng: np.random.Generator) -> list[Row]:
    everywhere = np.ones(len(layout.first), dtype=bool)
    distances = layout.first.distance.to_numpy()
    furthest = int(distances.max())
    ranges = [(0, furthest), *even_ranges(furthest)]
    inside = [(distances >= low) & (distances <= high) for low, high in ranges]
    kept = [
        place for place, group in enumerate(inside) if group.sum() >= _FEWEST_TEXTS or not place
    ]
    groups = np.stack([inside[place] for place in kept])
    texts = np.arange(len(distances))
    columns = {"probability": "ci", "right": "right"}
    curves = {
        column: resample_items(
            layout.stack(column, everywhere).astype(np.float64), texts, groups, rng
        )
        for column in columns
    }
    rows: list[Row] = []
    for name, members in layout.members.items():
        for group, place in enumerate(kept):
            low, high = ranges[place]
            row: Row = {"architecture": name, "low": low, "high": high, "runs": len(members)}
            row["reviews"] = int(groups[group].sum())
            for column, prefix in columns.items():
                found = contrast(curves[column].only(group), [(1.0, members)])
                row[column] = found.value
                row[f"{prefix}_low"], row[f"{prefix}_high"] = np.clip([found.low, found.high], 0, 1)
            rows.append(row)
    return rows


def resample_items(
    scores: Floats,
    texts: NDArray[np.integer],
    groups: NDArray[np.bool_],
    rng: np.random.Generator,
    replicates: int = 1000,
) -> Curves:
    """Return the mean score of the items in each group, also on resampled texts.

    A text may hold several items, which are drawn together: they have its weight in a replicate, for
    all runs, as in `pipeline.analysis.statistics.resample_reviews`.

    Args:
      scores: <float>[runs, items].
      texts: <int>[items], from 0, the text of each item.
      groups: <bool>[groups, items], none empty; they are the conditions of the result.
    """
    weights = rng.standard_exponential((replicates, int(texts.max()) + 1))[:, texts]
    draws = [
        weights[:, group] @ scores[:, group].T / weights[:, group].sum(axis=1, keepdims=True)
        for group in groups
    ]
    values = [scores[:, group].mean(axis=1) for group in groups]
    return Curves(np.stack(values, axis=1), np.stack(draws, axis=2))


def _ends_of(reach: Reach) -> Row:
    return {name: getattr(reach, name) for name in ("value", "low", "high", "furthest")}
