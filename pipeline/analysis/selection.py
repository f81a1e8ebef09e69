"""Which runs of a sweep are compared: named by their settings, and tuned on validation alone.

A run that is not compared stays in the frame, and a note says why. A tuned setting is one that the
sweep varied only to find its best value for each architecture; the runs of the chosen value are
compared. The test accuracy is never looked at here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.config.settings import variant_columns

# What two runs of one architecture must share to count as two seeds of the same thing.
SETTINGS = variant_columns()
OPTIONAL = frozenset(variant_columns(optional=True))


@dataclass(frozen=True)
class Tuning:
    """What was tried for each architecture, and chosen.

    settings: those that were tuned.
    grid: a row for each architecture and value: architecture, the settings, runs (planned), finished,
      diverged, val_accuracy (the mean of those that finished) and whether the value was chosen.
    """

    settings: tuple[str, ...]
    grid: pd.DataFrame

    @property
    def chosen(self) -> pd.DataFrame:
        return self.grid[self.grid.chosen]


def select_runs(
    runs: pd.DataFrame, predictions: pd.DataFrame, tuned: Sequence[str] = ()
) -> tuple[pd.DataFrame, Tuning | None, list[str]]:
    """The planned runs, which of them to compare, and what a reader must know of it.

    Args:
      runs: as `TrackedRuns` has them, with those columns of `SETTINGS` that are known.
      predictions: those of the finished runs.
      tuned: settings whose value is chosen for each architecture.

    Returns:
      runs: each architecture named by what it is; `chosen`: whether a run has the value that was
        chosen for its architecture; `compared`: whether the statistics rest on it.
      tuning: None where nothing was tuned.
      notes: a sentence for each reason to leave runs out.
    """
    settings = tuple(name for name in tuned if runs[name].nunique() > 1)
    runs = runs.reset_index(drop=True)
    runs["architecture"] = name_by_settings(
        runs, [name for name in SETTINGS if name not in settings]
    )
    finished = runs.status == "finished"
    known = predictions.run_id.unique() if len(predictions) else []
    predicted = runs.run_id.isin(known)
    in_time = runs[finished].sort_values("started", na_position="first", kind="stable")
    older = in_time[in_time.duplicated(["architecture", *settings, "seed"], keep="last")].index
    latest = ~runs.index.isin(older)
    usable = finished & predicted & latest
    tuning = _tune(runs, usable, settings) if settings else None
    runs["chosen"] = _is_chosen(runs, tuning)
    runs["compared"] = usable & runs.chosen
    notes = [describe_tuning(tuning)] if tuning else []
    if (finished & ~predicted).any():
        which = _named(runs[finished & ~predicted], settings)
        notes.append(f"Finished, but without predictions, and so not compared: {which}.")
    if not latest.all():
        which = _named(runs[~latest], settings)
        notes.append(f"Run again later with the same settings and seed, and so set aside: {which}.")
    order = ["architecture", *settings, "seed"]
    return runs.sort_values(order, kind="stable", ignore_index=True), tuning, notes


def describe_run(run: Any, settings: Sequence[str] = ()) -> str:
    """A row of runs, for a person; with the values of the tuned `settings`, where they are known."""
    values = [f", {name} {getattr(run, name):g}" for name in settings if _is_known(run, name)]
    return f"{run.architecture} seed {run.seed}{''.join(values)}"


def _is_known(run: Any, name: str) -> bool:
    return not pd.isna(getattr(run, name))


def _named(runs: pd.DataFrame, settings: Sequence[str]) -> str:
    return ", ".join(f"{describe_run(run, settings)} ({run.run_id})" for run in runs.itertuples())


def name_by_settings(runs: pd.DataFrame, settings: Sequence[str]) -> pd.Series:
    """Architectures, with the settings added in which runs of one architecture differ.

    A setting that is null in some runs is added where nothing else tells them from those in which it
    holds a value: null is a value of its own, but for one that follows from another setting.
    """
    known = [column for column in settings if column in runs]
    names = runs.architecture.astype("string").fillna("unnamed").astype(object)
    names = _add(names, runs, known, with_null=False)
    return _add(names, runs, [name for name in known if name in OPTIONAL], with_null=True)


def _add(
    names: pd.Series, runs: pd.DataFrame, settings: Sequence[str], *, with_null: bool
) -> pd.Series:
    unique = names.copy()
    begun = runs.status != "missing" if "status" in runs else pd.Series(True, runs.index)
    for _, group in runs.groupby(names, sort=False):
        for column in settings:
            if group[column][begun | group[column].notna()].nunique(dropna=not with_null) > 1:
                null = "null" if column in OPTIONAL else "unknown"
                shown = group[column].astype("string")
                shown = shown.mask(shown.isna() & begun[group.index], null).fillna("unknown")
                unique[group.index] += f", {column} " + shown
    return unique


def _tune(runs: pd.DataFrame, usable: pd.Series, settings: tuple[str, ...]) -> Tuning:
    """Chooses for each architecture the value with the best mean validation accuracy.

    A value at which a seed diverged comes after all at which fewer did: the mean of those that are left
    would flatter it. Of equals the smaller value is chosen; none, where no run finished.
    """
    values = list(settings)
    marked = runs.assign(
        usable=usable,
        diverged=runs.status == "diverged",
        scored=pd.to_numeric(runs.val_accuracy, errors="coerce").astype(float).where(usable),
    )
    groups = marked.groupby(["architecture", *values], sort=True)
    grid = groups.agg(
        runs=("seed", "size"),
        finished=("usable", "sum"),
        diverged=("diverged", "sum"),
        val_accuracy=("scored", "mean"),
    ).reset_index()
    ranked = grid[grid.val_accuracy.notna()].sort_values(
        ["diverged", "val_accuracy", *values], ascending=[True, False, *[True] * len(values)]
    )
    best = ranked.drop_duplicates("architecture").index
    return Tuning(settings, grid.assign(chosen=grid.index.isin(best)))


def _is_chosen(runs: pd.DataFrame, tuning: Tuning | None) -> pd.Series:
    if tuning is None:
        return pd.Series(True, index=runs.index)
    keys = ["architecture", *tuning.settings]
    chosen = pd.MultiIndex.from_frame(tuning.chosen[keys])
    return pd.Series(pd.MultiIndex.from_frame(runs[keys]).isin(chosen), index=runs.index)


def describe_tuning(tuning: Tuning) -> str:
    """The grid, the budget, what was chosen on what, and where the grid may have been too narrow."""
    names, grid, chosen = list(tuning.settings), tuning.grid, tuning.chosen
    tried = ", ".join(_shown(grid[names].drop_duplicates().sort_values(names)))
    budgets = grid.groupby("architecture").runs.sum()
    each = f"each architecture was given {budgets.iloc[0]} runs"
    if budgets.nunique() > 1:
        each = "the runs were " + ", ".join(f"{n} of {name}" for name, n in budgets.items())
    best = chosen.assign(value=_shown(chosen[names])).groupby("value", sort=False).architecture
    choices = "; ".join(f"{value} for {', '.join(group)}" for value, group in best)
    said = f"{' and '.join(names)}: tuned on validation, never on the test texts; {each}, over {tried}."
    said += f" Chosen: {choices}." if choices else ""
    at_end = (chosen[names] == grid[names].min()) | (chosen[names] == grid[names].max())
    if at_end.any(axis=None):
        which = ", ".join(chosen.architecture[at_end.any(axis=1)])
        said += f" At an end of the grid, so that a wider one may serve better: {which}."
    lost = sorted(set(grid.architecture) - set(chosen.architecture))
    return f"{said} Nothing finished of {', '.join(lost)}." if lost else said


def _shown(values: pd.DataFrame) -> list[str]:
    """Each row of values of tuned settings, for a person."""
    return [" with ".join(f"{value:g}" for value in row) for row in values.itertuples(index=False)]
