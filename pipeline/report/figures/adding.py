"""Draw the figures of the adding problem: steps by length, and errors during training."""

from __future__ import annotations

import altair as alt
import pandas as pd

from pipeline.analysis.adding import AddingResults
from pipeline.data.adding import SOLVED_BELOW, VARIANCE
from pipeline.report import look
from pipeline.report.adding_tables import errors_table, steps_by_run_table
from pipeline.report.figures.drawing import (
    Figure,
    Style,
    as_data,
    axis_of_groups,
    draw_rule,
    hover_of,
)
from pipeline.report.formats import format_count, format_error
from pipeline.report.prose.adding import describe_length


def draw_steps(results: AddingResults, history: pd.DataFrame) -> list[Figure]:
    """Draw the steps by length and, for each length, the error during training."""
    if not (results.summary.ended > 0).any():
        return []
    style = Style(look.assign_looks(results.architectures))
    figures = [_by_length(results, style)]
    if not history.empty:
        runs = results.runs[["run_id", "architecture", "length", "seed"]]
        named = history.merge(runs, on="run_id").dropna(subset=["val_mse"])
        figures += [
            _curves(named[named.length == length], length, results, style)
            for length in results.lengths
            if (named.length == length).any()
        ]
    return figures


def _by_length(results: AddingResults, style: Style) -> Figure:
    """Draw a mark for each run, hollow and at the step budget if it did not solve the problem."""
    places = {length: place for place, length in enumerate(results.lengths)}

    def placed(frame: pd.DataFrame) -> pd.DataFrame:
        x = frame.length.map(places).astype(float) + style.offsets(frame.architecture, 0.4)
        return frame[["architecture", "length"]].assign(x=x)

    ended = results.runs[results.runs.status.isin(["finished", "diverged"])]
    budget = float(ended.max_steps.max())
    marks = placed(ended).assign(
        seed=ended.seed,
        is_solved=ended.steps_to_solve.notna().astype(bool),
        steps=ended.steps_to_solve.fillna(ended.max_steps).astype(float),
        shown=ended.steps_to_solve.map(format_count, na_action="ignore").fillna("not solved"),
    )
    solved = results.summary[results.summary.solved > 0]
    medians = placed(solved).assign(steps=solved.steps)
    x = axis_of_groups([str(length) for length in places], "Length of the sequence")
    y = alt.Y(
        "steps:Q",
        scale=alt.Scale(domain=[0, 1.05 * budget], nice=False),
        axis=alt.Axis(title="Steps of training", format=",d", tickCount=6),
    )
    line = (
        alt.Chart(as_data(medians))
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, color=style.colour, strokeDash=style.dash, opacity=style.opacity(0.7))
    )
    base = alt.Chart(as_data(marks)).encode(
        x=x,
        y=y,
        color=style.colour,
        shape=style.shape,
        opacity=style.opacity(),
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
        title="Steps to solve the problem, by length",
        sentence="Each mark is a run, hollow if all its steps did not solve the problem.",
        alternative="Steps of training until the adding problem is solved, by length.",
        table=steps_by_run_table(ended),
        chart=alt.LayerChart(
            layer=[draw_rule(budget, "not solved", field="steps"), line, filled, hollow]
        ),
        height=300,
    )


def _curves(history: pd.DataFrame, length: int, results: AddingResults, style: Style) -> Figure:
    shown = history.assign(shown=history.val_mse.map(format_error))
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
            opacity=style.opacity(0.9),
            tooltip=hover_of(
                ("architecture", "Architecture"),
                ("seed", "Seed"),
                ("step", "Step"),
                ("shown", "Error"),
            ),
        )
    )
    rules = [
        draw_rule(VARIANCE, "always the mean", field="val_mse"),
        draw_rule(SOLVED_BELOW, "solved", field="val_mse"),
    ]
    return Figure(
        name=f"error_length_{length}",
        title=f"Error during training, at length {length:,}",
        sentence=describe_length(length, results),
        alternative=f"Mean squared error over held-out sequences of length {length}, by step.",
        table=errors_table(length, results),
        chart=alt.LayerChart(layer=[*rules, line]),
        height=240,
    )
