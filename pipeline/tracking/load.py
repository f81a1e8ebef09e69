"""Load tracked runs into typed frames: `TrackedRuns` and `AddingRuns`.

Each run is a row (`pipeline.tracking.rows`). MLflow returns only the last value of a metric; the history
of the metrics becomes a frame of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from mlflow.entities import Run

from pipeline.analysis.adding import AddingRuns
from pipeline.analysis.contrasts import from_json as contrasts_from_json
from pipeline.analysis.excerpts import Excerpt, from_json
from pipeline.analysis.tracked import MARGIN, SweepFacts, TrackedRuns
from pipeline.config.schema import BASELINE
from pipeline.tracking.artifacts import Artifacts, DamagedRun
from pipeline.tracking.declared import LAUNCH, declares, known_before, load_plan
from pipeline.tracking.rows import (
    Result,
    adding_row,
    check_adding,
    check_curves,
    describe_texts,
    is_adding,
    missing_row,
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
EXCERPTS = "excerpts.json"  # of the test texts that a report shows, in the parent run


def load_runs(store: Store, sweep_id: str | None = None) -> TrackedRuns:
    """Return the runs of the newest sweep of an experiment, or of the sweep `sweep_id`.

    An experiment without sweeps returns all its runs. Of several runs with one fingerprint the newest
    finished one counts, else the newest diverged one, else the newest. A planned run that never started
    has a row with status `missing`.

    Raises:
      TrackingError: the experiment has no run, or a run or the plan of the sweep is damaged.
    """
    runs, sweeps, plan, chosen = _find_runs(store, sweep_id, adding=False)
    finished = [run for run in chosen.values() if run is not None and status_of(run) == "finished"]
    results = read_results(store, finished)
    rows = [
        row_of(store, run) if run else missing_row(plan or {}, fingerprint)
        for fingerprint, run in chosen.items()
    ]
    history = _history(store, [run for run in chosen.values() if run])
    check_curves(finished, history)
    facts = replace(
        _facts(store, sweeps, runs, plan, finished),
        known_before=known_before(store, sweeps, plan, finished),
    )
    variants: dict[str, str] = {}
    if plan is not None and declares(plan):
        variants = dict(zip(plan["fingerprints"], plan["variants"], strict=True))
    rows = [row | {"variant": variants.get(str(row["fingerprint"]))} for row in rows]
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


def load_adding(store: Store, sweep_id: str | None = None) -> AddingRuns:
    """Return the runs of a sweep over the adding problem, selected as in `load_runs`."""
    runs, sweeps, plan, chosen = _find_runs(store, sweep_id, adding=True)
    started = [run for run in chosen.values() if run is not None]
    finished = [run for run in started if status_of(run) == "finished"]
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


def is_adding_problem(store: Store, sweep_id: str | None = None) -> bool:
    """Return whether the newest sweep of an experiment, or `sweep_id`, is over the adding problem.

    Without a sweep the newest run decides.
    """
    tracked = store.runs()
    sweeps = [run for run in tracked if run.data.tags.get("kind") == "sweep"]
    sweeps = [run for run in sweeps if sweep_id in (None, run.info.run_id)]
    return any(is_adding(run) for run in (sweeps or tracked)[:1])


def _find_runs(
    store: Store, sweep_id: str | None, *, adding: bool
) -> tuple[list[Run], list[Run], dict[str, Any] | None, dict[str, Run | None]]:
    """Return (runs, sweeps, plan, chosen).

    sweeps: candidates, newest first; plan: of the first sweep; chosen: fingerprint -> the run that
    counts, None if it is missing.
    """
    store.deliver()
    tracked = [run for run in store.runs() if is_adding(run) == adding]
    for run in tracked:
        with Artifacts(store, run).reading("start"):
            pd.to_datetime(int(run.info.start_time or 0), unit="ms")
    runs = [run for run in tracked if run.data.tags.get("kind") == "run"]
    sweeps = [run for run in tracked if run.data.tags.get("kind") == "sweep"]
    sweeps = [run for run in sweeps if sweep_id in (None, run.info.run_id)]
    if not runs and not sweeps:
        raise store.nothing_tracked()
    plan = load_plan(store, sweeps[0]) if sweeps else None
    return runs, sweeps, plan, _with_baseline(_choose(runs, plan), runs)


def find_sweep(store: Store, data_fingerprint: str) -> str | None:
    """Return the id of the newest sweep in which a network was trained on these data, or None."""
    trained = store.runs(f"tags.data_fingerprint = '{data_fingerprint}'")
    # All sweeps over these data share one baseline, which therefore identifies none of them.
    networks = [run for run in trained if run.data.tags.get("architecture") != BASELINE]
    fingerprints = {run.data.tags.get("fingerprint") for run in networks}
    for sweep in store.runs("tags.kind = 'sweep'"):
        plan = load_plan(store, sweep)
        if plan is not None and fingerprints & set(plan["fingerprints"]):
            return sweep.info.run_id
    return None


def _with_baseline(chosen: dict[str, Run | None], runs: list[Run]) -> dict[str, Run | None]:
    """Add the newest finished baseline on the same data, which may have been trained later."""

    def is_baseline(run: Run | None) -> bool:
        return run is not None and run.data.tags.get("architecture") == BASELINE

    networks = {key: run for key, run in chosen.items() if not is_baseline(run)}
    data = {run.data.tags.get("data_fingerprint") for run in networks.values() if run}
    baselines = [
        run
        for run in runs
        if is_baseline(run)
        and status_of(run) == "finished"
        and run.data.tags.get("data_fingerprint") in data
    ]
    if not baselines:
        return chosen
    return networks | {baselines[0].data.tags["fingerprint"]: baselines[0]}


def _choose(runs: list[Run], plan: dict[str, Any] | None) -> dict[str, Run | None]:
    """Return, for each fingerprint in the order of the plan, the run that counts."""
    rank = {"finished": 0, "diverged": 1}
    by_fingerprint: dict[str, list[Run]] = {}
    for run in runs:
        by_fingerprint.setdefault(run.data.tags.get("fingerprint", run.info.run_id), []).append(run)
    best = {
        fingerprint: min(same, key=lambda run: rank.get(status_of(run), 2))  # runs are newest first
        for fingerprint, same in by_fingerprint.items()
    }
    wanted = list(best) if plan is None else plan["fingerprints"]
    return {fingerprint: best.get(fingerprint) for fingerprint in wanted}


def _tables(results: Mapping[str, Result]) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return the predictions of all runs, and the joined table of each probe."""
    probes: dict[str, dict[str, Any]] = {}
    for run_id, result in results.items():
        for probe, table in result.probes.items():
            probes.setdefault(probe, {})[run_id] = table
    predictions = {run_id: result.predictions for run_id, result in results.items()}
    return join_tables(predictions), {name: join_tables(held) for name, held in probes.items()}


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
