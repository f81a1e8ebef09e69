"""Memory -> the figure of the quiz, with its table and its sentence."""

from __future__ import annotations

import altair as alt
import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.curves import PASSING
from pipeline.analysis.memory import Memory
from pipeline.report.cells import (
    Table,
    make_table,
    rows_of,
    shown_count,
    shown_interval,
    shown_range,
    shown_share,
)
from pipeline.report.drawing import (
    MEMORY,
    Figure,
    Style,
    as_data,
    hover_of,
    looks_of,
    share_axis,
    with_interval,
)
from pipeline.report.memory import shown_reach
from pipeline.report.wording import spread


def draw_quiz(comparison: Comparison) -> list[Figure]:
    """Every kind of text side by side; none where the quiz was not asked."""
    memory = comparison.memory
    if memory is None or memory.quiz.empty or comparison.summary.empty:
        return []
    return [_draw_kinds(memory, Style(looks_of(comparison)))]


def _draw_kinds(memory: Memory, style: Style) -> Figure:
    quiz = memory.quiz[memory.quiz.question == "both"]
    widest = quiz.groupby("texts", sort=False).high.transform("max")
    whole = quiz[(quiz.low == 0) & (quiz.high == widest)].drop_duplicates(["architecture", "texts"])
    order = list(dict.fromkeys(whole.texts))
    reaches = memory.reaches[memory.reaches.measure == "under_75"]
    passed = [(row.value, f"{row.architecture} {shown_reach(row)}") for row in rows_of(reaches)]
    return Figure(
        name="quiz",
        section=MEMORY,
        title="The quiz: sentiment and subject, both right",
        sentence=(
            f"By kind of text, over all distances. Both are right on {PASSING:.0%} of the texts up to "
            f"this many words in between: {spread(passed)}. The lesson "
            "is its sentence with neutral words after it."
        ),
        alternative="Share of the texts of each kind on which each architecture has both answers right.",
        table=_quiz_table(memory.quiz),
        chart=alt.LayerChart(layer=_grouped(whole, style, order)),
        height=280,
    )


def _grouped(frame: pd.DataFrame, style: Style, order: list[str]) -> list[alt.Chart]:
    """Accuracies with intervals, the architectures side by side at every place."""
    y = alt.Y("accuracy:Q", scale=alt.Scale(zero=False, nice=True), axis=share_axis())
    axis = alt.Axis(labelAngle=0, grid=False, title=None, labelLimit=120)
    base = alt.Chart(as_data(with_interval(frame))).encode(
        x=alt.X("texts:N", sort=order, axis=axis),
        xOffset=alt.XOffset("architecture:N", sort=style.names),
        color=style.colour,
        opacity=style.lit(),
        tooltip=hover_of(
            ("architecture", "Architecture"),
            ("texts", "Texts"),
            ("shown", "Both right (95% interval)"),
            ("reviews", "Texts of this kind"),
        ),
    )
    return [
        base.mark_rule(strokeWidth=1.5).encode(
            y=alt.Y("ci_low:Q", scale=alt.Scale(zero=False)), y2="ci_high:Q"
        ),
        base.mark_point(filled=True, size=60, opacity=1).encode(y=y, shape=style.shape),
    ]


def _quiz_table(quiz: pd.DataFrame) -> Table:
    headings = [
        "<architecture",
        "<answers",
        "<texts",
        "distance",
        "number",
        "accuracy",
        "95% interval",
    ]
    rows = [
        [
            row.architecture,
            row.question,
            row.texts,
            shown_range(row.low, row.high),
            shown_count(row.reviews),
            shown_share(row.accuracy),
            shown_interval(row.ci_low, row.ci_high),
        ]
        for row in rows_of(quiz)
    ]
    return make_table("The quiz by kind of text and distance", headings, rows)
