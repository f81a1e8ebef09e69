"""Summarise how signals fade inside the architectures, from the tables of retention, gates and lesson.

All runs were probed on the same reviews; `pipeline.analysis.statistics` covers reviews and seeds in the
intervals. Shares are relative to distance 0. They fall over orders of magnitude, so means and intervals
are computed on a log scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis import statistics
from pipeline.analysis.curves import Curves, half_life, resample_curves
from pipeline.analysis.frames import rank
from pipeline.analysis.probe_tables import PROBE_AGAIN, Row
from pipeline.analysis.statistics import Floats

SIGNAL = ["kind", "head", "layer", "direction"]
CURVE_COLUMNS = (*("architecture", *SIGNAL), *"distance reviews runs share low high".split())
HALF_LIFE_COLUMNS = ("architecture", *SIGNAL, *"value low high furthest rises".split())
TIME_COLUMNS = tuple(
    "architecture layer direction runs units lower median upper low high p90 slowest over_10"
    " over_100".split()
)
_READING = "architecture measure head name layer direction place word".split()
LESSON_COLUMNS = (*_READING, *"value lowest highest unknown runs".split())
_FLOOR = 1e-12  # smaller shares are raised to this, as zero has no logarithm
_CEILING = 1e100  # larger shares are lowered to this, so that their squares are finite


@dataclass(frozen=True)
class Fading:
    """What is left of signals by distance, and what the gates imply.

    curves: `CURVE_COLUMNS`, a row for each architecture, signal (kind logit, state or gate; head of a
      logit; layer, 0 being the embedding; direction of reading) and distance.
    half_lives: `HALF_LIFE_COLUMNS`; an infinite end lies beyond `furthest`.
    time_constants: `TIME_COLUMNS`, in steps: quartiles over the units of all runs, the interval of the
      median, the 90th percentile (p90) and the largest; and the shares of units that are slower than
      10 and 100 steps. Infinite for units that forget nothing.
    lesson: `LESSON_COLUMNS`, for each word of the lesson's sentence: mean, lowest and highest value over
      runs of the probability of class `name` of a head (measure answer), or of the share that a layer
      keeps (measure gate).
    notes: what a reader must know before using a number.
    """

    curves: pd.DataFrame
    half_lives: pd.DataFrame
    time_constants: pd.DataFrame
    lesson: pd.DataFrame
    notes: tuple[str, ...]


def summarise_fading(
    probes: Mapping[str, pd.DataFrame], runs: pd.DataFrame, rng: np.random.Generator
) -> Fading | None:
    """Summarise the probes of retention, gates and lesson; None if no run has any of them.

    Args:
      probes: for each probe the joined tables of all runs, with `run_id`.
      runs: run_id and architecture of the runs to compare.
      rng: resamples the reviews.
    """
    curves: list[Row] = []
    half_lives: list[Row] = []
    constants: list[Row] = []
    notes: list[str] = []
    for names, part in by_architecture(
        probes.get("retention"), runs, SIGNAL, ["distance", "value"], notes
    ):
        scores, distances = _stack(part, "distance", "value")
        resampled = resample_curves(relative(scores), rng)
        curves += _describe_curve(names, distances, resampled, scores.shape[2])
        half_lives.append(_describe_half_life(names, distances, resampled))
    for names, part in by_architecture(
        probes.get("gates"), runs, ["layer", "direction"], ["unit", "log_gate"], notes
    ):
        scores, _ = _stack(part, "unit", "log_gate")
        constants.append(names | describe_constants(resample_curves(scores, rng)))
    lesson = _gather_lesson(probes.get("lesson"), runs)
    if not curves and not constants and lesson.empty:
        return None
    return Fading(
        pd.DataFrame(curves, columns=list(CURVE_COLUMNS)),
        pd.DataFrame(half_lives, columns=list(HALF_LIFE_COLUMNS)),
        pd.DataFrame(constants, columns=list(TIME_COLUMNS)),
        lesson,
        tuple(notes),
    )


def _gather_lesson(table: pd.DataFrame | None, runs: pd.DataFrame) -> pd.DataFrame:
    """Average the readings of the lesson's sentence over the runs of each architecture."""
    if table is None or table.empty:
        return pd.DataFrame(columns=list(LESSON_COLUMNS))
    known = table.reindex(columns=["run_id", "unknown", "value", *_READING[1:]])
    known = known.astype({name: object for name in known if known[name].dtype == "category"})
    known = known.merge(runs[["run_id", "architecture"]], on="run_id")
    return (
        known.groupby(_READING, sort=False, dropna=False)
        .agg(
            value=("value", "mean"),
            lowest=("value", "min"),
            highest=("value", "max"),
            unknown=("unknown", "mean"),
            runs=("run_id", "nunique"),
        )
        .reset_index()
    )


def by_architecture(
    table: pd.DataFrame | None,
    runs: pd.DataFrame,
    columns: list[str],
    values: list[str],
    notes: list[str],
) -> Iterator[tuple[Row, pd.DataFrame]]:
    """Yield the rows of each architecture and signal, from runs probed on the same reviews.

    Runs that were probed on other reviews than most are left out, with a note.
    """
    if table is None or table.empty:
        return
    known = table[[*dict.fromkeys(["run_id", "review_id", *columns, *values])]]
    known = known.assign(architecture=_architectures(known.run_id, runs))
    known = known[known.architecture.notna()]
    digests = known.groupby("run_id", observed=True).review_id.agg(_digest)
    if digests.empty:
        return
    others = digests.index[digests != digests.mode().iloc[0]]
    if len(others):
        notes.append(
            "Not in the figures of fading inside the networks, because they were probed on other "
            f"reviews: {', '.join(map(str, others))}. {PROBE_AGAIN}"
        )
        known = known[~known.run_id.isin(others)]
    for key, part in known.groupby(["architecture", *columns], sort=False, observed=True):
        yield dict(zip(["architecture", *columns], key, strict=True)), part


def _architectures(run_ids: pd.Series, runs: pd.DataFrame) -> pd.Categorical:
    """Return the architecture of each run id, missing for runs that are not compared."""
    places, distinct = pd.factorize(run_ids)
    names = runs.set_index("run_id").architecture.reindex(np.asarray(distinct, dtype=object))
    codes, architectures = pd.factorize(names.to_numpy(dtype=object))
    return pd.Categorical.from_codes(codes[places], categories=architectures)


def _digest(review_ids: pd.Series) -> int:
    distinct = np.unique(np.asarray(review_ids.unique(), dtype=object).astype(str)).astype(object)
    return int(pd.util.hash_array(distinct).sum(dtype=np.uint64) >> np.uint64(1))


def _stack(part: pd.DataFrame, along: str, value: str) -> tuple[Floats, NDArray[np.int64]]:
    """Return values <float>[runs, places, reviews] and the places, limited to those of every run."""
    run, runs = pd.factorize(part.run_id)
    review, reviews = rank(part.review_id)
    place, places = rank(part[along])
    stacked = np.full((len(runs), len(places), len(reviews)), np.nan)
    stacked[run, place, review] = part[value]
    shared = np.logical_not(np.isnan(stacked).all(axis=2).any(axis=0))
    return stacked[:, shared], places[shared].astype(np.int64)


def relative(scores: Floats) -> Floats:
    """Divide <float>[runs, distances, reviews] by each run's mean at the first distance."""
    start = scores[:, :1].mean(axis=2, keepdims=True)
    return np.minimum(scores / np.maximum(start, 1e-300), _CEILING)


def _describe_curve(
    names: Row, distances: NDArray[np.int64], curves: Curves, reviews: int
) -> list[Row]:
    runs = range(len(curves.values))
    rows = []
    for place, distance in enumerate(distances):
        ratio = curves.relative_to(0, place)
        logs = statistics.RunEstimates(
            np.log(np.maximum(ratio.values, _FLOOR)),
            # The delta method: d log x = dx / x.
            ratio.covariance / np.maximum(np.outer(ratio.values, ratio.values), _FLOOR**2),
        )
        found = statistics.contrast(logs, [(1.0, runs)])
        share, low, high = np.exp(np.clip([found.value, found.low, found.high], -200, 200))
        counts = {"distance": int(distance), "reviews": reviews, "runs": len(runs)}
        rows.append(names | counts | {"share": share, "low": low, "high": high})
    return rows


def _describe_half_life(names: Row, distances: NDArray[np.int64], curves: Curves) -> Row:
    found = half_life(distances, curves, range(len(curves.values)))
    ends = {name: getattr(found, name) for name in ("value", "low", "high", "furthest", "rises")}
    return names | ends


def describe_constants(curves: Curves) -> dict[str, float]:
    """Return the `TIME_COLUMNS` from `runs` on; the interval is computed on a log scale.

    curves: the mean logarithms of gates, with units as conditions.
    """
    runs, units = curves.values.shape
    constants = time_constants(curves.values)
    lower, median, upper = (float(quantile(constants, share)) for share in (0.25, 0.5, 0.75))
    row = {
        "runs": runs,
        "units": units,
        "lower": lower,
        "median": median,
        "upper": upper,
        "p90": float(quantile(constants, 0.9)),
        "slowest": float(constants.max()),
        **{f"over_{steps}": float((constants > steps).mean()) for steps in (10, 100)},
    }
    medians = quantile(constants, 0.5, axis=-1)
    logs = np.log(quantile(time_constants(curves.draws), 0.5, axis=-1))
    if not (np.isfinite(medians).all() and np.isfinite(logs).all()):
        return row | {"low": np.nan, "high": np.nan}
    covariance = np.atleast_2d(np.cov(logs, rowvar=False))
    found = statistics.contrast(
        statistics.RunEstimates(np.log(medians), covariance), [(1.0, range(runs))]
    )
    low, high = np.exp(np.clip([found.low, found.high], -200, 200))
    return row | {"low": float(low), "high": float(high)}


def time_constants(log_gates: Floats) -> Floats:
    """Convert mean logarithms of gates to time constants in steps; infinite if nothing is forgotten."""
    return np.divide(-1.0, log_gates, out=np.full_like(log_gates, np.inf), where=log_gates != 0)


def quantile(values: Floats, share: float, axis: int | None = None) -> Floats:
    """Return a quantile that is one of the values, as infinite values cannot be interpolated."""
    return np.asarray(np.quantile(values, share, axis=axis, method="inverted_cdf"))
