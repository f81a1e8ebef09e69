"""Baseline -> its figure, its table and its sentences: what order is worth on these texts."""

from __future__ import annotations

import altair as alt
import pandas as pd

from pipeline.analysis.baseline import Baseline
from pipeline.analysis.comparison import Comparison
from pipeline.report.cells import (
    Table,
    make_table,
    rows_of,
    shown_count,
    shown_interval,
    shown_points,
    shown_share,
)
from pipeline.report.drawing import MEMORY, Figure, Style, as_data, draw_rule, hover_of, looks_of
from pipeline.report.wording import all_or_each, listed


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
        "all" if along == "all" else f"{row.low}+" if pd.isna(row.high) else f"{row.low}–{row.high}"
        for row in rows_of(leads)
    ]
    shown = [
        f"{shown_points(row.difference)} ({shown_interval(row.ci_low, row.ci_high, points=True)})"
        for row in rows_of(leads)
    ]
    leads = leads.assign(place=places, shown=shown)
    ends = ["difference", "ci_low", "ci_high"]
    leads[ends] = 100 * leads[ends].clip(-1, 1)
    unit = {"distance": "Words in between", "length": "Words of the review", "all": None}[along]
    order = list(dict.fromkeys(places))
    axis = alt.Axis(labelAngle=0, grid=False, title=unit)
    y = alt.Y("difference:Q", axis=alt.Axis(title="Points above the baseline", tickCount=7))
    base = alt.Chart(as_data(leads)).encode(
        x=alt.X("place:N", sort=order, axis=axis),
        xOffset=alt.XOffset("architecture:N", sort=style.names),
        color=style.colour,
        opacity=style.lit(),
        tooltip=hover_of(
            ("architecture", "Architecture"),
            ("place", unit or "Texts"),
            ("shown", "Points above the baseline (95% interval)"),
            ("reviews", "Reviews"),
        ),
    )
    layers = [
        draw_rule(0, f"as good as {baseline.name}"),
        base.mark_rule(strokeWidth=1.5).encode(y="ci_low:Q", y2="ci_high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(y=y, shape=style.shape),
    ]
    return Figure(
        name="above_baseline",
        section=MEMORY,
        title="What order is worth: the networks against a baseline that sees none",
        sentence=_describe_leads(baseline, asked[asked.along == "all"]),
        alternative="Accuracy of each network less that of the order-free baseline, by text.",
        table=_leads_table(leads, unit or "texts"),
        chart=alt.LayerChart(layer=layers),
        height=280,
    )


def _describe_leads(baseline: Baseline, overall: pd.DataFrame) -> str:
    own = baseline.scores[baseline.scores.along == "all"].iloc[0]
    said = (
        f"{baseline.name} is a logistic regression over words and pairs of words, which remembers all "
        f"of them and no order beyond: it is right on {shown_share(own.accuracy)} "
        f"({shown_interval(own.ci_low, own.ci_high)})."
    )
    above = [row.architecture for row in rows_of(overall[overall.ci_low > 0])]
    below = [row.architecture for row in rows_of(overall[overall.ci_high < 0])]
    if above:
        said += f" Shown to be better over all texts: {all_or_each(above, len(overall))}."
    if below:
        said += f" Shown to be worse: {all_or_each(below, len(overall))}."
    if above or below:
        return f"{said} Each by its own 95% interval."
    return f"{said} Over all texts no network is shown to differ from it."


def headline_of_baseline(comparison: Comparison) -> str:
    """How the networks stand to what sees no order, in a sentence for the top of the page."""
    baseline = comparison.baseline
    if baseline is None or comparison.summary.empty:
        return ""
    asked = baseline.leads[baseline.leads.question == comparison.questions[0]]
    overall = asked[asked.along == "all"]
    own = next(rows_of(baseline.scores[baseline.scores.along == "all"]))
    said = f"The order-free baseline, {baseline.name}, is right on {shown_share(own.accuracy)}"
    ahead = [row.architecture for row in rows_of(overall[overall.ci_low > 0])]
    behind = [row.architecture for row in rows_of(overall[overall.ci_high < 0])]
    if len(behind) == len(overall):
        return (
            f"{said}: no network here does as well, and of order it knows only neighbouring words."
        )
    if len(ahead) == len(overall):
        return f"{said}, less than every network."
    parts = [f"{listed(ahead)} {_verb(ahead)} shown to be better"] if ahead else []
    parts += [f"{listed(behind)} {_verb(behind)} worse"] if behind else []
    return f"{said}; {'; '.join(parts) or 'no network is shown to differ from it'}."


def _verb(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _leads_table(leads: pd.DataFrame, unit: str) -> Table:
    rows = [
        [row.architecture, row.place, shown_count(row.reviews), *row.shown.split(" ", 1)]
        for row in rows_of(leads)
    ]
    headings = ["<architecture", unit.lower(), "texts", "points above the baseline", "95% interval"]
    return make_table("Accuracy less that of the baseline", headings, rows)
