"""Select the runs of a sweep to compare: name them by their settings and tune on validation.

A run that is not compared stays in the frame, and a note says why. A tuned setting is one that the
sweep varied only to find its best value for each architecture; only runs with the chosen value are
compared. Test results are never used here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.config.settings import variant_columns

# Two runs of an architecture count as seeds of one variant only if they share these settings.
SETTINGS = variant_columns()
OPTIONAL = frozenset(variant_columns(optional=True))


@dataclass(frozen=True)
class Criterion:
    """What a value is chosen by: the mean of a column over the runs, and whether more is better.

    name: of what is measured on validation, in words.
    """

    column: str
    name: str
    more_is_better: bool


ACCURACY = Criterion("val_accuracy", "accuracy", True)
LOSS = Criterion("val_loss", "loss", False)


@dataclass(frozen=True)
class Tuning:
    """The values that were tried and chosen for each architecture.

    settings: the tuned settings.
    grid: a row for each architecture and value: architecture, the settings, runs (planned), finished,
      diverged, the column of the criterion (the mean over finished runs) and chosen.
    """

    settings: tuple[str, ...]
    grid: pd.DataFrame
    criterion: Criterion

    @property
    def chosen(self) -> pd.DataFrame:
        return self.grid[self.grid.chosen]

    def has_chosen(self, runs: pd.DataFrame) -> pd.Series:
        """Return whether each run has the value chosen for its architecture."""
        keys = ["architecture", *self.settings]
        chosen = pd.MultiIndex.from_frame(self.chosen[keys])
        return pd.Series(pd.MultiIndex.from_frame(runs[keys]).isin(chosen), index=runs.index)


def select_runs(
    runs: pd.DataFrame,
    predictions: pd.DataFrame,
    tuned: Sequence[str] = (),
    criterion: Criterion = ACCURACY,
) -> tuple[pd.DataFrame, Tuning | None, list[str]]:
    """Mark which of the planned runs to compare, and say why others are left out.

    Args:
      runs: those of `TrackedRuns`, with those columns of `SETTINGS` that are known.
      predictions: those of the finished runs.
      tuned: the settings whose value is chosen for each architecture.
      criterion: of validation, by which the values are chosen.

    Returns:
      runs: with `architecture` made unique to its settings, `chosen` (the run has the value chosen for
        its architecture) and `compared` (the statistics use the run); with recipes also `base`, the
        name of the architecture without them.
      tuning: None if nothing was tuned.
      notes: a sentence for each reason to leave runs out.
    """
    settings = tuple(name for name in tuned if runs[name].nunique() > 1)
    runs = runs.reset_index(drop=True)
    if "recipe" in runs:
        runs["base"] = runs.architecture
    runs["architecture"] = name_by_settings(
        runs, [name for name in SETTINGS if name not in settings]
    )
    finished = runs.status == "finished"
    known = predictions.run_id.unique() if len(predictions) else []
    predicted = runs.run_id.isin(list(known))
    in_time = runs[finished].sort_values("started", na_position="first", kind="stable")
    older = in_time[in_time.duplicated(["architecture", *settings, "seed"], keep="last")].index
    latest = ~runs.index.isin(older)
    usable = finished & predicted & latest
    tuning = tune(runs, usable, settings, criterion) if settings else None
    runs["chosen"] = True if tuning is None else tuning.has_chosen(runs)
    runs["compared"] = usable & runs.chosen
    notes = [describe_tuning(tuning)] if tuning else []
    if (finished & ~predicted).any():
        which = _list_runs(runs[finished & ~predicted], settings)
        notes.append(f"Not compared, because they finished without predictions: {which}.")
    if not latest.all():
        which = _list_runs(runs[~latest], settings)
        notes.append(f"Not compared, because a later run has the same settings and seed: {which}.")
    order = ["architecture", *settings, "seed"]
    return runs.sort_values(order, kind="stable", ignore_index=True), tuning, notes


def describe_run(run: Any, settings: Sequence[str] = ()) -> str:
    """Describe a row of runs by architecture, seed and the known values of the tuned `settings`."""
    values = [f", {name} {getattr(run, name):g}" for name in settings if _is_known(run, name)]
    return f"{run.architecture} seed {run.seed}{''.join(values)}"


def _is_known(run: Any, name: str) -> bool:
    return not pd.isna(getattr(run, name))


def _list_runs(runs: pd.DataFrame, settings: Sequence[str]) -> str:
    return ", ".join(f"{describe_run(run, settings)} ({run.run_id})" for run in runs.itertuples())


def name_by_settings(runs: pd.DataFrame, settings: Sequence[str]) -> pd.Series:
    """Return architecture names, extended by the settings in which runs of an architecture differ.

    The name of a recipe stands for what it sets.

    An optional setting that is null in some runs is added only if nothing else distinguishes these
    runs from those with a value, as a null may follow from another setting.
    """
    known = [column for column in settings if column in runs]
    names = runs.architecture.astype("string").fillna("unnamed").astype(object)
    if "recipe" in runs:
        names = _add_settings(names, runs, ["recipe"], with_null=False)
    names = _add_settings(names, runs, known, with_null=False)
    return _add_settings(names, runs, [name for name in known if name in OPTIONAL], with_null=True)


def _add_settings(
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


def tune(
    runs: pd.DataFrame, usable: pd.Series, settings: tuple[str, ...], criterion: Criterion
) -> Tuning:
    """Choose for each architecture the value with the best mean of the criterion.

    Values with fewer diverged seeds come first, because the mean over the remaining seeds would flatter
    the others. Of equal values the smallest is chosen; none is if no run finished.

    Args:
      runs: architecture, the settings, seed, status and the column of the criterion.
      usable: which of them have finished and count.
    """
    values, column = list(settings), criterion.column
    marked = runs.assign(
        usable=usable,
        diverged=runs.status == "diverged",
        scored=pd.to_numeric(runs[column], errors="coerce").astype(float).where(usable),
    )
    groups = marked.groupby(["architecture", *values], sort=True)
    grid = groups.agg(
        runs=("seed", "size"),
        finished=("usable", "sum"),
        diverged=("diverged", "sum"),
        **{column: ("scored", "mean")},
    ).reset_index()
    ranked = grid[grid[column].notna()].sort_values(
        ["diverged", column, *values],
        ascending=[True, not criterion.more_is_better, *[True] * len(values)],
    )
    best = ranked.drop_duplicates("architecture").index
    return Tuning(settings, grid.assign(chosen=grid.index.isin(best)), criterion)


def describe_tuning(tuning: Tuning) -> str:
    """Describe the grid, the budget, the choices, and where the grid may have been too narrow."""
    names, grid, chosen = list(tuning.settings), tuning.grid, tuning.chosen
    tried = ", ".join(_format_values(grid[names].drop_duplicates().sort_values(names)))
    budgets = grid.groupby("architecture").runs.sum()
    each = f"{budgets.iloc[0]} runs of each architecture"
    if budgets.nunique() > 1:
        each = ", ".join(f"{n} runs of {name}" for name, n in budgets.items())
    text = f"{' and '.join(names)}: tuned on validation, never on the test texts; {each}, over {tried}."
    text += f" Chosen: {choices}." if (choices := describe_choices(tuning)) else ""
    at_end = (chosen[names] == grid[names].min()) | (chosen[names] == grid[names].max())
    if at_end.any(axis=None):
        which = ", ".join(chosen.architecture[at_end.any(axis=1)])
        text += f" At an end of the grid, so a wider grid may give a better value: {which}."
    lost = sorted(set(grid.architecture) - set(chosen.architecture))
    return f"{text} No run finished of {', '.join(lost)}." if lost else text


def describe_choices(tuning: Tuning) -> str:
    """List the chosen values, each with its architectures: "0.001 for lstm; 0.003 for gru"."""
    chosen = tuning.chosen
    best = chosen.assign(value=_format_values(chosen[list(tuning.settings)]))
    groups = best.groupby("value", sort=False).architecture
    return "; ".join(f"{value} for {', '.join(group)}" for value, group in groups)


def _format_values(values: pd.DataFrame) -> list[str]:
    """Format each row of values of the tuned settings."""
    return [" with ".join(f"{value:g}" for value in row) for row in values.itertuples(index=False)]
