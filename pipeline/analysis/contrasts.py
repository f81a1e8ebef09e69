"""Ask the questions of a sweep: contrasts between groups of its variants, declared before it starts.

What a sweep varies says what it asks: gated cells against simple ones, two directions against one, and
so on. A contrast compares variants that are the same in all else, so that it stays balanced in a sweep
with holes. One contrast over many runs is far more precise than a pair of architectures: the seeds'
part has the degrees of freedom of all its runs (`statistics.contrast`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from pipeline.analysis import statistics
from pipeline.analysis.selection import OPTIONAL, SETTINGS, name_by_settings
from pipeline.cells import find_cell, is_cell
from pipeline.config.parameter_counts import TOLERANCE
from pipeline.errors import ConfigError

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

        A variant without runs is left out of its stratum, and a stratum without one side altogether. So
        is a variant with a single run, which does not tell how much seeds vary, if others are left.
        """
        if self.weights:
            if not all(name in members for name, _ in self.weights):
                return []
            return [(weight, members[name]) for name, weight in self.weights]
        several = {name: rows for name, rows in members.items() if len(rows) > 1}
        whole = self._known_strata(several) or self._known_strata(members)
        total: dict[str, float] = {}
        for first, second in whole:
            for side, sign in ((first, 1.0), (second, -1.0)):
                for name in side:
                    total[name] = total.get(name, 0.0) + sign / (len(side) * len(whole))
        return [(weight, members[name]) for name, weight in total.items() if weight]

    def _known_strata(self, names: Container[str]) -> list[list[list[str]]]:
        """Return the strata with a variant among `names` on both sides, and of each side those."""
        held = [
            [[name for name in side if name in names] for side in stratum]
            for stratum in self.strata
        ]
        return [stratum for stratum in held if all(stratum)]

    def left_out(self, members: Mapping[str, statistics.Rows]) -> list[str]:
        """Return the variants that `terms` leaves out because they have a single run."""
        used = {id(rows) for _, rows in self.terms(members)}
        held = [name for name in self.variants() if name in members]
        return [name for name in held if len(members[name]) == 1 and id(members[name]) not in used]

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
            "bidirectional networks",
            "one-directional networks",
            "bidirectional",
            lambda both: int(bool(both)),
        )
    )
    found.append(
        _Factor(
            "stacked_vs_one_layer",
            "stacked networks",
            "one-layer networks",
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
            f"networks with {column} {value}",
            f"networks with {column} {base}",
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
    titles = [f"{' and '.join(side)} networks" for side in (first, second)]
    return Contrast(name, titles[0], titles[1], weights=tuple(scaled))


def as_configured(chosen: pd.DataFrame) -> pd.DataFrame:
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


def name_variants(runs: pd.DataFrame) -> pd.Series:
    """Return the name of each run's variant; columns of tuned settings are left out of `runs`."""
    return name_by_settings(runs, SETTINGS)
