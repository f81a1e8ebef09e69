"""Yardstick -> the page of the adding problem, its tables and its figures, in the look of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from pipeline.adding import SOLVED_BELOW, VARIANCE
from pipeline.report import look
from pipeline.report.cells import (
    MISSING,
    Table,
    make_table,
    rows_of,
    shown_count,
    shown_seconds,
    shown_text,
)
from pipeline.report.drawing import Figure, Style, as_data, hover_of
from pipeline.report.page import built_beside, describe_provenance, render_page, write_figures
from pipeline.report.tables import run_cell
from pipeline.report.wording import listed
from pipeline.yardstick import AddingRuns, Yardstick

# What the papers say, for orientation: their sequences differ (see `pipeline.adding`).
_PUBLISHED = (
    ("<source", "<network", "length", "<result"),
    ("Hochreiter & Schmidhuber 1997, Table 7", "LSTM", "100", "solved after 74,000 sequences"),
    ("Hochreiter & Schmidhuber 1997, Table 7", "LSTM", "500", "solved after 209,000 sequences"),
    ("Campos et al. 2018, Table 1", "LSTM, 110 units", "50", "solved"),
    ("Campos et al. 2018, Table 1", "GRU, 110 units", "50", "solved"),
)


def write_yardstick(yardstick: Yardstick, tracked: AddingRuns, folder: Path) -> Path:
    """Writes `index.html`, `runs.csv`, `steps_to_solve.csv` and the figures as SVG -> the page's path.

    Raises:
      ReportError: the folder cannot be written.
    """
    drawn = _draw(yardstick, tracked.history)
    content = _gather(yardstick, tracked, drawn)
    with built_beside(folder) as built:
        yardstick.runs.to_csv(built / "runs.csv", index=False)
        yardstick.summary.to_csv(built / "steps_to_solve.csv", index=False)
        svgs = write_figures(drawn, built)
        looks = look.assign_looks(yardstick.architectures) if drawn else []
        page = render_page("yardstick.html.j2", content, looks, svgs)
        (built / "index.html").write_text(page, encoding="utf-8")
    return folder / "index.html"


def describe_steps(yardstick: Yardstick) -> list[tuple[str, ...]]:
    """For each architecture its name and, in the order of the lengths, the steps it took."""
    cells = {
        (row.architecture, row.length): _shown_steps(row) for row in rows_of(yardstick.summary)
    }
    return [
        (name, *(cells.get((name, length), MISSING) for length in yardstick.lengths))
        for name in yardstick.architectures.architecture
    ]


def _shown_steps(row: Any) -> str:
    if not row.ended:
        return MISSING
    if not row.solved:
        return "diverged" if row.diverged == row.ended else f"not in {shown_count(row.max_steps)}"
    ends = f" ({shown_count(row.steps_low)} to {shown_count(row.steps_high)})" * (row.solved > 1)
    share = f", {row.solved} of {row.ended}" * (row.solved < row.ended)
    return f"{shown_count(row.steps)}{ends}{share}"


def headline(yardstick: Yardstick) -> str:
    """Who solves which lengths."""
    summary = yardstick.summary[yardstick.summary.ended > 0]
    if summary.empty:
        return "No run has come to its end, so there is nothing to say yet."
    by_lengths: dict[tuple[int, ...], list[str]] = {}
    for name in yardstick.architectures.architecture:
        own = summary[summary.architecture == name]
        solved = own[own.solved == own.ended].length
        if len(own):
            by_lengths.setdefault(tuple(sorted(solved)), []).append(name)
    parts = [
        f"{listed(names)} {'solves' if len(names) == 1 else 'solve'} {_lengths(solved, summary)}"
        for solved, names in by_lengths.items()
    ]
    budget = listed([shown_count(steps) for steps in sorted(summary.max_steps.unique())], "or")
    every = ", with every seed," if (summary.ended > 1).any() else ""
    return f"In at most {budget} steps{every} {'; '.join(parts)}."


def _lengths(solved: tuple[int, ...], summary: pd.DataFrame) -> str:
    if not solved:
        return "no length"
    words = listed([f"{length:,}" for length in solved])
    whole = 1 < summary.length.nunique() == len(solved)
    return f"every length ({words})" if whole else f"length{'s' * (len(solved) > 1)} {words}"


def _cautions(yardstick: Yardstick) -> list[str]:
    summary = yardstick.summary
    said = []
    if (summary.ended == 1).any():
        said.append(
            "With one seed nothing is known of another: when a network comes away from always "
            "answering the mean is in part luck, and with it the number of steps."
        )
    lost = yardstick.runs[~yardstick.runs.status.isin(["finished", "diverged"])]
    if len(lost):
        names = [f"{run.architecture} length {run.length} seed {run.seed}" for run in rows_of(lost)]
        said.append(f"Not counted, because they did not come to their end: {listed(names)}.")
    if (summary.solved < summary.ended).any():
        said.append(
            "Not solved means: not in these steps with this learning rate, which are the same for all. "
            "It does not mean that it cannot be learnt."
        )
    return said


def _gather(yardstick: Yardstick, tracked: AddingRuns, drawn: list[Figure]) -> dict[str, Any]:
    runs = yardstick.runs
    return {
        "experiment": yardstick.experiment,
        "facts": f"{len(runs)} runs. Started {tracked.sweep.started}.",
        "headline": headline(yardstick),
        "cautions": _cautions(yardstick),
        "steps": _steps_table(yardstick),
        "figures": drawn,
        "published": make_table("What the papers report", _PUBLISHED[0], _PUBLISHED[1:]),
        "method": _describe_method(yardstick),
        "runs": _runs_table(runs, tracked.sweep.run_url),
        "provenance": describe_provenance(runs.assign(data="adding"), tracked.sweep),
    }


def _describe_method(yardstick: Yardstick) -> str:
    runs = yardstick.runs

    def values(column: str) -> str:
        return listed([f"{value:g}" for value in sorted(runs[column].dropna().unique())])

    return (
        "At each step of a sequence stand a value drawn evenly from 0 to 1 and a mark, which is 1 at "
        "two steps, one drawn from each half, and 0 elsewhere; the answer is the sum of the two marked "
        "values. The recurrent layers read these two features, and one number is read off what they "
        f"give. A step is one update on {values('batch_size')} new sequences, by Adam with a learning "
        f"rate of {values('learning_rate')} and the gradient cut to a norm of "
        f"{values('global_clipnorm')}. Solved means that the mean squared error over sequences held "
        f"out is under {SOLVED_BELOW:.5f}: two orders of magnitude under {VARIANCE:.4f}, the variance "
        "of the answer, as Campos et al. (2018) have it. There training ends, so that the steps are "
        "counted to the validation that shows it."
    )


def _steps_table(yardstick: Yardstick) -> Table:
    headings = ["<architecture", *(f"length {length:,}" for length in yardstick.lengths)]
    return make_table(
        "Steps to solve it: the median of those seeds that do (lowest to highest)",
        headings,
        describe_steps(yardstick),
    )


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


def _runs_table(runs: pd.DataFrame, run_url: str | None) -> Table:
    headings = [
        "<architecture",
        "length",
        "seed",
        "<status",
        "steps to solve",
        "steps",
        "best error",
    ]
    headings += ["test error", "units", "parameters", "training", "<reason", "<run"]
    rows = [
        [
            run.architecture,
            shown_count(run.length),
            shown_text(run.seed),
            shown_text(run.status),
            shown_count(run.steps_to_solve),
            shown_count(run.steps),
            _shown_error(run.best_mse),
            _shown_error(run.test_mse),
            shown_count(run.units),
            shown_count(run.parameters),
            shown_seconds(run.train_seconds),
            shown_text(run.failure),
            run_cell(run.run_id, run_url),
        ]
        for run in rows_of(runs)
    ]
    return make_table("Every planned run", headings, rows)


def _shown_error(value: Any) -> str:
    return MISSING if pd.isna(value) else f"{value:.5f}"


def _draw(yardstick: Yardstick, history: pd.DataFrame) -> list[Figure]:
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
        chart=alt.LayerChart(layer=[_rule(budget, "not solved", "steps"), line, filled, hollow]),
        height=300,
    )


def _curves(history: pd.DataFrame, length: int, yardstick: Yardstick, style: Style) -> Figure:
    shown = history.assign(shown=history.val_mse.map(_shown_error))
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
        _rule(VARIANCE, "always the mean", "val_mse"),
        _rule(SOLVED_BELOW, "solved", "val_mse"),
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


def _rule(at: float, text: str, field: str) -> alt.LayerChart:
    base = alt.Chart(as_data(pd.DataFrame({field: [at], "text": [text]}))).encode(y=f"{field}:Q")
    rule = base.mark_rule(color=look.MUTED, strokeDash=[2, 4])
    words = base.mark_text(color=look.MUTED, align="left", dy=-6, fontSize=11)
    return alt.LayerChart(layer=[rule, words.encode(x=alt.value(4), text="text:N")])


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
            _shown_error(row.best_mse),
            f"{row.solved} of {row.ended}",
            _shown_steps(row),
        ]
        for row in rows_of(own)
    ]
    headings = ["<architecture", "lowest error", "solved", "steps to solve"]
    return make_table(f"Length {length:,}", headings, rows)
