"""Cut labelled texts into train, validation and test, so that no text of one is in another.

A given test split stays as it is. Equal texts are dropped from train, or kept there, as the settings
say; how many there are is logged.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.config.texts import Conflicts, GivenTexts, Repeats
from pipeline.data.labels import refuse_missing_classes, say_labels
from pipeline.data.splits import Head, Reviews, ReviewSplits, fingerprint_of
from pipeline.errors import DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Corpus:
    """Hold labelled texts in the splits in which they were given; what is None is cut from train.

    published: whether the splits are other people's, which nobody here can change.
    """

    train: Reviews
    validation: Reviews | None
    test: Reviews | None
    heads: tuple[Head, ...]
    published: bool = False


def cut_splits(corpus: Corpus, config: GivenTexts, test_fraction: float) -> ReviewSplits:
    """Return the three splits of a corpus.

    Raises:
      DataError: a split would be empty or lack a class.
    """
    train, validation, test = corpus.train, corpus.validation, corpus.test
    train = settle_conflicts(train, config.conflicts)
    if test is None:
        # Validation needs a text of each label too.
        kept = 1 if validation is not None else 2
        train, test = split_stratified(
            train, corpus.heads[0], test_fraction, config.seed, "test", kept=kept
        )
    if validation is None:
        train = drop_leaks(train, test, config.repeats)
        whole = train
        train, validation = split_stratified(
            whole, corpus.heads[0], config.validation_fraction, config.seed, "validation"
        )
    else:
        validation = drop_leaks(validation, test, Repeats.keep, of="validation")
        train = drop_leaks(train, test, config.repeats)
    train = drop_leaks(train, validation, Repeats.keep, others="validation")
    given = {
        name
        for name, split in (("validation", corpus.validation), ("test", corpus.test))
        if split is not None
    }
    return finish_splits(
        train, validation, test, corpus.heads, given if corpus.published else set()
    )


def finish_splits(
    train: Reviews,
    validation: Reviews,
    test: Reviews,
    heads: tuple[Head, ...],
    may_lack: set[str],
) -> ReviewSplits:
    """Return the splits with their fingerprint, and say their sizes and labels.

    may_lack: the names of the splits in which a class may be missing, which is then only said.
    """
    for name, reviews in (("train", train), ("validation", validation), ("test", test)):
        if not len(reviews):
            raise DataError(f"the {name} split is empty: provide more texts or another fraction")
    splits = ReviewSplits(train, validation, test, heads, fingerprint_of(train, validation, test))
    refuse_missing_classes(splits, may_lack)
    say_labels(splits)
    return splits


def settle_conflicts(train: Reviews, choice: Conflicts) -> Reviews:
    """Return train with or without the texts that occur with different labels, and log their number."""
    texts, pairs = _identify(train)
    of_pair = texts[np.unique(pairs, return_index=True)[1]]  # the text of each pair with a label
    conflicting = np.bincount(of_pair, minlength=texts.max(initial=-1) + 1) > 1
    if not conflicting.any():
        return train
    rows = np.flatnonzero(conflicting[texts])
    first, *_, last = train.ids[rows[texts[rows] == texts[rows[0]]]]
    number = int(conflicting.sum())
    found = (
        f"{_count(number, 'text occurs', 'texts occur')} with different labels, {len(rows):,} times in "
        f"all, such as {first} and {last}"
    )
    if choice == Conflicts.keep:
        log.warning(
            "%s. %s kept with each label, so that no network can be right about all of them; "
            "data.conflicts=drop leaves them out",
            *(found, "It is" if number == 1 else "They are"),
        )
        return train
    rest = np.flatnonzero(~conflicting[texts])
    if not len(rest):
        raise DataError(f"{found}, and none is left without them: keep them by data.conflicts=keep")
    log.warning("%s. %s left out", found, "It is" if number == 1 else "They are")
    return train.take(rest)


def drop_leaks(
    train: Reviews,
    test: Reviews,
    repeats: Repeats = Repeats.drop,
    *,
    of: str = "train",
    others: str = "test",
) -> Reviews:
    """Return train without texts that are also in test and, if so chosen, without repetitions.

    A text is repeated if it occurs again with the same labels; the first one is kept. Counts are logged,
    and of the texts in both splits how many have another label there.

    of, others: what the two splits are called.
    """
    known = _find(train.texts, test.texts)
    leaked = np.array([*known], dtype=np.int64)
    contradicted = sum(
        bool(np.any(train.labels[row] != test.labels[other])) for row, other in known.items()
    )
    kept = np.delete(np.arange(len(train)), leaked)
    rows = kept
    if repeats == Repeats.drop:
        _, pairs = _identify(train)
        rows = kept[np.sort(np.unique(pairs[kept], return_index=True)[1])]
    repeated = len(kept) - len(rows)
    if known or repeated:
        elsewhere = f" ({contradicted:,} with another label)" if contradicted else ""
        log.info(
            "Dropped from %s: %s in %s%s, %s",
            of,
            _count(len(known), "text that is also", "texts that are also"),
            *(others, elsewhere, _count(repeated, "duplicate", "duplicates")),
        )
    if others == "test" and of == "train":
        repeats_in_test = len(test) - len(np.unique(_number(test.texts)))
        if repeats_in_test:
            found = _count(repeats_in_test, "duplicate text", "duplicate texts")
            log.info("Kept in test: %s", found)
    return train if len(rows) == len(train) else train.take(rows)


def split_stratified(
    reviews: Reviews, head: Head, fraction: float, seed: int, name: str, *, kept: int = 1
) -> tuple[Reviews, Reviews]:
    """Return the reviews in two parts, the second about a `fraction` of them, stratified by label.

    Of each label at least one text is in the second part, and `kept` are in the first.

    Raises:
      DataError: a label has too few texts for that.
    """
    from sklearn.model_selection import train_test_split

    labels = reviews.labels[:, 0]
    _refuse_few(labels, head, name, kept + 1)
    classes = len(np.unique(labels))
    size = min(max(math.ceil(fraction * len(labels)), classes), len(labels) - kept * classes)
    rest: np.ndarray
    cut: np.ndarray
    rest, cut = train_test_split(  # type: ignore[assignment]
        np.arange(len(labels)), test_size=size, random_state=seed, stratify=labels
    )
    rest, cut = _move_lacking(labels, rest, cut, 1)
    cut, rest = _move_lacking(labels, cut, rest, kept)
    return reviews.take(np.sort(rest)), reviews.take(np.sort(cut))


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _refuse_few(labels: np.ndarray, head: Head, name: str, least: int) -> None:
    if not len(labels):
        raise DataError(
            f"cannot take a {name} split: no text is left that is not in test too: add texts"
        )
    counts = np.bincount(labels, minlength=len(head.classes))
    few = np.flatnonzero((counts > 0) & (counts < least))
    if len(few):
        found = _count(int(counts[few[0]]), "text has", "texts have")
        raise DataError(
            f"cannot take a {name} split: only {found} the label {head.classes[few[0]][:40]!r}, and "
            f"{least} are needed: add texts of it, or leave it out"
        )


def _move_lacking(
    labels: np.ndarray, giver: np.ndarray, taker: np.ndarray, least: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return giver and taker, rows <int64>[n], with at least so many of each label in the second.

    The giver is in random order, so that its first rows are a random choice.
    """
    have = np.bincount(labels[taker], minlength=labels.max() + 1)
    moved = [
        giver[labels[giver] == label][: least - have[label]]
        for label in np.unique(labels[giver])
        if have[label] < least
    ]
    if not moved:
        return giver, taker
    chosen = np.concatenate(moved)
    return giver[~np.isin(giver, chosen)], np.concatenate([taker, chosen])


def _identify(reviews: Reviews) -> tuple[np.ndarray, np.ndarray]:
    """Return a number for each different text and one for each pair of text and labels, <int64>[n]."""
    texts = _number(reviews.texts)
    labels = np.zeros_like(texts)
    for column in reviews.labels.T:
        labels = labels * (column.max(initial=0) + 1) + column
    return texts, texts * (labels.max(initial=0) + 1) + labels


def _number(texts: Sequence[str]) -> np.ndarray:
    """Return a number for each different text, <int64>[n].

    Texts are compared only where their hashes agree: a million texts are too many to look up each.
    """
    hashes = _hash(texts)
    different, numbers, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    known: dict[str, int] = {}
    for row in np.flatnonzero(counts[numbers] > 1).tolist():
        numbers[row] = len(different) + known.setdefault(texts[row], len(known))
    return numbers


def _find(texts: Sequence[str], others: Sequence[str]) -> dict[int, int]:
    """Return the rows of texts that stand among others too, each with the last row that it has there."""
    hashes, other_hashes = _hash(texts), _hash(others)
    alike = np.flatnonzero(np.isin(other_hashes, hashes)).tolist()
    place = {others[row]: row for row in alike}
    rows = np.flatnonzero(np.isin(hashes, other_hashes)).tolist()
    return {row: place[texts[row]] for row in rows if texts[row] in place}


def _hash(texts: Sequence[str]) -> np.ndarray:
    return np.fromiter(map(hash, texts), np.int64, len(texts))
