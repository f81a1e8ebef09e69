"""Leave out the runs of a tuned sweep that only showed that their value is not the best."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pandas as pd
from mlflow.entities import Run

from pipeline.analysis.selection import ACCURACY, LOSS, tune
from pipeline.config.tasks import LanguageConfig
from pipeline.tracking.artifacts import DamagedRun
from pipeline.tracking.declared import load_plan
from pipeline.tracking.planned import choose_counted
from pipeline.tracking.rows import status_of
from pipeline.tracking.store import Store
from pipeline.tracking.trained import TrainedRun

log = logging.getLogger(__name__)


def without_rejected(store: Store, runs: Sequence[TrainedRun]) -> list[TrainedRun]:
    """Return runs without those whose tuned value was not chosen on validation.

    The newest sweep that planned a run decides, as its report does. Runs of no sweep stay.
    """
    undecided = {run.tags.get("fingerprint", "") for run in runs}
    tracked = store.runs("tags.kind = 'run'")
    rejected: set[str] = set()
    for sweep in store.runs("tags.kind = 'sweep'"):
        if not undecided:
            break
        plan = _read_plan(store, sweep)
        rejected |= undecided & _rejected_by(plan, tracked)
        undecided -= set(plan.get("fingerprints", ()))
    return [run for run in runs if run.tags.get("fingerprint") not in rejected]


def _read_plan(store: Store, sweep: Run) -> dict[str, Any]:
    """Return the plan of a sweep; nothing if it is missing or damaged."""
    try:
        return load_plan(store, sweep) or {}
    except DamagedRun as error:
        log.warning("%s: %s; which values it chose is unknown", error.name, error.what)
        return {}


def _rejected_by(plan: dict[str, Any], tracked: list[Run]) -> set[str]:
    """Return the fingerprints of the planned runs for which a sweep chose another value.

    tracked: the runs of the experiment, newest first.
    """
    settings = tuple(plan.get("tuned", ()))
    if not settings:
        return set()
    criterion = LOSS if plan.get("task") == LanguageConfig.kind else ACCURACY
    planned = {
        "fingerprint": plan["fingerprints"],
        "architecture": plan.get("variants", plan["architectures"]),
        "seed": plan["seeds"],
        **plan["tuned"],
    }
    # Settings without effect may have varied, so that a run was planned twice.
    runs = pd.DataFrame(planned).drop_duplicates("fingerprint", ignore_index=True)
    counted = choose_counted(tracked, plan).values()
    runs["status"] = [status_of(run) if run else "missing" for run in counted]
    runs[criterion.column] = [
        run.data.metrics.get(f"best/{criterion.column}") if run else None for run in counted
    ]
    tuning = tune(runs, runs.status == "finished", settings, criterion)
    decided = runs.architecture.isin(tuning.chosen.architecture)
    return set(runs.fingerprint[decided & ~tuning.has_chosen(runs)])
