"""Count which class is taken for which, and score every class, where one accuracy says too little.

That is so for heads with more than two classes, and for two classes of which one is much more frequent:
always giving that one would look accurate. A mean over seeds is a mean of what each run scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

_UNBALANCED = 1.2  # how much commoner than equal classes the commonest is: 60 % of two


@dataclass(frozen=True)
class Commonest:
    """What always answering the commonest label of a head reaches on test."""

    label: str
    accuracy: float
    balanced_accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class Classes:
    """The scores of the classes of the heads that need them, means over the runs of an architecture.

    scores: a row for each head, architecture and class: head, architecture, class, texts (test texts of
      this class), precision (missing where it was never predicted), recall and f1.
    summary: a row for each head and architecture: balanced_accuracy (the mean recall of the classes),
      macro_f1, worst_class (of the lowest recall) and worst_recall; the highest balanced accuracy first.
    confusion: a row for each head, architecture, class and predicted class: share, of the texts of the
      class.
    """

    scores: pd.DataFrame
    summary: pd.DataFrame
    confusion: pd.DataFrame

    @property
    def heads(self) -> list[str]:
        return list(dict.fromkeys(self.summary["head"]))

    def texts(self, head: str) -> pd.Series:
        """Return how many test texts each class of a head has."""
        rows = self.scores[self.scores["head"] == head].drop_duplicates("class")
        return rows.set_index("class").texts

    def commonest(self, head: str) -> Commonest | None:
        """Return what the commonest label alone reaches; None where the labels are about as common."""
        shares = self.texts(head) / self.texts(head).sum()
        if not _is_unbalanced(shares):
            return None
        share, count = float(shares.max()), len(shares)
        return Commonest(str(shares.idxmax()), share, 1 / count, 2 * share / (1 + share) / count)


def count_classes(
    predictions: pd.DataFrame, chosen: pd.DataFrame, heads: Sequence[str]
) -> Classes | None:
    """Return the scores by class, None if no head needs them.

    Args:
      predictions: those of `TrackedRuns`.
      chosen: the runs that are compared, with run_id and architecture.
      heads: the names of the heads as in `Comparison`; of several the first stands for all together.
    """
    names = heads[1:] or heads
    columns = {name: f"{name}_" * (number > 0) for number, name in enumerate(names)}
    first = predictions[predictions.run_id == chosen.run_id.iloc[0]]
    needed = {name: p for name, p in columns.items() if _needs_scores(first[f"{p}label"])}
    if not needed:
        return None
    compared = predictions[predictions.run_id.isin(chosen.run_id)]
    architecture = chosen.set_index("run_id").architecture
    scores, confusion = [], []
    for name, prefix in needed.items():
        counts = (
            compared.groupby(["run_id", f"{prefix}label", f"{prefix}predicted"], observed=True)
            .size()
            .rename_axis(["run_id", "class", "predicted"])
            .reset_index(name="texts")
            .astype(dict.fromkeys(["run_id", "class", "predicted"], object))  # no categories
        )
        parts = (counts.assign(architecture=counts.run_id.map(architecture)), chosen.architecture)
        scores.append(_score(*parts).assign(head=name))
        confusion.append(_confuse(*parts).assign(head=name))
    scored = pd.concat(scores, ignore_index=True)
    return Classes(
        _head_first(scored),
        _head_first(_summarise(scored)),
        _head_first(pd.concat(confusion, ignore_index=True)),
    )


def _needs_scores(labels: pd.Series) -> bool:
    shares = labels.value_counts(normalize=True)
    return len(shares) > 2 or _is_unbalanced(shares)


def _is_unbalanced(shares: pd.Series) -> bool:
    return len(shares) > 1 and float(shares.max()) >= _UNBALANCED / len(shares)


def _head_first(table: pd.DataFrame) -> pd.DataFrame:
    return table[["head", *(name for name in table if name != "head")]]


def _score(counts: pd.DataFrame, order: pd.Series) -> pd.DataFrame:
    """Score every class in every run, and return the means over the runs of an architecture."""
    # Imported only where it is needed: it takes half a second, and few sweeps have such a head.
    from sklearn.metrics import precision_recall_fscore_support

    classes = sorted(set(counts["class"]))  # not those that no test text has
    parts = []
    for _, run in counts.groupby("run_id", sort=False):
        precision, recall, f1, texts = precision_recall_fscore_support(
            run["class"],
            run.predicted,
            labels=classes,
            sample_weight=run.texts,
            zero_division=np.nan,  # pyright: ignore[reportArgumentType]
        )
        parts.append(
            pd.DataFrame(
                {
                    "architecture": run.architecture.iloc[0],
                    "class": classes,
                    "texts": texts,
                    "precision": precision,
                    "recall": recall,
                    "f1": f1,
                }
            )
        )
    means = pd.concat(parts).groupby(["architecture", "class"], as_index=False).mean()
    means["texts"] = means.texts.round().astype(int)
    return _in_order(means, order)


def _confuse(counts: pd.DataFrame, order: pd.Series) -> pd.DataFrame:
    """Return the share of the texts of a class that were taken for each class."""
    summed = counts.groupby(["architecture", "class", "predicted"], as_index=False).texts.sum()
    wide = summed.pivot(index=["architecture", "class"], columns="predicted", values="texts")
    known = sorted(set(wide.columns) | set(summed["class"]))
    wide = wide.reindex(columns=known).fillna(0)
    shares = wide.div(wide.sum(axis=1), axis=0)
    shares.columns.name = "predicted"
    return _in_order(shares.stack().rename("share").reset_index(), order)


def _in_order(table: pd.DataFrame, order: pd.Series) -> pd.DataFrame:
    """Sort by architecture as compared, keeping the order of the classes."""
    places = {name: place for place, name in enumerate(order.unique())}
    return table.sort_values(
        "architecture", key=lambda names: names.map(places), kind="stable", ignore_index=True
    )


def _summarise(scores: pd.DataFrame) -> pd.DataFrame:
    groups = scores.groupby(["head", "architecture"], sort=False)
    worst = scores.loc[groups.recall.idxmin()].set_index(["head", "architecture"])
    table = groups.agg(balanced_accuracy=("recall", "mean"), macro_f1=("f1", "mean"))
    table["worst_class"], table["worst_recall"] = worst["class"], worst.recall
    heads = {name: place for place, name in enumerate(scores["head"].unique())}
    table = table.reset_index()
    table["place"] = table["head"].map(heads)
    return table.sort_values(
        ["place", "balanced_accuracy"], ascending=[True, False], kind="stable", ignore_index=True
    ).drop(columns="place")
