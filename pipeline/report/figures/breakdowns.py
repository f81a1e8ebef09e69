"""Draw accuracy within groups of texts, and leads over the baseline."""

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
    append_baseline,
    axis_of_groups,
    baseline_scores,
    draw_lines,
    draw_rule,
    format_differences,
    hover_of,
    interval_chart,
    looks_of,
    share_axis,
    with_interval,
)
from pipeline.report.formats import (
    format_interval,
    format_points,
    format_range,
    format_range_short,
)
from pipeline.report.probe_tables import leads_table, quiz_table
from pipeline.report.prose import sweep
from pipeline.report.prose.baseline import describe_leads
from pipeline.report.prose.memory import describe_quiz
from pipeline.report.tables import breakdown_table


def draw_breakdowns(comparison: Comparison) -> list[Figure]:
    """Draw accuracy by distance, one figure for each head, and by length."""
    if comparison.summary.empty:
        return []
    style = Style(looks_of(comparison))
    figures = []
    if comparison.by_distance is not None:
        figures += [
            _by_distance(comparison, comparison.by_distance, style, head)
            for head in comparison.heads
        ]
    if comparison.by_length is not None:
        figures.append(_by_length(comparison, comparison.by_length, style))
    return figures


def _by_length(comparison: Comparison, breakdown: Breakdown, style: Style) -> Figure:
    """Draw groups of different widths side by side, with the architectures of a group together."""
    head = comparison.heads[0]
    means = breakdown.accuracy[breakdown.accuracy["head"] == head]
    means = append_baseline(means, baseline_scores(comparison, "length"))
    runs = breakdown.by_run[breakdown.by_run["head"] == head]
    groups = means.drop_duplicates("low").sort_values("low")
    labels = [format_range_short(row.low, row.high) for row in rows_of(groups)]
    places = {low: place for place, low in enumerate(groups.low)}
    named = dict(zip(groups.low, labels, strict=True))

    def placed(frame: pd.DataFrame) -> pd.DataFrame:
        x = frame.low.map(places).astype(float) + style.offsets(frame.architecture, 0.5)
        return frame.assign(x=x, place=frame.low.map(named))

    x = axis_of_groups(labels, "Length of the review (words)")
    return Figure(
        name="by_length",
        title="Accuracy by the length of the review",
        sentence=sweep.describe_breakdown(breakdown, head, "words", gaps=True),
        alternative="Test accuracy of each architecture for short to long reviews.",
        table=breakdown_table(breakdown, "length in words", head),
        chart=draw_lines(with_interval(placed(means)), placed(runs), style, x, "Words"),
        height=320,
    )


def _by_distance(comparison: Comparison, breakdown: Breakdown, style: Style, head: str) -> Figure:
    """Draw accuracy by the distance between the evidence and the end of reading."""
    main = head == comparison.heads[0]
    several = len(comparison.heads) > 1
    means = breakdown.accuracy[breakdown.accuracy["head"] == head]
    means = append_baseline(means, baseline_scores(comparison, "distance", head))
    runs = breakdown.by_run[breakdown.by_run["head"] == head]

    def placed(frame: pd.DataFrame) -> pd.DataFrame:
        place = [format_range(row.low, row.high) for row in rows_of(frame)]
        return frame.assign(x=(frame.low + frame.high).astype(float) / 2, place=place)

    x = alt.X(
        "x:Q",
        scale=alt.Scale(nice=True, zero=True),
        axis=alt.Axis(title="Words between the evidence and the end", grid=False, tickCount=8),
    )
    lines = draw_lines(with_interval(placed(means)), placed(runs), style, x, "Distance in words")
    chance = comparison.chance[comparison.heads.index(head)]
    if means.accuracy.min() < chance + 0.25:
        lines = alt.LayerChart(layer=[draw_rule(chance, "commonest answer"), lines])
    what = f"the {head} right" if several and not main else "the answer right"
    what = f"{head} answers right" if several and main else what
    return Figure(
        name="by_distance" if main else f"by_distance_{head}",
        title="How far back the networks remember" if main else f"The {head} alone",
        sentence=sweep.describe_breakdown(breakdown, head, "words of distance", gaps=main),
        alternative=f"Share of texts with {what}, by the distance of the evidence from the end.",
        table=breakdown_table(breakdown, "distance in words", head),
        chart=lines,
        height=340 if main else 220,
    )


def draw_quiz(comparison: Comparison) -> list[Figure]:
    """Draw the accuracy on every kind of text of the quiz, if it was run."""
    memory = comparison.memory
    if memory is None or memory.quiz.empty or comparison.summary.empty:
        return []
    return [_draw_quiz(memory, Style(looks_of(comparison)))]


def _draw_quiz(memory: Memory, style: Style) -> Figure:
    quiz = memory.quiz[memory.quiz["head"] == "both"]
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
    """Draw the networks' leads over the baseline, by distance if that is known, else by length."""
    baseline = comparison.baseline
    if baseline is None or comparison.summary.empty:
        return []
    return [_draw_leads(comparison, baseline, Style(looks_of(comparison)))]


def _draw_leads(comparison: Comparison, baseline: Baseline, style: Style) -> Figure:
    along = "distance" if comparison.by_distance is not None else "length"
    of_first_head = baseline.leads[baseline.leads["head"] == comparison.heads[0]]
    overall = of_first_head[of_first_head.along == "all"]
    leads = of_first_head[of_first_head.along == along].sort_values("low")
    if leads.empty:
        along, leads = "all", overall
    places = [
        "all" if along == "all" else format_range_short(row.low, row.high) for row in rows_of(leads)
    ]
    leads = leads.assign(
        place=places,
        shown=format_differences(leads),
        lead=leads.difference.map(format_points),
        lead_interval=[format_interval(r.ci_low, r.ci_high, points=True) for r in rows_of(leads)],
    )
    ends = ["difference", "ci_low", "ci_high"]
    leads[ends] = 100 * leads[ends].clip(-1, 1)
    unit = {"distance": "Distance in words", "length": "Length in words", "all": None}[along]
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
        sentence=describe_leads(baseline, overall),
        alternative="Accuracy of each network minus that of the order-free baseline, by text.",
        table=leads_table(leads, unit or "texts"),
        chart=alt.LayerChart(layer=[rule, *marks]),
        height=280,
    )


def _side_by_side(
    column: str, order: Sequence[str], axis: alt.Axis, style: Style
) -> dict[str, alt.X | alt.XOffset]:
    """Encode groups along x in an order, with the architectures of each side by side."""
    return {
        "x": alt.X(f"{column}:N", sort=list(order), axis=axis),
        "xOffset": alt.XOffset("architecture:N", sort=style.names),
    }
