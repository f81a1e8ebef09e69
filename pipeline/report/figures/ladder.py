"""Draw what each recipe of training adds on validation: a ladder for each architecture."""

from __future__ import annotations

import altair as alt
import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.report import look
from pipeline.report.figures.drawing import Figure, Panel, as_data, hover_of, share_axis
from pipeline.report.figures.panels import shared_domain
from pipeline.report.formats import format_interval, format_points, format_share
from pipeline.report.prose.ladder import describe_ladder
from pipeline.report.run_tables import ladder_table

_STEP = 34  # pixels from recipe to recipe


def draw_ladder(comparison: Comparison) -> list[Figure]:
    """Draw the accuracies on validation, if the sweep has recipes."""
    ladder = comparison.ladder
    if ladder is None or ladder.empty:
        return []
    recipes = list(dict.fromkeys(ladder.recipe))
    ends = shared_domain(ladder, "val_accuracy", "low", "high")
    return [
        Figure(
            name="ladder",
            title="What each recipe adds on validation",
            sentence=describe_ladder(ladder),
            alternative="Mean validation accuracy of each recipe of training with its interval.",
            table=ladder_table(ladder),
            chart=tuple(
                Panel(str(base), _rungs(rows, recipes, ends))
                for base, rows in ladder.groupby("base", sort=False)
            ),
            height=_STEP * len(recipes) + 20,
            labelled=True,
        )
    ]


def _rungs(rows: pd.DataFrame, recipes: list[str], ends: list[float]) -> alt.LayerChart:
    """Draw a row for each recipe, with what it adds to the one before it."""
    shown = rows.assign(
        accuracy=[
            f"{format_share(row.val_accuracy)} ({format_interval(row.low, row.high)})"
            for row in rows.itertuples()
        ],
        added=[format_points(step) if step == step else "" for step in rows.step],
    )
    base = alt.Chart(as_data(shown)).encode(
        y=alt.Y("recipe:N", sort=recipes, title=None),
        tooltip=hover_of(
            ("recipe", "Recipe"),
            ("accuracy", "Validation accuracy (95% interval)"),
            ("added", "Points added"),
            ("seeds", "Seeds"),
        ),
    )
    scale = alt.Scale(domain=ends, nice=True, zero=False)
    x = alt.X("val_accuracy:Q", scale=scale, axis=share_axis("Validation accuracy"))
    reach = base.mark_rule(strokeWidth=2, color=look.INK).encode(
        x=alt.X("low:Q", scale=scale), x2="high:Q"
    )
    mark = base.mark_point(filled=True, size=90, opacity=1, color=look.INK).encode(x=x)
    added = base.mark_text(dy=-11, fontSize=11, color=look.MUTED).encode(x=x, text="added:N")
    return alt.LayerChart(layer=[reach, mark, added])
