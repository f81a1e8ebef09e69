"""Memory -> its figures, tables and sentences: interventions in the texts.

An architecture looks here as it does in every figure; the order-free baseline is grey and dotted.
"""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.curves import PASSING
from pipeline.analysis.memory import Memory
from pipeline.config.schema import BASELINE
from pipeline.report.answer import Reader
from pipeline.report.cells import (
    MISSING,
    Table,
    make_table,
    rows_of,
    shown_count,
    shown_ends,
    shown_interval,
    shown_number,
    shown_share,
)
from pipeline.report.drawing import (
    MEMORY,
    Figure,
    Style,
    as_data,
    draw_rule,
    hover_of,
    looks_of,
    share_axis,
)
from pipeline.report.tables import trend_table
from pipeline.report.wording import all_or_each, describe_gaps, listed, spread

_SIDES = {"after": "after them", "before": "before them", "both": "on both sides"}
_ENDS = {"tail": "last", "head": "first"}
_TRENDS = {  # what doubles, and its unit
    "after": ("As the neutral words after double", "neutral words"),
    "before": ("As the neutral words before double", "neutral words"),
    "both": ("As the neutral words on both sides double", "neutral words on each side"),
    "tail": ("As the last tokens read double", "tokens"),
    "head": ("As the first tokens read double", "tokens"),
}
_MEASURES = {
    "effective_tail": "effective context (last tokens)",
    "effective_head": "effective context (first tokens)",
    "half_life_after": "half-life, words after",
    "half_life_before": "half-life, words before",
    "half_life_both": "half-life, words on both sides",
    "under_75": f"quiz passed ({PASSING:.0%}) up to",
}


def draw_memory(comparison: Comparison) -> list[Figure]:
    """The figures of moved and of cut words."""
    memory = comparison.memory
    if memory is None or comparison.summary.empty:
        return []
    style = Style(looks_of(comparison))
    conditions = set(memory.curves.condition)
    return [
        *(_draw_distance(memory, style, side) for side in _SIDES if side in conditions),
        *(_draw_context(memory, style, end) for end in _ENDS if end in conditions),
    ]


def answer_reader(comparison: Comparison) -> list[Reader]:
    """For the reader who asks how far back: the half-lives of the margin, where they were measured.

    With words on both sides, for a network that also reads from the end reaches the text last, as if
    nothing stood behind it, where there are words behind it alone.
    """
    if comparison.memory is None:
        return []
    reaches = comparison.memory.reaches
    rows = reaches[(reaches.measure == "half_life_both") & (reaches.question == "")]
    rows = rows[rows.architecture.isin(comparison.summary.architecture)]
    grouped = _by_answer(rows)
    kept = [*grouped["beyond"], *grouped["rises"]]
    numbers = sorted(grouped["number"], key=lambda row: -row.value)
    if not kept and not numbers:
        return []
    furthest = f"{rows.furthest.iloc[0]:.0f}"
    if len(kept) == len(comparison.summary) > 1:
        take = f"Every network, beyond {furthest} words"
    elif kept:
        take = f"Beyond {furthest} words: {listed(kept)}"
    elif len(numbers) == 1:
        take = f"{shown_reach(numbers[0])} words"
    else:
        take = f"{numbers[-1].value:.0f} to {numbers[0].value:.0f} words, "
        apart = numbers[-1].high < numbers[0].low
        take += "by the architecture" if apart else "whose is more cannot be told"
    ends = [(row.value, f"{shown_reach(row)} words for {row.architecture}") for row in numbers]
    said = [spread(ends)] if ends else []
    said += [f"more than {furthest} words for {listed(kept)}"] if kept else []
    because = (
        "With as many neutral words before a short text as after it, half of the margin is left after "
        f"{listed(said)}."
    )
    if grouped["nothing"]:
        because += f" No margin that could be lost is shown of {listed(grouped['nothing'])}."
    return [Reader("How far back?", take, because)]


def reach_table(comparison: Comparison) -> Table | None:
    """One row for each architecture: every place where something ends."""
    memory = comparison.memory
    if memory is None or memory.reaches.empty:
        return None
    kinds = memory.reaches[["measure", "question"]].drop_duplicates()
    wanted = [
        (measure, row.question)
        for measure in _MEASURES
        for row in rows_of(kinds[kinds.measure == measure])
    ]
    headings = [
        _MEASURES[measure] + (f", {question}" if question and measure != "under_75" else "")
        for measure, question in wanted
    ]
    found = {
        (row.architecture, row.measure, row.question): shown_reach(row)
        for row in rows_of(memory.reaches)
    }
    rows = [
        [name, *(found.get((name, *kind), MISSING) for kind in wanted)]
        for name in _order(comparison)
    ]
    caption = "How far each architecture remembers, with 95% intervals"
    return make_table(caption, ["<architecture", *headings], rows)


def trend_tables(comparison: Comparison) -> list[tuple[str, Table]]:
    """What becomes of accuracy, and of every gap, as the words or the tokens read double."""
    if comparison.memory is None:
        return []
    found = comparison.memory.trends
    return [
        (title, trend_table(found[condition], unit))
        for condition, (title, unit) in _TRENDS.items()
        if condition in found
    ]


def shown_reach(row: Any) -> str:
    """A reach as text: 57 (48 to 66), "beyond 800", "rises", or what there was to lose: nothing."""
    if math.isnan(row.value):
        return "nothing to lose"
    if row.rises:
        return "rises"
    value, low, high = (_shown_end(end, row) for end in (row.value, row.low, row.high))
    return value if low == high else f"{value} ({low} to {high})"


def _shown_end(end: float, row: Any) -> str:
    if math.isfinite(end):
        return f"{end:.0f}"
    return "whole text" if row.probe == "context" else f"beyond {row.furthest:.0f}"


def _order(comparison: Comparison) -> list[str]:
    baseline = [comparison.baseline.name] if comparison.baseline is not None else []
    return [*comparison.summary.architecture, *baseline]


def _draw_distance(memory: Memory, style: Style, side: str) -> Figure:
    curves = memory.curves[memory.curves.probe == "distance"]
    frame = curves[curves.condition.isin(["plain", side])].sort_values("distance")
    known = frame[frame.relative.notna()]
    reaches = memory.reaches[
        (memory.reaches.measure == f"half_life_{side}") & (memory.reaches.question == "")
    ]
    x = alt.X(
        "distance:Q",
        scale=alt.Scale(type="symlog", constant=25),
        axis=alt.Axis(
            values=sorted(int(d) for d in frame.distance.unique()),
            grid=False,
            title=f"Neutral words {'on each side' if side == 'both' else side}",
        ),
    )
    half = draw_rule(0.5, "half")
    lines = _curve(known, style, x, "relative", "Margin, as a share of that without the words")
    return Figure(
        name=f"distance_{side}",
        section=MEMORY,
        title=f"Short reviews with neutral words {_SIDES[side]}",
        sentence=_describe_distance(memory, frame, reaches, side),
        alternative=f"The margin of each architecture, with more and more neutral words {side}.",
        table=_curve_table(frame, "neutral words"),
        chart=alt.LayerChart(layer=[half, *lines, *_half_lives(reaches, style, x)]),
        height=300,
    )


def _half_lives(reaches: pd.DataFrame, style: Style, x: alt.X) -> list[alt.Chart]:
    """A cross where a mean margin has halved."""
    found = reaches[reaches.value.map(math.isfinite)]
    if found.empty:
        return []
    frame = found[["architecture"]].assign(
        distance=found.value.astype(float),
        relative=0.5,
        shown=[shown_reach(r) for r in rows_of(found)],
    )
    return [
        alt.Chart(as_data(frame))
        .mark_point(shape="cross", filled=True, size=170)
        .encode(
            x=x,
            y="relative:Q",
            color=style.colour,
            opacity=style.lit(),
            tooltip=hover_of(
                ("architecture", "Architecture"), ("shown", "Half-life (95% interval)")
            ),
        )
    ]


def _draw_context(memory: Memory, style: Style, end: str) -> Figure:
    curves = memory.curves[memory.curves.probe == "context"]
    frame = curves[curves.condition.isin(["whole", end])]
    lengths = sorted(int(k) for k in frame.distance.dropna().unique())
    whole = 2 * lengths[-1]
    placed = frame.assign(distance=frame.distance.fillna(whole)).sort_values("distance")
    x = alt.X(
        "distance:Q",
        scale=alt.Scale(type="log"),
        axis=alt.Axis(
            values=[*lengths, whole],
            labelExpr=f"datum.value === {whole} ? 'all' : datum.label",
            grid=False,
            title=f"{_ENDS[end].capitalize()} tokens of the review that are read",
        ),
    )
    reaches = memory.reaches[memory.reaches.measure == f"effective_{end}"]
    return Figure(
        name=f"context_{end}",
        section=MEMORY,
        title=f"Long reviews read with only their {_ENDS[end]} tokens",
        sentence=_describe_context(frame, reaches, end),
        alternative=f"Accuracy of each architecture when only the {_ENDS[end]} tokens are read.",
        table=_curve_table(frame, "tokens read"),
        chart=alt.LayerChart(layer=_curve(placed, style, x, "accuracy", "Test accuracy")),
        height=300,
    )


def _curve(frame: pd.DataFrame, style: Style, x: alt.X, score: str, title: str) -> list[alt.Chart]:
    """Means joined along x, with intervals."""
    low, high = ("ci_low", "ci_high") if score == "accuracy" else (f"{score}_low", f"{score}_high")
    shown = [
        f"{shown_share(getattr(row, score))} ({shown_interval(getattr(row, low), getattr(row, high))})"
        for row in rows_of(frame)
    ]
    y = alt.Y(f"{score}:Q", scale=alt.Scale(zero=False, nice=True), axis=share_axis(title))
    base = alt.Chart(as_data(frame.assign(shown=shown))).encode(
        x=x,
        color=style.colour,
        opacity=style.lit(),
        tooltip=hover_of(
            ("architecture", "Architecture"),
            ("distance", "At"),
            ("shown", f"{title} (95% interval)"),
            ("reviews", "Reviews"),
        ),
    )
    return [
        base.mark_line(strokeWidth=2.5).encode(y=y, strokeDash=style.dash),
        base.mark_rule(strokeWidth=1.5).encode(
            y=alt.Y(f"{low}:Q", scale=alt.Scale(zero=False)), y2=f"{high}:Q"
        ),
        base.mark_point(filled=True, size=60, opacity=1).encode(y=y, shape=style.shape),
    ]


def _curve_table(frame: pd.DataFrame, along: str) -> Table:
    headings = ["<architecture", along, "texts", "accuracy", "95% interval", "same answers"]
    headings += ["mean margin", "95% interval of it", "share of the margin"]
    rows = [
        [
            row.architecture,
            "all" if pd.isna(row.distance) else str(row.distance),
            shown_count(row.reviews),
            shown_share(row.accuracy),
            shown_interval(row.ci_low, row.ci_high),
            shown_share(row.agrees),
            shown_number(row.margin),
            shown_ends(row.margin_low, row.margin_high),
            shown_share(row.relative),
        ]
        for row in rows_of(frame)
    ]
    return make_table(f"Accuracy and margins by {along}", headings, rows)


def _describe_distance(
    memory: Memory, frame: pd.DataFrame, reaches: pd.DataFrame, side: str
) -> str:
    furthest = int(frame.distance.max())
    reviews = int(frame.reviews.iloc[0])
    said = (
        f"{reviews:,} short texts that the order-free baseline has right and is surest of, read whole "
        f"with up to {furthest} neutral words {_SIDES[side]}: nothing of the evidence is lost, it is "
        "only moved. A cross is the half-life."
    )
    grouped = _by_answer(reaches)
    parts = _spread_of(grouped["number"])
    if grouped["beyond"]:
        parts.append(f"beyond {furthest} for {all_or_each(grouped['beyond'], len(reaches))}")
    said += f" In words: {'; '.join(parts)}." if parts else ""
    if grouped["rises"]:
        said += f" The margin of {listed(grouped['rises'])} rises."
    if grouped["nothing"]:
        said += f" No margin that could be lost is shown of {listed(grouped['nothing'])}."
    trends = memory.trends.get(side)
    gaps = describe_gaps(trends, "neutral words") if trends else ""
    if BASELINE in set(frame.architecture):
        said += (
            f" {BASELINE} forgets nothing by construction: texts and neutral words are its choice."
        )
    said += f" In accuracy: {gaps[:1].lower()}{gaps[1:]}" if gaps else ""
    return f"{said} {_describe_filler(memory)}".strip()


def _by_answer(reaches: pd.DataFrame) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = {"number": [], "beyond": [], "rises": [], "nothing": []}
    for row in rows_of(reaches):
        if math.isnan(row.value):
            grouped["nothing"].append(row.architecture)
        elif row.rises:
            grouped["rises"].append(row.architecture)
        elif math.isinf(row.value):
            grouped["beyond"].append(row.architecture)
        else:
            grouped["number"].append(row)
    return grouped


def _spread_of(reaches: list[Any]) -> list[str]:
    texts = [(row.value, f"{shown_reach(row)} for {row.architecture}") for row in reaches]
    return [spread(texts)] if texts else []


def _describe_filler(memory: Memory) -> str:
    """How neutral the neutral words are: alone, a network should answer now this, now that."""
    alone = memory.curves[memory.curves.condition == "alone"]
    if alone.empty:
        return ""
    alone = alone[alone.distance == alone.distance.max()].sort_values("commonest")
    ends = [f"{shown_share(row.commonest)} of {row.architecture}" for row in rows_of(alone)]
    said = ends[0] if len(ends) == 1 else f"{ends[0]} to {ends[-1]}"
    return (
        f"Read alone, {int(alone.distance.iloc[0])} neutral words get one and the same answer in this "
        f"share of readings: {said}. Such a lean shifts the accuracies further out; the mean margin, "
        "over texts of every answer, it leaves where it is."
    )


def _describe_context(frame: pd.DataFrame, reaches: pd.DataFrame, end: str) -> str:
    said = (
        f"{int(frame.reviews.iloc[0]):,} long reviews. Cutting takes evidence away as well as distance, "
        "which the neutral words further up keep apart."
    )
    grouped = _by_answer(reaches)
    parts = _spread_of(grouped["number"])
    if grouped["beyond"]:
        parts.append(f"the whole text for {all_or_each(grouped['beyond'], len(reaches))}")
    if parts:
        said += f" Within a point of the full accuracy from this many on: {'; '.join(parts)}."
    if grouped["nothing"]:
        said += f" Not shown to be better than chance: {listed(grouped['nothing'])}."
    return said
