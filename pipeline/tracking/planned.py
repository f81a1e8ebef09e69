"""Choose the runs of a sweep that count: for each that its plan names, the newest that ended."""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.entities import Run

from pipeline.config.schema import BASELINES
from pipeline.tracking.artifacts import Artifacts
from pipeline.tracking.declared import load_plan
from pipeline.tracking.rows import kind_of, status_of
from pipeline.tracking.store import Store


def kind_of_sweep(store: Store, sweep_id: str | None = None) -> str:
    """Return the kind, as in `kind_of`, of the newest sweep of an experiment, or of `sweep_id`.

    Without a sweep the newest run decides.
    """
    tracked = store.runs()
    sweeps = [run for run in tracked if run.data.tags.get("kind") == "sweep"]
    sweeps = [run for run in sweeps if sweep_id in (None, run.info.run_id)]
    return next(map(kind_of, sweeps or tracked), "classify")


def find_planned(
    store: Store, sweep_id: str | None, kind: str
) -> tuple[list[Run], list[Run], dict[str, Any] | None, dict[str, Run | None]]:
    """Return (runs, sweeps, plan, chosen).

    sweeps: candidates, newest first; plan: of the first sweep; chosen: fingerprint -> the run that
    counts, None if it is missing.
    """
    store.deliver()
    tracked = [run for run in store.runs() if kind_of(run) == kind]
    for run in tracked:
        with Artifacts(store, run).reading("start"):
            pd.to_datetime(int(run.info.start_time or 0), unit="ms")
    runs = [run for run in tracked if run.data.tags.get("kind") == "run"]
    sweeps = [run for run in tracked if run.data.tags.get("kind") == "sweep"]
    sweeps = [run for run in sweeps if sweep_id in (None, run.info.run_id)]
    if not runs and not sweeps:
        raise store.nothing_tracked()
    plan = load_plan(store, sweeps[0]) if sweeps else None
    return runs, sweeps, plan, _with_baseline(choose_counted(runs, plan), runs)


def find_sweep(store: Store, data_fingerprint: str) -> str | None:
    """Return the id of the newest sweep in which a network was trained on these data, or None."""
    trained = store.runs(f"tags.data_fingerprint = '{data_fingerprint}'")
    # All sweeps over these data share one baseline, which therefore identifies none of them.
    networks = [run for run in trained if run.data.tags.get("architecture") not in BASELINES]
    fingerprints = {run.data.tags.get("fingerprint") for run in networks}
    for sweep in store.runs("tags.kind = 'sweep'"):
        plan = load_plan(store, sweep)
        if plan is not None and fingerprints & set(plan["fingerprints"]):
            return sweep.info.run_id
    return None


def _with_baseline(chosen: dict[str, Run | None], runs: list[Run]) -> dict[str, Run | None]:
    """Add the newest finished baseline on the same data, which may have been trained later.

    That of language models depends on more settings than the data: the planned one counts.
    """

    def is_baseline(run: Run | None) -> bool:
        return run is not None and run.data.tags.get("architecture") in BASELINES

    planned = [run for run in chosen.values() if run is not None and is_baseline(run)]
    if any(kind_of(run) == "language" and status_of(run) == "finished" for run in planned):
        return chosen
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


def choose_counted(runs: list[Run], plan: dict[str, Any] | None) -> dict[str, Run | None]:
    """Return, for each fingerprint in the order of the plan, the run that counts.

    runs: newest first.
    """
    rank = {"finished": 0, "diverged": 1}
    by_fingerprint: dict[str, list[Run]] = {}
    for run in runs:
        by_fingerprint.setdefault(run.data.tags.get("fingerprint", run.info.run_id), []).append(run)
    best = {
        fingerprint: min(same, key=lambda run: rank.get(status_of(run), 2))
        for fingerprint, same in by_fingerprint.items()
    }
    wanted = list(best) if plan is None else plan["fingerprints"]
    return {fingerprint: best.get(fingerprint) for fingerprint in wanted}
