"""Draw what is inside the networks: what slow units carry, what is left of signals, and gates."""

from __future__ import annotations

import math

import altair as alt
import numpy as np
import pandas as pd

from pipeline.analysis.compared import Compared
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.fading import Fading
from pipeline.analysis.frames import rows_of
from pipeline.analysis.slow_units import furthest_shown
from pipeline.report import look
from pipeline.report.figures.drawing import (
    LOG,
    Figure,
    Style,
    as_data,
    hover_of,
    interval_chart,
    looks_of,
    share_axis,
)
from pipeline.report.formats import format_percent, format_small
from pipeline.report.inside_tables import (
    ARROWS,
    constants_table,
    format_time_constant,
    outermost_signal,
    retention_table,
    slow_units_table,
)
from pipeline.report.prose.inside import (
    describe_constants,
    describe_fading,
    describe_slow_units,
)

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


def draw_slow_units(comparison: Comparison) -> list[Figure]:
    """Draw what the slowest tenth of the units brings of the answer beside a random tenth."""
    shown = furthest_shown(comparison.slow_units)
    if comparison.slow_units is None or shown.empty:
        return []
    order = [name for name in comparison.summary.architecture if name in set(shown.architecture)]
    frame = shown.assign(
        said=[
            f"{format_percent(row.slowest)} ({format_percent(row.slowest_low)} to "
            f"{format_percent(row.slowest_high)}); random: {format_percent(row.random)}"
            for row in rows_of(shown)
        ]
    )
    hover = hover_of(
        ("architecture", "Architecture"),
        ("distance", "Neutral words"),
        ("said", "Answer left (95% interval)"),
        ("reviews", "Texts"),
    )
    scale = alt.Scale(domainMin=min(0, frame.slowest_low.min()), nice=True)
    y = alt.Y("architecture:N", sort=order, title=None)
    marks = interval_chart(
        frame,
        Style(looks_of(comparison)),
        {"y": y},
        share_axis("Share of the answer that is left"),
        hover,
        value="slowest",
        low="slowest_low",
        high="slowest_high",
        scale=scale,
        size=110,
    )
    random = alt.Chart(as_data(frame)).mark_tick(color=look.MUTED, thickness=3, size=18)
    return [
        Figure(
            name="slow_units",
            title="What the slowest tenth of the units carries",
            sentence=describe_slow_units(shown),
            alternative="Share of the answer that the slowest and a random tenth of the units bring.",
            table=slow_units_table(comparison.slow_units),
            chart=alt.LayerChart(
                layer=[random.encode(x=alt.X("random:Q", scale=scale), y=y), *marks]
            ),
            height=30 * len(frame) + 20,
        )
    ]


def draw_derivatives_and_gates(comparison: Compared) -> list[Figure]:
    """Draw the retention of signals and the time constants, as far as they were measured."""
    fading = comparison.fading
    if fading is None or comparison.summary.empty:
        return []
    style = Style(looks_of(comparison))
    figures: list[Figure] = []
    for kind, title, sentence in _SIGNALS:
        curves = outermost_signal(fading.curves, kind)
        if len(curves):
            halves = outermost_signal(fading.half_lives, kind)
            figures.append(_draw_retention(kind, title, sentence, curves, halves, style))
    finite = fading.time_constants[np.isfinite(fading.time_constants["median"].astype(float))]
    if len(finite):
        figures.append(_draw_constants(fading, finite, style))
    return figures


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
        sentence=f"{sentence} {describe_fading(halves)}",
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
        "{}; {} to {}; {}".format(
            *map(format_time_constant, (row.median, row.lower, row.upper, row.p90))
        )
        for row in rows_of(finite)
    ]
    top = finite["median"].max() * 100
    ends = {name: finite[name].clip(upper=top) for name in ("upper", "p90")}
    frame = finite.assign(label=label, shown=shown, **ends)
    hover = hover_of(
        ("architecture", "Architecture"),
        ("label", "Layer and direction"),
        ("shown", "Median; quartiles; one in ten beyond (steps)"),
        ("units", "Units"),
    )
    marks = interval_chart(
        frame,
        style,
        {"y": alt.Y("label:N", sort=label, title=None)},
        alt.Axis(title="Time constant (steps)", format="~g", tickCount=6),
        hover,
        value="median",
        low="lower",
        high="upper",
        scale=LOG,
        rule={"strokeWidth": 5, "strokeCap": "round"},
        size=110,
        outlined=True,
    )
    return Figure(
        name="time_constants",
        title="How long units remember through their gates alone",
        sentence=describe_constants(fading.time_constants, _FRESH_LSTM),
        alternative="Quartiles of the time constants of the units of each gated layer.",
        table=constants_table(fading.time_constants),
        chart=alt.LayerChart(
            layer=[
                alt.Chart(as_data(frame))
                .mark_tick(thickness=2, size=12)
                .encode(
                    x=alt.X("p90:Q", scale=LOG),
                    y=alt.Y("label:N", sort=label, title=None),
                    color=style.colour,
                    opacity=style.opacity(),
                ),
                *marks,
            ]
        ),
        height=24 * len(frame) + 20,
    )
