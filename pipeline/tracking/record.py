"""What a run and a sweep write into the store.

Parameters are few and flat, and metrics named as the compare page groups them: `val/accuracy` by
epoch, `best/*` for the epoch that was kept, `test/*` read once.
"""

from __future__ import annotations

import json
import math
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from pipeline.config import ROOT, RunConfig, as_plain, fingerprint
from pipeline.reviews import Head
from pipeline.tracking.store import Store


@dataclass(frozen=True)
class SweepPlan:
    """The runs that a sweep is to hold, by fingerprint, and how accuracy by length is cut."""

    fingerprints: list[str]
    architectures: list[str]
    seeds: list[int]
    length_edges: list[int]

    @classmethod
    def of(cls, configs: list[RunConfig]) -> SweepPlan:
        return cls(
            [fingerprint(config) for config in configs],
            [config.architecture.name for config in configs],
            [config.seed for config in configs],
            list(configs[0].data.length_edges),
        )


class RunRecorder:
    """Writes one run. Values that are not finite are left out: they break the page of the run."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.store = store
        self.run_id = run_id

    def metrics(self, values: dict[str, float], step: int = 0) -> None:
        now = int(time.time() * 1000)
        finite = {key: float(value) for key, value in values.items() if math.isfinite(value)}
        batch = [Metric(key, value, now, step) for key, value in finite.items()]
        self.store.client.log_batch(self.run_id, metrics=batch)

    def tags(self, values: dict[str, Any]) -> None:
        tags = [RunTag(key, str(value)) for key, value in values.items()]
        self.store.client.log_batch(self.run_id, tags=tags)

    def text(self, text: str, path: str) -> None:
        self.store.client.log_text(self.run_id, text, path)

    def table(self, table: pd.DataFrame, path: str) -> None:
        """A table as Parquet, at an artifact path that ends in `.parquet`."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / Path(path).name
            table.to_parquet(file, index=False)
            self.file(file, str(Path(path).parent))

    def file(self, file: Path, folder: str = "") -> None:
        self.store.client.log_artifact(self.run_id, str(file), folder.strip(".") or None)

    def data_set(self, name: str, digest: str, counts: dict[str, int], source: str) -> None:
        """The data a run was made of, with the number of reviews in each split."""
        data_set = Dataset(
            name=name,
            digest=digest[:8],
            source_type="external",
            source=json.dumps({"source": source}),
            profile=json.dumps(counts),
        )
        entry = DatasetInput(data_set, [InputTag("mlflow.data.context", "training")])
        self.store.client.log_inputs(self.run_id, datasets=[entry])
        self.tags({"data_fingerprint": digest})

    def heads(self, heads: tuple[Head, ...]) -> None:
        """What is asked of every text, and the possible answers in their order."""
        self.text(json.dumps([asdict(head) for head in heads], indent=1), "heads.json")

    def model(self, model: Any) -> None:
        """The model as a `.keras` file in MLflow's Keras flavour, its requirements given."""
        import numpy as np
        from mlflow.keras import save_model
        from mlflow.models import ModelSignature
        from mlflow.types import Schema, TensorSpec

        inputs = Schema([TensorSpec(np.dtype("int32"), (-1, -1), "token_ids")])
        requirements = [f"{name}=={version(name)}" for name in ("tensorflow", "keras")]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            save_model(
                model, str(path), signature=ModelSignature(inputs), pip_requirements=requirements
            )
            self.store.client.log_artifacts(self.run_id, str(path), "model")

    def end(self, outcome: str, failure: str = "") -> None:
        """`outcome`: finished, diverged, failed or stopped; `failure`: the reason, in a line."""
        self.tags({"outcome": outcome} | ({"failure": failure} if failure else {}))
        status = {"finished": "FINISHED", "stopped": "KILLED"}.get(outcome, "FAILED")
        self.store.client.set_terminated(self.run_id, status)


@contextmanager
def track_run(store: Store, config: RunConfig, parent_run_id: str | None) -> Iterator[RunRecorder]:
    """A run in the store, from its configuration on; it never stays RUNNING when the block ends."""
    recorder = _begin(store, config, parent_run_id)
    try:
        yield recorder
    except KeyboardInterrupt:
        recorder.end("stopped", "stopped by hand")
        raise
    except BaseException as error:
        recorder.end("failed", f"{type(error).__name__}: {' '.join(str(error).split())}"[:500])
        raise
    if store.client.get_run(recorder.run_id).info.status == "RUNNING":
        recorder.end("finished")


def _begin(store: Store, config: RunConfig, parent_run_id: str | None) -> RunRecorder:
    tags = {
        "kind": "run",
        "fingerprint": fingerprint(config),
        "architecture": config.architecture.name,
    }
    if parent_run_id:
        tags["mlflow.parentRunId"] = parent_run_id
    name = f"{config.architecture.name} seed {config.seed}"
    run = store.client.create_run(store.experiment_id, tags=tags | provenance(), run_name=name)
    recorder = RunRecorder(store, run.info.run_id)
    params = [Param(key, str(value)) for key, value in _params(config).items()]
    store.client.log_batch(recorder.run_id, params=params)
    recorder.text(yaml.safe_dump(as_plain(config), sort_keys=False), "config.yaml")
    return recorder


def _params(config: RunConfig) -> dict[str, Any]:
    plain = as_plain(config)
    architecture = plain["architecture"]
    if config.control:  # it has neither units nor epochs
        return {"architecture": architecture["name"], "seed": config.seed, "data": config.data.kind}
    return {
        "architecture": architecture.pop("name"),
        "seed": config.seed,
        "data": config.data.kind,
        **architecture,
        "tokenizer": plain["tokenizer"].pop("kind"),
        **plain["tokenizer"],
        **plain["train"],
    }


@cache
def provenance() -> dict[str, str]:
    """Which code, and which versions of what it stands on; tag -> value."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
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


def open_sweep(store: Store, plan: SweepPlan) -> RunRecorder:
    """The parent run of a sweep, with its plan."""
    tags = {"kind": "sweep"} | provenance()
    name = f"sweep {time.strftime('%Y-%m-%d %H:%M')}"
    run = store.client.create_run(store.experiment_id, tags=tags, run_name=name)
    recorder = RunRecorder(store, run.info.run_id)
    recorder.text(json.dumps(asdict(plan), indent=1), "plan.json")
    return recorder


def ensure_failed(store: Store, config: RunConfig, parent_run_id: str | None, reason: str) -> None:
    """Makes sure that the failure of a job stands in the store.

    Ends what a process that died has left RUNNING; a job that failed before its run began gets one.
    """
    runs = [
        run
        for run in store.runs(f"tags.fingerprint = '{fingerprint(config)}'")
        if run.data.tags.get("mlflow.parentRunId") == parent_run_id
    ]
    left = [RunRecorder(store, run.info.run_id) for run in runs if run.info.status == "RUNNING"]
    for recorder in left if runs else [_begin(store, config, parent_run_id)]:
        recorder.end("failed", reason)
