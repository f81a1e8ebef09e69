"""Summarise what the slowest units carry, from the table of the probe `slow_units`.

All runs were probed on the same reviews; `pipeline.analysis.statistics` covers reviews and seeds in the
intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.analysis.curves import Curves, resample_curves, share_lost
from pipeline.analysis.fading import by_architecture, quantile
from pipeline.analysis.probe_tables import Row
from pipeline.analysis.statistics import Floats, Interval

SHARE_COLUMNS = tuple(
    "architecture head distance reviews runs slowest slowest_low slowest_high random random_low"
    " random_high more more_low more_high".split()
)
TIME_COLUMNS = tuple("architecture layer direction runs units median tail slowest".split())
_HELD = ["none", "slowest", "random"]


@dataclass(frozen=True)
class SlowUnits:
    """What the slowest tenth of the units carries, and how slow units are.

    shares: `SHARE_COLUMNS`, for each architecture, head ("" is the first) and distance, the neutral tokens
      over which units were held still: the share of the mean margin that is lost with the slowest
      tenth, with a random tenth, and how much more that is, with intervals. NaN where no margin above
      zero is shown. At distance 0 it is what is read off them.
    times: `TIME_COLUMNS`, of each layer and direction, in steps: median, 90th percentile (tail) and
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
    answers = table[table.measure == "answer"].dropna(axis="columns", how="all")
    for names, part in by_architecture(answers, runs, ["distance"], notes):
        for column in [name for name in part if str(name).endswith("margin")]:
            head = str(column).removesuffix("margin").rstrip("_")
            shares.append(names | {"head": head} | _describe_shares(_stack(part, str(column)), rng))
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


def _stack(part: pd.DataFrame, column: str) -> Floats:
    """Return margins, means over draws, <float>[runs, conditions as in `_HELD`, reviews]."""
    means = part.groupby(["run_id", "units", "review_id"], sort=True)[column].mean().unstack()
    return np.stack([rows.droplevel("run_id").loc[_HELD] for _, rows in means.groupby("run_id")])


def _describe_shares(margins: Floats, rng: np.random.Generator) -> Row:
    curves = resample_curves(margins, rng)
    members = range(len(margins))
    # With their difference as a loss of its own, its interval is paired by review and run.
    whole, slowest, random = range(3)
    paired = Curves(
        _with_difference(curves.values, whole, slowest, random),
        _with_difference(curves.draws, whole, slowest, random),
    )
    row: Row = {"reviews": margins.shape[2], "runs": len(margins)}
    for place, name in ((slowest, "slowest"), (random, "random"), (3, "more")):
        row |= _ends(name, share_lost(paired, whole, place, members))
    return row


def _with_difference(scores: Floats, whole: int, slowest: int, random: int) -> Floats:
    """Add a condition that loses what the slowest units lose beyond random ones."""
    added = scores[..., whole] + scores[..., slowest] - scores[..., random]
    return np.concatenate([scores, added[..., None]], axis=-1)


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
        "tail": float(quantile(values, 0.9)),
        "slowest": float(values.max()),
    }
