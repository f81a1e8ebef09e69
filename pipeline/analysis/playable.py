"""Hold trained networks as arrays, and choose which of a sweep's runs stands for its architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.analysis.frames import rows_of
from pipeline.analysis.selection import Criterion
from pipeline.config.schema import ArchitectureConfig


@dataclass(frozen=True)
class Playable:
    """Hold a trained network with what it takes to give it texts.

    heads: the classes of each head by its name, nothing of a language model; kept_ends: how many tokens
    of a longer text are read at its start and at its end, None: all; tokenizer: as JSON of the library
    tokenizers; is_backward: whether a language model reads texts from their end.

    weights: `embedding` <float32>[V, F]; `layers`, of each the directions with `kernel`, `recurrent` and
    `bias` (rows: where it has two, the second belongs to the recurrent kernel); `heads`, each with
    `kernel` and `bias`. Of a language model `projection`, like a head, or None, and `output`
    <float32>[V, U], None where it is the embedding.
    """

    run_id: str
    seed: int
    architecture: ArchitectureConfig
    heads: Mapping[str, Sequence[str]]
    tokenizer: str
    kept_ends: tuple[int, int] | None
    is_backward: bool
    weights: Mapping[str, Any]


def rank_seeds(runs: pd.DataFrame, criterion: Criterion) -> dict[str, list[Any]]:
    """Return the compared runs of each architecture, the median seed first, then the others by seed.

    The median is that of the criterion, on validation; of an even number the worse of the middle two, so
    that no architecture is shown at its luckiest.

    runs: of a comparison, in which `compared` marks those that its statistics use.
    """
    ranked = {}
    for architecture, group in runs[runs.compared].groupby("architecture", sort=False):
        worst_first = group.sort_values(
            [criterion.column, "seed"],
            ascending=[criterion.more_is_better, True],
            na_position="first",
            kind="stable",
        )
        (median,) = rows_of(worst_first.iloc[[(len(group) - 1) // 2]])
        others = [one for one in rows_of(group.sort_values("seed")) if one.run_id != median.run_id]
        ranked[str(architecture)] = [median, *others]
    return ranked
