"""Summarise what the slowest units carry, from the table of the probe `slow_units`.

All runs were probed on the same reviews; `pipeline.analysis.statistics` covers reviews and seeds in the
intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.analysis.curves import Curves, resample_curves, share_of
from pipeline.analysis.fading import by_architecture, quantile
from pipeline.analysis.probe_tables import Row
from pipeline.analysis.statistics import Floats, Interval

SHARE_COLUMNS = tuple(
    "architecture distance reviews runs slowest slowest_low slowest_high random random_low"
    " random_high more more_low more_high".split()
)
TIME_COLUMNS = tuple("architecture layer direction runs units median p90 slowest".split())
_UNITS = ["all", "slowest", "random"]


@dataclass(frozen=True)
class SlowUnits:
    """What the slowest tenth of the units carries, and how slow units are.

    shares: `SHARE_COLUMNS`, for each architecture and distance, neutral tokens after the evidence: the
      share of the answer that is left if all units are wiped but the slowest tenth, or a random tenth,
      and how much more that is, with intervals. NaN where no answer is shown. At distance 0 it is what
      the heads read off these units.
    times: `TIME_COLUMNS`, of each layer and direction, in steps: median, 90th percentile (p90) and
      largest time constant of the units of all runs.
    notes: what a reader must know before using a number.
    """

    shares: pd.DataFrame
    times: pd.DataFrame
    notes: tuple[str, ...]


def summarise_slow_units(
    probes: Mapping[str, pd.DataFrame], runs: pd.DataFrame, rng: np.random.Generator
) -> SlowUnits | None:
    """Summarise the probe of slow units; None if no run has it.

    Args:
      probes: for each probe the joined tables of all runs, with `run_id`.
      runs: run_id and architecture of the runs to compare.
      rng: resamples the reviews.
    """
    table = probes.get("slow_units")
    if table is None or table.empty:
        return None
    notes: list[str] = []
    shares: list[Row] = []
    answers = table[table.measure == "answer"]
    for names, part in by_architecture(answers, runs, ["distance"], ["units", "value"], notes):
        shares.append(names | _describe_shares(_stack(part), rng))
    times = table[table.measure == "time"].merge(runs[["run_id", "architecture"]], on="run_id")
    if not shares and times.empty:
        return None
    places = times.groupby(["architecture", "layer", "direction"], sort=False)
    found = [
        dict(zip(["architecture", "layer", "direction"], key, strict=True)) | _describe_times(part)
        for key, part in places
    ]
    return SlowUnits(
        pd.DataFrame(shares, columns=list(SHARE_COLUMNS)).astype({"distance": int}),
        pd.DataFrame(found, columns=list(TIME_COLUMNS)).astype({"layer": int}),
        tuple(notes),
    )


def furthest_shown(found: SlowUnits | None) -> pd.DataFrame:
    """Select each architecture's shares over the most neutral tokens that an answer survives."""
    if found is None:
        return pd.DataFrame(columns=list(SHARE_COLUMNS))
    shown = found.shares[found.shares.slowest.notna() & (found.shares.distance > 0)]
    return shown.sort_values("distance", kind="stable").drop_duplicates("architecture", keep="last")


def _stack(part: pd.DataFrame) -> Floats:
    """Return scores, means over draws, <float>[runs, units as in `_UNITS`, reviews]."""
    means = part.groupby(["run_id", "units", "review_id"], sort=True).value.mean().unstack()
    return np.stack([rows.droplevel("run_id").loc[_UNITS] for _, rows in means.groupby("run_id")])


def _describe_shares(scores: Floats, rng: np.random.Generator) -> Row:
    curves = resample_curves(scores, rng)
    # The difference between the two as a score of its own: its interval is paired by review and run.
    paired = Curves(_with_difference(curves.values), _with_difference(curves.draws))
    row: Row = {"reviews": scores.shape[2], "runs": len(scores)}
    for place, name in enumerate(("slowest", "random", "more"), start=1):
        row |= _ends(name, share_of(paired, 0, place, range(len(scores))))
    return row


def _with_difference(scores: Floats) -> Floats:
    """Add what the slowest units score beyond random ones to <float>[..., units]."""
    return np.concatenate([scores, scores[..., 1:2] - scores[..., 2:3]], axis=-1)


def _ends(name: str, found: Interval | None) -> Row:
    value, low, high = (np.nan,) * 3 if found is None else (found.value, found.low, found.high)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _describe_times(part: pd.DataFrame) -> Row:
    values = part.value.to_numpy(dtype=float)
    runs = part.run_id.nunique()
    return {
        "runs": runs,
        "units": len(values) // runs,
        "median": float(quantile(values, 0.5)),
        "p90": float(quantile(values, 0.9)),
        "slowest": float(values.max()),
    }
