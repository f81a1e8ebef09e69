"""The sentences about the adding problem."""

from __future__ import annotations

import pandas as pd

from pipeline.analysis.adding import Yardstick
from pipeline.analysis.frames import rows_of
from pipeline.data.adding import SOLVED_BELOW, VARIANCE
from pipeline.report.formats import listed, shown_count

READING_PUBLISHED = (
    "For orientation only: networks, sequences and training differ, and a step here is a whole batch "
    "of sequences."
)


def headline(yardstick: Yardstick) -> str:
    """Who solves which lengths."""
    summary = yardstick.summary[yardstick.summary.ended > 0]
    if summary.empty:
        return "No run has come to its end, so there is nothing to say yet."
    by_lengths: dict[tuple[int, ...], list[str]] = {}
    for name in yardstick.architectures.architecture:
        own = summary[summary.architecture == name]
        solved = own[own.solved == own.ended].length
        if len(own):
            by_lengths.setdefault(tuple(sorted(solved)), []).append(name)
    parts = [
        f"{listed(names)} {'solves' if len(names) == 1 else 'solve'} {_lengths(solved, summary)}"
        for solved, names in by_lengths.items()
    ]
    budget = listed([shown_count(steps) for steps in sorted(summary.max_steps.unique())], "or")
    every = ", with every seed," if (summary.ended > 1).any() else ""
    return f"In at most {budget} steps{every} {'; '.join(parts)}."


def _lengths(solved: tuple[int, ...], summary: pd.DataFrame) -> str:
    if not solved:
        return "no length"
    words = listed([f"{length:,}" for length in solved])
    whole = 1 < summary.length.nunique() == len(solved)
    return f"every length ({words})" if whole else f"length{'s' * (len(solved) > 1)} {words}"


def cautions(yardstick: Yardstick) -> list[str]:
    summary = yardstick.summary
    said = []
    if (summary.ended == 1).any():
        said.append(
            "With one seed nothing is known of another: when a network comes away from always "
            "answering the mean is in part luck, and with it the number of steps."
        )
    lost = yardstick.runs[~yardstick.runs.status.isin(["finished", "diverged"])]
    if len(lost):
        names = [f"{run.architecture} length {run.length} seed {run.seed}" for run in rows_of(lost)]
        said.append(f"Not counted, because they did not come to their end: {listed(names)}.")
    if (summary.solved < summary.ended).any():
        said.append(
            "Not solved means: not in these steps with this learning rate, which are the same for all. "
            "It does not mean that it cannot be learnt."
        )
    return said


def describe_length(length: int, yardstick: Yardstick) -> str:
    own = yardstick.summary[(yardstick.summary.length == length) & (yardstick.summary.ended > 0)]
    stuck = own[own.best_mse > 0.9 * VARIANCE]
    said = "The error over sequences held out, on a logarithmic scale."
    if len(stuck):
        names = listed(list(stuck.architecture))
        said += f" {names} never came away from always answering the mean."
    return said


def describe_method(yardstick: Yardstick) -> str:
    runs = yardstick.runs

    def values(column: str) -> str:
        return listed([f"{value:g}" for value in sorted(runs[column].dropna().unique())])

    return (
        "At each step of a sequence stand a value drawn evenly from 0 to 1 and a mark, which is 1 at "
        "two steps, one drawn from each half, and 0 elsewhere; the answer is the sum of the two marked "
        "values. The recurrent layers read these two features, and one number is read off what they "
        f"give. A step is one update on {values('batch_size')} new sequences, by Adam with a learning "
        f"rate of {values('learning_rate')} and the gradient cut to a norm of "
        f"{values('global_clipnorm')}. Solved means that the mean squared error over sequences held "
        f"out is under {SOLVED_BELOW:.5f}: two orders of magnitude under {VARIANCE:.4f}, the variance "
        "of the answer, as Campos et al. (2018) have it. There training ends, so that the steps are "
        "counted to the validation that shows it."
    )
