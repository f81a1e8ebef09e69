"""Comparison -> accuracy within groups of texts, and above the baseline."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from pipeline.analysis.baseline import Baseline
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.analysis.memory import Memory
from pipeline.analysis.pairwise import Breakdown
from pipeline.report.figures.drawing import (
    Figure,
    Style,
    axis_of_groups,
    baseline_scores,
    beside_baseline,
    draw_lines,
    draw_rule,
    hover_of,
    interval_chart,
    looks_of,
    share_axis,
    shown_difference,
    with_interval,
)
from pipeline.report.formats import shown_interval, shown_points, shown_range, shown_range_short
from pipeline.report.probe_tables import leads_table, quiz_table
from pipeline.report.prose import sweep
from pipeline.report.prose.baseline import describe_leads
from pipeline.report.prose.memory import describe_quiz
from pipeline.report.tables import breakdown_table


def draw_breakdowns(comparison: Comparison) -> list[Figure]:
    """Accuracy by distance, one figure for each head, and by length."""
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
    return figures


def _by_length(comparison: Comparison, breakdown: Breakdown, style: Style) -> Figure:
    """Groups of unlike width stand side by side; the architectures of a group beside each other."""
    question = comparison.questions[0]
    means = breakdown.accuracy[breakdown.accuracy.question == question]
    means = beside_baseline(means, baseline_scores(comparison, "length"))
    runs = breakdown.by_run[breakdown.by_run.question == question]
    groups = means.drop_duplicates("low").sort_values("low")
    labels = [shown_range_short(row.low, row.high) for row in rows_of(groups)]
    places = {low: place for place, low in enumerate(groups.low)}
    named = dict(zip(groups.low, labels, strict=True))

    def placed(frame: pd.DataFrame) -> pd.DataFrame:
        x = frame.low.map(places).astype(float) + style.beside(frame.architecture, 0.5)
        return frame.assign(x=x, place=frame.low.map(named))

    x = axis_of_groups(labels, "Length of the review (words)")
    return Figure(
        name="by_length",
        title="Accuracy by the length of the review",
        sentence=sweep.describe_breakdown(breakdown, question, "words", gaps=True),
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
    means = beside_baseline(means, baseline_scores(comparison, "distance", question))
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
        name="by_distance" if main else f"by_distance_{question}",
        title="How far back the networks remember" if main else f"The {question} alone",
        sentence=sweep.describe_breakdown(breakdown, question, "words in between", gaps=main),
        alternative=f"Share of texts with {what}, by how far back the deciding words stand.",
        table=breakdown_table(breakdown, "words in between", question),
        chart=lines,
        height=340 if main else 220,
    )


def draw_quiz(comparison: Comparison) -> list[Figure]:
    """Every kind of text side by side; none where the quiz was not asked."""
    memory = comparison.memory
    if memory is None or memory.quiz.empty or comparison.summary.empty:
        return []
    return [_draw_quiz(memory, Style(looks_of(comparison)))]


def _draw_quiz(memory: Memory, style: Style) -> Figure:
    quiz = memory.quiz[memory.quiz.question == "both"]
    widest = quiz.groupby("texts", sort=False).high.transform("max")
    whole = quiz[(quiz.low == 0) & (quiz.high == widest)].drop_duplicates(["architecture", "texts"])
    order = list(dict.fromkeys(whole.texts))
    hover = hover_of(
        ("architecture", "Architecture"),
        ("texts", "Texts"),
        ("shown", "Both right (95% interval)"),
        ("reviews", "Texts of this kind"),
    )
    axis = alt.Axis(labelAngle=0, grid=False, title=None, labelLimit=120)
    place = _side_by_side("texts", order, axis, style)
    marks = interval_chart(with_interval(whole), style, place, share_axis(), hover)
    return Figure(
        name="quiz",
        title="The quiz: sentiment and subject, both right",
        sentence=describe_quiz(memory),
        alternative="Share of the texts of each kind on which each architecture has both answers right.",
        table=quiz_table(memory.quiz),
        chart=alt.LayerChart(layer=marks),
        height=280,
    )


def draw_leads(comparison: Comparison) -> list[Figure]:
    """What the networks have over the baseline, by length or, where it is known, by distance."""
    baseline = comparison.baseline
    if baseline is None or comparison.summary.empty:
        return []
    return [_draw_leads(comparison, baseline, Style(looks_of(comparison)))]


def _draw_leads(comparison: Comparison, baseline: Baseline, style: Style) -> Figure:
    along = "distance" if comparison.by_distance is not None else "length"
    asked = baseline.leads[baseline.leads.question == comparison.questions[0]]
    leads = asked[asked.along == along].sort_values("low")
    if leads.empty:
        along, leads = "all", asked[asked.along == "all"]
    places = [
        "all" if along == "all" else shown_range_short(row.low, row.high) for row in rows_of(leads)
    ]
    leads = leads.assign(
        place=places,
        shown=shown_difference(leads),
        lead=leads.difference.map(shown_points),
        lead_interval=[shown_interval(r.ci_low, r.ci_high, points=True) for r in rows_of(leads)],
    )
    ends = ["difference", "ci_low", "ci_high"]
    leads[ends] = 100 * leads[ends].clip(-1, 1)
    unit = {"distance": "Words in between", "length": "Words of the review", "all": None}[along]
    order = list(dict.fromkeys(places))
    axis = alt.Axis(labelAngle=0, grid=False, title=unit)
    hover = hover_of(
        ("architecture", "Architecture"),
        ("place", unit or "Texts"),
        ("shown", "Points above the baseline (95% interval)"),
        ("reviews", "Reviews"),
    )
    marks = interval_chart(
        leads,
        style,
        _side_by_side("place", order, axis, style),
        alt.Axis(title="Points above the baseline", tickCount=7),
        hover,
        value="difference",
        scale=alt.Undefined,
    )
    rule = draw_rule(0, f"as good as {baseline.name}")
    return Figure(
        name="above_baseline",
        title="What order is worth: the networks against a baseline that sees none",
        sentence=describe_leads(baseline, asked[asked.along == "all"]),
        alternative="Accuracy of each network less that of the order-free baseline, by text.",
        table=leads_table(leads, unit or "texts"),
        chart=alt.LayerChart(layer=[rule, *marks]),
        height=280,
    )


def _side_by_side(
    column: str, order: Sequence[str], axis: alt.Axis, style: Style
) -> dict[str, alt.X | alt.XOffset]:
    """Groups along x in an order, the architectures of each beside one another."""
    return {
        "x": alt.X(f"{column}:N", sort=list(order), axis=axis),
        "xOffset": alt.XOffset("architecture:N", sort=style.names),
    }
