"""Write to one run: metrics, tags, texts, tables, files, its data set and its model.

MLflow's compare page groups metrics by prefix: `val/accuracy` is logged each epoch, `best/*` belongs to
the best epoch, `test/*` is computed once.
"""

from __future__ import annotations

import hashlib
import json
import math
import posixpath
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from pipeline.data.splits import Head
from pipeline.tracking.artifacts import DIGESTS_TAG, MODEL, digest_of
from pipeline.tracking.saved_model import save_network
from pipeline.tracking.store import Store
from pipeline.tracking.text_model import TextReading

NOTE_TAG = "mlflow.note.content"
PROBES = "probes"  # the folder of their tables
_INVALID_IN_NAME = re.compile(r"[^\w\-. :/]")
_LONGEST_NAME = 250


def safe_name(name: str) -> str:
    """Return the name of a metric, tag or parameter that MLflow accepts.

    It may hold a column or a label of somebody's table. A digest keeps changed names distinct.
    """
    safe = posixpath.normpath(_INVALID_IN_NAME.sub("_", name))
    if safe == name and len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{safe[: _LONGEST_NAME - 9]}-{digest}"


class RunRecorder:
    """Write to one run. Values that are not finite are dropped: they break MLflow's page of the run.

    A resumed run logs earlier metrics again. known: the (metric, step) pairs that it already has,
    which are not written twice. digests: those of its files that were noted already. With a server only
    `end` waits for delivery; see `Outbox`.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        known: frozenset[tuple[str, int]] = frozenset(),
        digests: Mapping[str, str] | None = None,
    ) -> None:
        self.store = store
        self.run_id = run_id
        self.known = known
        self.has_ended = False
        self._digests = dict(digests or {})

    def metrics(self, values: dict[str, float], step: int = 0) -> None:
        now = int(time.time() * 1000)
        named = {safe_name(key): float(value) for key, value in values.items()}
        new = {key: value for key, value in named.items() if (key, step) not in self.known}
        batch = [
            Metric(key, value, now, step) for key, value in new.items() if math.isfinite(value)
        ]
        self.store.writer.log_batch(self.run_id, metrics=batch)

    def renew(self, values: dict[str, float]) -> None:
        """Write metrics that a later launch may change: those that have, one step after their last."""
        named = {safe_name(key): float(value) for key, value in values.items()}
        latest = self.store.client.get_run(self.run_id).data.metrics
        changed = {key: value for key, value in named.items() if latest.get(key) != value}
        steps = [
            metric.step
            for key in latest.keys() & changed.keys()
            for metric in self.store.client.get_metric_history(self.run_id, key)
        ]
        self.metrics(changed, max(steps, default=-1) + 1)

    def note(self, text: str) -> None:
        """Write the description of the run, in Markdown, which MLflow shows on its page."""
        self.tags({NOTE_TAG: text})

    def params(self, values: dict[str, Any]) -> None:
        params = [Param(safe_name(key), str(value)) for key, value in values.items()]
        self.store.writer.log_batch(self.run_id, params=params)

    def tags(self, values: dict[str, Any]) -> None:
        tags = [RunTag(safe_name(key), str(value)) for key, value in values.items()]
        self.store.writer.log_batch(self.run_id, tags=tags)

    def text(self, text: str, path: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / Path(path).name
            file.write_text(text, encoding="utf-8")
            self._file(file, path)

    def table(self, table: pd.DataFrame, path: str) -> None:
        """Write a table as Parquet to an artifact path that ends in `.parquet`."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / Path(path).name
            table.to_parquet(file, index=False)
            self._file(file, path)

    def _file(self, file: Path, path: str) -> None:
        """Write a file whose digest is noted by the next `note_digests`."""
        self._digests[path] = digest_of(file.read_bytes())
        self.file(file, str(Path(path).parent))

    def file(self, file: Path, folder: str = "") -> None:
        self.store.writer.log_artifact(self.run_id, str(file), folder.strip(".") or None)

    def forget_digests(self, folder: str) -> None:
        """Forget the digests of the files in a folder before they are written again.

        A process that is killed meanwhile then leaves none that are wrong.
        """
        kept = {k: v for k, v in self._digests.items() if not k.startswith(f"{folder}/")}
        if kept != self._digests:
            self._digests = kept
            self.note_digests({})

    def note_digests(self, tags: dict[str, Any]) -> None:
        """Write `tags` together with the digests of all files."""
        noted = {DIGESTS_TAG: json.dumps(self._digests)} if self._digests else {}
        self.tags(tags | noted)

    def data_set(self, name: str, digest: str, counts: dict[str, int], source: str) -> None:
        """Write the data set of a run.

        digest: the fingerprint of the data; counts: the number of examples in each split.
        """
        data_set = Dataset(
            name=name,
            digest=digest[:8],
            source_type="external",
            source=json.dumps({"source": source}),
            profile=json.dumps(counts),
        )
        entry = DatasetInput(data_set, [InputTag("mlflow.data.context", "training")])
        self.store.writer.log_inputs(self.run_id, datasets=[entry])
        self.tags({"data_fingerprint": digest})

    def heads(self, heads: tuple[Head, ...]) -> None:
        """Write the names of the heads and their classes, in the order of the model's outputs."""
        self.text(json.dumps([asdict(head) for head in heads], indent=1), "heads.json")

    def model(self, model: Any, reading: TextReading | None = None) -> None:
        """Write the model; `save_network` says how it can be loaded."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            save_network(model, path, reading)
            for file in filter(Path.is_file, path.rglob("*")):
                name = f"{MODEL}/{file.relative_to(path).as_posix()}"
                self._digests[name] = digest_of(file.read_bytes())
            self.store.writer.log_artifacts(self.run_id, str(path), MODEL)

    def end(self, outcome: str, failure: str = "") -> None:
        """End the run.

        outcome: finished, diverged, failed or stopped; failure: the reason, in one line.
        """
        failed = {"failure": failure} if failure else {}
        self.note_digests({"outcome": outcome} | failed)
        self.has_ended = True
        self.store.writer.set_terminated(self.run_id, status_of(outcome))


def status_of(outcome: str) -> str:
    """Return MLflow's status of a run with an outcome."""
    return {"finished": "FINISHED", "stopped": "KILLED"}.get(outcome, "FAILED")
