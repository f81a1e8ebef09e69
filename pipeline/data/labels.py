"""Say which labels the texts have, and refuse splits that lack one."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np

from pipeline.data.splits import Head, Reviews, ReviewSplits
from pipeline.errors import DataError

log = logging.getLogger(__name__)

_FEW = 10  # classes that are all counted in a line
_LONGEST = 30  # characters of a name in a message
_WAYS_OUT = {
    "train": "add texts of it",
    "validation": "add texts of it, raise data.validation_fraction, or leave this label out",
    "test": "add texts of it, or leave this label out",
}


def refuse_missing_classes(splits: ReviewSplits, may_lack: set[str]) -> None:
    """Raise `DataError` for the first split that lacks a class of a head.

    Of a class without texts the scores are undefined, and what train lacks cannot be learnt.

    may_lack: the names of splits of which it is only said.
    """
    for name, reviews in splits.named():
        for number, head in enumerate(splits.heads):
            counts = _count(reviews, number, head)
            if counts.all():
                continue
            missing = [
                _cut(one) for one, count in zip(head.classes, counts, strict=True) if not count
            ]
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            lacks = f"the {name} split has no text with the label {', '.join(missing[:3])}{more}"
            if name in may_lack:
                log.warning("%s", lacks[0].upper() + lacks[1:])
                continue
            first = int(np.flatnonzero(counts == 0)[0])
            elsewhere = ", ".join(
                f"{_count(other, number, head)[first]:,} in {place}"
                for place, other in splits.named()
                if place != name
            )
            raise DataError(
                f"{lacks} ({elsewhere}; {name} has {_list(head, counts)}): {_WAYS_OUT[name]}"
            )


def say_labels(splits: ReviewSplits) -> None:
    """Log how many texts of each class the splits have, and warn where one outweighs the others."""
    sizes = [f"{len(reviews):,} in {name}" for name, reviews in splits.named()]
    log.info("Texts: %s", ", ".join(sizes))
    for number, head in enumerate(splits.heads):
        title = f"Labels of {head.name}" if len(splits.heads) > 1 else "Labels"
        log.info("%s: %s", title, "; ".join(_describe(splits, number, head)))
        _warn_of_imbalance(splits.test, number, head)


def _describe(splits: ReviewSplits, number: int, head: Head) -> Iterator[str]:
    for name, reviews in splits.named():
        counts = _count(reviews, number, head)
        yield f"{_list(head, counts, named=name == 'train')} in {name}"


def _list(head: Head, counts: np.ndarray, *, named: bool = True) -> str:
    """Return the counts of all classes or, of many, of the most frequent and the rarest."""
    if len(counts) <= _FEW:
        if not named:
            return ", ".join(f"{count:,}" for count in counts)
        return ", ".join(_pair(head, row, counts) for row in range(len(counts)))
    if not named:
        return f"{counts.max():,} to {counts.min():,}"
    order = np.argsort(-counts, kind="stable")
    first, second, last = (_pair(head, row, counts) for row in (*order[:2], order[-1]))
    return f"{len(counts)} labels, most often {first} and {second}, most rarely {last},"


def _pair(head: Head, row: int, counts: np.ndarray) -> str:
    """Return a class with its count; all names are quoted where one could be taken for a number."""
    plain = all(one.replace("_", "").replace("-", "").isalpha() for one in head.classes)
    name = _cut(head.classes[row])
    return f"{name} {counts[row]:,}" if plain else f"'{name}': {counts[row]:,}"


def _warn_of_imbalance(test: Reviews, number: int, head: Head) -> None:
    """Warn if the commonest class is nearer to all of the test texts than to an equal share of them."""
    counts = _count(test, number, head)
    share = counts.max() / counts.sum()
    if share >= (1 + 1 / len(counts)) / 2:
        log.warning(
            "The labels are unbalanced: %.1f %% of the test texts are %s, and so often is right who "
            "always says so",
            *(100 * share, _cut(head.classes[int(counts.argmax())])),
        )


def _count(reviews: Reviews, number: int, head: Head) -> np.ndarray:
    """Return how many texts have each class of a head, <int64>[classes]."""
    return np.bincount(reviews.labels[:, number], minlength=len(head.classes))


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
