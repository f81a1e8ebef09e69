"""The life of a run and of a sweep in the store: begun, cut off, gone on with, ended.

A run is known by its fingerprint. The newest run of a fingerprint stands for it: when it came to its
end, there is nothing to do; when it did not, the next launch goes on in that same run. Whoever works
on a fingerprint holds its claim (`Store.claim`), which the system takes back from a process that dies:
what is RUNNING without a claim was cut off, and `settle` says so.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import yaml
from mlflow.entities import Run

from pipeline.cells import find_cell
from pipeline.config.compose import as_plain
from pipeline.config.fingerprint import fingerprint
from pipeline.config.schema import CODE, IN_CLONE, AddingConfig, RunConfig
from pipeline.config.settings import values_of
from pipeline.errors import TrackingError
from pipeline.tracking.record import RunRecorder
from pipeline.tracking.store import Store, is_done


@dataclass(frozen=True)
class SweepPlan:
    """The runs that a sweep is to hold, by fingerprint, and how accuracy by length is cut.

    tuned: each tuned setting with its value in every run. lengths: of the sequences of every run,
    where the data is the adding problem.
    """

    data: str
    fingerprints: list[str]
    architectures: list[str]
    seeds: list[int]
    length_edges: list[int]
    tuned: dict[str, list[float]]
    lengths: list[int] | None

    @classmethod
    def of(cls, configs: list[RunConfig]) -> SweepPlan:
        lengths = [c.data.length for c in configs if isinstance(c.data, AddingConfig)]
        return cls(
            configs[0].data.kind,
            [fingerprint(config) for config in configs],
            [config.architecture.name for config in configs],
            [config.seed for config in configs],
            list(configs[0].data.length_edges),
            {
                name: [config.tuned_values()[name] for config in configs]
                for name in configs[0].tuned
            },
            lengths or None,
        )

    @property
    def digest(self) -> str:
        """What identifies a sweep: the runs it holds, in any order."""
        held = ",".join(sorted(self.fingerprints))
        return hashlib.blake2b(f"sweep {held}".encode(), digest_size=8).hexdigest()


@contextmanager
def track_run(store: Store, config: RunConfig, parent_run_id: str | None) -> Iterator[RunRecorder]:
    """A run in the store, from its configuration on; it never stays RUNNING when the block ends.

    Goes on in the newest run of this configuration where that did not come to its end. The caller
    holds the claim of its fingerprint.
    """
    newest = None if config.rerun else store.newest(fingerprint(config))
    recorder = _begin(store, config, parent_run_id, None if is_done(newest) else newest)
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
    """The parent run of a sweep, with its plan; the same sweep launched again goes on in the same.

    Raises:
      TrackingError: the same sweep is running in another process.
    """
    with store.claim(plan.digest, patience=0) as free:
        if not free:
            raise TrackingError(
                f"this sweep of {store.name} is running in another process: wait for it, or stop it"
            )
        settle(store)
        sweeps = [run for run in store.runs("tags.kind = 'sweep'") if store.is_ours(run)]
        same = [run for run in sweeps if run.data.tags.get("fingerprint") == plan.digest]
        tags = {"kind": "sweep", "data": plan.data, "fingerprint": plan.digest}
        name = f"sweep {time.strftime('%Y-%m-%d %H:%M')}"
        recorder = _open(store, name, tags, same[0] if same else None)
        recorder.text(json.dumps(asdict(plan), indent=1), "plan.json")
        _take_over(store, plan, [run for run in sweeps if run not in same], recorder.run_id)
        yield recorder


def settle(store: Store, patience: float = 0) -> None:
    """Ends each run that is RUNNING without a process that works on it.

    patience: seconds to wait for processes that are about to end.
    """
    until = time.monotonic() + patience
    for run in store.runs("attributes.status = 'RUNNING'"):
        key = run.data.tags.get("fingerprint", run.info.run_id)
        with store.claim(key, patience=max(0.0, until - time.monotonic())) as free:
            if free and store.is_ours(run):
                RunRecorder(store, run.info.run_id).end("stopped", "cut off")


def ensure_failed(store: Store, config: RunConfig, parent_run_id: str | None, reason: str) -> None:
    """Makes sure that the failure of a job stands in the store.

    Ends the run that a process that died has left; a job that failed before its run began gets one.
    """
    key = fingerprint(config)
    with store.claim(key, patience=0) as free:
        if not free:  # another launch goes on with it already
            return
        newest = store.newest(key)
        if newest is None or is_done(newest):
            _begin(store, config, parent_run_id, None).end("failed", reason)
        elif newest.data.tags.get("outcome") != "failed":
            RunRecorder(store, newest.info.run_id).end("failed", reason)


def _begin(
    store: Store, config: RunConfig, parent_run_id: str | None, cut_off: Run | None
) -> RunRecorder:
    tags = {
        "kind": "run",
        "data": config.data.kind,
        "fingerprint": fingerprint(config),
        "architecture": config.architecture.name,
    }
    if parent_run_id:
        tags["mlflow.parentRunId"] = parent_run_id
    recorder = _open(store, config.title, tags, cut_off)
    recorder.params(_params(config))
    recorder.text(yaml.safe_dump(as_plain(config), sort_keys=False), "config.yaml")
    return recorder


def _open(store: Store, name: str, tags: dict[str, str], cut_off: Run | None) -> RunRecorder:
    """A new run, or the one that was cut off, RUNNING again and knowing what it holds."""
    tags = tags | provenance() | {"place": store.place}
    if cut_off is None:
        return RunRecorder(store, store.create_run(tags, name).info.run_id)
    run_id = cut_off.info.run_id
    store.client.update_run(run_id, status="RUNNING")
    for key in {"outcome", "failure"} & set(cut_off.data.tags):
        store.client.delete_tag(run_id, key)
    recorder = RunRecorder(store, run_id, _known_metrics(store, cut_off))
    recorder.tags(tags | {"continued": int(cut_off.data.tags.get("continued", 0)) + 1})
    return recorder


def _known_metrics(store: Store, run: Run) -> frozenset[tuple[str, int]]:
    """What a run need not be told again; the means of a sweep change with every launch."""
    keys = [] if run.data.tags.get("kind") == "sweep" else run.data.metrics
    return frozenset(
        (key, metric.step)
        for key in keys
        for metric in store.client.get_metric_history(run.info.run_id, key)
    )


def _take_over(store: Store, plan: SweepPlan, sweeps: list[Run], parent_run_id: str) -> None:
    """Nests under a sweep the runs of those that it holds as a whole, such as that of its first seed."""
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
    if config.baseline:  # it has neither units nor epochs
        return params
    params |= values_of(config)
    if not find_cell(config.architecture.cell).has_forget_bias:
        del params["forget_bias"]  # there is none
    return {name: value for name, value in params.items() if value is not None}


@cache
def provenance() -> dict[str, str]:
    """Which code, and which versions of what it stands on; tag -> value."""

    def git(*arguments: str) -> str:
        if not IN_CLONE:  # an environment may lie in a repository that is somebody else's
            return "unknown"
        command = ["git", "-C", str(CODE), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else "unknown"

    try:
        commit, changed = git("rev-parse", "HEAD"), git("status", "--porcelain")
    except OSError:  # no git here
        commit = changed = "unknown"
    packages = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "mlflow"))
    return {
        "git_commit": commit,
        "git_dirty": changed if changed == "unknown" else str(bool(changed)).lower(),
        "versions": f"python {platform.python_version()}, {packages}",
        "platform": platform.platform(),
    }
