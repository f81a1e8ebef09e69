"""Load a finished run for further use: its configuration, vocabulary and trained model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from tokenizers import Tokenizer

from pipeline.config.compose import from_plain
from pipeline.config.schema import RunConfig
from pipeline.data.reviews import Head
from pipeline.errors import ConfigError, TrackingError
from pipeline.tracking.store import Store


@dataclass(frozen=True)
class TrainedRun:
    """Hold a finished run, whose artifacts are loaded on demand.

    tags: MLflow's tags, such as `data_fingerprint`; val_accuracy: of the best epoch, None if unknown.
    """

    store: Store
    run_id: str
    name: str
    config: RunConfig
    tags: dict[str, str]
    val_accuracy: float | None = None

    def tokenizer(self) -> Tokenizer:
        return Tokenizer.from_str(self._text("tokenizer.json"))

    def model(self) -> Any:
        """Return the trained `keras.Model`.

        Call `pipeline.models.architectures.layer_class` first: it registers the custom layers.
        """
        from mlflow.keras import load_model

        return load_model(self._fetch("model"))

    def heads(self) -> tuple[Head, ...] | None:
        """Return the heads of its network, or None for an old run that did not record them."""
        names = {entry.path for entry in self.store.client.list_artifacts(self.run_id)}
        if "heads.json" not in names:
            return None
        plain = json.loads(self._text("heads.json"))
        return tuple(Head(one["name"], tuple(one["classes"])) for one in plain)

    def _fetch(self, name: str) -> str:
        return _fetch(self.store, self.run_id, name)

    def _text(self, name: str) -> str:
        return Path(self._fetch(name)).read_text(encoding="utf-8")


def _fetch(store: Store, run_id: str, name: str) -> str:
    """Return the local path of an artifact.

    Raises:
      TrackingError: the run has no such artifact, or it cannot be read.
    """
    try:
        return store.client.download_artifacts(run_id, name)
    except (MlflowException, OSError) as error:
        reason = " ".join(str(error).split())[:160]
        raise TrackingError(
            f"run {run_id}: its artifact {name} cannot be read: {reason}"
        ) from error


def finished_runs(store: Store, run_id: str | None = None) -> list[TrainedRun]:
    """Return the finished runs of an experiment, oldest first, or only the run `run_id`.

    Of several runs with one fingerprint the newest counts.

    Raises:
      TrackingError: there is no such run.
    """
    runs = store.runs("tags.kind = 'run' and tags.outcome = 'finished'")
    newest = {run.data.tags.get("fingerprint", run.info.run_id): run for run in reversed(runs)}
    chosen = [run for run in runs if run.info.run_id == run_id] if run_id else [*newest.values()]
    if not chosen:
        which = f"no finished run {run_id}" if run_id else "no finished run"
        raise TrackingError(
            f"{which} is tracked under {store.name!r} in {store.shown_uri}: train one with "
            f"name={store.name} first"
        )
    return [_load(store, run) for run in chosen]


def find_runs(store: Store, id_prefixes: Sequence[str]) -> list[TrainedRun]:
    """Return finished runs of any experiment by their ids or unique prefixes of them.

    Raises:
      TrackingError: a prefix matches no finished run, or several.
    """
    experiments = store.client.search_experiments()
    ids = [experiment.experiment_id for experiment in experiments]
    condition = "tags.kind = 'run' and tags.outcome = 'finished'"
    runs = [
        run for one in ids for run in store.client.search_runs([one], condition, max_results=50_000)
    ]
    chosen = []
    for prefix in id_prefixes:
        found = [run for run in runs if run.info.run_id.startswith(prefix)]
        if len(found) != 1:
            what = "no finished run has" if not found else f"{len(found)} finished runs have"
            raise TrackingError(
                f"{what} an id that starts with {prefix!r} in {store.shown_uri}: give an id as shown in "
                "the report or MLflow, or architecture=... and experiment=..."
            )
        chosen.append(_load(store, found[0]))
    return chosen


def _load(store: Store, run: Run) -> TrainedRun:
    text = Path(_fetch(store, run.info.run_id, "config.yaml")).read_text(encoding="utf-8")
    try:
        config = from_plain(yaml.safe_load(text))
    except (ConfigError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:160]
        raise TrackingError(
            f"the configuration of run {run.info.run_id} cannot be read: {reason}"
        ) from error
    name, accuracy = run.info.run_name or run.info.run_id, run.data.metrics.get("best/val_accuracy")
    return TrainedRun(store, run.info.run_id, name, config, dict(run.data.tags), accuracy)
