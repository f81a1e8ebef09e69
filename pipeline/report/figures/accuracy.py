"""Comparison -> the figures of accuracy, cost and learning."""

from __future__ import annotations

import altair as alt
import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.pairwise import Breakdown
from pipeline.report import answer, look, wording
from pipeline.report.cells import rows_of, shown_interval, shown_points, shown_range, shown_share
from pipeline.report.drawing import (
    LIT,
    MEMORY,
    Figure,
    Style,
    as_data,
    draw_lines,
    draw_rule,
    hover_of,
    looks_of,
    share_axis,
    with_interval,
)
from pipeline.report.tables import (
    breakdown_table,
    cost_by_run_table,
    curves_table,
    pair_table,
    summary_table,
)


def draw(comparison: Comparison, history: pd.DataFrame) -> list[Figure]:
    """All figures that these runs give, the main one first."""
    if comparison.summary.empty:
        return []
    style = Style(looks_of(comparison))
    figures = []
    if comparison.by_distance is not None:
        figures += [
            _by_distance(comparison, comparison.by_distance, style, question)
            for question in comparison.questions
        ]
    if comparison.by_length is not None:
        figures.append(_by_length(comparison, comparison.by_length, style))
    figures.append(_accuracy(comparison, style))
    if not comparison.pairwise.empty:
        figures.append(_verdicts(comparison))
    equal = answer.held_equal(comparison)
    figures += [
        _against_cost(comparison, style, column, name, unit)
        for column, shared, name, unit in (
            ("train_seconds", "train_seconds", "training time", "seconds"),
            ("parameters", "recurrent_parameters", "parameters", "parameters"),
        )
        if comparison.cost[column].notna().all() and shared not in equal
    ]
    if not history.empty:
        runs = comparison.runs[comparison.runs.chosen][["run_id", "architecture", "seed"]]
        figures.append(_curves(history.merge(runs, on="run_id"), style))
    return figures


def _accuracy(comparison: Comparison, style: Style) -> Figure:
    means = comparison.summary[["architecture", "accuracy", "ci_low", "ci_high"]]
    means = with_interval(_beside(means, _baseline_scores(comparison, "all")))
    runs = comparison.runs[comparison.runs.compared][["architecture", "seed", "test_accuracy"]]
    runs = runs.assign(shown=runs.test_accuracy.map(shown_share)).astype({"test_accuracy": float})
    order = alt.Y("architecture:N", sort=style.names, title=None)
    scale = alt.Scale(zero=False, nice=True)
    hover = hover_of(("architecture", "Architecture"), ("shown", "Accuracy (95% interval)"))
    base = alt.Chart(as_data(means)).encode(
        y=order, color=style.colour, opacity=style.lit(), tooltip=hover
    )
    interval = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("ci_low:Q", scale=scale, axis=share_axis()), x2="ci_high:Q"
    )
    mean = base.mark_point(filled=True, size=110, opacity=1).encode(
        x="accuracy:Q", shape=style.shape
    )
    each = (
        alt.Chart(as_data(runs))
        .mark_tick(thickness=2, size=14, yOffset=0)
        .encode(
            x="test_accuracy:Q",
            y=order,
            color=alt.value(look.INK),
            opacity=style.lit(0.75),
            tooltip=hover_of(
                ("architecture", "Architecture"), ("seed", "Seed"), ("shown", "Accuracy")
            ),
        )
    )
    return Figure(
        name="accuracy",
        section="Accuracy",
        title="Accuracy on the test reviews",
        sentence=wording.describe_accuracy(comparison),
        alternative="Mean test accuracy of each architecture with its interval, and every seed.",
        table=summary_table(comparison),
        chart=alt.LayerChart(layer=[interval, each, mean]),
        height=34 * len(means) + 20,
    )


def _baseline_scores(
    comparison: Comparison, along: str, question: str | None = None
) -> pd.DataFrame | None:
    """The order-free baseline's rows, as those of an architecture."""
    baseline = comparison.baseline
    if baseline is None:
        return None
    asked = question or comparison.questions[0]
    rows = baseline.scores[(baseline.scores.along == along) & (baseline.scores.question == asked)]
    return rows.assign(architecture=baseline.name)


def _beside(means: pd.DataFrame, baseline: pd.DataFrame | None) -> pd.DataFrame:
    if baseline is None:
        return means
    return pd.concat([means, baseline.reindex(columns=means.columns)], ignore_index=True)


def _by_length(comparison: Comparison, breakdown: Breakdown, style: Style) -> Figure:
    """Groups of unlike width stand side by side; the architectures of a group beside each other."""
    question = comparison.questions[0]
    means = breakdown.accuracy[breakdown.accuracy.question == question]
    means = _beside(means, _baseline_scores(comparison, "length"))
    runs = breakdown.by_run[breakdown.by_run.question == question]
    lows = sorted(means.low.unique())
    # Short enough for the axis of a telephone's page.
    labels = {
        row.low: f"{row.low}+" if pd.isna(row.high) else shown_range(row.low, row.high)
        for row in rows_of(means)
    }
    count = max(len(style.names) - 1, 1)
    beside = {name: 0.5 * (place / count - 0.5) for place, name in enumerate(style.names)}

    def placed(frame: pd.DataFrame) -> pd.DataFrame:
        x = frame.low.map({low: place for place, low in enumerate(lows)}).astype(float)
        return frame.assign(x=x + frame.architecture.map(beside), place=frame.low.map(labels))

    named = " : ".join(f"datum.value === {i} ? '{labels[low]}'" for i, low in enumerate(lows))
    x = alt.X(
        "x:Q",
        scale=alt.Scale(domain=[-0.5, len(lows) - 0.5], nice=False),
        axis=alt.Axis(
            values=list(range(len(lows))),
            labelExpr=f"{named} : ''",
            grid=False,
            title="Length of the review (words)",
        ),
    )
    return Figure(
        name="by_length",
        section=MEMORY,
        title="Accuracy by the length of the review",
        sentence=wording.describe_breakdown(breakdown, question, "words", gaps=True),
        alternative="Test accuracy of each architecture for short to long reviews.",
        table=breakdown_table(breakdown, "words", question),
        chart=draw_lines(with_interval(placed(means)), placed(runs), style, x, "Words"),
        height=320,
    )


def _by_distance(
    comparison: Comparison, breakdown: Breakdown, style: Style, question: str
) -> Figure:
    """The memory itself: how far back may the words stand that decide the answer?"""
    main = question == comparison.questions[0]
    several = len(comparison.questions) > 1
    means = breakdown.accuracy[breakdown.accuracy.question == question]
    means = _beside(means, _baseline_scores(comparison, "distance", question))
    runs = breakdown.by_run[breakdown.by_run.question == question]

    def placed(frame: pd.DataFrame) -> pd.DataFrame:
        place = [shown_range(row.low, row.high) for row in rows_of(frame)]
        return frame.assign(x=(frame.low + frame.high).astype(float) / 2, place=place)

    x = alt.X(
        "x:Q",
        scale=alt.Scale(nice=True, zero=True),
        axis=alt.Axis(
            title="Words between the deciding words and the end", grid=False, tickCount=8
        ),
    )
    lines = draw_lines(with_interval(placed(means)), placed(runs), style, x, "Words in between")
    chance = comparison.chance[comparison.questions.index(question)]
    if means.accuracy.min() < chance + 0.25:
        lines = alt.LayerChart(layer=[draw_rule(chance, "commonest answer"), lines])
    what = f"the {question} right" if several and not main else "the answer right"
    what = f"{question} answers right" if several and main else what
    return Figure(
        section=MEMORY,
        name="by_distance" if main else f"by_distance_{question}",
        title="How far back the networks remember" if main else f"The {question} alone",
        sentence=wording.describe_breakdown(breakdown, question, "words in between", gaps=main),
        alternative=f"Share of texts with {what}, by how far back the deciding words stand.",
        table=breakdown_table(breakdown, "words in between", question),
        chart=lines,
        height=340 if main else 220,
    )


def _verdicts(comparison: Comparison) -> Figure:
    """A square for each ordered pair: the row against the column."""
    names = list(comparison.summary.architecture)
    pairs = comparison.pairwise
    swapped = pairs.assign(
        architecture_a=pairs.architecture_b,
        architecture_b=pairs.architecture_a,
        difference=-pairs.difference,
        ci_low=-pairs.ci_high,
        ci_high=-pairs.ci_low,
        verdict=pairs.verdict.replace({"better": "worse", "worse": "better"}),
    )
    both = pd.concat([pairs, swapped], ignore_index=True).rename(
        columns={"architecture_a": "architecture", "architecture_b": "against"}
    )
    both["shown"] = [
        f"{shown_points(row.difference)} ({shown_interval(row.ci_low, row.ci_high, points=True)})"
        for row in rows_of(both)
    ]
    both["points"] = both.difference.map(shown_points)
    kinds = {
        "better": look.BETTER,
        "tied": look.TIED,
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
        opacity=alt.when(LIT).then(alt.value(1)).otherwise(alt.value(0.25)),
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
            legend=alt.Legend(title=None, orient="bottom", columns=2),
        )
    )
    dark_text = alt.FieldOneOfPredicate("verdict", ["not enough runs", "tied"])
    # On a telephone the squares are too narrow for numbers; the table has them.
    size = alt.expr(f"width < {34 * len(names)} ? 0 : 11")
    number = base.mark_text(fontSize=size).encode(
        text="points:N",
        color=alt.when(dark_text).then(alt.value(look.INK)).otherwise(alt.value(look.PAPER)),
    )
    return Figure(
        name="pairwise",
        section="Accuracy",
        own_legend=True,
        title="Every two architectures against each other",
        sentence=wording.describe_pairs(comparison),
        alternative="A matrix: is the architecture of the row better than that of the column?",
        table=pair_table(pairs),
        chart=alt.LayerChart(layer=[square, number]),
        height=38 * len(names) + 10,
    )


def _against_cost(
    comparison: Comparison, style: Style, column: str, name: str, unit: str
) -> Figure:
    """Accuracy against a cost, with the line of those that nothing cheaper beats."""
    means = comparison.summary[["architecture", "accuracy", "ci_low", "ci_high"]]
    means = with_interval(means.merge(comparison.cost[["architecture", column]]))
    means["cost"] = means[column].map(lambda value: f"{value:,.0f}")
    by_cost = means.sort_values([column, "accuracy"], ascending=[True, False])
    frontier = by_cost[by_cost.accuracy > by_cost.accuracy.cummax().shift(fill_value=-1.0)]
    x = alt.X(
        f"{column}:Q",
        scale=alt.Scale(zero=False, nice=True),
        axis=alt.Axis(
            title=f"{name[0].upper()}{name[1:]}" + f" ({unit})" * (unit != name),
            tickCount=7,
            format="~s" if unit == "parameters" else ",~g",
        ),
    )
    y = alt.Y("accuracy:Q", scale=alt.Scale(zero=False, nice=True), axis=share_axis())
    base = alt.Chart(as_data(means)).encode(
        x=x,
        color=style.colour,
        opacity=style.lit(),
        tooltip=hover_of(
            ("architecture", "Architecture"),
            ("shown", "Accuracy (95% interval)"),
            ("cost", name[0].upper() + name[1:]),
        ),
    )
    line = (
        alt.Chart(as_data(frontier))
        .mark_line(interpolate="step-after", color=look.MUTED, strokeDash=[2, 3])
        .encode(x=x, y=y)
    )
    interval = base.mark_rule(strokeWidth=1.5).encode(
        y=alt.Y("ci_low:Q", scale=alt.Scale(zero=False)), y2="ci_high:Q"
    )
    point = base.mark_point(filled=True, size=130, opacity=1).encode(y=y, shape=style.shape)
    return Figure(
        name=f"accuracy_by_{column}",
        section="Cost",
        title=f"Accuracy against {name}",
        sentence=wording.describe_frontier(
            list(frontier.architecture), name, len(frontier) < len(means)
        ),
        alternative=f"Test accuracy of each architecture against its {name}.",
        table=cost_by_run_table(comparison),
        chart=alt.LayerChart(layer=[line, interval, point]),
        height=300,
    )


def _curves(history: pd.DataFrame, style: Style) -> Figure:
    history = history.sort_values(["architecture", "seed", "epoch"])
    shown = history.assign(shown=history.val_accuracy.map(shown_share))
    columns = ["run_id", "architecture", "seed", "epoch", "val_accuracy", "shown"]
    base = alt.Chart(as_data(shown[columns])).encode(
        x=alt.X("epoch:Q", axis=alt.Axis(title="Epoch", tickMinStep=1, grid=False, format="d")),
        y=alt.Y(
            "val_accuracy:Q",
            scale=alt.Scale(zero=False, nice=True),
            axis=share_axis("Validation accuracy"),
        ),
        color=style.colour,
        detail="run_id:N",
        opacity=style.lit(0.9),
    )
    line = base.mark_line(strokeWidth=1.8).encode(strokeDash=style.dash)
    point = base.mark_point(filled=True, size=36).encode(
        shape=style.shape,
        tooltip=hover_of(
            ("architecture", "Architecture"),
            ("seed", "Seed"),
            ("epoch", "Epoch"),
            ("shown", "Validation accuracy"),
        ),
    )
    return Figure(
        name="learning_curves",
        section="Learning",
        title="Learning curves",
        sentence=wording.describe_curves(history),
        alternative="Validation accuracy of every run, epoch by epoch.",
        table=curves_table(history),
        chart=alt.LayerChart(layer=[line, point]),
        height=300,
    )
