"""The table of everything that a sweep asks of its groups of architectures."""

from __future__ import annotations

import math
from typing import Any

from pipeline.analysis.compared import Compared
from pipeline.report.formats import (
    MISSING,
    format_change,
    format_count,
    format_interval,
    format_p,
    format_points,
    unless_missing,
)
from pipeline.report.prose.contrasts import QUANTITIES
from pipeline.report.prose.measures import PERPLEXITY
from pipeline.report.tables import Column, Table, make_table


def contrast_table(comparison: Compared) -> Table:
    """Show every contrast and quantity, with its verdict and the seeds that would decide it."""
    found = comparison.contrasts
    assert found is not None
    asked = {one.name: f"{one.first} – {one.second}" for one in found.asked}
    frame = found.table.assign(
        question=found.table.contrast.map(asked), measured=found.table.quantity.map(QUANTITIES)
    )
    columns = [
        Column("question", "question", words=True),
        Column("of", "measured", words=True),
        Column("difference", _estimate),
        Column("95% interval", _interval),
        Column("p, corrected", "p_holm", format_p),
        Column("a difference?", "verdict", words=True),
        Column("seeds to decide", "seeds_to_decide", format_count),
        Column("minutes", "minutes_to_decide", unless_missing(lambda m: f"{math.ceil(m):,}")),
    ]
    return make_table("What this sweep asked", columns, frame)


def _estimate(row: Any) -> str:
    if row.quantity == PERPLEXITY.quantity:
        return format_change(row.estimate)
    if row.quantity.startswith("log_"):
        return f"× {math.exp(row.estimate):.2f}"
    return f"{format_points(row.estimate)} points"


def _interval(row: Any) -> str:
    if not math.isfinite(row.ci_low):
        return MISSING
    if row.quantity == PERPLEXITY.quantity:
        return f"{format_change(row.ci_low)} to {format_change(row.ci_high)}"
    if row.quantity.startswith("log_"):
        return f"{math.exp(row.ci_low):.2f} to {math.exp(row.ci_high):.2f}"
    return format_interval(row.ci_low, row.ci_high, points=True)
