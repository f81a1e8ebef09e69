"""Choose what a page shows of a sweep of many architectures.

A hundred variants are a hundred lines in a figure and five thousand pairs. The tables beside the page
hold them all; the page shows a few, and only these are compared pair by pair within groups of reviews.
Which ones is decided on validation, never on test.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import pandas as pd

MOST_SHOWN = 12
_KIND = ["cell", "num_layers", "bidirectional"]
_NAMES = ("architecture", "architecture_a", "architecture_b")
Found = TypeVar("Found")


def choose_shown(runs: pd.DataFrame, scores: pd.Series | None = None) -> tuple[str, ...]:
    """Return the architectures to show, in the order of the runs.

    Of many, these are the best of each kind of network, then the second of each, and so on.

    Args:
      runs: those that are compared: architecture, cell, num_layers, bidirectional, val_accuracy.
      scores: of these runs on validation, the higher the better; by default their accuracies.
    """
    names = list(dict.fromkeys(map(str, runs.architecture)))
    if len(names) <= MOST_SHOWN:
        return tuple(names)
    scores = runs.val_accuracy if scores is None else scores
    scores = pd.to_numeric(scores, errors="coerce").astype(float)
    scored = runs.assign(score=scores.groupby(runs.architecture).transform("mean"))
    first = scored.drop_duplicates("architecture").sort_values(
        "score", ascending=False, kind="stable", na_position="last"
    )
    place = first.groupby(_KIND, dropna=False, sort=False).cumcount()
    best = set(first.architecture[place.sort_values(kind="stable").index].head(MOST_SHOWN))
    return tuple(name for name in names if name in best)


def limit_to(found: Found, names: Collection[str]) -> Found:
    """Return results without the rows of other architectures, in every frame that they hold."""
    if isinstance(found, pd.DataFrame):
        columns = [name for name in _NAMES if name in found]
        kept = found[found[columns].isin(names).all(axis=1)] if columns else found
        return kept.reset_index(drop=True)  # pyright: ignore[reportReturnType]
    if is_dataclass(found) and not isinstance(found, type):
        parts: dict[str, Any] = {
            entry.name: limit_to(getattr(found, entry.name), names) for entry in fields(found)
        }
        return replace(found, **parts)
    if isinstance(found, Mapping) and any(map(is_dataclass, found.values())):
        return {key: limit_to(value, names) for key, value in found.items()}  # pyright: ignore[reportReturnType]
    return found
