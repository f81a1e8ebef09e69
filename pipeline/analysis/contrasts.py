"""Ask the questions of a sweep: contrasts between groups of its variants, declared before it starts.

What a sweep varies says what it asks: gated cells against simple ones, two directions against one, and
so on. A contrast compares variants that are the same in all else, so that it stays balanced in a sweep
with holes. One contrast over many runs is far more precise than a pair of architectures: the seeds'
part has the degrees of freedom of all its runs (`statistics.contrast`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from pipeline.analysis import statistics
from pipeline.analysis.frames import rows_of
from pipeline.analysis.selection import OPTIONAL, SETTINGS, name_by_settings
from pipeline.cells import find_cell, is_cell
from pipeline.config.parameter_counts import TOLERANCE
from pipeline.errors import ConfigError

CONTRAST_COLUMNS = tuple(
    "contrast quantity estimate ci_low ci_high p_value p_holm verdict seeds_to_decide"
    " minutes_to_decide declared".split()
)
SIGNIFICANCE = 0.05
YES, NO, OPEN = "yes", "no difference that matters", "not decided"
_MOST_SEEDS = 200  # a plan beyond it is none
_COLUMNS = (*SETTINGS, "recurrent_parameters")

Stratum = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Contrast:
    """The mean of one group of variants minus that of another.

    name: as in `contrasts.csv` and MLflow. first, second: the groups in words.
    strata: pairs of groups of variants that are the same in all else; each pair counts the same.
    weights: of the variants, where a person declared them; then there are no strata.
    """

    name: str
    first: str
    second: str
    strata: tuple[Stratum, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()

    def terms(self, members: Mapping[str, statistics.Rows]) -> list[tuple[float, statistics.Rows]]:
        """Return a weight and the rows of the runs for each variant; nothing if a side has no runs.

        A variant without runs is left out of its stratum, and a stratum without one side altogether.
        """
        if self.weights:
            if not all(name in members for name, _ in self.weights):
                return []
            return [(weight, members[name]) for name, weight in self.weights]
        held = [
            tuple([name for name in side if name in members] for side in stratum)
            for stratum in self.strata
        ]
        whole = [stratum for stratum in held if all(stratum)]
        total: dict[str, float] = {}
        for first, second in whole:
            for side, sign in ((first, 1.0), (second, -1.0)):
                for name in side:
                    total[name] = total.get(name, 0.0) + sign / (len(side) * len(whole))
        return [(weight, members[name]) for name, weight in total.items() if weight]

    def variants(self) -> list[str]:
        """Return the names of all variants that it compares."""
        named = [name for stratum in self.strata for side in stratum for name in side]
        return list(dict.fromkeys([*named, *(name for name, _ in self.weights)]))


def as_json(contrasts: Iterable[Contrast]) -> list[dict[str, Any]]:
    return [asdict(one) for one in contrasts]


def from_json(plain: Iterable[Mapping[str, Any]]) -> tuple[Contrast, ...]:
    """Return the contrasts that `as_json` wrote."""

    def deep(value: Any) -> Any:
        return tuple(map(deep, value)) if isinstance(value, list) else value

    return tuple(Contrast(**{key: deep(value) for key, value in one.items()}) for one in plain)


@dataclass(frozen=True)
class _Factor:
    """A column that is asked about, and how its values are divided.

    split: a value -> 1 for the first group, 0 for the second, None for neither.
    """

    name: str
    first: str
    second: str
    column: str
    split: Callable[[Any], int | None]


def derive_contrasts(
    runs: pd.DataFrame, own: Mapping[str, Mapping[str, float]]
) -> tuple[Contrast, ...]:
    """Derive what a sweep asks from what its runs vary.

    Args:
      runs: architecture, already made unique to its settings, the columns of `SETTINGS` and, where
        units follow from it, `recurrent_parameters`; `base`: the architecture's own name, if another.
      own: a person's contrasts: for each name the weights of architectures, which sum to zero.

    Raises:
      ConfigError: a person's contrast has the name of one that follows from the sweep.
    """
    variants = runs.drop_duplicates("architecture").reset_index(drop=True)
    if "cell" not in variants:  # no network
        return ()
    variants = _without_dependent(variants)
    found = [contrast for one in _factors(variants) if (contrast := _match(variants, one))]
    for name in own:
        if name in {one.name for one in found}:
            raise ConfigError(f"contrasts.{name} has the name of what is asked anyway; rename it")
    return (*found, *(_weigh(name, weights, variants) for name, weights in own.items()))


def _without_dependent(variants: pd.DataFrame) -> pd.DataFrame:
    """Drop settings that follow from others: units from weights, the steps of chrono from the length."""
    dropped = []
    if "recurrent_parameters" in variants and variants.recurrent_parameters.notna().any():
        dropped.append("units")
    if {"chrono_steps", "max_length"} <= set(variants):
        known = variants[variants.chrono_steps.notna()]
        dropped += ["chrono_steps"] * bool((known.chrono_steps == known.max_length).all())
    return variants.drop(columns=dropped, errors="ignore")


def _factors(variants: pd.DataFrame) -> list[_Factor]:
    found = []
    cells = [name for name in variants.cell.dropna().unique() if is_cell(name)]
    gated = [name for name in cells if find_cell(name).keep_gate is not None]
    if gated and len(gated) < len(cells):

        def is_gated(cell: Any) -> int:
            return int(cell in gated)

        found.append(_Factor("gated_vs_simple", "gated cells", "simple cells", "cell", is_gated))
    for a, b in combinations(sorted(gated, key=lambda name: -len(find_cell(name).gates)), 2):
        titles = f"{find_cell(a).title}s", f"{find_cell(b).title}s"
        found.append(_Factor(f"{a}_vs_{b}", *titles, "cell", {a: 1, b: 0}.get))
    found.append(
        _Factor(
            "two_directions_vs_one",
            "two directions",
            "one direction",
            "bidirectional",
            lambda both: int(bool(both)),
        )
    )
    found.append(
        _Factor(
            "stacked_vs_one_layer",
            "stacked layers",
            "one layer",
            "num_layers",
            lambda n: int(n > 1),
        )
    )
    for column in _COLUMNS:
        if column in variants and column not in ("cell", "bidirectional", "num_layers"):
            found += _factors_of_setting(variants, column)
    return found


def _factors_of_setting(variants: pd.DataFrame, column: str) -> list[_Factor]:
    """Compare each value of a setting with the first that the sweep names."""
    values = _comparable(variants, column).dropna().unique()
    if len(values) < 2:
        return []
    base = values[0]
    return [
        _Factor(
            f"{column}_{value}_vs_{base}".replace(" ", "_"),
            f"{column} {value}",
            f"{column} {base}",
            column,
            {value: 1, base: 0}.get,
        )
        for value in values[1:]
    ]


def _comparable(variants: pd.DataFrame, column: str) -> pd.Series:
    """Return the values of a setting; null counts as one where it may be chosen.

    A cell without a forget gate has no forget bias, and is compared with those that begin as usual.
    """
    values = variants[column].astype(object)
    if column == "forget_bias":
        return values.where(values.notna(), "unit")
    if column in OPTIONAL and column != "chrono_steps":
        return values.where(values.notna(), "null")
    return values


def _match(variants: pd.DataFrame, factor: _Factor) -> Contrast | None:
    """Return the contrast of a factor over variants that are the same in all else, if there are any."""
    keys = [name for name in _COLUMNS if name in variants and name != factor.column]
    columns = {name: _comparable(variants, name) for name in keys}
    # A setting that some variants lack, such as the steps of chrono, counts by its values alone.
    keys = [name for name in keys if columns[name].dropna().nunique() > 1]
    strata: dict[Hashable, tuple[list[str], list[str]]] = {}
    sides = _comparable(variants, factor.column)
    for place, (name, value) in enumerate(zip(variants.architecture, sides, strict=True)):
        side = None if pd.isna(value) else factor.split(value)
        if side is not None:
            known = (columns[key].iloc[place] for key in keys)
            same = tuple(None if pd.isna(one) else one for one in known)
            strata.setdefault(same, ([], []))[1 - side].append(str(name))
    whole = [(tuple(first), tuple(second)) for first, second in strata.values() if first and second]
    if not whole:
        return None
    return Contrast(factor.name, factor.first, factor.second, tuple(whole))


def _weigh(name: str, weights: Mapping[str, float], variants: pd.DataFrame) -> Contrast:
    """Return a person's contrast, its weights scaled so that each side sums to one.

    An architecture of several variants shares its weight among them.
    """
    total = sum(weight for weight in weights.values() if weight > 0)
    base = variants.get("base", variants.architecture)
    scaled = [
        (str(variant), weight / total / int((base == one).sum()))
        for one, weight in weights.items()
        for variant in variants.architecture[base == one]
        if weight
    ]
    first = [one for one, weight in weights.items() if weight > 0]
    second = [one for one, weight in weights.items() if weight < 0]
    return Contrast(name, " and ".join(first), " and ".join(second), weights=tuple(scaled))


@dataclass(frozen=True)
class Quantity:
    """Something measured of every run, whose contrasts are asked for.

    estimates: of every run. rows: the rows of the runs of each variant.
    margin: the smallest difference that matters, None where none is set.
    reviews: of an accuracy, how many reviews; see `statistics.contrast`.
    """

    name: str
    estimates: statistics.RunEstimates
    rows: Mapping[str, statistics.Rows]
    margin: float | None = None
    reviews: int | None = None


def decide_contrasts(
    contrasts: Sequence[Contrast],
    quantities: Sequence[Quantity],
    minutes: Mapping[str, float],
    declared: bool,
) -> pd.DataFrame:
    """Return `CONTRAST_COLUMNS` for every contrast and quantity that the runs have.

    Differences are shares for accuracies and natural logarithms of ratios for `log_` quantities. The
    p values of a quantity are corrected for all contrasts by Holm's method, those of equivalence too.

    Args:
      minutes: of one run of each variant, on the machine that trained it.
    """
    tables = [_test(contrasts, one, minutes) for one in quantities]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=list(CONTRAST_COLUMNS))
    order = {one.name: place for place, one in enumerate(contrasts)}
    ordered = table.assign(declared=declared).sort_values(
        "contrast", key=lambda names: names.map(order), kind="stable", ignore_index=True
    )
    return ordered[list(CONTRAST_COLUMNS)]


def _test(
    contrasts: Sequence[Contrast], quantity: Quantity, minutes: Mapping[str, float]
) -> pd.DataFrame:
    found = []
    for one in contrasts:
        terms = one.terms(quantity.rows)
        if not terms or not _known(quantity.estimates, terms):
            continue
        found.append(
            (one, statistics.contrast(quantity.estimates, terms, len(contrasts), quantity.reviews))
        )
    table = pd.DataFrame(
        [
            {
                "contrast": one.name,
                "quantity": quantity.name,
                "estimate": gap.value,
                "ci_low": gap.low,
                "ci_high": gap.high,
                "p_value": gap.p_value if gap.seeds_counted else np.nan,
                "p_same": _equivalence(gap, quantity.margin),
            }
            for one, gap in found
        ],
        columns=[*CONTRAST_COLUMNS[:6], "p_same"],
    )
    table["p_holm"] = statistics.holm(table.p_value.astype(float))
    table["p_same"] = statistics.holm(table.p_same.astype(float))
    table["verdict"] = [_decide(row) for row in rows_of(table)]
    plans = [
        _plan(gap, quantity, one, len(contrasts), minutes) if verdict == OPEN else (np.nan, np.nan)
        for (one, gap), verdict in zip(found, table.verdict, strict=True)
    ]
    table[["seeds_to_decide", "minutes_to_decide"]] = np.array(plans, dtype=float).reshape(-1, 2)
    return table


def _known(
    estimates: statistics.RunEstimates, terms: Sequence[tuple[float, statistics.Rows]]
) -> bool:
    return all(np.isfinite(estimates.values[np.asarray(rows)]).all() for _, rows in terms)


def _equivalence(gap: statistics.Interval, margin: float | None) -> float:
    """Return the p value of two one-sided tests that the difference is within the margin.

    Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657.
    """
    if margin is None or not gap.seeds_counted:
        return math.nan
    return max(gap.beyond(-margin), gap.below(margin))


def _decide(row: Any) -> str:
    if row.p_same < SIGNIFICANCE / 2:  # so that the 95 % interval lies within the margin
        return NO
    return YES if row.p_holm < SIGNIFICANCE else OPEN


def _plan(
    gap: statistics.Interval,
    quantity: Quantity,
    one: Contrast,
    comparisons: int,
    minutes: Mapping[str, float],
) -> tuple[float, float]:
    """Return how many seeds each variant needs in all, and the minutes that the missing ones take.

    With so many seeds a difference of the margin would be found in 80 % of sweeps.
    """
    if quantity.margin is None or not gap.seeds_counted:
        return math.nan, math.nan
    seeds = gap.seeds_to_detect(quantity.margin, comparisons, _MOST_SEEDS)
    if seeds is None:
        return math.nan, math.nan
    variants = [name for name in one.variants() if name in quantity.rows]
    missing = {name: max(0, seeds - len(quantity.rows[name])) for name in variants}
    return float(seeds), sum(count * minutes.get(name, math.nan) for name, count in missing.items())


@dataclass(frozen=True)
class Contrasts:
    """What a sweep asks, and the answers.

    asked: the contrasts. table: `CONTRAST_COLUMNS`. margin: the smallest difference that matters.
    declared: whether they were tracked before the sweep began.
    """

    asked: tuple[Contrast, ...]
    table: pd.DataFrame
    margin: float
    declared: bool


def answer_contrasts(
    chosen: pd.DataFrame,
    quantities: Sequence[Quantity],
    declared: tuple[Contrast, ...] | None,
    margin: float,
) -> Contrasts:
    """Answer the declared contrasts or, where none were declared, those that follow from the runs.

    Args:
      chosen: the runs that are compared, with the columns of `SETTINGS`, their architectures made unique
        to their settings and, with declared contrasts, `variant`.
      quantities: their rows are by architecture.
    """
    if declared is None:
        asked, names = derive_contrasts(_as_set(chosen), {}), {}
    else:
        asked = declared
        first = chosen.drop_duplicates("variant")
        names = dict(zip(first.variant, first.architecture, strict=True))
    # Contrasts are over the names of the plan; runs are by the names of the comparison.
    by_variant = [
        replace(one, rows={v: one.rows[a] for v, a in names.items() if a in one.rows})
        if names
        else one
        for one in quantities
    ]
    seconds = pd.to_numeric(chosen.train_seconds).astype("Float64").astype(float)
    seconds /= pd.to_numeric(chosen.concurrent_runs).astype("Float64").astype(float).fillna(1)
    key = chosen.architecture if declared is None else chosen.variant
    minutes = {str(name): float(value) / 60 for name, value in seconds.groupby(key).mean().items()}
    table = decide_contrasts(asked, by_variant, minutes, declared is not None)
    return Contrasts(asked, table, margin, declared is not None)


def _as_set(chosen: pd.DataFrame) -> pd.DataFrame:
    """Return runs whose `recurrent_parameters` are a setting: tracked is how many there are.

    As many in all, within the tolerance, were set; otherwise the units were.
    """
    if "recurrent_parameters" not in chosen:
        return chosen
    counted = pd.to_numeric(chosen.recurrent_parameters)
    equal = counted.notna().all() and counted.max() <= (1 + 2 * TOLERANCE) * counted.min()
    several = equal and "units" in chosen and chosen.units.nunique() > 1
    if several:
        return chosen.assign(recurrent_parameters=counted.min())
    return chosen.drop(columns="recurrent_parameters")


def members_of(runs: pd.DataFrame) -> dict[str, statistics.Rows]:
    """Return the rows of each architecture's runs."""
    groups = runs.reset_index(drop=True).groupby("architecture", sort=False).indices
    return {str(name): np.asarray(rows) for name, rows in groups.items()}


def name_variants(runs: pd.DataFrame) -> pd.Series:
    """Return the name of each run's variant; columns of tuned settings are left out of `runs`."""
    return name_by_settings(runs, SETTINGS)
