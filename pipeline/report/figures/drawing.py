"""What every figure is made of, so that an architecture looks the same in each.

A figure is the same for the page and for paper: `Figure.for_page` fills its column and leaves the
legend to the page, which has one for all figures; `Figure.for_paper` has its own width and legend.
Every chart knows the signal `followed`: the one architecture to show, or "" for all.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.report import look
from pipeline.report.cells import Table, rows_of, shown_share
from pipeline.report.look import Look

FOLLOWED = "followed"
LIT = f"{FOLLOWED} === '' || datum.architecture === {FOLLOWED}"
_PAPER_WIDTH = 620
MEMORY, INSIDE = "Memory", "Inside the networks"
SECTIONS = (MEMORY, INSIDE, "Accuracy", "Cost", "Learning")


@dataclass(frozen=True)
class Figure:
    """name: of its file and its place in the page; chart: without width, legend and theme.

    `own_legend`: its colours are not those of the architectures, so the page must explain them.
    """

    name: str
    section: str
    title: str
    sentence: str
    alternative: str
    table: Table
    chart: alt.LayerChart
    height: int
    own_legend: bool = False

    def for_page(self) -> dict[str, Any]:
        spec = self._spec(legend=self.own_legend)
        return spec | {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}

    def for_paper(self) -> dict[str, Any]:
        return self._spec(legend=True) | {"width": _PAPER_WIDTH, "background": look.PAPER}

    def _spec(self, *, legend: bool) -> dict[str, Any]:
        params = [*self._drawn.get("params", []), {"name": FOLLOWED, "value": ""}]
        config = _config(legend=legend)
        return self._drawn | {"config": config, "params": params, "background": "transparent"}

    @functools.cached_property
    def _drawn(self) -> dict[str, Any]:
        """The chart for the page and for paper; Altair takes its time."""
        return self.chart.properties(height=self.height).to_dict(validate=False)  # tests do


def looks_of(comparison: Comparison) -> list[Look]:
    """The look of every architecture, and of the baseline as the last where there is one."""
    if comparison.summary.empty:
        return []
    looks = look.assign_looks(comparison.summary)
    baseline = comparison.baseline
    return [*looks, look.look_of_baseline(baseline.name)] if baseline is not None else looks


class Style:
    """The encodings that every figure shares, so that an architecture looks the same in each."""

    def __init__(self, looks: Sequence[Look]) -> None:
        names = [one.architecture for one in looks]
        self.names = names
        self.colour = alt.Color(
            "architecture:N",
            scale=alt.Scale(domain=names, range=[one.colour for one in looks]),
            title=None,
        )
        self.shape = alt.Shape(
            "architecture:N",
            scale=alt.Scale(domain=names, range=[one.shape for one in looks]),
            title=None,
        )
        self.dash = alt.StrokeDash(
            "architecture:N",
            scale=alt.Scale(domain=names, range=[list(one.dash) for one in looks]),
            title=None,
        )

    def lit(self, opacity: float = 1.0) -> Any:
        """`opacity`, less for what is not followed."""
        return alt.when(LIT).then(alt.value(opacity)).otherwise(alt.value(0.08))


def as_data(frame: pd.DataFrame) -> alt.InlineData:
    """Rows as they are read by a chart; what is missing is null.

    As data of this kind a chart holds them once, whatever number of its layers reads them.
    """
    rows: Any = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return alt.InlineData(values=rows)


def share_axis(title: str = "Test accuracy") -> alt.Axis:
    return alt.Axis(format=".0%", title=title, tickCount=7)


def hover_of(*pairs: tuple[str, str]) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{column}:N", title=title) for column, title in pairs]


def with_interval(frame: pd.DataFrame) -> pd.DataFrame:
    shown = [
        f"{shown_share(row.accuracy)} ({shown_share(row.ci_low)} to {shown_share(row.ci_high)})"
        for row in rows_of(frame)
    ]
    return frame.assign(shown=shown)


def draw_lines(
    frame: pd.DataFrame, runs: pd.DataFrame, style: Style, x: alt.X, place: str
) -> alt.LayerChart:
    """Means with intervals along x, joined; every run faint behind them."""
    y = alt.Y("accuracy:Q", scale=alt.Scale(zero=False, nice=True), axis=share_axis())
    hover = hover_of(
        ("architecture", "Architecture"),
        ("place", place),
        ("shown", "Accuracy (95% interval)"),
        ("reviews", "Reviews"),
    )
    base = alt.Chart(as_data(frame)).encode(
        x=x, color=style.colour, opacity=style.lit(), tooltip=hover
    )
    line = base.mark_line(strokeWidth=2.5).encode(y=y, strokeDash=style.dash)
    interval = base.mark_rule(strokeWidth=1.5).encode(
        y=alt.Y("ci_low:Q", scale=alt.Scale(zero=False)), y2="ci_high:Q"
    )
    point = base.mark_point(filled=True, size=70, opacity=1).encode(y=y, shape=style.shape)
    each = (
        alt.Chart(as_data(runs))
        .mark_point(filled=True, size=14)
        .encode(x=x, y=y, color=style.colour, opacity=style.lit(0.45))
    )
    return alt.LayerChart(layer=[each, line, interval, point])


def draw_rule(value: float, text: str, field: str = "value") -> alt.LayerChart:
    """A dotted line at a value of y, with what it stands for; `field` is what others call y."""
    base = alt.Chart(as_data(pd.DataFrame({field: [value], "text": [text]}))).encode(y=f"{field}:Q")
    rule = base.mark_rule(color=look.MUTED, strokeDash=[2, 4])
    label = base.mark_text(color=look.MUTED, align="left", dy=-7, fontSize=11)
    return alt.LayerChart(layer=[rule, label.encode(x=alt.value(4), text="text:N")])


def _config(*, legend: bool) -> dict[str, Any]:
    text = {"labelColor": look.MUTED, "titleColor": look.INK, "titleFontWeight": "normal"}
    return {
        "font": "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif",
        "axis": text
        | {
            "labelFontSize": 12,
            "titleFontSize": 12,
            "gridColor": look.RULE,
            "domainColor": look.RULE,
            "tickColor": look.RULE,
            "labelLimit": 150,
            "labelOverlap": True,
        },
        "legend": {
            "labelColor": look.INK,
            "titleColor": look.INK,
            "labelFontSize": 12,
            "symbolSize": 90,
            "symbolOpacity": 1,
        }
        | ({"orient": "bottom", "columns": 4, "labelLimit": 180} if legend else {"disable": True}),
        "view": {"stroke": None},
    }
