"""Draw what language models use of the context: losses when it is cut, and what they recall."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import pandas as pd

from pipeline.analysis.frames import rows_of
from pipeline.analysis.language import LanguageComparison
from pipeline.analysis.language_memory import CUT, ERASED, FIRST, REPLACED, SHUFFLED, TOLERANCE
from pipeline.report.figures.drawing import (
    Figure,
    Style,
    axis_of_groups,
    draw_rule,
    hover_of,
    looks_of,
    share_axis,
)
from pipeline.report.figures.panels import draw_curves, explain_grey, height_of
from pipeline.report.formats import format_change, format_number, format_percent
from pipeline.report.language_tables import (
    format_tokens,
    losses_table,
    recall_table,
    subjects_table,
)
from pipeline.report.prose import language

_CONTEXTS = {
    CUT: (
        "loss_by_context",
        "Loss when only the last tokens are read",
        "Tokens read before the predicted one",
    ),
    SHUFFLED: (
        "loss_shuffled",
        "Loss when all but the last tokens are shuffled",
        "Last tokens left in their order",
    ),
    REPLACED: (
        "loss_replaced",
        "Loss when all but the last tokens are another text's",
        "Last tokens left as they are",
    ),
}


def draw_contexts(found: LanguageComparison, *conditions: str) -> list[Figure]:
    """Draw the loss with less and less of the context, relative to that with all of it."""
    if found.memory is None or found.summary.empty:
        return []
    style = Style(looks_of(found))
    known = set(found.memory.losses.condition)
    return [_context(found, style, one) for one in conditions if one in known]


def _context(found: LanguageComparison, style: Style, condition: str) -> Figure:
    assert found.memory is not None
    name, title, along = _CONTEXTS[condition]
    losses = found.memory.losses[found.memory.losses.condition == condition]
    contexts = sorted({int(one) for one in losses.context} - {0})
    whole = 2 * contexts[-1]
    frame = losses.assign(
        place=losses.context.replace(0, whole).astype(float),
        read=losses.context.map(format_tokens),
        shown=[_describe_loss(row) for row in rows_of(losses)],
        **{one: losses[f"relative{end}"] - 1 for one, end in _EXCESS.items()},
    ).sort_values("place")
    x = alt.X(
        "place:Q",
        scale=alt.Scale(type="log"),
        axis=alt.Axis(
            values=[*contexts, whole] if condition == CUT else contexts,
            labelExpr=f"datum.value === {whole} ? 'all' : format(datum.value, ',d')",
            grid=False,
            title=along,
        ),
    )
    rule = draw_rule(TOLERANCE, field="excess")
    height = height_of(style, 340 if condition == CUT else 260)
    return Figure(
        name=name,
        title=title,
        sentence=explain_grey(style, language.describe_context(found, condition)),
        alternative=f"{title}, relative to that with the whole text, by the number of these tokens.",
        table=losses_table(losses),
        chart=draw_curves(
            frame,
            style,
            x,
            alt.Axis(
                format="+.0%",
                labelExpr="datum.value ? datum.label : '0%'",
                title="Loss above that with all of the text (log beyond 1%)",
                values=_TICKS,
            ),
            hover_of(
                ("architecture", "Architecture"),
                ("read", "Tokens"),
                ("shown", "Above that with all (95% interval)"),
                ("reviews", "Texts"),
            ),
            height=height,
            value="excess",
            low="excess_low",
            high="excess_high",
            reaching=(0.0,),
            behind=lambda names: [rule],
            band=True,
            linear=TOLERANCE,  # or a single token of context would flatten all that is asked
        ),
        height=height,
        labelled=True,
    )


_TICKS = [
    sign * one for one in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) for sign in (-1, 1)
] + [0]
_EXCESS = {"excess": "", "excess_low": "_low", "excess_high": "_high"}


def _describe_loss(row: Any) -> str:
    change, low, high = (
        format_change(math.log(ratio))
        for ratio in (row.relative, row.relative_low, row.relative_high)
    )
    return f"{change} ({low} to {high}), {format_number(row.loss)} nats"


def draw_recall(found: LanguageComparison, *against: str) -> list[Figure]:
    """Draw what having read a rare word brings, by the distance to it."""
    if found.memory is None or found.memory.recall.empty or found.summary.empty:
        return []
    style = Style(looks_of(found))
    return [_recall(found, style, one) for one in against]


def _recall(found: LanguageComparison, style: Style, against: str) -> Figure:
    assert found.memory is not None
    rows = found.memory.recall[found.memory.recall.against == against]
    frame = _ranges(rows)
    frame["shown"] = [
        f"{format_number(row.gain)} ({format_number(row.gain_low)} to {format_number(row.gain_high)})"
        for row in rows_of(frame)
    ]
    titles = {
        ERASED: ("recall", "What having read a rare word brings", "word replaced"),
        FIRST: ("recall_first", "Rare words read before, and new ones", "word new"),
    }
    name, title, other = titles[against]
    return _by_distance(
        *(frame, style, name, title, "gain", "Nats gained"),
        sentence=language.describe_recall(found, against),
        along="Tokens since the word was read",
        axis=alt.Axis(title="Nats gained", tickCount=6),
        table=recall_table(rows, other),
        rule=0.0,
    )


def draw_subjects(found: LanguageComparison) -> list[Figure]:
    """Draw how likely the right subject is where a generated text names it again."""
    if found.memory is None or found.memory.subjects.empty or found.summary.empty:
        return []
    frame = _ranges(found.memory.subjects).rename(
        columns={"ci_low": "probability_low", "ci_high": "probability_high"}
    )
    frame["shown"] = [
        f"{format_percent(row.probability)} ({format_percent(row.probability_low)} to "
        f"{format_percent(row.probability_high)})"
        for row in rows_of(frame)
    ]
    style = Style(looks_of(found))
    figure = _by_distance(
        *(frame, style, "subject_recall", "The subject, named again", "probability", "Probability"),
        sentence=language.describe_subjects(found, found.memory),
        along="Words since the subject was named",
        axis=share_axis("Probability of the right subject"),
        table=subjects_table(found.memory.subjects),
        rule=found.memory.chance,
    )
    return [figure]


def _ranges(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of single ranges; the first row of each architecture is over all of them."""
    return rows[rows.duplicated("architecture")].copy()


def _by_distance(
    frame: pd.DataFrame,
    style: Style,
    name: str,
    title: str,
    value: str,
    hover: str,
    *,
    sentence: str,
    along: str,
    axis: alt.Axis,
    table: Any,
    rule: float,
) -> Figure:
    """Draw values by ranges of distances, side by side."""
    ranges = frame.drop_duplicates("low").sort_values("low")
    labels = {row.low: f"{row.low}–{row.high}" for row in rows_of(ranges)}
    places = {low: place for place, low in enumerate(labels)}
    placed = frame.assign(
        x=frame.low.map(places).astype(float) + style.offsets(frame.architecture, 0.4),
        place=frame.low.map(labels),
    ).sort_values("low")
    height = height_of(style, 280)
    line = draw_rule(rule, field=value)
    return Figure(
        name=name,
        title=title,
        sentence=explain_grey(style, sentence),
        alternative=f"{title}: {hover.lower()} of each architecture by distance.",
        table=table,
        chart=draw_curves(
            placed,
            style,
            axis_of_groups(list(labels.values()), along, narrow=True),
            axis,
            hover_of(
                ("architecture", "Architecture"),
                ("place", "At"),
                ("shown", f"{hover} (95% interval)"),
                ("reviews", "Texts"),
            ),
            height=height,
            value=value,
            low=f"{value}_low",
            high=f"{value}_high",
            reaching=(rule,),
            behind=lambda names: [line],
        ),
        height=height,
        labelled=True,
    )
