"""Draw the figures of reviews with neutral words added, and of reviews read in part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import altair as alt
import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.analysis.memory import Memory
from pipeline.report.figures.drawing import (
    Figure,
    Style,
    as_data,
    draw_rule,
    hover_of,
    looks_of,
    share_axis,
)
from pipeline.report.figures.panels import Drawn, draw_curves, explain_grey, height_of
from pipeline.report.formats import format_interval, format_reach, format_share
from pipeline.report.probe_tables import curve_table
from pipeline.report.prose.memory import ENDS, SIDES, describe_context, describe_distance


def draw_distances(comparison: Comparison, *sides: str) -> list[Figure]:
    """Draw the margins of short reviews with neutral words on these sides, as far as they were read."""
    return _draw_each(comparison, _draw_distance, sides)


def draw_contexts(comparison: Comparison) -> list[Figure]:
    """Draw the accuracies on long reviews of which only one end is read."""
    return _draw_each(comparison, _draw_context, ENDS)


def _draw_each(
    comparison: Comparison,
    draw: Callable[[Memory, Style, str], Figure],
    conditions: Iterable[str],
) -> list[Figure]:
    """Draw the conditions under which texts were read."""
    memory = comparison.memory
    if memory is None or comparison.summary.empty:
        return []
    style = Style(looks_of(comparison))
    known = set(memory.curves.condition)
    return [draw(memory, style, one) for one in conditions if one in known]


def _draw_distance(memory: Memory, style: Style, side: str) -> Figure:
    curves = memory.curves[memory.curves.probe == "distance"]
    frame = curves[curves.condition.isin(["plain", side])].sort_values("distance")
    known = frame[frame.relative.notna()]
    reaches = memory.reaches[
        (memory.reaches.measure == f"half_life_{side}") & (memory.reaches["head"] == "")
    ]
    where = "on each side" if side == "both" else side
    x = alt.X(
        "distance:Q",
        scale=alt.Scale(type="symlog", constant=25),
        axis=alt.Axis(
            values=sorted(int(d) for d in frame.distance.unique()),
            grid=False,
            title=f"Neutral words {where}",
        ),
    )
    half = draw_rule(0.5, "half", field="relative")
    height = height_of(style, 300)
    return Figure(
        name=f"distance_{side}",
        title=f"Short reviews with neutral words {SIDES[side]}",
        sentence=explain_grey(style, describe_distance(reaches)),
        alternative=f"The margin of each architecture, with more and more neutral words {where}.",
        table=curve_table(frame, "neutral words"),
        chart=_curves(
            known,
            style,
            x,
            "relative",
            "Margin left",
            height,
            behind=lambda names: [half],
            reaching=(0.0, 0.5),
            above=lambda names: _half_lives(reaches[reaches.architecture.isin(names)], style, x),
        ),
        height=height,
        labelled=True,
    )


def _half_lives(reaches: pd.DataFrame, style: Style, x: alt.X) -> list[alt.Chart]:
    """Draw a cross where a mean margin has halved."""
    found = reaches[reaches.value.map(math.isfinite)]
    if found.empty:
        return []
    frame = found[["architecture"]].assign(
        distance=found.value.astype(float),
        relative=0.5,
        shown=[format_reach(r) for r in rows_of(found)],
    )
    return [
        alt.Chart(as_data(frame))
        .mark_point(shape="cross", filled=True, size=170)
        .encode(
            x=x,
            y="relative:Q",
            color=style.colour,
            opacity=style.opacity(),
            tooltip=hover_of(
                ("architecture", "Architecture"), ("shown", "Half-life (95% interval)")
            ),
        )
    ]


def _draw_context(memory: Memory, style: Style, end: str) -> Figure:
    curves = memory.curves[memory.curves.probe == "context"]
    frame = curves[curves.condition.isin(["whole", end])]
    lengths = sorted(int(k) for k in frame.distance.dropna().unique())
    whole = 2 * lengths[-1]
    placed = frame.assign(distance=frame.distance.fillna(whole)).sort_values("distance")
    x = alt.X(
        "distance:Q",
        scale=alt.Scale(type="log"),
        axis=alt.Axis(
            values=[*lengths, whole],
            labelExpr=f"datum.value === {whole} ? 'all' : format(datum.value, ',d')",
            grid=False,
            title=f"{ENDS[end].capitalize()} tokens of the review read",
        ),
    )
    reaches = memory.reaches[memory.reaches.measure == f"effective_{end}"]
    height = height_of(style, 300)
    return Figure(
        name=f"context_{end}",
        title=f"Long reviews read with only their {ENDS[end]} tokens",
        sentence=explain_grey(style, describe_context(frame, reaches, end)),
        alternative=f"Accuracy of each architecture when only the {ENDS[end]} tokens are read.",
        table=curve_table(frame, "tokens read"),
        chart=_curves(placed, style, x, "accuracy", "Test accuracy", height),
        height=height,
        labelled=True,
    )


def _curves(
    frame: pd.DataFrame, style: Style, x: alt.X, score: str, title: str, height: int, **layers: Any
) -> Drawn:
    """Draw a score joined along x, with intervals; `layers` as for `draw_curves`."""
    low, high = ("ci_low", "ci_high") if score == "accuracy" else (f"{score}_low", f"{score}_high")
    shown = [
        f"{format_share(getattr(row, score))} ({format_interval(getattr(row, low), getattr(row, high))})"
        for row in rows_of(frame)
    ]
    hover = hover_of(
        ("architecture", "Architecture"),
        ("distance", "At"),
        ("shown", f"{title} (95% interval)"),
        ("reviews", "Reviews"),
    )
    return draw_curves(
        frame.assign(shown=shown),
        style,
        x,
        share_axis(title),
        hover,
        height=height,
        value=score,
        low=low,
        high=high,
        **layers,
    )
