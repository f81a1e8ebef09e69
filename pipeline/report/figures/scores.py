"""Draw how well networks do: overall, against what it costs, and as they learn.

A score is an accuracy, a perplexity or bits per character; the charts are the same for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from pipeline.report import look
from pipeline.report.figures.drawing import (
    SHARES,
    Style,
    as_data,
    hover_of,
    interval_chart,
    share_axis,
)
from pipeline.report.figures.panels import (
    Drawn,
    Layers,
    draw_behind,
    label_ends,
    label_marks,
    shared_domain,
    split,
)
from pipeline.report.formats import format_bits, format_perplexity, format_share

COST_HEIGHT = 300


@dataclass(frozen=True)
class Score:
    """A number by which networks are compared.

    value, low, high: its columns, for each architecture. by_run: its column, for each run.
    axis: its title -> the axis. rises: whether more is better.
    """

    name: str
    value: str
    low: str
    high: str
    by_run: str
    show: Callable[[Any], str]
    axis: Callable[[str], alt.Axis]
    title: str
    rises: bool

    def with_interval(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Add `shown`: each value with its interval, as text."""
        ends = zip(frame[self.value], frame[self.low], frame[self.high], strict=True)
        shown = [f"{self.show(v)} ({self.show(a)} to {self.show(b)})" for v, a, b in ends]
        return frame.assign(shown=shown)


def _plain_axis(title: str) -> alt.Axis:
    return alt.Axis(title=title, tickCount=7)


ACCURACY = Score(
    *("Accuracy", "accuracy", "ci_low", "ci_high", "test_accuracy"),
    *(format_share, share_axis, "Test accuracy", True),
)
PERPLEXITY = Score(
    *("Perplexity", "perplexity", "ci_low", "ci_high", "perplexity"),
    *(format_perplexity, _plain_axis, "Test perplexity", False),
)
BITS = Score(
    *("Bits per character", "bits", "bits_low", "bits_high", "bits"),
    *(format_bits, _plain_axis, "Bits per character", False),
)


def score_chart(
    score: Score, means: pd.DataFrame, runs: pd.DataFrame, style: Style
) -> alt.LayerChart:
    """Draw the interval of each architecture as a row, in the order of `means`, and every run.

    Args:
      means: architecture and the columns of the score. runs: architecture, seed and `score.by_run`.
    """
    means = score.with_interval(means)
    shown = runs[score.by_run].map(score.show)
    runs = runs.assign(shown=shown).astype({score.by_run: float})
    order = alt.Y("architecture:N", sort=list(means.architecture), title=None)
    hover = hover_of(("architecture", "Architecture"), ("shown", f"{score.name} (95% interval)"))
    interval, mean = interval_chart(
        means,
        style,
        {"y": order},
        score.axis(score.title),
        hover,
        value=score.value,
        low=score.low,
        high=score.high,
        rule={"strokeWidth": 2},
        size=110,
    )
    each = (
        alt.Chart(as_data(runs))
        .mark_tick(thickness=2, size=14, yOffset=0)
        .encode(
            x=f"{score.by_run}:Q",
            y=order,
            color=alt.value(look.INK),
            opacity=style.opacity(0.75),
            tooltip=hover_of(
                ("architecture", "Architecture"), ("seed", "Seed"), ("shown", score.name)
            ),
        )
    )
    return alt.LayerChart(layer=[interval, each, mean])


def find_frontier(score: Score, means: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the architectures that nothing cheaper beats, by rising cost."""
    by_cost = means.sort_values([column, score.value], ascending=[True, not score.rises])
    goodness = by_cost[score.value] if score.rises else -by_cost[score.value]
    return by_cost[goodness > goodness.cummax().shift(fill_value=-float("inf"))]


def cost_chart(
    score: Score, means: pd.DataFrame, style: Style, column: str, name: str, unit: str
) -> alt.LayerChart:
    """Draw a score against a cost, with a line through those that nothing cheaper beats."""
    title = f"{name[0].upper()}{name[1:]}"
    means = score.with_interval(means)
    means["cost"] = means[column].map(lambda value: f"{value:,.0f}")
    x = alt.X(
        f"{column}:Q",
        scale=alt.Scale(zero=False, nice=True),
        axis=alt.Axis(title=title + f" ({unit})" * (unit != name), tickCount=5, format=",~f"),
    )
    axis = score.axis(score.title)
    line = (
        alt.Chart(as_data(find_frontier(score, means, column)))
        .mark_line(interpolate="step-after", color=look.MUTED, strokeDash=[2, 3])
        .encode(x=x, y=alt.Y(f"{score.value}:Q", scale=SHARES, axis=axis))
    )
    hover = hover_of(
        ("architecture", "Architecture"),
        ("shown", f"{score.name} (95% interval)"),
        ("cost", title),
    )
    marks = interval_chart(
        means,
        style,
        {"x": x},
        axis,
        hover,
        value=score.value,
        low=score.low,
        high=score.high,
        size=130,
    )
    labels = label_marks(means, style, x, column, score.value, COST_HEIGHT)
    return alt.LayerChart(layer=[line, *marks, labels])


def learning_chart(
    history: pd.DataFrame,
    style: Style,
    height: int,
    *,
    step: str,
    x: alt.X,
    value: str,
    axis: alt.Axis,
    show: Callable[[Any], str],
    titles: tuple[str, str],
) -> Drawn:
    """Draw a line for each run; of other panels, the mean of each architecture.

    Args:
      history: run_id, architecture, seed, and the columns `step` and `value`.
      x, axis: of steps and of values.
      titles: of a step and of a value, where the mouse is.
    """
    history = history.sort_values(["architecture", "seed", step])
    shown = history.assign(shown=history[value].map(show))
    shown = shown[["run_id", "architecture", "seed", step, value, "shown"]]
    means = history.groupby(["architecture", step], as_index=False)[value].mean()
    last = shown.loc[shown.groupby("run_id", sort=False)[step].idxmax()]
    ends = shared_domain(shown, value)
    y = alt.Y(f"{value}:Q", scale=alt.Scale(domain=ends, zero=False, nice=True), axis=axis)
    hover = hover_of(
        ("architecture", "Architecture"),
        ("seed", "Seed"),
        (step, titles[0]),
        ("shown", titles[1]),
    )

    def draw(own: list[str], others: list[str]) -> Layers:
        base = alt.Chart(as_data(shown[shown.architecture.isin(own)])).encode(
            x=x, y=y, color=style.colour, detail="run_id:N", opacity=style.opacity(0.9)
        )
        finals = last[last.architecture.isin(own)].groupby("architecture")[value].mean()
        return [
            *draw_behind(means[means.architecture.isin(others)], style, x, y),
            base.mark_line(strokeWidth=1.8).encode(strokeDash=style.dash),
            base.mark_point(filled=True, size=30).encode(shape=style.shape, tooltip=hover),
            label_ends(finals, style, value, ends, height),
        ]

    return split(style, list(shown.architecture), draw)
