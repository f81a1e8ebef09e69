"""Draw what is left of a signal inside the networks, and the time constants of their gates."""

from __future__ import annotations

import math

import altair as alt
import numpy as np
import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.fading import Fading
from pipeline.analysis.frames import rows_of
from pipeline.report import look
from pipeline.report.figures.drawing import (
    LOG,
    Figure,
    Style,
    as_data,
    hover_of,
    interval_chart,
    looks_of,
)
from pipeline.report.formats import format_small, join_names
from pipeline.report.probe_tables import (
    ARROWS,
    constants_table,
    format_time_constant,
    retention_table,
)
from pipeline.report.prose.memory import describe_fading

_FRESH_LSTM = -1 / math.log(1 / (1 + math.exp(-1)))  # steps, for a gate at sigmoid(1)
_FLOOR = 1e-6  # smaller shares are drawn here
_SIGNALS = (
    (
        "logit",
        "Influence of a word on the answer, by its distance from the end",
        "The derivative of the answer with respect to a word, relative to the last word read.",
    ),
    (
        "state",
        "What is left of a state after a number of steps",
        "The derivative of the last state with respect to an earlier one, in a random direction.",
    ),
)


def draw_inside(comparison: Comparison) -> list[Figure]:
    """Draw the retention of signals and the time constants, as far as they were measured."""
    fading = comparison.fading
    if fading is None or comparison.summary.empty:
        return []
    style = Style(looks_of(comparison))
    figures: list[Figure] = []
    for kind, title, sentence in _SIGNALS:
        curves = _outermost(fading.curves[fading.curves.kind == kind])
        if len(curves):
            halves = _outermost(fading.half_lives[fading.half_lives.kind == kind])
            figures.append(_draw_retention(kind, title, sentence, curves, halves, style))
    finite = fading.time_constants[np.isfinite(fading.time_constants["median"].astype(float))]
    if len(finite):
        figures.append(_draw_constants(fading, finite, style))
    return figures


def _outermost(rows: pd.DataFrame) -> pd.DataFrame:
    """Select the first head, and the forward direction of each architecture's last layer."""
    if rows.empty:
        return rows
    last = rows.groupby("architecture").layer.transform("max")
    first = rows["head"] == rows["head"].iloc[0]
    return rows[(rows.layer == last) & first & (rows.direction == "forward")]


def _draw_retention(
    kind: str, title: str, sentence: str, curves: pd.DataFrame, halves: pd.DataFrame, style: Style
) -> Figure:
    shown = [
        f"{format_small(row.share)} ({format_small(row.low)} to {format_small(row.high)})"
        for row in rows_of(curves)
    ]
    ends = {name: curves[name].clip(_FLOOR, 1e3) for name in ("share", "low", "high")}
    frame = curves.assign(shown=shown, **ends).sort_values("distance")
    y = alt.Y(
        "share:Q",
        scale=alt.Scale(type="log", domainMin=_FLOOR),
        axis=alt.Axis(title="Share left", format="~g", tickCount=6),
    )
    base = alt.Chart(as_data(frame)).encode(
        x=alt.X(
            "distance:Q",
            scale=alt.Scale(type="symlog", constant=4),
            axis=alt.Axis(
                title="Steps before the end of reading",
                grid=False,
                values=[0, 1, 2, 5, 10, 25, 50, 100, 200, 400],
            ),
        ),
        color=style.colour,
        tooltip=hover_of(
            ("architecture", "Architecture"),
            ("distance", "Steps"),
            ("shown", "Share left (95% interval)"),
            ("reviews", "Texts"),
        ),
    )
    half = alt.Chart(as_data(pd.DataFrame({"share": [0.5]})))
    layers = [
        half.mark_rule(color=look.MUTED, strokeDash=[2, 4]).encode(y="share:Q"),
        base.mark_area().encode(
            y=alt.Y("low:Q", scale=alt.Scale(type="log")), y2="high:Q", opacity=style.opacity(0.12)
        ),
        base.mark_line(strokeWidth=2).encode(y=y, strokeDash=style.dash, opacity=style.opacity()),
        base.mark_point(filled=True, size=28).encode(
            y=y, shape=style.shape, opacity=style.opacity(0.9)
        ),
    ]
    return Figure(
        name=f"retention_{kind}",
        title=title,
        sentence=(
            f"{sentence} {describe_fading(halves)} The forward direction of the last layer is shown; "
            "the others are in the table."
        ),
        alternative="Share of a signal that is left by distance, on a log axis, by architecture.",
        table=retention_table(curves),
        chart=alt.LayerChart(layer=layers),
        height=320,
    )


def _draw_constants(fading: Fading, finite: pd.DataFrame, style: Style) -> Figure:
    places = finite.groupby("architecture").layer.transform("size") > 1
    label = [
        f"{row.architecture} {row.layer} {ARROWS[row.direction]}" if several else row.architecture
        for row, several in zip(rows_of(finite), places, strict=True)
    ]
    shown = [
        "{}; {} to {}".format(*map(format_time_constant, (row.median, row.lower, row.upper)))
        for row in rows_of(finite)
    ]
    top = finite["median"].max() * 100
    frame = finite.assign(label=label, shown=shown, upper=finite.upper.clip(upper=top))
    hover = hover_of(
        ("architecture", "Architecture"),
        ("label", "Layer and direction"),
        ("shown", "Median; quartiles of the units (steps)"),
        ("units", "Units"),
    )
    marks = interval_chart(
        frame,
        style,
        {"y": alt.Y("label:N", sort=label, title=None)},
        alt.Axis(title="Time constant (steps)", format="~s", tickCount=6),
        hover,
        value="median",
        low="lower",
        high="upper",
        scale=LOG,
        rule={"strokeWidth": 5, "strokeCap": "round"},
        size=110,
        outlined=True,
    )
    constants = fading.time_constants
    endless = list(
        dict.fromkeys(constants.architecture[np.isinf(constants["median"].astype(float))])
    )
    beside = f" The median unit of {join_names(endless)} forgets nothing." if endless else ""
    return Figure(
        name="time_constants",
        title="How long units remember through their gates alone",
        sentence=(
            "A bar spans the middle half of the units, and a mark is their median: "
            f"{frame['median'].min():.3g} to {frame['median'].max():.3g} steps.{beside} Keras "
            "initialises the forget gate of an LSTM with a bias of 1, which alone gives "
            f"{_FRESH_LSTM:.3g} steps. What returns through the recurrent weights is not included."
        ),
        alternative="Quartiles of the time constants of the units of each gated layer.",
        table=constants_table(fading.time_constants),
        chart=alt.LayerChart(layer=marks),
        height=24 * len(frame) + 20,
    )
