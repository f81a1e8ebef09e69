"""Say what recipes of training add."""

from __future__ import annotations

import pandas as pd

from pipeline.analysis.frames import rows_of
from pipeline.report.formats import format_interval, format_points, format_share, join_names


def describe_ladder(ladder: pd.DataFrame) -> str:
    """Say which recipe is best for each architecture, and which steps are shown to help or to harm."""
    sentences = []
    for base, rows in ladder.groupby("base", sort=False):
        best = rows.nlargest(1, "val_accuracy").iloc[0]
        said = f"With {base}, {best.recipe} has the best validation accuracy: "
        sentences.append(said + f"{format_share(best.val_accuracy)}.")
        for helps, verb in ((True, "adds"), (False, "costs")):
            shown = rows[rows.step_low > 0] if helps else rows[rows.step_high < 0]
            steps = [
                f"{row.recipe} {verb} {format_points(abs(row.step)).lstrip('+')} points "
                f"({format_interval(row.step_low, row.step_high, points=True)})"
                for row in rows_of(shown)
            ]
            if steps:
                sentences.append(f"{join_names(steps)}.")
        if not ((rows.step_low > 0) | (rows.step_high < 0)).any():
            sentences.append("No single step is shown to change anything.")
    return " ".join([*sentences, _READING])


_READING = (
    "Each recipe adds to the one above it; the number over its mark is what it adds, in points. "
    "Intervals are over seeds, on the same validation texts, and not corrected for their number."
)
