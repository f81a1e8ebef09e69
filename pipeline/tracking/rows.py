"""Turn a tracked run into a typed row of a frame, and check that a finished one is whole.

MLflow returns parameters and tags as strings; here they become typed columns.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from mlflow.entities import Run

from pipeline.config.schema import BASELINES
from pipeline.config.settings import settings_by_kind
from pipeline.errors import TrackingError
from pipeline.tracking.artifacts import AGAIN, Artifacts, DamagedRun
from pipeline.tracking.record import PROBES
from pipeline.tracking.store import Store

PREDICTIONS = "predictions.parquet"
ACCURACY = "test/accuracy"
_COLUMNS = {"review_id", "label", "predicted", "correct", "length"}
_METRICS = {
    "best/epoch": "best_epoch",
    "best/val_accuracy": "val_accuracy",
    ACCURACY: "test_accuracy",
    "test/loss": "test_loss",
    "test/roc_auc": "test_roc_auc",
    "test/balanced_accuracy": "test_balanced_accuracy",
    "test/macro_f1": "test_macro_f1",
    "budget/epochs": "budget_epochs",
    "budget/patience": "budget_patience",
    "budget/batch_size": "budget_batch_size",
    "model/parameters": "parameters",
    "model/recurrent_parameters": "recurrent_parameters",
    "time/train_seconds": "train_seconds",
    "time/epoch_seconds": "epoch_seconds",
    "time/tokens_per_second": "tokens_per_second",
    "memory/peak_mb": "peak_memory_mb",
    "train/padded_share": "padded_share",
    "data/unknown_share_test": "unknown_share_test",
    "data/unspaced_share": "unspaced_share",
}
_ADDING_METRICS = {
    "adding/solved": "solved",
    "adding/steps_to_solve": "steps_to_solve",
    "adding/steps": "steps",
    "best/val_mse": "best_mse",
    "test/mse": "test_mse",
}
_TAGS = "fingerprint data_fingerprint device git_commit git_dirty versions training_ended".split()
_OUTCOMES = ("finished", "diverged", "failed", "stopped")
_SHOWN = 3  # damaged runs that a message describes


@dataclass(frozen=True)
class Result:
    """Hold the tables of a finished run.

    texts: a row for each test text: predictions or, of a language model, losses. probes: by name.
    samples: what a language model wrote, None if it did not.
    """

    texts: pa.Table
    probes: dict[str, pa.Table]
    samples: pa.Table | None = None


def kind_of(run: Run) -> str:
    """Return what kind of sweep a run belongs to: `classify`, `adding` or `language`."""
    tags = run.data.tags
    return "adding" if tags.get("data") == "adding" else tags.get("task", "classify")


def status_of(run: Run) -> str:
    """Return the outcome of a run, or "running"; one that nobody writes counts as failed."""
    outcome = run.data.tags.get("outcome", "running" if run.info.status == "RUNNING" else "failed")
    return outcome if outcome in (*_OUTCOMES, "running") else "failed"


def row_of(store: Store, run: Run) -> dict[str, Any]:
    """Return the row of a run over texts.

    Raises:
      DamagedRun: a value is not of its type.
    """
    with Artifacts(store, run).reading("parameters, metrics or tags"):
        return _row(run)


def adding_row(store: Store, run: Run) -> dict[str, Any]:
    """Return the row of a run on the adding problem, as `row_of` does."""
    row = row_of(store, run)
    return row | metrics_of(run, _ADDING_METRICS)


def _row(run: Run) -> dict[str, Any]:
    params, metrics, tags = run.data.params, _numbers(run), run.data.tags
    row: dict[str, Any] = {"run_id": run.info.run_id, "status": status_of(run)}
    row["failure"] = tags.get("failure")
    row |= {name: params.get(name) for name in ("architecture", "data")}
    row["seed"] = int(params["seed"]) if "seed" in params else None
    settings = settings_by_kind(tags.get("data"), tags.get("task"))
    row |= {one.column: one.parse(params.get(one.column)) for one in settings}
    row |= metrics_of(run, _METRICS)
    for name, value in metrics.items():
        if name.startswith(f"{ACCURACY}/") and "length_" not in name:
            row[f"test_accuracy_{name.rsplit('/', 1)[1]}"] = value
    row |= {name: tags.get(name) for name in _TAGS}
    for name in ("threads", "concurrent_runs"):
        row[name] = int(tags[name]) if name in tags else None
    row["git_dirty"] = {"true": True, "false": False}.get(tags.get("git_dirty", ""))
    row["started"] = pd.Timestamp(run.info.start_time, unit="ms", tz="UTC")
    return row


def metrics_of(run: Run, names: Mapping[str, str]) -> dict[str, float | None]:
    """Return metrics as columns; names: metric -> column."""
    metrics = _numbers(run)
    return {column: metrics.get(name) for name, column in names.items()}


def _numbers(run: Run) -> dict[str, float]:
    return {name: float(value) for name, value in run.data.metrics.items()}


def missing_row(plan: dict[str, Any], fingerprint: str) -> dict[str, Any]:
    """Return the row of a planned run that never started."""
    index = plan["fingerprints"].index(fingerprint)
    return {
        "run_id": None,
        "status": "missing",
        "failure": "the run never started; see its output above",
        "fingerprint": fingerprint,
        "architecture": plan["architectures"][index],
        "seed": plan["seeds"][index],
        **{name: values[index] for name, values in plan.get("tuned", {}).items()},
        **({"length": plan["lengths"][index]} if plan.get("lengths") else {}),
    }


def read_results(finished: Iterable[Run], read: Callable[[Run], Result]) -> dict[str, Result]:
    """Return the tables of finished runs by run id, each as `read` returns them.

    Raises:
      TrackingError: the result of a run is incomplete, damaged or another's; it names the runs.
    """
    found: dict[str, Result] = {}
    damaged: list[DamagedRun] = []
    for run in finished:
        try:
            found[run.info.run_id] = read(run)
        except DamagedRun as error:
            damaged.append(error)
    if len(damaged) == 1:
        raise damaged[0]
    if damaged:
        shown = "; ".join(f"{one.name}: {one.what}" for one in damaged[:_SHOWN])
        more = f"; and {len(damaged) - _SHOWN} more" if len(damaged) > _SHOWN else ""
        raise TrackingError(f"{len(damaged)} finished runs are damaged: {shown}{more}; {AGAIN}")
    return found


def read_result(store: Store, run: Run) -> Result:
    """Return the tables of a finished run over texts.

    Raises:
      DamagedRun: they are incomplete or damaged, or do not have the accuracy that was tracked.
    """
    artifacts = Artifacts(store, run)
    needs = {"parameter": ("architecture", "seed"), "metric": (ACCURACY,)}
    check_has(run, needs)
    predictions = artifacts.table(PREDICTIONS)
    if predictions is None:
        raise DamagedRun(run, f"its {PREDICTIONS} is missing")
    with artifacts.reading(PREDICTIONS):
        _check_predictions(run, predictions)
    return Result(predictions, artifacts.tables(PROBES))


def check_curves(finished: Sequence[Run], history: pd.DataFrame) -> None:
    """Raise DamagedRun for a finished network without a value for each epoch, which all have."""
    known = set(history.run_id) if len(history) else set()
    for run in finished:
        is_network = run.data.params.get("architecture") not in BASELINES
        if is_network and run.info.run_id not in known:
            raise DamagedRun(run, "its metrics by epoch are missing in the store")


def check_adding(run: Run) -> None:
    """Raise DamagedRun if a finished run on the adding problem lacks its result."""
    needs = {"parameter": ("architecture", "seed"), "metric": ("adding/solved", "adding/steps")}
    check_has(run, needs)


def check_has(run: Run, needs: dict[str, tuple[str, ...]]) -> None:
    held = {"parameter": run.data.params, "metric": run.data.metrics}
    for kind, names in needs.items():
        for name in names:
            if name not in held[kind]:
                raise DamagedRun(run, f"its {kind} {name} is missing in the store")


def _check_predictions(run: Run, table: pa.Table) -> None:
    """Compare the predictions with the tracked accuracy, and with the number of test texts."""
    if lacking := sorted(_COLUMNS - {*table.column_names}):
        raise DamagedRun(run, f"its {PREDICTIONS} lacks the column {lacking[0]}")
    correct = np.asarray(table["correct"], dtype=float)
    tracked = float(run.data.metrics[ACCURACY])
    if not len(correct):
        raise DamagedRun(run, f"its {PREDICTIONS} is empty")
    if not math.isclose(correct.mean(), tracked, abs_tol=1e-6):
        raise DamagedRun(
            run,
            f"its {PREDICTIONS} has an accuracy of {correct.mean():.4f}, but {tracked:.4f} was tracked",
        )
    planned = sizes_of(run).get("test", len(correct))
    if planned != len(correct):
        raise DamagedRun(run, f"its {PREDICTIONS} has {len(correct)} rows for {planned} test texts")


def sizes_of(run: Run) -> dict[str, int]:
    """Return how many texts each split has; nothing if the run does not say."""
    for given in run.inputs.dataset_inputs if run.inputs else ():
        sizes: dict[str, int] = json.loads(given.dataset.profile or "{}")
        return sizes
    return {}


def describe_texts(run: Run) -> str:
    """Return where the texts of a run come from, and the size of each split; nothing if unknown."""
    for given in run.inputs.dataset_inputs if run.inputs else ():
        source = json.loads(given.dataset.source or "{}").get("source", "")
        sizes = [f"{count:,} in {name}" for name, count in sizes_of(run).items()]
        return f"{source}: {', '.join(sizes)}"
    return ""
