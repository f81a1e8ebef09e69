"""Write the text about the adding problem."""

from __future__ import annotations

import pandas as pd

from pipeline.analysis.adding import AddingResults
from pipeline.analysis.frames import rows_of
from pipeline.data.adding import SOLVED_BELOW, VARIANCE
from pipeline.report.formats import format_count, join_names

READING_PUBLISHED = (
    "For orientation only: networks, sequences and training differ, and one step here is a whole batch "
    "of sequences."
)


def headline(results: AddingResults) -> str:
    """Say which architectures solve which lengths."""
    summary = results.summary[results.summary.ended > 0]
    if summary.empty:
        return "No run has ended, so there is no result yet."
    by_lengths: dict[tuple[int, ...], list[str]] = {}
    for name in results.architectures.architecture:
        own = summary[summary.architecture == name]
        solved = own[own.solved == own.ended].length
        if len(own):
            by_lengths.setdefault(tuple(sorted(solved)), []).append(name)
    parts = [
        f"{join_names(names)} {'solves' if len(names) == 1 else 'solve'} {_lengths(solved, summary)}"
        for solved, names in by_lengths.items()
    ]
    budget = join_names([format_count(steps) for steps in sorted(summary.max_steps.unique())], "or")
    every = ", with every seed," if (summary.ended > 1).any() else ""
    return f"In at most {budget} steps{every} {'; '.join(parts)}."


def _lengths(solved: tuple[int, ...], summary: pd.DataFrame) -> str:
    if not solved:
        return "no length"
    words = join_names([f"{length:,}" for length in solved])
    whole = 1 < summary.length.nunique() == len(solved)
    return f"every length ({words})" if whole else f"length{'s' * (len(solved) > 1)} {words}"


def cautions(results: AddingResults) -> list[str]:
    summary = results.summary
    sentences = []
    if (summary.ended == 1).any():
        sentences.append(
            "One seed says nothing about another. When a network stops always answering the mean is "
            "partly chance, and so is the number of steps."
        )
    lost = results.runs[~results.runs.status.isin(["finished", "diverged"])]
    if len(lost):
        names = [f"{run.architecture} length {run.length} seed {run.seed}" for run in rows_of(lost)]
        sentences.append(f"Not counted, because they did not end: {join_names(names)}.")
    if (summary.solved < summary.ended).any():
        sentences.append(
            "“Not solved” means not within these steps and with this learning rate, which are the same "
            "for all. It does not mean that the network cannot learn it."
        )
    return sentences


def describe_length(length: int, results: AddingResults) -> str:
    own = results.summary[(results.summary.length == length) & (results.summary.ended > 0)]
    stuck = own[own.best_mse > 0.9 * VARIANCE]
    text = "The error over held-out sequences, on a logarithmic scale."
    if len(stuck):
        names = join_names(list(stuck.architecture))
        text += f" {names} never did better than always answering the mean."
    return text


def describe_method(results: AddingResults) -> str:
    runs = results.runs

    def values(column: str) -> str:
        return join_names([f"{value:g}" for value in sorted(runs[column].dropna().unique())])

    return (
        "Each step of a sequence has two features: a value drawn uniformly from 0 to 1, and a mark, "
        "which is 1 at two steps, one drawn from each half, and 0 elsewhere. The answer is the sum of "
        "the two marked values, which a dense layer computes from the output of the recurrent layers. "
        f"A training step is one update on {values('batch_size')} new sequences, by Adam with a "
        f"learning rate of {values('learning_rate')} and gradients clipped to a norm of "
        f"{values('global_clipnorm')}. The problem is solved when the mean squared error over held-out "
        f"sequences is below {SOLVED_BELOW:.5f}: two orders of magnitude below {VARIANCE:.4f}, the "
        "variance of the answer, as in Campos et al. (2018). Training ends there, so the steps are "
        "counted up to the validation that shows it."
    )
