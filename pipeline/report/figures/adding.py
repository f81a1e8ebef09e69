"""Yardstick -> the figures of the adding problem: the steps by length, and the errors on the way."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from pipeline.analysis.adding import Yardstick
from pipeline.data.adding import SOLVED_BELOW, VARIANCE
from pipeline.report import look
from pipeline.report.cells import (
    MISSING,
    Table,
    make_table,
    rows_of,
    shown_count,
    shown_text,
)
from pipeline.report.drawing import Figure, Style, as_data, draw_rule, hover_of
from pipeline.report.wording import listed


def draw_steps(yardstick: Yardstick, history: pd.DataFrame) -> list[Figure]:
    """The steps by length, and for each length the way there."""
    if not (yardstick.summary.ended > 0).any():
        return []
    style = Style(look.assign_looks(yardstick.architectures))
    figures = [_by_length(yardstick, style)]
    if not history.empty:
        runs = yardstick.runs[["run_id", "architecture", "length", "seed"]]
        told = history.merge(runs, on="run_id").dropna(subset=["val_mse"])
        figures += [
            _curves(told[told.length == length], length, yardstick, style)
            for length in yardstick.lengths
            if (told.length == length).any()
        ]
    return figures


def _by_length(yardstick: Yardstick, style: Style) -> Figure:
    """A mark for each run; those that did not solve it stand hollow on the line of the budget.

    Lengths stand side by side, and the architectures of a length beside each other.
    """
    places = {length: place for place, length in enumerate(yardstick.lengths)}
    count = max(len(style.names) - 1, 1)
    beside = {name: 0.4 * (place / count - 0.5) for place, name in enumerate(style.names)}

    def placed(frame: pd.DataFrame) -> pd.DataFrame:
        x = frame.length.map(places).astype(float) + frame.architecture.map(beside).astype(float)
        return frame[["architecture", "length"]].assign(x=x)

    ended = yardstick.runs[yardstick.runs.status.isin(["finished", "diverged"])]
    budget = float(ended.max_steps.max())
    marks = placed(ended).assign(
        seed=ended.seed,
        is_solved=ended.steps_to_solve.notna().astype(bool),
        steps=ended.steps_to_solve.fillna(ended.max_steps).astype(float),
        shown=ended.steps_to_solve.map(shown_count, na_action="ignore").fillna("not solved"),
    )
    solved = yardstick.summary[yardstick.summary.solved > 0]
    medians = placed(solved).assign(steps=solved.steps)
    named = " : ".join(f"datum.value === {i} ? '{length}'" for length, i in places.items())
    x = alt.X(
        "x:Q",
        scale=alt.Scale(domain=[-0.5, len(places) - 0.5], nice=False),
        axis=alt.Axis(
            values=list(places.values()),
            labelExpr=f"{named} : ''",
            grid=False,
            title="Length of the sequence",
        ),
    )
    y = alt.Y(
        "steps:Q",
        scale=alt.Scale(domain=[0, 1.05 * budget], nice=False),
        axis=alt.Axis(title="Steps of training", format=",d", tickCount=6),
    )
    line = (
        alt.Chart(as_data(medians))
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, color=style.colour, strokeDash=style.dash, opacity=style.lit(0.7))
    )
    base = alt.Chart(as_data(marks)).encode(
        x=x,
        y=y,
        color=style.colour,
        shape=style.shape,
        opacity=style.lit(),
        tooltip=hover_of(
            ("architecture", "Architecture"),
            ("length", "Length"),
            ("seed", "Seed"),
            ("shown", "Steps to solve"),
        ),
    )
    filled = base.transform_filter("datum.is_solved").mark_point(filled=True, size=90, opacity=1)
    hollow = base.transform_filter("!datum.is_solved").mark_point(size=90, opacity=1)
    return Figure(
        name="steps_to_solve",
        section="Steps",
        title="Steps to solve it, by length",
        sentence="A mark is a run; a hollow one had used its steps up without having solved it.",
        alternative="Steps of training until the adding problem is solved, by length.",
        table=_steps_by_run_table(ended),
        chart=alt.LayerChart(
            layer=[draw_rule(budget, "not solved", "steps"), line, filled, hollow]
        ),
        height=300,
    )


def _curves(history: pd.DataFrame, length: int, yardstick: Yardstick, style: Style) -> Figure:
    shown = history.assign(shown=history.val_mse.map(shown_error))
    columns = ["run_id", "architecture", "seed", "step", "val_mse", "shown"]
    top = max(float(history.val_mse.max()), VARIANCE) * 1.6
    low = min(float(history.val_mse.min()), SOLVED_BELOW) / 1.3
    line = (
        alt.Chart(as_data(shown[columns].sort_values(["run_id", "step"])))
        .mark_line(strokeWidth=1.8)
        .encode(
            x=alt.X(
                "step:Q",
                scale=alt.Scale(zero=True),
                axis=alt.Axis(title="Step", format=",d", grid=False, tickCount=6),
            ),
            y=alt.Y(
                "val_mse:Q",
                scale=alt.Scale(type="log", domain=[low, top], nice=False),
                axis=alt.Axis(
                    title="Mean squared error", format="~g", values=[0.001, 0.01, 0.1, 1]
                ),
            ),
            color=style.colour,
            strokeDash=style.dash,
            detail="run_id:N",
            opacity=style.lit(0.9),
            tooltip=hover_of(
                ("architecture", "Architecture"),
                ("seed", "Seed"),
                ("step", "Step"),
                ("shown", "Error"),
            ),
        )
    )
    rules = [
        draw_rule(VARIANCE, "always the mean", "val_mse"),
        draw_rule(SOLVED_BELOW, "solved", "val_mse"),
    ]
    return Figure(
        name=f"error_length_{length}",
        section="Errors",
        title=f"The way there, at length {length:,}",
        sentence=_describe_way(length, yardstick),
        alternative=f"Mean squared error over held-out sequences of length {length}, by step.",
        table=_errors_table(length, yardstick),
        chart=alt.LayerChart(layer=[*rules, line]),
        height=240,
    )


def _describe_way(length: int, yardstick: Yardstick) -> str:
    own = yardstick.summary[(yardstick.summary.length == length) & (yardstick.summary.ended > 0)]
    stuck = own[own.best_mse > 0.9 * VARIANCE]
    said = "The error over sequences held out, on a logarithmic scale."
    if len(stuck):
        names = listed(list(stuck.architecture))
        said += f" {names} never came away from always answering the mean."
    return said


def _errors_table(length: int, yardstick: Yardstick) -> Table:
    own = yardstick.summary[yardstick.summary.length == length]
    rows = [
        [
            row.architecture,
            shown_error(row.best_mse),
            f"{row.solved} of {row.ended}",
            shown_steps(row),
        ]
        for row in rows_of(own)
    ]
    headings = ["<architecture", "lowest error", "solved", "steps to solve"]
    return make_table(f"Length {length:,}", headings, rows)


def _steps_by_run_table(ended: pd.DataFrame) -> Table:
    rows = [
        [
            run.architecture,
            shown_count(run.length),
            shown_text(run.seed),
            shown_count(run.steps_to_solve),
            shown_count(run.steps),
        ]
        for run in rows_of(ended)
    ]
    headings = ["<architecture", "length", "seed", "steps to solve", "steps"]
    return make_table("Each run that came to its end", headings, rows)


def shown_steps(row: Any) -> str:
    if not row.ended:
        return MISSING
    if not row.solved:
        return "diverged" if row.diverged == row.ended else f"not in {shown_count(row.max_steps)}"
    ends = f" ({shown_count(row.steps_low)} to {shown_count(row.steps_high)})" * (row.solved > 1)
    share = f", {row.solved} of {row.ended}" * (row.solved < row.ended)
    return f"{shown_count(row.steps)}{ends}{share}"


def shown_error(value: Any) -> str:
    return MISSING if pd.isna(value) else f"{value:.5f}"
