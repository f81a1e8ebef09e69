"""Draw what a sweep asks: every contrast of accuracies with its interval, zero and the margin."""

from __future__ import annotations

import altair as alt
import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.analysis.verdicts import NO, OPEN, YES, Contrasts
from pipeline.report import look
from pipeline.report.contrast_tables import contrast_table
from pipeline.report.figures.drawing import Figure, as_data, hover_of
from pipeline.report.formats import format_interval, format_points
from pipeline.report.prose.contrasts import describe_contrasts

_SHOWN = {YES: "a difference", NO: "no difference that matters", OPEN: "not decided"}


def draw_contrasts(comparison: Comparison) -> list[Figure]:
    """Draw the differences of accuracies that the sweep asks about; nothing if it asks none."""
    found = comparison.contrasts
    if found is None or not (found.table.quantity == "accuracy").any():
        return []
    frame = _frame(found)
    labels = alt.Axis(  # on two lines, so that a phone has room for the intervals
        labelExpr="split(datum.label, ' – ')", labelLimit=160, ticks=False, domain=False
    )
    order = alt.Y("question:N", sort=None, title=None, axis=labels)
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=list(_SHOWN.values()), range=[look.BETTER, look.MUTED, look.TIED]),
        legend=alt.Legend(title=None, orient="bottom", columns=1),
    )
    base = alt.Chart(as_data(frame)).encode(
        y=order,
        color=colour,
        tooltip=hover_of(("question", "Question"), ("shown", "Points"), ("verdict", "Verdict")),
    )
    axis = alt.Axis(title="points by which the upper name leads")
    ends = alt.Chart(as_data(pd.DataFrame({"place": [-100 * found.margin, 100 * found.margin]})))
    zero = alt.Chart(as_data(pd.DataFrame({"place": [0.0]})))
    return [
        Figure(
            name="contrasts",
            own_legend=True,
            title="How large each difference is",
            sentence=describe_contrasts(comparison),
            alternative="Every question's difference of accuracies with its interval, zero and margin.",
            table=contrast_table(comparison),
            chart=alt.LayerChart(
                layer=[
                    zero.mark_rule(color=look.INK).encode(x=alt.X("place:Q", axis=axis)),
                    ends.mark_rule(color=look.MUTED, strokeDash=look.DOTTED).encode(
                        x=alt.X("place:Q", axis=axis)
                    ),
                    base.mark_rule(strokeWidth=2.5).encode(
                        x=alt.X("low:Q", axis=axis, scale=alt.Scale(nice=True)), x2="high:Q"
                    ),
                    base.mark_point(filled=True, size=110, opacity=1).encode(
                        x=alt.X("points:Q", axis=axis)
                    ),
                ]
            ),
            height=44 * len(frame) + 20,
        )
    ]


def _frame(found: Contrasts) -> pd.DataFrame:
    asked = {one.name: f"{one.first} – {one.second}" for one in found.asked}
    rows = found.table[found.table.quantity == "accuracy"]
    return pd.DataFrame(
        [
            {
                "question": asked[row.contrast],
                "points": 100 * row.estimate,
                "low": 100 * row.ci_low,
                "high": 100 * row.ci_high,
                "verdict": _SHOWN[row.verdict],
                "shown": f"{format_points(row.estimate)} "
                f"({format_interval(row.ci_low, row.ci_high, points=True)})",
            }
            for row in rows_of(rows)
        ]
    )
