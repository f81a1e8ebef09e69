"""Draw curves of architectures: a few in one panel, more in a panel for each family.

All panels of a figure have the same scales. Behind the lines of a family stand the others, thin and
grey, until one of them is followed. Lines are labelled where they end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import altair as alt
import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from pipeline.report import look
from pipeline.report.figures.drawing import (
    IS_NAMED,
    PAPER_WIDTH,
    Panel,
    Style,
    as_data,
    interval_chart,
)

_LINE = 13  # pixels from one label to the next
# Where a label stands beside its mark: pixels to the right, pixels down, alignment.
_BESIDE: tuple[tuple[int, int, Literal["left", "right"]], ...] = (
    (8, -11, "left"),
    (8, 12, "left"),
    (-8, -11, "right"),
    (-8, 12, "right"),
    (12, 0, "left"),
    (-12, 0, "right"),
)
Layers = Sequence[alt.Chart | alt.LayerChart]
Drawn = alt.LayerChart | tuple[Panel, ...]


def height_of(style: Style, whole: int) -> int:
    """Return the height of a figure's panels, lower where there are several."""
    return 200 if style.is_split else whole


def explain_grey(style: Style, sentence: str) -> str:
    """Say what the grey lines are, where there are any."""
    return f"{sentence} Grey lines are the other networks." if style.is_split else sentence


def split(
    style: Style, names: Sequence[str], draw: Callable[[list[str], list[str]], Layers]
) -> Drawn:
    """Draw one panel, or one for each family.

    Args:
      names: the architectures that there is something of.
      draw: (those of the panel, all others) -> its layers.
    """
    known = [name for name in style.names if name in set(names)]
    if not style.is_split:
        return alt.LayerChart(layer=list(draw(known, [])))
    of = style.families
    everywhere = [name for name in known if not of[name]]
    panels = []
    for family in dict.fromkeys(of[name] for name in known if of[name]):
        own = [name for name in known if of[name] == family]
        others = [name for name in known if of[name] not in (family, "")]
        layers = draw([*own, *everywhere], others)
        panels.append(Panel(family, alt.LayerChart(layer=list(layers))))
    return tuple(panels)


def draw_curves(
    frame: pd.DataFrame,
    style: Style,
    x: alt.X,
    axis: alt.Axis,
    hover: list[alt.Tooltip],
    *,
    height: int,
    value: str = "accuracy",
    low: str = "ci_low",
    high: str = "ci_high",
    reaching: Sequence[float] = (),
    behind: Callable[[list[str]], Layers] = lambda names: (),
    above: Callable[[list[str]], Layers] = lambda names: (),
    band: bool = False,
    linear: float | None = None,
) -> Drawn:
    """Draw values joined along x with their intervals.

    Args:
      frame: architecture and the columns that the others name, sorted along x.
      height: of a panel, in pixels.
      reaching: values that the panels reach to.
      behind, above: the architectures of a panel -> what is drawn behind and over its lines.
      band: whether the intervals of an architecture are one band.
      linear: values up to which the axis is about linear, and logarithmic beyond; None: linear.
    """
    ends = shared_domain(frame, value, low, high, reaching=reaching)
    encoded: Any = x.to_dict()
    column = str(encoded["field"])
    scale = alt.Scale(domain=ends, nice=True, zero=False)
    if linear is not None:
        scale = alt.Scale(type="symlog", constant=linear, domain=ends, nice=False)

    def draw(own: list[str], others: list[str]) -> Layers:
        shown = frame[frame.architecture.isin(own)]
        marks = interval_chart(
            shown,
            style,
            {"x": x},
            axis,
            hover,
            value=value,
            low=low,
            high=high,
            scale=scale,
            joined=True,
            band=band,
        )
        y = alt.Y(f"{value}:Q", scale=scale, axis=axis)
        rest = frame[frame.architecture.isin(others)]
        return [
            *behind(own),
            *draw_behind(rest, style, x, y),
            *marks,
            *above(own),
            label_ends(_ends(shown, column, value), style, value, ends, height, linear),
        ]

    return split(style, list(frame.architecture), draw)


def _ends(frame: pd.DataFrame, along: str, value: str) -> pd.Series:
    known = frame[frame[value].notna()].sort_values(along)
    return known.groupby("architecture")[value].last().astype(float)


def shared_domain(
    frame: pd.DataFrame, *columns: str, reaching: Sequence[float] = ()
) -> list[float]:
    """Return the least and the greatest value of the columns and of `reaching`, which differ."""
    values = np.append(frame[list(columns)].to_numpy(dtype=float).ravel(), reaching)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return [low, high] if low < high else [low - 0.01, high + 0.01]


def draw_behind(frame: pd.DataFrame, style: Style, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Draw the architectures of other panels as thin grey lines, in colour when followed."""
    if frame.empty:
        return []
    line = alt.Chart(as_data(frame)).mark_line(strokeWidth=1)
    return [
        line.encode(
            x=x,
            y=y,
            detail="architecture:N",
            color=alt.when(IS_NAMED).then(style.colour).otherwise(alt.value(look.TIED)),
            opacity=style.opacity(),
        )
    ]


def label_ends(
    ends: pd.Series,
    style: Style,
    value: str,
    domain: Sequence[float],
    height: int,
    linear: float | None = None,
) -> alt.Chart:
    """Write the name of each architecture at the right, where its line ends.

    Args:
      ends: the last value of each architecture, which is the index.
      value: the name of the values in the other layers.
      domain: the values at the bottom and at the top of the panel.
      height: of the panel, in pixels.
      linear: of the axis, as in `draw_curves`.
    """
    names = [name for name in style.names if name in ends.index]
    places = spread(_bend(ends[names], linear), _bend(np.array(domain), linear).tolist(), height)
    placed = pd.DataFrame(
        {
            "architecture": names,
            "label": [style.labels[name] if style.is_split else name for name in names],
            value: _bend(places, linear, back=True),
        }
    )
    return (
        alt.Chart(as_data(placed))
        .mark_text(dx=9, align="left", baseline="middle", fontSize=11, limit=110, aria=False)
        .encode(
            x=alt.value("width"),
            y=f"{value}:Q",
            text="label:N",
            color=style.colour,
            opacity=style.opacity(),
        )
    )


def _bend(values: Any, linear: float | None, *, back: bool = False) -> Any:
    """Return places along a symmetric logarithmic axis, as Vega computes them, or back values."""
    if linear is None:
        return values
    if back:
        return np.sign(values) * linear * np.expm1(np.abs(values))
    return np.sign(values) * np.log1p(np.abs(values) / linear)


def label_marks(
    frame: pd.DataFrame, style: Style, x: alt.X, across: str, up: str, height: int
) -> alt.LayerChart:
    """Write the name of each architecture beside its mark; on a phone, where there is no room, none.

    Args:
      frame: a row for each architecture.
      across, up: the columns of the places.
      height: of the chart, in pixels; its width is taken as that of paper.
    """
    places = frame[[across, up]].to_numpy(dtype=float)
    size = np.array([PAPER_WIDTH, height])
    extent = np.ptp(places, axis=0)
    pixels = (places - places.min(axis=0)) / np.where(extent > 0, extent, 1) * size * [1, -1]
    sides = _sides(pixels, [7 * len(name) for name in frame.architecture], size[0])
    base = alt.Chart(as_data(frame[["architecture", across, up]].assign(side=sides)))
    shown = alt.expr(f"width < {PAPER_WIDTH * 0.8:.0f} ? 0 : 11")
    texts = [
        base.transform_filter(f"datum.side === {side}")
        .mark_text(dx=dx, dy=dy, aria=False, align=align, baseline="middle", fontSize=shown)
        .encode(
            x=x,
            y=f"{up}:Q",
            text="architecture:N",
            color=style.colour,
            opacity=style.opacity(),
        )
        for side, (dx, dy, align) in enumerate(_BESIDE)
        if side in sides
    ]
    return alt.LayerChart(layer=texts)


def _sides(places: np.ndarray, widths: Sequence[int], room: float) -> list[int]:
    """Choose a side in `_BESIDE` for each label, the first on which it meets no mark and no label.

    Args:
      places: <float>[marks, 2], in pixels, rightwards and downwards.
      widths: of the labels, in pixels.
      room: the width of the chart.
    """
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    sides = []
    for (x, y), width in zip(places, widths, strict=True):
        boxes = []
        for dx, dy, align in _BESIDE:
            left = x + dx - (width if align == "right" else 0)
            boxes.append((left, y + dy - 7, left + width, y + dy + 7))
        clashes = [
            sum(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for b in taken)
            + (a[0] < 0 or a[2] > room + 60)
            for a in boxes
        ]
        sides.append(int(np.argmin(clashes)))
        taken.append(boxes[sides[-1]])
    return sides


def spread(values: Any, ends: Sequence[float], height: int) -> np.ndarray:
    """Move values apart as little as possible, so that their labels do not overlap.

    Args:
      values: <float>[labels].
      ends: the values at the bottom and at the top of the panel.
      height: of the panel, in pixels.

    Returns:
      <float>[labels], within the ends as long as there is room.
    """
    given = np.asarray(values, dtype=float)
    gap = _LINE / height * (ends[1] - ends[0])
    order = np.lexsort((-np.arange(len(given)), given))  # of equal ones the first stands above
    steps = gap * np.arange(len(given))
    apart = isotonic_regression(given[order] - steps).x + steps
    apart -= max(0.0, apart[-1] - ends[1]) if len(apart) else 0.0
    placed = np.empty_like(apart)
    placed[order] = apart
    return placed
