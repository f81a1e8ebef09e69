"""Compare language models with n-grams, which see only the last few tokens, text by text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis import statistics
from pipeline.analysis.language_scores import Losses, Scores, exp_of
from pipeline.analysis.tracked import columns_of
from pipeline.analysis.variances import RunEstimates

LEAD_COLUMNS = columns_of("architecture ratio ci_low ci_high seeds_counted")


@dataclass(frozen=True)
class LanguageBaseline:
    """The n-gram baseline on the texts that the networks are compared on.

    name: its architecture. run: its row of runs. score: one row, perplexity and bits with intervals.
    leads: `LEAD_COLUMNS`; the ratio is the perplexity of a network divided by that of the baseline.
    """

    name: str
    run: pd.DataFrame
    score: pd.DataFrame
    leads: pd.DataFrame


def find_baseline(
    losses: pd.DataFrame, baselines: pd.DataFrame, networks: Losses
) -> pd.DataFrame | None:
    """Return the row of the baseline; None if it was not tested on exactly these texts."""
    finished = baselines[baselines.run_id.isin(list(losses.run_id.unique()))]
    if finished.empty:
        return None
    newest = finished.sort_values("started", na_position="first", kind="stable").tail(1)
    own = Losses.of(losses, newest)
    return newest if np.array_equal(own.ids, networks.ids) else None


def compare_to_ngrams(
    scores: Scores, members: Mapping[str, NDArray[np.intp]], run: pd.DataFrame
) -> LanguageBaseline:
    """Compare every architecture with the baseline, the last of the runs, text by text.

    It has no seed, so the differences of the losses have the seeds of the networks alone.
    """
    count = len(scores.loss.values)
    against = np.eye(count)[:-1] - np.eye(count)[-1]
    gaps = RunEstimates(against @ scores.loss.values, against @ scores.loss.covariance @ against.T)
    leads = []
    for name, rows in members.items():
        gap = statistics.contrast(gaps, [(1.0, rows)])
        ends = (exp_of(gap.value), exp_of(gap.low), exp_of(gap.high))
        leads.append((name, *ends, gap.seeds_counted))
    name = str(run.architecture.iloc[0])
    return LanguageBaseline(
        name=name,
        run=run,
        score=pd.DataFrame([{"architecture": name, **scores.row([count - 1])}]),
        leads=pd.DataFrame(leads, columns=list(LEAD_COLUMNS)),
    )


def note_ngrams(baselines: pd.DataFrame) -> str:
    """Say why the baseline is not compared."""
    why = "did not finish" if len(baselines) else "is not tracked"
    why = "was tested on other texts" if (baselines.status == "finished").any() else why
    return f"The n-gram baseline {why}, so nothing shows what can be predicted from the last few tokens."
