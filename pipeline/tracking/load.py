"""Load tracked runs into typed frames: `TrackedRuns`, `AddingRuns` and `LanguageRuns`.

Each run is a row (`pipeline.tracking.rows`). MLflow returns only the last value of a metric; the history
of the metrics becomes a frame of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from mlflow.entities import Run

from pipeline.analysis.adding import AddingRuns
from pipeline.analysis.contrasts import from_json as contrasts_from_json
from pipeline.analysis.excerpts import Excerpt, from_json
from pipeline.analysis.language import LanguageRuns
from pipeline.analysis.tracked import MARGIN, SweepFacts, TrackedRuns
from pipeline.tracking.artifacts import Artifacts, DamagedRun
from pipeline.tracking.declared import LAUNCH, declares, known_before
from pipeline.tracking.language_rows import language_row, read_language_result
from pipeline.tracking.planned import find_planned
from pipeline.tracking.rows import (
    Result,
    adding_row,
    check_adding,
    check_curves,
    describe_texts,
    missing_row,
    read_result,
    read_results,
    row_of,
    sizes_of,
    status_of,
)
from pipeline.tracking.store import Store
from pipeline.tracking.tables import join_tables

log = logging.getLogger(__name__)

_HISTORY = {
    "train/loss": "train_loss",
    "train/accuracy": "train_accuracy",
    "val/loss": "val_loss",
    "val/accuracy": "val_accuracy",
    "time/epoch_seconds": "seconds",
}
_ADDING_HISTORY = {"train/mse": "train_mse", "val/mse": "val_mse"}
_LANGUAGE_HISTORY = {
    "train/tokens": "tokens",
    "train/loss": "train_loss",
    "val/loss": "val_loss",
    "time/period_seconds": "seconds",
}
EXCERPTS = "excerpts.json"  # of the test texts that a report shows, in the parent run


def load_runs(store: Store, sweep_id: str | None = None) -> TrackedRuns:
    """Return the runs of the newest sweep of an experiment, or of the sweep `sweep_id`.

    An experiment without sweeps returns all its runs. Of several runs with one fingerprint the newest
    finished one counts, else the newest diverged one, else the newest. A planned run that never started
    has a row with status `missing`.

    Raises:
      TrackingError: the experiment has no run, or a run or the plan of the sweep is damaged.
    """
    runs, sweeps, plan, chosen = find_planned(store, sweep_id, "classify")
    finished = _finished(chosen)
    results = read_results(finished, partial(read_result, store))
    history = _history(store, [run for run in chosen.values() if run])
    check_curves(finished, history)
    facts = _declared_facts(store, sweeps, runs, plan, finished)
    rows = _rows(chosen, plan, partial(row_of, store))
    predictions, probes = _tables(results)
    return TrackedRuns(
        store.name,
        _with_whole_epoch_seconds(pd.DataFrame(rows), history).convert_dtypes(),
        predictions,
        history,
        facts,
        probes,
        _excerpts(store, sweeps[0]) if sweeps and facts.show_texts else {},
    )


def _finished(chosen: Mapping[str, Run | None]) -> list[Run]:
    return [run for run in chosen.values() if run is not None and status_of(run) == "finished"]


def _rows(
    chosen: Mapping[str, Run | None],
    plan: dict[str, Any] | None,
    row: Callable[[Run], dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return a row for each planned run, with the names of its variant and recipe where it has any."""
    rows = [row(run) if run else missing_row(plan or {}, key) for key, run in chosen.items()]
    names = {"variant": "variants"} | ({"recipe": "recipes"} if _recipes(plan) else {})
    for column, listed in names.items():
        named: dict[str, str] = {}
        if plan is not None and declares(plan):
            named = dict(zip(plan["fingerprints"], plan[listed], strict=True))
        rows = [one | {column: named.get(str(one["fingerprint"]))} for one in rows]
    return rows


def _recipes(plan: dict[str, Any] | None) -> tuple[str, ...]:
    """Return the recipes of training of a sweep in the order of its plan, if it has several."""
    named = tuple(dict.fromkeys(filter(None, (plan or {}).get("recipes", ()))))
    return named if len(named) > 1 else ()


def load_language(store: Store, sweep_id: str | None = None) -> LanguageRuns:
    """Return the runs of a sweep over language models, selected as in `load_runs`."""
    runs, sweeps, plan, chosen = find_planned(store, sweep_id, "language")
    finished = _finished(chosen)
    results = read_results(finished, partial(read_language_result, store))
    started = [run for run in chosen.values() if run]
    history = _history(store, started, _LANGUAGE_HISTORY, "step")
    check_curves(finished, history)
    losses, probes = _tables(results)
    samples = {key: one.samples for key, one in results.items() if one.samples is not None}
    return LanguageRuns(
        store.name,
        pd.DataFrame(_rows(chosen, plan, partial(language_row, store))).convert_dtypes(),
        losses,
        history,
        _declared_facts(store, sweeps, runs, plan, finished),
        probes,
        join_tables(samples),
    )


def load_adding(store: Store, sweep_id: str | None = None) -> AddingRuns:
    """Return the runs of a sweep over the adding problem, selected as in `load_runs`."""
    runs, sweeps, plan, chosen = find_planned(store, sweep_id, "adding")
    started, finished = [run for run in chosen.values() if run], _finished(chosen)
    for run in finished:
        check_adding(run)
    rows = [
        adding_row(store, run) if run else missing_row(plan or {}, fingerprint)
        for fingerprint, run in chosen.items()
    ]
    return AddingRuns(
        store.name,
        pd.DataFrame(rows).convert_dtypes(),
        _history(store, started, _ADDING_HISTORY, "step"),
        _facts(store, sweeps, runs, plan, finished),
    )


def _tables(results: Mapping[str, Result]) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return the predictions or losses of all runs, and the joined table of each probe."""
    probes: dict[str, dict[str, Any]] = {}
    for run_id, result in results.items():
        for probe, table in result.probes.items():
            probes.setdefault(probe, {})[run_id] = table
    texts = {run_id: result.texts for run_id, result in results.items()}
    return join_tables(texts), {name: join_tables(held) for name, held in probes.items()}


def _history(
    store: Store, runs: list[Run], names: Mapping[str, str] = _HISTORY, step_name: str = "epoch"
) -> pd.DataFrame:
    """Return the history of the metrics of runs: a row per step, in the column `step_name`.

    names: metric -> column.
    """
    ids = [run.info.run_id for run in runs]
    found = {column: store.histories(ids, name) for name, column in names.items()}
    tables = []
    for run_id in ids:
        columns = {
            column: {metric.step: metric.value for metric in by_run.get(run_id, ())}
            for column, by_run in found.items()
        }
        table = pd.DataFrame(columns).rename_axis(step_name).sort_index().reset_index()
        tables.append(table.assign(run_id=run_id))
    return _concat(tables)


def _with_whole_epoch_seconds(runs: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Set `epoch_seconds` of runs with `max_seconds` to the mean over their complete epochs.

    The time budget cuts their last epoch short.
    """
    budgeted = runs.max_seconds.notna() if "max_seconds" in runs else pd.Series(False, runs.index)
    if history.empty or not budgeted.any():
        return runs
    whole = history[history.duplicated("run_id", keep="last")]
    seconds = runs.run_id.map(whole.groupby("run_id").seconds.mean())
    return runs.assign(epoch_seconds=runs.epoch_seconds.where(~budgeted, seconds))


def _declared_facts(
    store: Store,
    sweeps: list[Run],
    runs: list[Run],
    plan: dict[str, Any] | None,
    finished: list[Run],
) -> SweepFacts:
    """Return the facts of a sweep that asks something, with what was known when it was declared."""
    return replace(
        _facts(store, sweeps, runs, plan, finished),
        known_before=known_before(store, sweeps, plan, finished),
    )


def _facts(
    store: Store,
    sweeps: list[Run],
    runs: list[Run],
    plan: dict[str, Any] | None,
    finished: list[Run],
) -> SweepFacts:
    newest = (sweeps or runs)[0]
    told: dict[str, Any] = plan or {}
    if not {"length_edges", "show_texts"} <= set(told):
        told = {"show_texts": True} | _data_settings(store, (*finished, *runs)) | told
    edges: list[int] = told.get("length_edges", [])
    started = pd.Timestamp(newest.info.start_time, unit="ms", tz="UTC")
    shown = (*finished, newest)[0].data.tags
    texts = [("Texts", described) for run in finished[:1] if (described := describe_texts(run))]
    url = None
    if store.uri is not None and store.uri.startswith("http"):
        url = f"{store.uri.rstrip('/')}/#/experiments/{store.experiment_id}/runs/"
    return SweepFacts(
        sweeps[0].info.run_id if sweeps else None,
        started.strftime("%Y-%m-%d %H:%M UTC"),
        tuple(edges),
        Path(store.shown_uri).name if store.is_local else store.shown_uri,
        tuple(plan.get("tuned", ())) if plan else (),
        url,
        (*texts, ("Platform", shown.get("platform", "unknown"))),
        contrasts_from_json(plan["contrasts"]) if plan and declares(plan) else None,
        plan["margin"] if plan and declares(plan) else MARGIN,
        told["show_texts"],
        sizes_of(finished[0]) if finished else {},
        recipes=_recipes(plan),
    )


def _data_settings(store: Store, runs: Sequence[Run]) -> dict[str, Any]:
    """Return the data settings of the first run that has a configuration; none if none has."""
    for run in runs:
        artifacts = Artifacts(store, run)
        text = artifacts.text("config.yaml")
        if text is not None:
            with artifacts.reading("config.yaml"):
                settings: dict[str, Any] = dict(yaml.safe_load(text)["data"])
                return settings
    return {}


def _excerpts(store: Store, sweep: Run) -> dict[str, Excerpt]:
    """Return the excerpts that the sweep keeps; none if they are damaged, as they can be made again."""
    artifacts = Artifacts(store, sweep, LAUNCH)
    try:
        text = artifacts.text(EXCERPTS)
        with artifacts.reading(EXCERPTS):
            return {} if text is None else from_json(text)
    except DamagedRun as error:
        log.warning("%s: %s; the texts are loaded again", error.name, error.what)
        return {}


def _concat(tables: list[pd.DataFrame]) -> pd.DataFrame:
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
