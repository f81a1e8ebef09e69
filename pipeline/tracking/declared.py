"""Read the plan of a sweep: what it asks, and what was known when it was declared."""

from __future__ import annotations

import json
from typing import Any

from mlflow.entities import Run

from pipeline.config.schema import BASELINES
from pipeline.tracking.artifacts import Artifacts, DamagedRun
from pipeline.tracking.store import Store

LAUNCH = "launching the sweep again writes it anew"


_LISTS = ("fingerprints", "architectures", "seeds")


def load_plan(store: Store, sweep: Run) -> dict[str, Any] | None:
    """Return the plan of a sweep, or None if the sweep was killed before it wrote one.

    Raises:
      DamagedRun: it cannot be read, or is missing although the sweep came to its end.
    """
    artifacts = Artifacts(store, sweep, LAUNCH)
    text = artifacts.text("plan.json")
    if text is None:
        if sweep.data.tags.get("outcome") in ("finished", "failed"):
            raise artifacts.damaged("its plan.json is missing")
        return None
    with artifacts.reading("plan.json"):
        plan: dict[str, Any] = json.loads(text)
        if len({len(plan[name]) for name in _LISTS}) != 1:
            raise ValueError("its lists differ in length")
        return plan


def declares(plan: dict[str, Any] | None) -> bool:
    """Return whether the plan says what the sweep asks; those of version 0.1 do not."""
    return plan is not None and "contrasts" in plan


def known_before(
    store: Store, sweeps: list[Run], plan: dict[str, Any] | None, finished: list[Run]
) -> int:
    """Return how many networks had begun to train before what the sweep asks was declared.

    A run that an earlier sweep trained, which asked the same, is compared with that declaration.
    """
    if plan is None or not declares(plan):
        return 0
    declared = _declared_at(store, sweeps[0])
    started = {
        run.data.tags.get("fingerprint"): run.info.start_time
        for run in finished
        if run.data.tags.get("architecture") not in BASELINES
    }
    early = {key for key, time in started.items() if time < declared}
    others = store.runs("tags.kind = 'sweep'") if early else []
    for sweep in others:
        try:
            other = load_plan(store, sweep) or {}
        except DamagedRun:  # what it asked is unknown
            continue
        if all(other.get(name) == plan[name] for name in ("contrasts", "margin")):
            planned = early & set(other["fingerprints"])
            early -= {key for key in planned if started[key] >= _declared_at(store, sweep)}
    return len(early)


def _declared_at(store: Store, sweep: Run) -> int:
    with Artifacts(store, sweep, LAUNCH).reading("tag declared"):
        return int(sweep.data.tags.get("declared", sweep.info.start_time))
