"""Draw how the networks read the lesson's sentence: the answer and the gates, word by word."""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.cells import keep_gates_in_words
from pipeline.data.lexicon import LESSON
from pipeline.report import look
from pipeline.report.figures.drawing import (
    Figure,
    Style,
    as_data,
    hover_of,
    looks_of,
    share_axis,
)
from pipeline.report.formats import format_number, format_share, join_values
from pipeline.report.inside_tables import ARROWS
from pipeline.report.probe_tables import lesson_table


def draw_lesson(comparison: Comparison) -> list[Figure]:
    """Draw a figure for each head with two classes and one for the gates, if the sentence was read."""
    fading = comparison.fading
    if fading is None or comparison.summary.empty:
        return []
    style = Style(looks_of(comparison))
    figures: list[Figure] = []
    answers = fading.lesson[fading.lesson.measure == "answer"]
    classes = answers.groupby("head", sort=False).name.nunique()
    for number, head in enumerate(classes[classes == 1].index):
        name = f"lesson_answer_{number + 1}" if number else "lesson_answer"
        figures.append(_draw_answers(name, answers[answers["head"] == head], style))
    gates = fading.lesson[fading.lesson.measure == "gate"]
    if len(gates):
        figures.append(_draw_gates(gates, style))
    return figures


def _word_axis(lesson: pd.DataFrame) -> alt.X:
    words = list(lesson.drop_duplicates("place").sort_values("place").word)
    return alt.X(
        "place:O",
        axis=alt.Axis(
            labelExpr=f"{json.dumps(words)}[datum.value]",
            labelAngle=-40,
            labelOverlap=False,
            title=None,
            grid=False,
        ),
    )


def _draw_answers(figure: str, answers: pd.DataFrame, style: Style) -> Figure:
    head, name = answers["head"].iloc[0], answers.name.iloc[0]
    shown = [_with_ends(row) for row in rows_of(answers)]
    base = alt.Chart(as_data(answers.assign(shown=shown))).encode(
        x=_word_axis(answers),
        y=alt.Y(
            "value:Q", scale=alt.Scale(domain=[0, 1]), axis=share_axis(f"Probability of {name}")
        ),
        color=style.colour,
        tooltip=hover_of(
            ("architecture", "Architecture"),
            ("word", "Up to this word"),
            ("shown", f"{name}: mean (lowest to highest seed)"),
        ),
    )
    last = answers[answers.place == answers.place.max()]
    ends = [
        (row.value, f"{format_share(row.value)} for {row.architecture}") for row in rows_of(last)
    ]
    return Figure(
        name=figure,
        title=f"The lesson's sentence, read word by word: {head}",
        sentence=f"“{LESSON}” After the last word, the probability of {name} is {join_values(ends)}.",
        alternative=f"Probability of {name} after each word of the lesson's sentence.",
        table=lesson_table(answers),
        chart=alt.LayerChart(
            layer=[
                base.mark_line(strokeWidth=2).encode(
                    strokeDash=style.dash, opacity=style.opacity(0.9)
                ),
                base.mark_point(filled=True, size=40).encode(
                    shape=style.shape, opacity=style.opacity()
                ),
            ]
        ),
        height=260,
    )


def _draw_gates(gates: pd.DataFrame, style: Style) -> Figure:
    order = {name: place for place, name in enumerate(style.names)}
    gates = gates.assign(order=gates.architecture.map(order))
    gates = gates.sort_values(
        ["order", "layer", "direction", "place"], ascending=[True, True, False, True]
    )
    several = gates.groupby(["architecture", "place"]).layer.transform("size") > 1
    label = [
        f"{row.architecture} {int(row.layer)} {ARROWS[row.direction]}" if more else row.architecture
        for row, more in zip(rows_of(gates), several, strict=True)
    ]
    shown = [_with_ends(row) for row in rows_of(gates)]
    frame = gates.assign(label=label, shown=shown)
    values = frame.groupby("label", sort=False).value
    lowest, width = values.transform("min"), values.transform("max") - values.transform("min")
    frame["of_row"] = ((frame.value - lowest) / width.where(width > 0, 1)).astype(float)
    rows = list(dict.fromkeys(label))
    base = alt.Chart(as_data(frame)).encode(
        x=_word_axis(gates),
        y=alt.Y("label:N", sort=rows, title=None),
        opacity=style.opacity(),
        tooltip=hover_of(
            ("architecture", "Architecture"),
            ("label", "Layer and direction"),
            ("word", "Word"),
            ("name", "Gate"),
            ("shown", "Share kept: mean (lowest to highest seed)"),
        ),
    )
    squares = base.mark_rect(stroke=look.PAPER, strokeWidth=1).encode(
        color=alt.Color(
            "of_row:Q",
            scale=alt.Scale(scheme="viridis", domain=[0, 1]),
            legend=alt.Legend(
                title="Share kept, within each row",
                orient="bottom",
                values=[0, 1],
                labelExpr="datum.value ? 'highest' : 'lowest'",
            ),
        )
    )
    # On a phone the squares are too narrow for numbers; the table has them.
    numbers = base.mark_text(fontSize=alt.expr("width < 420 ? 0 : 11")).encode(
        text=alt.Text("value:Q", format=".2f"),
        color=alt.when("datum.of_row > 0.6").then(alt.value("black")).otherwise(alt.value("white")),
    )
    return Figure(
        name="lesson_gates",
        own_legend=True,
        title="What the gates keep at each word of the lesson's sentence",
        sentence=(
            f"A number is the share of its state that a layer keeps: {keep_gates_in_words()}. "
            "Each row has its own colours, from its lowest share to its highest, so compare words "
            "within a row and read the numbers across rows."
        ),
        alternative="A row for each gated layer and a column for each word of the lesson's sentence.",
        table=lesson_table(gates),
        chart=alt.LayerChart(layer=[squares, numbers]),
        height=24 * len(rows) + 20,
    )


def _with_ends(row: Any) -> str:
    return (
        f"{format_number(row.value)} ({format_number(row.lowest)} to {format_number(row.highest)})"
    )
