"""Show the texts that two sides of a sweep part on: what they say, and who answered what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.analysis.excerpts import Excerpt
from pipeline.analysis.frames import rows_of
from pipeline.analysis.parting import LONG, REVERSED, SHORT, Parting
from pipeline.report.formats import format_count, pluralise

_ALIKE = 3  # the side that leads has at most so many times as many texts alone as the other
_HEADINGS = {
    ("length", SHORT): "Short texts: up to {high}",
    ("length", LONG): "Long texts: {low} and more",
    ("distance", SHORT): "Evidence near the end: at most {high} after it",
    ("distance", LONG): "Evidence far from the end: {low} and more after it",
}


@dataclass(frozen=True)
class TextAnswer:
    """What the runs of an architecture answered. outcome: whether `all`, `some` or `none` are right."""

    architecture: str
    share: str
    wrong: str
    outcome: str


@dataclass(frozen=True)
class TextCard:
    """A test text as it is shown. sides: for each side its name and the answers of its runs."""

    review_id: str
    facts: str
    label: str
    excerpt: Excerpt
    sides: tuple[tuple[str, tuple[TextAnswer, ...]], ...]


def describe_parting(parting: Parting, reviews: int, excerpts: Mapping[str, Excerpt]) -> str:
    """Say how many texts part the sides altogether, and how the ones shown were chosen."""
    first, second = _sides(parting)
    many, few = parting.wholly
    if not many and not few:
        counted = f"No test text has all runs of {first} right and all runs of {second} wrong."
    else:
        counted = (
            f"On {format_count(many)} of {format_count(reviews)} test texts, all runs of {first} are "
            f"right and all runs of {second} are wrong. The other way round, it is "
            f"{format_count(few) if few else 'none'}."
        )
        if many <= _ALIKE * few:
            counted += " The two counts are alike, so chance may part these texts."
    marked = any(piece.kind == "evidence" for shown in excerpts.values() for piece in shown)
    evidence = " The sentence that decides is marked." if marked else ""
    return (
        f"{counted} Shown are those that part the two most; of equal ones, the first by number."
        f"{evidence} "
        "“2/3” means that two of three seeds are right."
    )


def group_cards(
    parting: Parting, excerpts: Mapping[str, Excerpt]
) -> list[tuple[str, list[TextCard]]]:
    """Return the headings of the groups of texts, each with its cards."""
    known = parting.texts[parting.texts.review_id.isin(list(excerpts))]
    return [
        (
            _heading(parting, str(group), texts.iloc[0]),
            [_card(parting, row, excerpts[row.review_id]) for row in rows_of(texts)],
        )
        for group, texts in known.groupby("group", sort=False)
    ]


def _heading(parting: Parting, group: str, row: Any) -> str:
    if group == REVERSED:
        return f"The other way round: {_sides(parting)[1]} do better"
    return _HEADINGS[parting.along, group].format(
        low=pluralise(int(row.low), "word"), high=pluralise(int(row.high), "word")
    )


def _sides(parting: Parting) -> tuple[str, str]:
    """Return the names of the side that has more right, and of the other."""
    asked = parting.contrast
    names = (asked.first, asked.second)
    return names if parting.leads == 1 else (names[1], names[0])


def _card(parting: Parting, row: Any, excerpt: Excerpt) -> TextCard:
    facts = pluralise(row.length, "word")
    if parting.along == "distance":
        facts += f", {row.distance} of them after the evidence"
    answers = parting.answers[parting.answers.review_id == row.review_id]
    first, second = _sides(parting)
    named = ((parting.leads, first), (-parting.leads, second), (0, "others"))
    sides = [(name, _answers(answers[answers.side == side])) for side, name in named]
    shown = tuple((f"{name[:1].upper()}{name[1:]}", given) for name, given in sides if given)
    return TextCard(row.review_id, facts, row.label, excerpt, shown)


def _answers(answers: pd.DataFrame) -> tuple[TextAnswer, ...]:
    return tuple(
        TextAnswer(
            row.architecture,
            f"{row.right}/{row.runs}",
            row.wrong,
            "all" if row.right == row.runs else "some" if row.right else "none",
        )
        for row in rows_of(answers)
    )
