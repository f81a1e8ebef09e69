"""How precisely the runs of a sweep answer what it asks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pipeline.analysis.comparison import compare
from pipeline.analysis.frames import rows_of
from pipeline.errors import ReportError
from pipeline.tracking import Store
from pipeline.tracking.load import load_runs


def widest_contrast(store: Store, sweep_id: str) -> tuple[str, float]:
    """Return the contrast of accuracies with the widest interval, and half its width in points.

    It is infinite while an architecture of the contrast has one seed. The name is empty if nothing has
    an answer.
    """
    tracked = load_runs(store, sweep_id)
    try:
        found = compare(tracked, np.random.default_rng(0)).contrasts
    except ReportError:
        found = None
    if found is None:
        return "", 0.0
    rows = rows_of(found.table[found.table.quantity == "accuracy"])
    widths = {row.contrast: _half_width(row) for row in rows}
    return max(widths.items(), key=lambda one: one[1], default=("", 0.0))


def _half_width(row: Any) -> float:
    return math.inf if math.isnan(row.p_value) else 100 * (row.ci_high - row.ci_low) / 2
