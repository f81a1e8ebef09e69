"""Find the test texts on which the two sides of a sweep's first contrast part most.

The score of a text is the contrast itself, taken over this one text: 1 where every run of the first side
is right and every run of the second is wrong, -1 the other way round. Texts are chosen by score, then by
review id, so that nobody picks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis import statistics
from pipeline.analysis.answers import AlignedAnswers
from pipeline.analysis.contrasts import Contrast
from pipeline.analysis.frames import rows_of

_LEAST = 0.5  # texts that part the sides less are not shown
_WHOLLY = 1 - 1e-9
_EACH = 2  # texts of a group
SHORT, LONG, REVERSED = "short", "long", "reversed"


@dataclass(frozen=True)
class Parting:
    """The texts that two sides part on.

    contrast: of the two sides. leads: the side that has more right, 1 for the first, -1 for the second.
    along: what rises from the group `short` to the group `long`, `distance` or `length`.
    wholly: how many texts all runs of the leading side have right and all of the other wrong, and how
      many the other way round.
    texts: a row for each text chosen: review_id, group (`short`, `long` or `reversed`), score (a share,
      in favour of the leading side), label (of every head), length and, where known, distance; `low` and
      `high`, the ends of its group.
    answers: a row for each text and architecture: review_id, architecture, side (1, -1 or 0, neither),
      runs, right (how many of them) and wrong (their commonest wrong answer, for every head).
    """

    contrast: Contrast
    leads: int
    along: str
    wholly: tuple[int, int]
    texts: pd.DataFrame
    answers: pd.DataFrame


def find_parting(
    contrast: Contrast,
    members: Mapping[str, statistics.Rows],
    answers: AlignedAnswers,
    predictions: pd.DataFrame,
    chosen: pd.DataFrame,
) -> Parting | None:
    """Return the texts that the sides of a contrast part on, None if no text parts them.

    Args:
      contrast: what the sweep asks first.
      members: the rows of the runs of each variant that it compares.
      answers: of the runs `chosen`, in their order; the first head counts.
      predictions: those of `TrackedRuns`.
      chosen: the runs, with run_id and architecture.
    """
    terms = contrast.terms(members)
    if not terms:
        return None
    correct = answers.correct[answers.heads[0]]
    scores = np.zeros(len(answers.traits))
    for weight, rows in terms:
        scores += weight * correct[np.asarray(rows)].mean(axis=0)
    leads = 1 if scores.sum() >= 0 else -1
    texts = _choose(answers.traits, scores * leads)
    if texts.empty:
        return None
    sides = np.zeros(len(chosen), dtype=int)
    for weight, rows in terms:
        sides[np.asarray(rows)] = np.sign(weight)
    given = _answers_to(texts.review_id, predictions, chosen.assign(side=sides))
    labels = given.drop_duplicates("review_id").set_index("review_id").label
    return Parting(
        contrast=contrast,
        leads=leads,
        along=_along(answers.traits),
        wholly=(int((scores * leads >= _WHOLLY).sum()), int((scores * leads <= -_WHOLLY).sum())),
        texts=texts.assign(label=texts.review_id.map(labels)),
        answers=_by_architecture(given),
    )


def _along(traits: pd.DataFrame) -> str:
    known = "distance" in traits and traits.distance.notna().all()
    return "distance" if known else "length"


def _choose(traits: pd.DataFrame, scores: NDArray[np.float64]) -> pd.DataFrame:
    """Choose from the lowest and the highest third, and among those that the other side has right."""
    along = _along(traits)
    table = traits.assign(score=scores, group=REVERSED).rename_axis("review_id").reset_index()
    low, high = table[along].quantile([1 / 3, 2 / 3])
    for group, members in ((SHORT, table[along] <= low), (LONG, table[along] >= high)):
        # Where all are alike in length, all are short.
        table.loc[members & (table.score > 0) & (table.group == REVERSED), "group"] = group
    table = table[table.score.abs() >= _LEAST]
    table = table[(table.group != REVERSED) | (table.score < 0)]
    ends = {SHORT: (traits[along].min(), low), LONG: (high, traits[along].max())}
    table = table.assign(
        size=table.score.abs(),
        low=[ends.get(group, (np.nan, np.nan))[0] for group in table.group],
        high=[ends.get(group, (np.nan, np.nan))[1] for group in table.group],
        place=table.group.map({SHORT: 0, LONG: 1, REVERSED: 2}),
    ).sort_values(["place", "size", "review_id"], ascending=[True, False, True])
    return table.groupby("place").head(_EACH).drop(columns=["size", "place"])


def _answers_to(ids: pd.Series, predictions: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return what every run answered to a few texts, the answers of all heads joined."""
    kept = predictions[predictions.review_id.isin(ids)]
    kept = kept.merge(runs[["run_id", "architecture", "side"]], on="run_id")
    heads = ["", *(c.removesuffix("label") for c in kept.columns if c.endswith("_label"))]

    def join(what: str) -> list[str]:
        columns = [kept[f"{head}{what}"].astype(str) for head in heads]
        return [", ".join(values) for values in zip(*columns, strict=True)]

    found = kept[["review_id", "architecture", "side", "correct"]].astype({"review_id": str})
    places = [
        found.review_id.map({name: place for place, name in enumerate(ids)}),
        found.architecture.map({n: place for place, n in enumerate(runs.architecture.unique())}),
    ]
    answered = found.assign(label=join("label"), predicted=join("predicted"))
    return answered.iloc[np.lexsort(places[::-1])]


def _by_architecture(given: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (review_id, architecture), group in given.groupby(
        ["review_id", "architecture"], sort=False
    ):
        wrong = group.predicted[~group.correct.astype(bool)].value_counts(sort=False)
        commonest = sorted(wrong.items(), key=lambda one: (-one[1], str(one[0])))
        rows.append(
            {
                "review_id": review_id,
                "architecture": architecture,
                "side": int(group.side.iloc[0]),
                "runs": len(group),
                "right": int(group.correct.sum()),
                "wrong": str(commonest[0][0]) if commonest else "",
            }
        )
    return pd.DataFrame(rows)


def ids_of(parting: Parting | None) -> list[str]:
    """Return the ids of the texts to show."""
    return [] if parting is None else [row.review_id for row in rows_of(parting.texts)]
