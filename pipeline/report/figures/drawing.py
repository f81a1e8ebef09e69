"""Define the parts that figures share, so that an architecture looks the same in each.

A figure is drawn once for the page and for paper. `Figure.for_page` fills its column and has no legend,
as the page has one for all figures; `Figure.for_paper` has its own width and legend. Every chart
listens to the signal `followed`: the architectures to highlight, or none for all.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.report import look
from pipeline.report.formats import format_interval, format_points, format_share
from pipeline.report.look import Look
from pipeline.report.tables import Table

FOLLOWED = "followed"
IS_FOLLOWED = f"length({FOLLOWED}) === 0 || indexof({FOLLOWED}, datum.architecture) >= 0"
_PAPER_WIDTH = 620
_LETTER, _SYMBOL = 8, 48  # units of a legend on paper: a letter of a wide font, around a name
SHARES = alt.Scale(zero=False, nice=True)
LOG = alt.Scale(type="log")


@dataclass(frozen=True)
class Figure:
    """A figure with its title, sentence, alternative text and table.

    name: of its file and its element on the page. chart: without width, legend and theme.
    own_legend: the colours are not those of the architectures, so the page needs the legend.
    """

    name: str
    title: str
    sentence: str
    alternative: str
    table: Table
    chart: alt.LayerChart
    height: int
    own_legend: bool = False

    def for_page(self) -> dict[str, Any]:
        spec = self._spec(_paper_legend(self._drawn) if self.own_legend else {"disable": True})
        return spec | {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}

    def for_paper(self) -> dict[str, Any]:
        return self._spec(_paper_legend(self._drawn)) | {
            "width": _PAPER_WIDTH,
            "background": look.PAPER,
        }

    def _spec(self, legend: dict[str, Any]) -> dict[str, Any]:
        params = [*self._drawn.get("params", []), {"name": FOLLOWED, "value": []}]
        config = _config(legend)
        return self._drawn | {"config": config, "params": params, "background": "transparent"}

    @functools.cached_property
    def _drawn(self) -> dict[str, Any]:
        """Return the chart for page and paper, computed once because Altair is slow."""
        return self.chart.properties(height=self.height).to_dict(validate=False)  # tests validate


def looks_of(comparison: Comparison) -> list[Look]:
    """Return the look of every architecture and, last, of the baseline if there is one."""
    if comparison.summary.empty:
        return []
    looks = look.assign_looks(comparison.summary)
    baseline = comparison.baseline
    return [*looks, look.look_of_baseline(baseline.name)] if baseline is not None else looks


def baseline_scores(
    comparison: Comparison, along: str, head: str | None = None
) -> pd.DataFrame | None:
    """Return the baseline's scores as rows of an architecture; without `head`, of the first head."""
    baseline = comparison.baseline
    if baseline is None:
        return None
    chosen = head or comparison.heads[0]
    rows = baseline.scores[(baseline.scores.along == along) & (baseline.scores["head"] == chosen)]
    return rows.assign(architecture=baseline.name)


def append_baseline(means: pd.DataFrame, baseline: pd.DataFrame | None) -> pd.DataFrame:
    if baseline is None:
        return means
    return pd.concat([means, baseline.reindex(columns=means.columns)], ignore_index=True)


class Style:
    """The encodings of architectures that all figures share."""

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

    def offsets(self, names: pd.Series, width: float) -> pd.Series:
        """Return the offset of each architecture from the middle of a group of this width."""
        count = max(len(self.names) - 1, 1)
        return names.map({n: width * (i / count - 0.5) for i, n in enumerate(self.names)}).astype(
            float
        )

    def opacity(self, opacity: float = 1.0) -> Any:
        """Encode `opacity`, lowered for architectures that are not followed."""
        return alt.when(IS_FOLLOWED).then(alt.value(opacity)).otherwise(alt.value(0.08))


def as_data(frame: pd.DataFrame) -> alt.InlineData:
    """Return rows as inline data, missing values as null; layers that share it store it once."""
    rows: Any = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return alt.InlineData(values=rows)


def share_axis(title: str = "Test accuracy") -> alt.Axis:
    return alt.Axis(format=".0%", title=title, tickCount=7)


def hover_of(*pairs: tuple[str, str]) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{column}:N", title=title) for column, title in pairs]


def with_interval(
    frame: pd.DataFrame, value: str = "accuracy", low: str = "ci_low", high: str = "ci_high"
) -> pd.DataFrame:
    """Add `shown`: each share with its interval, as text."""
    shares = zip(frame[value], frame[low], frame[high], strict=True)
    return frame.assign(
        shown=[
            f"{format_share(share)} ({format_share(a)} to {format_share(b)})"
            for share, a, b in shares
        ]
    )


def format_differences(frame: pd.DataFrame) -> list[str]:
    """Format the difference of each row in points, with its interval."""
    return [
        f"{format_points(row.difference)} ({format_interval(row.ci_low, row.ci_high, points=True)})"
        for row in rows_of(frame)
    ]


def interval_chart(
    frame: pd.DataFrame,
    style: Style,
    place: Mapping[str, Any],
    axis: alt.Axis,
    hover: list[alt.Tooltip],
    *,
    value: str = "accuracy",
    low: str = "ci_low",
    high: str = "ci_high",
    scale: Any = SHARES,
    joined: bool = False,
    rule: Mapping[str, Any] | None = None,
    size: int = 60,
    outlined: bool = False,
) -> list[alt.Chart]:
    """Draw a mark for each row of the frame, over its interval.

    Args:
      frame: has `architecture` and the columns that `place`, `hover`, `value`, `low` and `high` name.
      place: the encodings of position: x, or y for horizontal intervals, and perhaps an offset.
      axis: the axis of the values.
      value, low, high: columns.
      scale: the scale of the values.
      joined: whether a line joins the marks of each architecture.
      rule: properties of the interval's line.
      size: of the mark.
      outlined: whether the mark has an outline, to stand out from a thick interval.
    """
    channel, encoding = ("x", alt.X) if "y" in place else ("y", alt.Y)
    base = alt.Chart(as_data(frame)).encode(
        **place, color=style.colour, opacity=style.opacity(), tooltip=hover
    )
    along: dict[str, Any] = {channel: encoding(f"{value}:Q", scale=scale, axis=axis)}
    ends: dict[str, Any] = {channel: encoding(f"{low}:Q", scale=scale), f"{channel}2": f"{high}:Q"}
    line = base.mark_line(strokeWidth=2.5).encode(**along, strokeDash=style.dash)
    outline: dict[str, Any] = {"stroke": look.PAPER} if outlined else {}
    return [
        *([line] if joined else []),
        base.mark_rule(**({"strokeWidth": 1.5} if rule is None else rule)).encode(**ends),
        base.mark_point(filled=True, size=size, opacity=1, **outline).encode(
            **along, shape=style.shape
        ),
    ]


def draw_lines(
    frame: pd.DataFrame, runs: pd.DataFrame, style: Style, x: alt.X, place: str
) -> alt.LayerChart:
    """Draw joined means with intervals along x, and every run faintly behind them."""
    hover = hover_of(
        ("architecture", "Architecture"),
        ("place", place),
        ("shown", "Accuracy (95% interval)"),
        ("reviews", "Reviews"),
    )
    each = (
        alt.Chart(as_data(runs))
        .mark_point(filled=True, size=14)
        .encode(
            x=x,
            y=alt.Y("accuracy:Q", scale=SHARES, axis=share_axis()),
            color=style.colour,
            opacity=style.opacity(0.45),
        )
    )
    means = interval_chart(frame, style, {"x": x}, share_axis(), hover, joined=True, size=70)
    return alt.LayerChart(layer=[each, *means])


def axis_of_groups(labels: Sequence[str], title: str) -> alt.X:
    """Place groups of different widths side by side at 0, 1, ... of `x`, each under its label."""
    named = " : ".join(f"datum.value === {i} ? '{label}'" for i, label in enumerate(labels))
    return alt.X(
        "x:Q",
        scale=alt.Scale(domain=[-0.5, len(labels) - 0.5], nice=False),
        axis=alt.Axis(
            values=list(range(len(labels))), labelExpr=f"{named} : ''", grid=False, title=title
        ),
    )


def draw_rule(value: float, text: str, field: str = "value") -> alt.LayerChart:
    """Draw a labelled dotted line at a value of y; `field` is the name of y in the other layers."""
    base = alt.Chart(as_data(pd.DataFrame({field: [value], "text": [text]}))).encode(y=f"{field}:Q")
    rule = base.mark_rule(color=look.MUTED, strokeDash=[2, 4])
    label = base.mark_text(color=look.MUTED, align="left", dy=-7, fontSize=11)
    return alt.LayerChart(layer=[rule, label.encode(x=alt.value(4), text="text:N")])


def _paper_legend(spec: dict[str, Any]) -> dict[str, Any]:
    """Lay out a legend by its longest name, with room for fonts that are wider than those here."""
    width = _SYMBOL + _LETTER * max(map(len, _names_in(spec)), default=0)
    columns = max(1, min(4, _PAPER_WIDTH // width))
    limit = _PAPER_WIDTH // columns - _SYMBOL
    return {"orient": "bottom", "columns": columns, "columnPadding": 24, "labelLimit": limit}


def _names_in(spec: Any) -> Iterator[str]:
    """Yield the names that the colours of a chart stand for."""
    parts = (
        spec.items()
        if isinstance(spec, dict)
        else enumerate(spec if isinstance(spec, list) else ())
    )
    for key, part in parts:
        if key == "color" and isinstance(part, dict):
            yield from map(str, (part.get("scale") or {}).get("domain", ()))
        elif key not in ("data", "datasets"):
            yield from _names_in(part)


def _config(legend: dict[str, Any]) -> dict[str, Any]:
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
        | legend,
        "view": {"stroke": None},
    }
