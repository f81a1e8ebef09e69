"""Start, resume and end runs and sweeps in the store.

A run is identified by its fingerprint, of which the newest run counts. If that run is done, there is
nothing to do; if not, the next launch resumes it. A process that works on a fingerprint holds its claim
(`Store.claim`), which the system releases when the process dies. A run that is RUNNING without a claim
was therefore interrupted, and `end_abandoned_runs` ends it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import yaml
from mlflow.entities import Run

from pipeline.analysis.contrasts import Contrast, as_json, derive_contrasts, name_variants
from pipeline.cells import find_cell
from pipeline.config.compose import as_plain
from pipeline.config.data import AddingConfig, may_show_texts
from pipeline.config.fingerprint import fingerprint
from pipeline.config.schema import RunConfig
from pipeline.config.settings import values_of
from pipeline.errors import TrackingError
from pipeline.tracking.artifacts import DIGESTS_TAG, DamagedRun
from pipeline.tracking.declared import load_plan
from pipeline.tracking.pages import VIEW_TAG, view_of_runs
from pipeline.tracking.provenance import provenance
from pipeline.tracking.record import RunRecorder, status_of
from pipeline.tracking.store import Store, is_done

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepPlan:
    """Describe the runs of a sweep: one entry per run in each list.

    data, task: the kinds of the data and of the task; length_edges: boundaries of the
    groups for accuracy by length; tuned: the values of each tuned setting, None for the baseline;
    lengths: sequence lengths of the adding problem, else None;
    recipes: the name of each run's recipe of training, "" of one without;
    variants: the name of each run's variant, in which `contrasts` are declared; margin: the smallest
    difference that matters, as a share; show_texts: whether the report may show test texts.
    """

    data: str
    task: str
    fingerprints: list[str]
    architectures: list[str]
    seeds: list[int]
    length_edges: list[int]
    tuned: dict[str, list[float | None]]
    lengths: list[int] | None
    recipes: list[str]
    variants: list[str]
    contrasts: list[dict[str, Any]]
    margin: float
    show_texts: bool

    @classmethod
    def of(cls, configs: list[RunConfig]) -> SweepPlan:
        variants, contrasts = _declare_contrasts(configs)
        lengths = [c.data.length for c in configs if isinstance(c.data, AddingConfig)]
        return cls(
            configs[0].data.kind,
            configs[0].task.kind,
            [fingerprint(config) for config in configs],
            [config.architecture.name for config in configs],
            [config.seed for config in configs],
            list(configs[0].data.length_edges),
            {
                name: [None if one.baseline else one.tuned_values()[name] for one in configs]
                for name in configs[0].tuned
            },
            lengths or None,
            [config.recipe for config in configs],
            variants,
            as_json(contrasts),
            configs[0].margin / 100,
            may_show_texts(configs[0].data),
        )

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @property
    def digest(self) -> str:
        """Return the fingerprint of the sweep, which does not depend on the order of its runs."""
        held = ",".join(sorted(self.fingerprints))
        return hashlib.blake2b(f"sweep {held}".encode(), digest_size=8).hexdigest()


def _declare_contrasts(configs: list[RunConfig]) -> tuple[list[str], tuple[Contrast, ...]]:
    """Return the variant of each run, and what the sweep asks of them before it has any result."""
    if isinstance(configs[0].data, AddingConfig):
        return [config.architecture.name for config in configs], ()
    tuned = configs[0].tuned
    settings = pd.DataFrame([_params(config) for config in configs]).drop(
        columns=tuned, errors="ignore"
    )
    networks = ~np.array([config.baseline for config in configs])
    settings["base"] = settings.architecture
    if not networks.any():
        return settings.architecture.tolist(), ()
    settings.loc[networks, "architecture"] = name_variants(settings[networks])
    contrasts = derive_contrasts(settings[networks], configs[0].contrasts)
    return settings.architecture.tolist(), contrasts


@contextmanager
def track_run(store: Store, config: RunConfig, parent_run_id: str | None) -> Iterator[RunRecorder]:
    """Start a run, or resume an interrupted one of this configuration, and end it after the block.

    The run is not RUNNING after the block, however that ends. The caller must hold the claim of its
    fingerprint.
    """
    newest = None if config.rerun else store.newest_run(fingerprint(config))
    recorder = _start_run(store, config, parent_run_id, None if is_done(newest) else newest)
    if parent_run_id is None:
        store.tag_experiment({VIEW_TAG: view_of_runs(config.data.kind, config.task.kind)})
    try:
        yield recorder
    except KeyboardInterrupt:
        recorder.end("stopped", "stopped by hand")
        raise
    except BaseException as error:
        recorder.end("failed", f"{type(error).__name__}: {' '.join(str(error).split())}"[:500])
        raise
    if not recorder.has_ended:
        recorder.end("finished")


@contextmanager
def track_sweep(store: Store, plan: SweepPlan) -> Iterator[RunRecorder]:
    """Start the parent run of a sweep, or resume the one of an earlier launch of the same sweep.

    Raises:
      TrackingError: the same sweep is running in another process.
    """
    with store.claim(plan.digest, patience=0) as free:
        if not free:
            raise TrackingError(
                f"this sweep of {store.name} is already running in another process: wait for that "
                "process or stop it"
            )
        end_abandoned_runs(store)
        sweeps = [run for run in store.runs("tags.kind = 'sweep'") if store.is_ours(run)]
        same = [run for run in sweeps if run.data.tags.get("fingerprint") == plan.digest]
        tags = {"kind": "sweep", "data": plan.data, "task": plan.task, "fingerprint": plan.digest}
        name = f"sweep {time.strftime('%Y-%m-%d %H:%M')}"
        earlier = same[0] if same else None
        recorder = _open_run(store, name, tags, earlier)
        write_plan(store, recorder, plan, earlier)
        store.tag_experiment({VIEW_TAG: view_of_runs(plan.data, plan.task)})
        _adopt_runs(store, plan, [run for run in sweeps if run not in same], recorder.run_id)
        yield recorder


def write_plan(
    store: Store, recorder: RunRecorder, plan: SweepPlan, earlier: Run | None = None
) -> None:
    """Write the plan of a sweep. What it asks stays what it asked at its first launch.

    Otherwise a question could be chosen by its answer and still count as declared. The tag `declared` is
    the time of that launch in milliseconds, as of the start of a run.

    earlier: the sweep as an earlier launch left it, if there was one.
    """
    try:
        known = load_plan(store, earlier or store.client.get_run(recorder.run_id)) or {}
    except DamagedRun as error:
        log.warning("%s: %s; what the sweep asks is declared anew", error.name, error.what)
        known = {}
    kept = {name: known[name] for name in ("contrasts", "margin") if name in known}
    held = replace(plan, **kept)
    if held.as_json() != plan.as_json():
        log.warning(
            "contrasts and margin stay as declared when this sweep was first launched; to ask something "
            "else, launch it under another name=..."
        )
    recorder.text(held.as_json(), "plan.json")
    tags = earlier.data.tags if earlier else {}
    if "contrasts" not in kept or not tags.get("declared", "0").isdecimal():
        recorder.tags({"declared": int(1000 * time.time())})


def end_abandoned_runs(store: Store, patience: float = 0) -> None:
    """End each run that is RUNNING although no process works on it.

    patience: seconds to wait for processes that are about to end.
    """
    until = time.monotonic() + patience
    for run in store.runs("attributes.status = 'RUNNING'"):
        key = run.data.tags.get("fingerprint", run.info.run_id)
        with store.claim(key, patience=max(0.0, until - time.monotonic())) as free:
            if not free or not store.is_ours(run):
                continue
            if outcome := run.data.tags.get("outcome"):  # its process died while it ended
                store.writer.set_terminated(run.info.run_id, status_of(outcome))
            else:
                RunRecorder(store, run.info.run_id).end("stopped", "interrupted")


def ensure_failed(store: Store, config: RunConfig, parent_run_id: str | None, reason: str) -> None:
    """Record the failure of a job in the store.

    Ends the run that a dead process left RUNNING, or creates one if the job failed before its start.
    """
    key = fingerprint(config)
    with store.claim(key, patience=0) as free:
        if not free:  # another launch is resuming it
            return
        newest = store.newest_run(key)
        if newest is None or is_done(newest):
            _start_run(store, config, parent_run_id, None).end("failed", reason)
        elif newest.data.tags.get("outcome") != "failed":
            RunRecorder(store, newest.info.run_id).end("failed", reason)


def _start_run(
    store: Store, config: RunConfig, parent_run_id: str | None, interrupted: Run | None
) -> RunRecorder:
    tags = {
        "kind": "run",
        "data": config.data.kind,
        "task": config.task.kind,
        "fingerprint": fingerprint(config),
        "architecture": config.architecture.name,
    }
    if parent_run_id:
        tags["mlflow.parentRunId"] = parent_run_id
    recorder = _open_run(store, config.title, tags, interrupted)
    recorder.params(_params(config))
    recorder.text(yaml.safe_dump(as_plain(config), sort_keys=False), "config.yaml")
    return recorder


def _open_run(
    store: Store, name: str, tags: dict[str, str], interrupted: Run | None
) -> RunRecorder:
    """Return a recorder for a new run, or for the interrupted one, which is RUNNING again."""
    tags = tags | provenance() | {"place": store.place}
    if interrupted is None:
        return RunRecorder(store, store.create_run(tags, name).info.run_id)
    run_id = interrupted.info.run_id
    store.client.update_run(run_id, status="RUNNING")
    for tag in {"outcome", "failure", DIGESTS_TAG} & set(interrupted.data.tags):
        store.client.delete_tag(run_id, tag)
    recorder = RunRecorder(store, run_id, _known_metrics(store, interrupted))
    recorder.tags(tags | {"continued": int(interrupted.data.tags.get("continued", 0)) + 1})
    return recorder


def _known_metrics(store: Store, run: Run) -> frozenset[tuple[str, int]]:
    """Return the (metric, step) pairs that a run already has."""
    # Those of a sweep may change with every launch: see `RunRecorder.renew`.
    keys = [] if run.data.tags.get("kind") == "sweep" else run.data.metrics
    return frozenset(
        (key, metric.step)
        for key in keys
        for metric in store.client.get_metric_history(run.info.run_id, key)
    )


def _adopt_runs(store: Store, plan: SweepPlan, sweeps: list[Run], parent_run_id: str) -> None:
    """Move the runs of each sweep that `plan` fully contains under the new parent run.

    For example, a sweep over three seeds adopts the runs of an earlier one over the first seed.
    """
    wanted = set(plan.fingerprints)
    for sweep in sweeps:
        nested = store.runs(f"tags.`mlflow.parentRunId` = '{sweep.info.run_id}'")
        if wanted.issuperset(run.data.tags.get("fingerprint") for run in nested):
            for run in nested:
                store.client.set_tag(run.info.run_id, "mlflow.parentRunId", parent_run_id)


def _params(config: RunConfig) -> dict[str, Any]:
    params: dict[str, Any] = {
        "architecture": config.architecture.name,
        "seed": config.seed,
        "data": config.data.kind,
    }
    if config.baseline:  # has neither units nor epochs
        return params
    params |= {"recipe": config.recipe or None} | values_of(config)
    if not find_cell(config.architecture.cell).has_forget_bias:
        del params["forget_bias"]  # without effect
    return {name: value for name, value in params.items() if value is not None}
