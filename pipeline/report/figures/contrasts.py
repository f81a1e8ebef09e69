"""Draw what a sweep asks: every contrast of accuracies with its interval, zero and the margin."""

from __future__ import annotations

from collections.abc import Callable

import altair as alt
import pandas as pd

from pipeline.analysis.compared import Compared
from pipeline.analysis.frames import rows_of
from pipeline.analysis.verdicts import NO, OPEN, YES, Contrasts
from pipeline.report import look
from pipeline.report.contrast_tables import contrast_table
from pipeline.report.figures.drawing import Figure, as_data, hover_of
from pipeline.report.formats import change_of, format_change, format_points
from pipeline.report.prose.contrasts import describe_contrasts, name_question
from pipeline.report.prose.measures import PERPLEXITY, Measure, measure_of

_SHOWN = {
    YES: ("a difference", look.BETTER),
    NO: ("too small to matter", look.MUTED),
    OPEN: ("not decided", look.MUTED),
}
_ROW = 62  # pixels: two lines of text above an interval
_BELOW = 21  # pixels from the middle of a row to its interval


def draw_contrasts(comparison: Compared) -> list[Figure]:
    """Draw the differences of accuracies that the sweep asks about; nothing if it asks none."""
    found, measure = comparison.contrasts, measure_of(comparison)
    if found is None or not (found.table.quantity == measure.quantity).any():
        return []
    frame = _frame(found, measure)
    unit, axis_title = ("Points", "points of accuracy")
    if measure is PERPLEXITY:
        unit, axis_title = ("Change", "% of perplexity, first against second")
    base = alt.Chart(as_data(frame)).encode(
        y=alt.Y("question:N", sort=None, axis=None),
        tooltip=hover_of(("question", "Question"), ("shown", unit), ("verdict", "Answer")),
    )
    axis = alt.Axis(title=axis_title, tickCount=6, grid=False, offset=6)
    span = alt.Scale(nice=True)
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(
            domain=[text for text, _ in _SHOWN.values()],
            range=[colour for _, colour in _SHOWN.values()],
        ),
        legend=None,
    )
    ends = [-100 * found.margin, 100 * found.margin]
    margin = alt.Chart(as_data(pd.DataFrame({"low": ends[:1], "high": ends[1:]})))
    zero = alt.Chart(as_data(pd.DataFrame({"points": [0.0]})))
    interval = base.encode(x=alt.X("low:Q", axis=axis, scale=span), x2="high:Q", color=colour)
    # The words stand over each interval, so that a phone has its whole width for it, and on paper,
    # so that no line crosses them.
    words = base.encode(x=alt.value(0))
    paper = words.mark_bar(size=42, yOffset=-10, color=look.PAPER).encode(x2=alt.value("width"))
    return [
        Figure(
            name="contrasts",
            title="What was asked",
            sentence=describe_contrasts(comparison),
            alternative="Every question's difference with its interval, zero and margin.",
            table=contrast_table(comparison),
            chart=alt.LayerChart(
                layer=[
                    margin.mark_rect(color=look.UNKNOWN).encode(
                        x=alt.X("low:Q", axis=axis, scale=span), x2="high:Q"
                    ),
                    zero.mark_rule(color=look.INK).encode(x=alt.X("points:Q", axis=axis)),
                    paper,
                    interval.mark_rule(strokeWidth=2.5, yOffset=_BELOW),
                    base.mark_point(filled=True, size=110, opacity=1, yOffset=_BELOW).encode(
                        x=alt.X("points:Q", axis=axis), color=colour
                    ),
                    words.mark_text(
                        align="left", dx=2, dy=-16, fontSize=13, fontWeight=600, color=look.INK
                    ).encode(text="question:N"),
                    words.mark_text(align="left", dx=2, fontSize=12).encode(
                        text="answer:N", color=colour
                    ),
                ]
            ),
            height=_ROW * len(frame),
        )
    ]


def _frame(found: Contrasts, measure: Measure) -> pd.DataFrame:
    asked = {one.name: name_question(one) for one in found.asked}
    rows = found.table[found.table.quantity == measure.quantity]
    share: Callable[[float], float] = float
    show: Callable[[float], str] = format_points
    unit = " points"
    if measure is PERPLEXITY:
        share, show, unit = change_of, format_change, ""
    return pd.DataFrame(
        [
            {
                "question": asked[row.contrast],
                "points": 100 * share(row.estimate),
                "low": 100 * share(row.ci_low),
                "high": 100 * share(row.ci_high),
                "verdict": _SHOWN[row.verdict][0],
                "answer": f"{show(row.estimate)}{unit}: {_SHOWN[row.verdict][0]}",
                "shown": f"{show(row.estimate)} ({show(row.ci_low)} to {show(row.ci_high)})",
            }
            for row in rows_of(rows)
        ]
    )
