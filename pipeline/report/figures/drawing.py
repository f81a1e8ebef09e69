"""Define the parts that figures share, so that an architecture looks the same in each.

A figure is drawn once for the page and for paper. `Figure.for_page` fills its column and has no legend,
as the page has one for all figures; `Figure.for_paper` has its own width and, unless its lines are
labelled, a legend. Every chart listens to the signal `followed`: the architectures to highlight, or
none for all.
"""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from pipeline.analysis.compared import Compared
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.report import look
from pipeline.report.families import FEW, by_family
from pipeline.report.formats import format_interval, format_points, format_share
from pipeline.report.look import Look
from pipeline.report.tables import Table

FOLLOWED = "followed"
IS_NAMED = f"indexof({FOLLOWED}, datum.architecture) >= 0"
IS_FOLLOWED = f"length({FOLLOWED}) === 0 || {IS_NAMED}"
PAPER_WIDTH, _PAPER_COLUMNS, _PAPER_PANEL = 620, 3, 200
# Of a legend on paper: units for a letter in a wide font, and around a name.
_LETTER, _SYMBOL = 8, 48
_NO_LEGEND = {"disable": True}
SHARES = alt.Scale(zero=False, nice=True)
LOG = alt.Scale(type="log")


@dataclass(frozen=True)
class Panel:
    """One of a figure's small multiples, all of which have the same scales."""

    title: str
    chart: alt.LayerChart


@dataclass(frozen=True)
class Figure:
    """A figure with its title, sentence, alternative text and table.

    name: of its file and its element on the page. chart: without width, legend and theme; several panels
      stand side by side, or below each other on a phone. height: of the chart or of each panel.
    own_legend: the colours are not those of the architectures, so the page needs the legend.
    labelled: the marks are labelled, so paper needs no legend.
    """

    name: str
    title: str
    sentence: str
    alternative: str
    table: Table
    chart: alt.LayerChart | tuple[Panel, ...]
    height: int
    own_legend: bool = False
    labelled: bool = False

    @property
    def panels(self) -> tuple[Panel, ...]:
        return self.chart if isinstance(self.chart, tuple) else (Panel("", self.chart),)

    def for_page(self) -> list[dict[str, Any]]:
        """Return a specification for each panel, which is as wide as its place."""
        fitted = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
        params = [{"name": FOLLOWED, "value": []}]
        config = _config(_paper_legend(self._drawn) if self.own_legend else _NO_LEGEND)
        return [
            one | fitted | {"config": config, "background": "transparent", "params": params}
            for one in self._drawn
        ]

    def for_paper(self) -> dict[str, Any]:
        shared = {
            "config": _config(_NO_LEGEND if self.labelled else _paper_legend(self._drawn)),
            "background": look.PAPER,
            "params": [{"name": FOLLOWED, "value": []}],
        }
        if len(self._drawn) == 1:
            return self._drawn[0] | shared | {"width": PAPER_WIDTH}
        whole = {"$schema", "config", "datasets"}  # what stands at the top of a specification
        panels = [
            {key: one[key] for key in one if key not in whole} | {"width": _PAPER_PANEL}
            for one in self._drawn
        ]
        data = functools.reduce(operator.or_, (one["datasets"] for one in self._drawn))
        schema = {"$schema": self._drawn[0]["$schema"], "datasets": data}
        return schema | shared | {"concat": panels, "columns": _PAPER_COLUMNS}

    @functools.cached_property
    def _drawn(self) -> list[dict[str, Any]]:
        """Return the panels for page and paper, computed once because Altair is slow."""
        return [
            one.chart.properties(height=self.height).to_dict(validate=False)  # tests validate
            | ({"title": one.title} if one.title else {})
            for one in self.panels
        ]


def looks_of(comparison: Compared) -> list[Look]:
    """Return the look of every architecture, by family, and last of the baseline if there is one."""
    if comparison.summary.empty:
        return []
    looks = look.assign_looks(by_family(comparison.summary))
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
        self.labels = {one.architecture: one.label for one in looks}
        self.families = {one.architecture: one.family for one in looks}
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

    @property
    def is_split(self) -> bool:
        """Whether the architectures are too many for one panel."""
        families = [family for family in self.families.values() if family]
        return len(families) > FEW and len(set(families)) > 1

    def offsets(self, names: pd.Series, width: float) -> pd.Series:
        """Return the offset of each architecture from the middle of a group of this width."""
        places = {
            n: self._panel_of(n).index(n) / max(len(self._panel_of(n)) - 1, 1) for n in self.names
        }
        return names.map({n: width * (place - 0.5) for n, place in places.items()}).astype(float)

    def _panel_of(self, name: str) -> list[str]:
        """Return the architectures that share a panel, those of every panel after the others."""
        family = self.families[name]
        if not (self.is_split and family):
            return self.names
        return [other for other in self.names if self.families[other] in (family, "")]

    def opacity(self, opacity: float = 1.0) -> Any:
        """Encode `opacity`, lowered for architectures that are not followed."""
        # A channel as such: Altair takes a tenth of a second to find out what `alt.when` stands for.
        return alt.OpacityValue(0.08, condition={"test": IS_FOLLOWED, "value": opacity})


def as_data(frame: pd.DataFrame) -> alt.InlineData:
    """Return rows as inline data, missing values as null; layers that share it store it once."""
    rows: Any = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return alt.InlineData(values=tuple(rows))  # a list would be copied at every step of a chart


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


def as_points(frame: pd.DataFrame) -> pd.DataFrame:
    """Give differences of accuracies and their intervals in points."""
    ends = ["difference", "ci_low", "ci_high"]
    return frame.assign(**{name: 100 * frame[name].astype(float).clip(-1, 1) for name in ends})


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
    band: bool = False,
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
      band: whether the intervals along x are one band for each architecture.
    """
    channel, encoding = ("x", alt.X) if "y" in place else ("y", alt.Y)
    base = alt.Chart(as_data(frame)).encode(
        **place, color=style.colour, opacity=style.opacity(), tooltip=hover
    )
    along: dict[str, Any] = {channel: encoding(f"{value}:Q", scale=scale, axis=axis)}
    ends: dict[str, Any] = {channel: encoding(f"{low}:Q", scale=scale), f"{channel}2": f"{high}:Q"}
    line = base.mark_line(strokeWidth=2.5).encode(**along, strokeDash=style.dash)
    outline: dict[str, Any] = {"stroke": look.PAPER} if outlined else {}
    reach = base.mark_rule(**({"strokeWidth": 1.5} if rule is None else rule)).encode(**ends)
    if band:
        reach = base.mark_area().encode(**ends, opacity=style.opacity(0.15))
    return [
        *([line] if joined else []),
        reach,
        base.mark_point(filled=True, size=size, opacity=1, **outline).encode(
            **along, shape=style.shape
        ),
    ]


def axis_of_groups(labels: Sequence[str], title: str, *, narrow: bool = False) -> alt.X:
    """Place groups of different widths side by side at 0, 1, ... of `x`, each under its label.

    narrow: a range is written on two lines.
    """
    shown = [label.replace("–", "–\n").split("\n") if narrow else label for label in labels]
    named = " : ".join(
        f"datum.value === {i} ? {json.dumps(label)}" for i, label in enumerate(shown)
    )
    return alt.X(
        "x:Q",
        scale=alt.Scale(domain=[-0.35, len(labels) - 0.65], nice=False),
        axis=alt.Axis(
            values=list(range(len(labels))), labelExpr=f"{named} : ''", grid=False, title=title
        ),
    )


def draw_rule(value: float, text: str = "", *, field: str) -> alt.LayerChart:
    """Draw a dotted line at a value of y, labelled at its left end.

    field: the name of y in the other layers.
    """
    base = alt.Chart(as_data(pd.DataFrame({field: [value], "text": [text]}))).encode(y=f"{field}:Q")
    rule = base.mark_rule(color=look.MUTED, strokeDash=[2, 4])
    label = base.mark_text(color=look.MUTED, align="left", dy=-7, fontSize=11)
    return alt.LayerChart(layer=[rule, label.encode(x=alt.value(4), text="text:N")])


def _paper_legend(spec: Any) -> dict[str, Any]:
    """Lay out a legend by its longest name, with room for fonts that are wider than those here."""
    width = _SYMBOL + _LETTER * max(map(len, _names_in(spec)), default=0)
    columns = max(1, min(4, PAPER_WIDTH // width))
    limit = PAPER_WIDTH // columns - _SYMBOL
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
        "title": {"color": look.INK, "fontSize": 13, "fontWeight": 600, "anchor": "start"},
        "view": {"stroke": None},
    }
