"""Draw the figures of accuracy, cost and learning."""

from __future__ import annotations

import altair as alt
import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.pairwise import OPPOSITE
from pipeline.report import look
from pipeline.report.families import by_family
from pipeline.report.figures.drawing import (
    IS_FOLLOWED,
    Figure,
    Style,
    append_baseline,
    as_data,
    baseline_scores,
    format_differences,
    hover_of,
    looks_of,
    share_axis,
)
from pipeline.report.figures.panels import explain_grey, height_of
from pipeline.report.figures.scores import (
    ACCURACY,
    COST_HEIGHT,
    cost_chart,
    find_frontier,
    learning_chart,
    score_chart,
)
from pipeline.report.formats import format_points, format_share
from pipeline.report.prose import answer, sweep
from pipeline.report.run_tables import cost_by_run_table, curves_table
from pipeline.report.tables import pair_table, summary_table

_MOST_RUNS = 100  # whose learning curves are drawn one by one
_STRONG = ("better", "worse")  # of squares whose numbers stand in the colour of the page


def draw_accuracy(comparison: Comparison) -> list[Figure]:
    """Draw the accuracies over all reviews."""
    if comparison.summary.empty:
        return []
    return [_accuracy(comparison, Style(looks_of(comparison)))]


def draw_pairs(comparison: Comparison) -> list[Figure]:
    """Draw the verdicts on every pair of architectures."""
    return [] if comparison.pairwise.empty else [_verdicts(comparison)]


def draw_cost(comparison: Comparison) -> list[Figure]:
    """Draw accuracy against each cost that is known and that the sweep did not hold equal."""
    if comparison.summary.empty:
        return []
    equal = answer.held_equal(comparison)
    style = Style(looks_of(comparison))
    return [
        _against_cost(comparison, style, column, name, unit)
        for column, shared, name, unit in (
            ("train_seconds", "train_seconds", "training time", "seconds"),
            ("parameters", "recurrent_parameters", "parameters", "parameters"),
        )
        if comparison.cost[column].notna().all() and shared not in equal
    ]


def draw_curves(comparison: Comparison, history: pd.DataFrame) -> list[Figure]:
    """Draw the epochs of the runs whose settings were chosen."""
    if comparison.summary.empty or history.empty:
        return []
    runs = comparison.runs[comparison.runs.chosen][["run_id", "architecture", "seed"]]
    of_runs = history.merge(runs, on="run_id")
    if of_runs.run_id.nunique() > _MOST_RUNS:
        of_runs = _over_seeds(of_runs)
    return [_curves(of_runs, Style(looks_of(comparison)))]


def _over_seeds(history: pd.DataFrame) -> pd.DataFrame:
    """Return the means over the runs of each architecture, as if each had one run."""
    means = history.drop(columns=["run_id", "seed"]).groupby(["architecture", "epoch"]).mean()
    means = means.reset_index()
    return means.assign(run_id=means.architecture, seed="mean")


def _accuracy(comparison: Comparison, style: Style) -> Figure:
    means = comparison.summary[["architecture", "accuracy", "ci_low", "ci_high"]]
    means = append_baseline(means, baseline_scores(comparison, "all"))
    runs = comparison.runs[comparison.runs.compared][["architecture", "seed", "test_accuracy"]]
    return Figure(
        name="accuracy",
        title="Accuracy on the test reviews",
        sentence=sweep.describe_accuracy(comparison),
        alternative="Mean test accuracy of each architecture with its interval, and every seed.",
        table=summary_table(comparison),
        chart=score_chart(ACCURACY, means, runs, style),
        height=34 * len(means) + 20,
        labelled=True,
    )


def _verdicts(comparison: Comparison) -> Figure:
    """Draw a square for each ordered pair: the row against the column."""
    names = list(by_family(comparison.summary).architecture)
    pairs = comparison.pairwise
    swapped = pairs.assign(
        architecture_a=pairs.architecture_b,
        architecture_b=pairs.architecture_a,
        difference=-pairs.difference,
        ci_low=-pairs.ci_high,
        ci_high=-pairs.ci_low,
        verdict=pairs.verdict.replace(OPPOSITE),
    )
    both = pd.concat([pairs, swapped], ignore_index=True).rename(
        columns={"architecture_a": "architecture", "architecture_b": "against"}
    )
    both["shown"] = format_differences(both)
    both["points"] = both.difference.map(format_points)
    kinds = {
        "better": look.BETTER,
        "likely better": look.LIKELY_BETTER,
        "tied": look.TIED,
        "likely worse": look.LIKELY_WORSE,
        "worse": look.WORSE,
        "not enough runs": look.UNKNOWN,
    }
    base = alt.Chart(
        as_data(both[["architecture", "against", "verdict", "shown", "points"]])
    ).encode(
        x=alt.X(
            "against:N",
            sort=names,
            title="against",
            axis=alt.Axis(labelAngle=-40, labelOverlap=False),
        ),
        y=alt.Y("architecture:N", sort=names, title=None),
        opacity=alt.when(IS_FOLLOWED).then(alt.value(1)).otherwise(alt.value(0.25)),
        tooltip=hover_of(
            ("architecture", "Architecture"),
            ("against", "Against"),
            ("verdict", "Verdict"),
            ("shown", "Points (95% interval)"),
        ),
    )
    square = base.mark_rect(cornerRadius=2, stroke=look.PAPER, strokeWidth=2).encode(
        color=alt.Color(
            "verdict:N",
            scale=alt.Scale(domain=list(kinds), range=list(kinds.values())),
            legend=alt.Legend(title=None, orient="bottom", columns=2, columnPadding=2),
        )
    )
    dark_text = alt.FieldOneOfPredicate("verdict", [kind for kind in kinds if kind not in _STRONG])
    # On a phone the squares are too narrow for numbers; the table has them.
    size = alt.expr(f"width < {34 * len(names)} ? 0 : 11")
    number = base.mark_text(fontSize=size).encode(
        text="points:N",
        color=alt.when(dark_text).then(alt.value(look.INK)).otherwise(alt.value(look.PAPER)),
    )
    return Figure(
        name="pairwise",
        own_legend=True,
        title="Every pair of architectures",
        sentence=sweep.describe_pairs(comparison),
        alternative="A matrix: is the architecture of the row better than that of the column?",
        table=pair_table(pairs),
        chart=alt.LayerChart(layer=[square, number]),
        height=38 * len(names) + 10,
    )


def _against_cost(
    comparison: Comparison, style: Style, column: str, name: str, unit: str
) -> Figure:
    means = comparison.summary[["architecture", "accuracy", "ci_low", "ci_high"]]
    means = means.merge(comparison.cost[["architecture", column]])
    frontier = find_frontier(ACCURACY, means, column)
    return Figure(
        name=f"accuracy_by_{column}",
        title=f"Accuracy against {name}",
        sentence=sweep.describe_frontier(
            list(frontier.architecture), name, len(frontier) < len(means)
        ),
        alternative=f"Test accuracy of each architecture against its {name}.",
        table=cost_by_run_table(comparison),
        chart=cost_chart(ACCURACY, means, style, column, name, unit),
        height=COST_HEIGHT,
        labelled=True,
    )


def _curves(history: pd.DataFrame, style: Style) -> Figure:
    history = history.sort_values(["architecture", "seed", "epoch"])
    height = height_of(style, 300)
    return Figure(
        name="learning_curves",
        title="Learning curves",
        sentence=explain_grey(style, sweep.describe_curves(history)),
        alternative="Validation accuracy of every run, epoch by epoch.",
        table=curves_table(history),
        chart=learning_chart(
            history,
            style,
            height,
            step="epoch",
            x=alt.X("epoch:Q", axis=alt.Axis(title="Epoch", tickMinStep=1, grid=False, format="d")),
            value="val_accuracy",
            axis=share_axis("Validation accuracy"),
            show=format_share,
            titles=("Epoch", "Validation accuracy"),
        ),
        height=height,
        labelled=True,
    )
