"""Draw accuracy within groups of texts, and leads over the baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
    as_data,
    as_points,
    axis_of_groups,
    baseline_scores,
    draw_rule,
    format_differences,
    hover_of,
    interval_chart,
    looks_of,
    share_axis,
    with_interval,
)
from pipeline.report.figures.panels import Drawn, draw_curves, explain_grey, height_of
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
from pipeline.report.tables import above_simple_table, breakdown_table


def draw_by_distance(comparison: Comparison) -> list[Figure]:
    """Draw accuracy by distance, a figure for each head."""
    breakdown = comparison.by_distance
    if breakdown is None or comparison.summary.empty:
        return []
    style = Style(looks_of(comparison))
    return [_by_distance(comparison, breakdown, style, head) for head in comparison.heads]


def draw_by_length(comparison: Comparison) -> list[Figure]:
    """Draw accuracy by length."""
    breakdown = comparison.by_length
    if breakdown is None or comparison.summary.empty:
        return []
    return [_by_length(comparison, breakdown, Style(looks_of(comparison)))]


def draw_above_simple(comparison: Comparison) -> list[Figure]:
    """Draw by how much networks are ahead of the simple cells, by length."""
    breakdown = comparison.by_length
    if breakdown is None or comparison.summary.empty or breakdown.above_simple.empty:
        return []
    return [_above_simple(breakdown, Style(looks_of(comparison)))]


def _above_simple(breakdown: Breakdown, style: Style) -> Figure:
    against = breakdown.yardstick.name
    leads = breakdown.above_simple
    leads = leads.assign(shown=format_differences(leads))
    x, placed = _groups_of_length(leads, style)
    height = height_of(style, 300)
    points = as_points(placed(leads))
    hover = hover_of(
        ("architecture", "Architecture"),
        ("place", "Words"),
        ("shown", f"Points above {against} (95% interval)"),
        ("against", "Compared with"),
        ("reviews", "Reviews"),
    )
    rule = draw_rule(0, field="difference")
    return Figure(
        name="above_simple",
        title=f"Points of accuracy above {against}, by the length of the review",
        sentence=explain_grey(style, sweep.describe_above_simple(breakdown)),
        alternative=f"Accuracy of each network minus that of {against}, for short to long reviews.",
        table=above_simple_table(breakdown, "length in words"),
        chart=draw_curves(
            points,
            style,
            x,
            alt.Axis(title=f"Points above {against}", tickCount=6),
            hover,
            value="difference",
            height=height,
            behind=lambda names: [rule],
            reaching=(0.0,),
        ),
        height=height,
        labelled=True,
    )


def _groups_of_length(
    frame: pd.DataFrame, style: Style
) -> tuple[alt.X, Callable[[pd.DataFrame], pd.DataFrame]]:
    """Return an axis of groups of different widths side by side, and what places rows on it."""
    groups = frame.drop_duplicates("low").sort_values("low")
    labels = [format_range_short(row.low, row.high) for row in rows_of(groups)]
    places = {low: place for place, low in enumerate(groups.low)}
    named = dict(zip(groups.low, labels, strict=True))

    def placed(rows: pd.DataFrame) -> pd.DataFrame:
        x = rows.low.map(places).astype(float) + style.offsets(rows.architecture, 0.4)
        return rows.assign(x=x, place=rows.low.map(named)).sort_values("low")

    title = "Length of the review (words)"
    return axis_of_groups(labels, title, narrow=style.is_split), placed


def _by_length(comparison: Comparison, breakdown: Breakdown, style: Style) -> Figure:
    head = comparison.heads[0]
    means = breakdown.accuracy[breakdown.accuracy["head"] == head]
    means = append_baseline(means, baseline_scores(comparison, "length"))
    runs = breakdown.by_run[breakdown.by_run["head"] == head]
    x, placed = _groups_of_length(means, style)
    height = height_of(style, 320)
    return Figure(
        name="by_length",
        title="Accuracy by the length of the review",
        sentence=explain_grey(style, sweep.describe_breakdown(breakdown, head, "words", gaps=True)),
        alternative="Test accuracy of each architecture for short to long reviews.",
        table=breakdown_table(breakdown, "length in words", head),
        chart=_accuracies(placed(means), placed(runs), style, x, "Words", height),
        height=height,
        labelled=True,
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
        x = (frame.low + frame.high).astype(float) / 2
        return frame.assign(x=x, place=place).sort_values("x")

    x = alt.X(
        "x:Q",
        scale=alt.Scale(nice=True, zero=True),
        axis=alt.Axis(title="Words between the evidence and the end", grid=False, tickCount=6),
    )
    chance = comparison.chance[comparison.heads.index(head)]
    shown = [chance] if means.accuracy.min() < chance + 0.25 else []
    height = height_of(style, 340 if main else 240)
    what = f"the {head} right" if several and not main else "the answer right"
    what = f"{head} answers right" if several and main else what
    said = sweep.describe_breakdown(breakdown, head, "words of distance", gaps=main)
    return Figure(
        name="by_distance" if main else f"by_distance_{head}",
        title="How far back the networks remember" if main else f"The {head} alone",
        sentence=explain_grey(
            style, f"{said} {sweep.describe_budget(comparison)}" if main else said
        ),
        alternative=f"Share of texts with {what}, by the distance of the evidence from the end.",
        table=breakdown_table(breakdown, "distance in words", head),
        chart=_accuracies(
            placed(means),
            placed(runs),
            style,
            x,
            "Distance in words",
            height,
            shown,
        ),
        height=height,
        labelled=True,
    )


def _accuracies(
    means: pd.DataFrame,
    runs: pd.DataFrame,
    style: Style,
    x: alt.X,
    place: str,
    height: int,
    chance: Sequence[float] = (),
) -> Drawn:
    """Draw joined means with intervals along x; where there is room, every run faintly behind them.

    chance: the accuracy of the commonest answer, where it is shown.
    """
    rules = [draw_rule(one, "commonest answer", field="accuracy") for one in chance]
    hover = hover_of(
        ("architecture", "Architecture"),
        ("place", place),
        ("shown", "Accuracy (95% interval)"),
        ("reviews", "Reviews"),
    )
    each = (
        alt.Chart(as_data(runs))
        .mark_point(filled=True, size=14)
        .encode(x=x, y=alt.Y("accuracy:Q"), color=style.colour, opacity=style.opacity(0.45))
    )
    behind = [*rules] if style.is_split else [*rules, each]
    return draw_curves(
        with_interval(means),
        style,
        x,
        share_axis(),
        hover,
        height=height,
        behind=lambda names: behind,
        reaching=chance,
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
        x=[float(list(dict.fromkeys(places)).index(place)) for place in places],
        shown=format_differences(leads),
        lead=leads.difference.map(format_points),
        lead_interval=[format_interval(r.ci_low, r.ci_high, points=True) for r in rows_of(leads)],
    )
    unit = {"distance": "Distance in words", "length": "Length in words", "all": ""}[along]
    table = leads_table(leads, unit or "texts")
    hover = hover_of(
        ("architecture", "Architecture"),
        ("place", unit or "Texts"),
        ("shown", "Points above the baseline (95% interval)"),
        ("reviews", "Reviews"),
    )
    height = height_of(style, 280)
    rule = draw_rule(0, field="difference")
    dodged = leads.assign(x=leads.x + style.offsets(leads.architecture, 0.4))
    return Figure(
        name="above_baseline",
        title="What order is worth: the networks against a baseline that sees none",
        sentence=explain_grey(style, describe_leads(baseline, overall)),
        alternative="Accuracy of each network minus that of the order-free baseline, by text.",
        table=table,
        chart=draw_curves(
            as_points(dodged),
            style,
            axis_of_groups(list(dict.fromkeys(places)), unit, narrow=style.is_split),
            alt.Axis(title="Points above the baseline", tickCount=7),
            hover,
            value="difference",
            height=height,
            behind=lambda names: [rule],
            reaching=(0.0,),
        ),
        height=height,
        labelled=True,
    )


def _side_by_side(
    column: str, order: Sequence[str], axis: alt.Axis, style: Style
) -> dict[str, alt.X | alt.XOffset]:
    """Encode groups along x in an order, with the architectures of each side by side."""
    return {
        "x": alt.X(f"{column}:N", sort=list(order), axis=axis),
        "xOffset": alt.XOffset("architecture:N", sort=style.names),
    }
