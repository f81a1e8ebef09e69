"""Load a finished run for further use: its configuration, vocabulary and trained model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from mlflow.entities import Run
from tokenizers import Tokenizer

from pipeline.config.compose import from_plain
from pipeline.config.schema import RunConfig
from pipeline.data.splits import Head
from pipeline.errors import ConfigError, TrackingError
from pipeline.tracking.artifacts import MODEL, Artifacts, DamagedRun
from pipeline.tracking.store import Store


@dataclass(frozen=True)
class TrainedRun:
    """Hold a finished run, whose artifacts are loaded on demand.

    tags: MLflow's tags, such as `data_fingerprint`.

    What loads an artifact raises `DamagedRun` where it cannot be read.
    """

    store: Store
    run_id: str
    name: str
    config: RunConfig
    tags: dict[str, str]
    artifacts: Artifacts

    def tokenizer(self) -> Tokenizer:
        content = self.artifacts.needed("tokenizer.json")
        with self.artifacts.reading("tokenizer.json"):
            tokenizer = Tokenizer.from_buffer(content)
        tokenizer.encode_special_tokens = (
            True  # which no file says: "[PAD]" in a text is no padding
        )
        return tokenizer

    def model(self) -> Any:
        """Return the trained `keras.Model`.

        Call `pipeline.models.architectures.layer_class` first: it registers the custom layers.
        """
        from mlflow.keras import load_model

        return load_model(self._fetch(MODEL))

    def heads(self) -> tuple[Head, ...] | None:
        """Return the heads of its network, or None for an old run that did not record them."""
        text = self.artifacts.text("heads.json")
        if text is None:
            return None
        with self.artifacts.reading("heads.json"):
            heads = tuple(Head(one["name"], tuple(one["classes"])) for one in json.loads(text))
            if not heads or not all(head.classes for head in heads):
                raise ValueError("it names no classes")
            return heads

    def _fetch(self, name: str) -> str:
        path = self.store.fetch(self.artifacts.run, name)
        if path is None:
            raise DamagedRun(self.artifacts.run, f"its {name} is missing")
        return str(path)


def finished_runs(
    store: Store, run_id: str | None = None
) -> tuple[list[TrainedRun], list[DamagedRun]]:
    """Return the finished runs of an experiment, oldest first, or only the run `run_id`.

    Of several runs with one fingerprint the newest counts. Runs whose configuration cannot be read are
    returned as errors.

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
    loaded: list[TrainedRun] = []
    damaged: list[DamagedRun] = []
    for run in chosen:
        try:
            loaded.append(_load(store, run))
        except DamagedRun as error:
            damaged.append(error)
    return loaded, damaged


def find_runs(store: Store, id_prefixes: Sequence[str]) -> list[TrainedRun]:
    """Return finished runs of any experiment by their ids or unique prefixes of them.

    Raises:
      TrackingError: a prefix matches no finished run, or several, or the run cannot be read.
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
    artifacts = Artifacts(store, run)
    config = load_config(artifacts)
    name, tags = run.info.run_name or run.info.run_id, dict(run.data.tags)
    return TrainedRun(store, run.info.run_id, name, config, tags, artifacts)


def load_config(artifacts: Artifacts) -> RunConfig:
    """Return the configuration of a run.

    Raises:
      DamagedRun: it is missing, or cannot be read.
    """
    content = artifacts.needed("config.yaml")
    with artifacts.reading("config.yaml"):
        try:
            return from_plain(yaml.safe_load(content), check_files=False)
        except ConfigError as error:  # names a key, but not the run
            raise ValueError(str(error)) from error
