"""Compare the networks with the order-free baseline.

What a network does no better than a model that sees no order beyond word pairs needs no memory. The
difference is taken review by review, so its interval covers the network's seeds and the reviews; the
baseline itself has no seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis import statistics
from pipeline.analysis.groups import Group

SCORE_COLUMNS = tuple("along head low high reviews accuracy ci_low ci_high".split())
LEAD_COLUMNS = tuple(
    "architecture along head low high reviews difference ci_low ci_high seeds_counted".split()
)


@dataclass(frozen=True)
class Baseline:
    """The baseline on the reviews that the networks are compared on.

    name: its architecture. run: its row of runs. scores: `SCORE_COLUMNS`, along `all`, `length` or
    `distance`, from low to high, both included (NA: open). leads: `LEAD_COLUMNS`, the accuracy of a
    network minus that of the baseline.
    """

    name: str
    run: pd.DataFrame
    scores: pd.DataFrame
    leads: pd.DataFrame


def compare_to_baseline(
    run: pd.DataFrame,
    baseline: Mapping[str, NDArray[np.bool_]],
    networks: Mapping[str, NDArray[np.bool_]],
    architectures: Mapping[str, NDArray[np.intp]],
    groups: Sequence[Group],
    rng: np.random.Generator,
) -> Baseline:
    """Score the baseline, and every architecture against it.

    Args:
      run: the baseline's row of runs.
      baseline: whether the baseline was right, for each head <bool>[reviews].
      networks: whether the networks were right, for each head <bool>[runs, reviews].
      architectures: the rows of each architecture's runs.
      groups: groups of reviews, none empty.
      rng: resamples the reviews.
    """
    scores, leads = [], []
    members = np.stack([group.members for group in groups])
    for head, correct in baseline.items():
        gaps = networks[head].astype(np.int8) - correct.astype(np.int8)
        resampled = statistics.resample_reviews(gaps, members, rng)
        for group, estimates in zip(groups, resampled, strict=True):
            place = {
                "along": group.along,
                "head": head,
                "low": group.low,
                "high": group.high,
                "reviews": int(group.members.sum()),
            }
            scores.append(place | _score(correct[group.members], rng))
            for name, rows in architectures.items():
                found = statistics.contrast(estimates, [(1.0, rows)], reviews=place["reviews"])
                leads.append(
                    place
                    | {
                        "architecture": name,
                        "difference": found.value,
                        "ci_low": found.low,
                        "ci_high": found.high,
                        "seeds_counted": found.seeds_counted,
                    }
                )
    return Baseline(
        name=str(run.architecture.iloc[0]),
        run=run,
        scores=_framed(scores, SCORE_COLUMNS),
        leads=_framed(leads, LEAD_COLUMNS),
    )


def _score(correct: NDArray[np.bool_], rng: np.random.Generator) -> dict[str, float]:
    everything = np.ones((1, len(correct)), dtype=bool)
    (estimates,) = statistics.resample_reviews(correct[None], everything, rng)
    found = statistics.accuracy_interval(estimates, [0], len(correct))
    return {"accuracy": found.value, "ci_low": found.low, "ci_high": found.high}


def _framed(rows: list[dict], columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns)).astype({"low": "Int64", "high": "Int64"})
