"""Say why a network has learnt little, or could learn more, and what to type."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.tracked import TrackedRuns
from pipeline.analysis.training import Diagnosis, Reason, diagnose
from pipeline.config.programs import again_with
from pipeline.config.schema import TokenizerKind
from pipeline.report.formats import (
    format_count,
    format_digits,
    format_seconds,
    format_share,
    join_names,
    pluralise,
)
from pipeline.words import MANY_UNKNOWN

_ONE_CLASS = 0.8  # the share of a label with which accuracy says little
_FEW_TESTED = 200
_MOSTLY = 0.5


def advise(comparison: Comparison, tracked: TrackedRuns) -> list[str]:
    """Give a sentence or two for each thing that holds the networks back; none where nothing does."""
    return [*_advise_on_data(comparison), *_advise_on_training(comparison, tracked)]


def _advise_on_data(comparison: Comparison) -> list[str]:
    found = [*_advise_on_words(comparison)]
    labels = list(zip(comparison.heads, comparison.chance, strict=True))
    for head, share in labels[1:] or labels:
        if share >= _ONE_CLASS:
            found.append(
                f"{format_share(share)} of the texts have the same {head}, so accuracy says little: see "
                "the balanced accuracy under “By class”."
            )
    if 0 < comparison.reviews < _FEW_TESTED:
        width = math.ceil(100 / math.sqrt(comparison.reviews))
        found.append(
            f"There are only {comparison.reviews} test texts. An accuracy on them is known to about "
            f"± {width} points, however many seeds are trained."
        )
    return found


def _advise_on_words(comparison: Comparison) -> Iterator[str]:
    runs = comparison.runs[comparison.runs.compared]
    if _numbers(runs.unspaced_share).median() > _MOSTLY:
        yield (
            "These texts have no spaces between most words: each character, or in Tibetan each "
            "syllable, counts as a word, in lengths and distances too."
        )
    shares = _numbers(runs.unknown_share_test)
    many = runs.assign(unknown_share_test=shares)[shares >= MANY_UNKNOWN]
    for kind, group in many.groupby("tokenizer", sort=False) if len(many) else ():
        remedy = "More texts or a larger vocabulary would teach them"
        if kind == TokenizerKind.word.name:
            command = again_with(comparison.experiment, "tokenizer=bpe")
            remedy = f"Cut rare words into known pieces (run {command})"
        yield (
            f"{format_share(group.unknown_share_test.median())} of the test tokens are not in the "
            "vocabulary, since the training texts hardly hold them, and networks read them all alike. "
            f"{remedy}."
        )


def _numbers(values: pd.Series) -> pd.Series:
    """Return numbers with NaN where a run tracks none, as older ones do."""
    return pd.to_numeric(values).astype(float)


def _advise_on_training(comparison: Comparison, tracked: TrackedRuns) -> list[str]:
    summary = comparison.summary
    chance = comparison.chance[0] if comparison.chance else math.nan
    unlearnt = set(summary.architecture[summary.ci_low <= chance])
    diagnoses = diagnose(comparison.runs, tracked.history, unlearnt, chance, tracked.sweep.sizes)
    tuned = "learning_rate" in tracked.sweep.tuned
    advice: dict[tuple[Reason, str], list[Diagnosis]] = {}
    for one in diagnoses:
        settings = _SETTINGS[one.reason](one)
        if not (tuned and "learning_rate" in settings):
            advice.setdefault((one.reason, settings), []).append(one)
    everybody = comparison.runs.architecture.nunique()
    return [
        f"{_say(reason, group, everybody, tracked.sweep.sizes)} "
        f"(run {again_with(comparison.experiment, settings)})."
        for (reason, settings), group in advice.items()
    ]


def _rates(one: Diagnosis) -> str:
    rates = ",".join(format_digits(one.learning_rate * factor) for factor in (1 / 3, 1, 3))
    return f"'tuned=[learning_rate]' train.learning_rate={rates}"


# What to type, for each reason.
_SETTINGS: dict[Reason, Callable[[Diagnosis], str]] = {
    Reason.rising: lambda one: f"train.epochs={2 * one.epochs:.0f}",
    Reason.diverged: lambda one: f"train.learning_rate={format_digits(one.learning_rate / 10)}",
    Reason.few_seeds: lambda one: f"seed={','.join(map(str, range(max(5, 2 * one.seeds))))}",
    Reason.by_heart: lambda one: "architecture.dropout=0.3",
    Reason.few_steps: lambda one: (
        f"train.epochs={one.enough_epochs} train.patience={one.enough_epochs // 2}"
    ),
    Reason.out_of_time: lambda one: f"train.max_seconds={2 * one.max_seconds:g}",
    Reason.impatient: lambda one: f"train.patience={max(5, 3 * int(one.patience))}",
    Reason.flat: _rates,
    Reason.epochs: lambda one: f"train.epochs={2 * one.epochs:.0f}",
}
_SENTENCES = {
    Reason.rising: "{names} {were} still improving in the last epoch. Train longer",
    Reason.diverged: "The loss of {names} grew without limit. Take a lower learning rate",
    Reason.few_seeds: (
        "{names} {beat} the commonest answer on validation, but {seeds} cannot show it on test. Train "
        "more seeds"
    ),
    Reason.by_heart: (
        "{names} {fit} the training texts ({train} right) but not new ones ({validation} right on "
        "validation). More texts help most, and dropout may help"
    ),
    Reason.few_steps: ("{unlearnt}: {ran} on {texts} training texts {are_steps}. Train longer"),
    Reason.out_of_time: "{unlearnt} within {seconds} of training. Give more time",
    Reason.impatient: (
        "{unlearnt}. Training stopped after {ran}, the last {patience} without an improvement on "
        "validation. Be more patient"
    ),
    Reason.flat: (
        "{unlearnt}: the training loss hardly fell in {ran}. Let validation choose the learning rate"
    ),
    Reason.epochs: "{unlearnt} in {ran}. Train longer",
}


def _say(
    reason: Reason, group: Sequence[Diagnosis], everybody: int, sizes: Mapping[str, int]
) -> str:
    """Name the reason and the remedy, in words for one architecture or for several."""
    several = len(group) > 1
    names = join_names([one.architecture for one in group])
    unlearnt = f"{names} {'have' if several else 'has'} not learnt to beat the commonest answer"
    if several and len(group) == everybody:
        names = "All architectures"
        unlearnt = "No architecture has learnt to beat the commonest answer"
    first, steps = group[0], pluralise(math.ceil(_known(group[0].steps)), "step")
    return _SENTENCES[reason].format(
        names=names,
        were="were" if several else "was",
        fit="fit" if several else "fits",
        beat="beat" if several else "beats",
        unlearnt=unlearnt,
        seeds="one seed" if first.seeds == 1 else f"{first.seeds} seeds",
        train=format_share(first.train_accuracy),
        validation=format_share(first.val_accuracy),
        ran=pluralise(int(first.ran), "epoch"),
        texts=format_count(sizes.get("train")),
        are_steps=f"{'is' if first.ran == 1 else 'are'} only {steps}",
        seconds=format_seconds(first.max_seconds),
        patience=format_count(first.patience),
    )


def _known(number: float) -> float:
    return 0.0 if math.isnan(number) else number
