"""How precisely the runs of a sweep answer what it asks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pipeline.analysis.comparison import compare
from pipeline.analysis.frames import rows_of
from pipeline.analysis.language import PERPLEXITY, compare_language
from pipeline.analysis.verdicts import Contrasts
from pipeline.errors import ReportError
from pipeline.tracking import Store
from pipeline.tracking.load import load_language, load_runs
from pipeline.tracking.planned import kind_of_sweep


def widest_contrast(store: Store, sweep_id: str) -> tuple[str, float]:
    """Return the contrast with the widest interval, and half its width in points.

    It is one of accuracies or, of language models, of perplexities: then points are percent.

    It is infinite while an architecture of the contrast has one seed. The name is empty if nothing has
    an answer.
    """
    try:
        quantity, found = _contrasts(store, sweep_id)
    except ReportError:
        return "", 0.0
    if found is None:
        return "", 0.0
    rows = rows_of(found.table[found.table.quantity == quantity])
    widths = {row.contrast: _half_width(row) for row in rows}
    return max(widths.items(), key=lambda one: one[1], default=("", 0.0))


def _contrasts(store: Store, sweep_id: str) -> tuple[str, Contrasts | None]:
    rng = np.random.default_rng(0)
    if kind_of_sweep(store, sweep_id) == "language":
        return PERPLEXITY, compare_language(load_language(store, sweep_id), rng).contrasts
    return "accuracy", compare(load_runs(store, sweep_id), rng).contrasts


def _half_width(row: Any) -> float:
    return math.inf if math.isnan(row.p_value) else 100 * (row.ci_high - row.ci_low) / 2
