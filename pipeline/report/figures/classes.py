"""Draw which class is taken for which, by the best and by the worst architecture."""

from __future__ import annotations

from typing import Any, Literal

import altair as alt
import pandas as pd

from pipeline.analysis.classes import Classes
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.report import look
from pipeline.report.class_tables import confusion_table
from pipeline.report.figures.drawing import Figure, as_data, hover_of
from pipeline.report.formats import format_share

_MOST_CLASSES = 15  # that are drawn; the rarest others are drawn as one
_MOST_NUMBERS = 12  # of classes whose cells have room for a number
_OTHERS = "(all others)"
_ENDS = {"best": "highest", "worst": "lowest"}
_STRONGEST = 0.5  # a cell on which the same ink can be read, on a light page and on a dark one


def draw_classes(comparison: Comparison, end: Literal["best", "worst"]) -> list[Figure]:
    """Draw what the best or the worst architecture confuses, for every head with scores by class."""
    found = comparison.classes
    if found is None:
        return []
    figures = []
    for number, head in enumerate(found.heads):
        names = list(found.summary.architecture[found.summary["head"] == head])
        if len(names) == 1 and end == "worst":
            continue
        name = f"confusion_{end}" + f"_{number}" * (number > 0)
        rank = f" It has the {_ENDS[end]} balanced accuracy." * (len(names) > 1)
        architecture = names[0] if end == "best" else names[-1]
        figures.append(_draw(found, head, architecture, name, rank))
    return figures


def _draw(found: Classes, head: str, architecture: str, name: str, rank: str) -> Figure:
    rows = found.confusion
    rows = rows[(rows["head"] == head) & (rows.architecture == architecture)]
    sizes = found.scores[(found.scores["head"] == head)].drop_duplicates("class")
    frame, order = _fold_rare(rows, sizes.set_index("class").texts)
    frame = frame.assign(
        shown=frame.share.map(format_share),
        number=[f"{100 * share:.0f}" if share >= 0.005 else "" for share in frame.share],
    )
    # Every class is named, however narrow the page.
    plain: dict[str, Any] = {"labelLimit": 90, "labelOverlap": False, "ticks": False}
    labels = alt.Axis(title="True class", domain=False, **plain)
    below = alt.Axis(title="Taken for", labelAngle=-45, domain=False, **plain)
    base = alt.Chart(as_data(frame)).encode(
        x=alt.X("predicted:N", sort=order, axis=below),
        y=alt.Y("label:N", sort=order, axis=labels),
        tooltip=hover_of(
            ("label", "True class"), ("predicted", "Taken for"), ("shown", "Share of its texts")
        ),
    )
    # A right answer and a mistake differ in colour, and their shares in strength.
    colour = alt.when("datum.right").then(alt.value(look.BETTER)).otherwise(alt.value(look.WORSE))
    # Rare mistakes are seen too: the scale rises steeply at its beginning.
    scale = alt.Scale(type="sqrt", domain=[0, 1], range=[0, _STRONGEST])
    strength = alt.Opacity("share:Q", scale=scale, legend=None)
    layers: list[alt.Chart] = [base.mark_rect().encode(color=colour, opacity=strength)]
    if len(order) <= _MOST_NUMBERS:
        numbers = base.mark_text(fontSize=11, color=look.INK)
        layers.append(numbers.encode(text="number:N"))
    return Figure(
        name=name,
        title=f"What {architecture} takes each {head} for",
        sentence=_describe(rows) + rank,
        alternative=f"Of the texts of each {head}, the share that {architecture} takes for each other.",
        table=confusion_table(found, head, architecture),
        chart=alt.LayerChart(layer=layers),
        height=max(160, 30 * len(order)),
    )


def _fold_rare(rows: pd.DataFrame, sizes: pd.Series) -> tuple[pd.DataFrame, list[str]]:
    """Return the shares among the commonest classes, all others as one, and the order of the classes."""
    known = sorted(set(rows["class"]) | set(rows.predicted))
    kept = set(sizes.reindex(known).fillna(0).nlargest(_MOST_CLASSES).index)
    fold = {one: one if len(known) <= _MOST_CLASSES or one in kept else _OTHERS for one in known}
    weight = rows["class"].map(sizes).astype(float)
    folded = pd.DataFrame(
        {
            "label": rows["class"].map(fold),
            "predicted": rows.predicted.map(fold),
            "texts": rows.share * weight,
        }
    )
    table = folded.groupby(["label", "predicted"]).texts.sum().reset_index()
    table["share"] = table.texts / table.groupby("label").texts.transform("sum")
    table["right"] = (table.label == table.predicted) & (table.label != _OTHERS)
    order = [one for one in known if fold[one] == one]
    return table.drop(columns="texts"), [*order, *[_OTHERS] * (len(order) < len(known))]


def _describe(rows: pd.DataFrame) -> str:
    """Name the commonest mistake."""
    wrong = rows[(rows["class"] != rows.predicted) & (rows.share > 0)]
    reading = "A row is what the texts of a class were taken for, in percent."
    if wrong.empty:
        return f"{reading} No text was taken for another class."
    most = next(rows_of(wrong.nlargest(1, "share").rename(columns={"class": "label"})))
    return (
        f"{reading} The commonest mistake: {most.label} is taken for {most.predicted}, in "
        f"{format_share(most.share)} of its texts."
    )
