"""Everything MLflow: the store, what a run writes into it, what a comparison reads out of it."""

import os

# MLflow reads these when it is imported. Below ERROR its log speaks of itself.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from pipeline.tracking.load import find_sweep, load_runs
from pipeline.tracking.record import RunRecorder
from pipeline.tracking.runs import SweepPlan, ensure_failed, settle, track_run, track_sweep
from pipeline.tracking.store import Store, TrackingError, is_done

__all__ = [
    "RunRecorder",
    "Store",
    "SweepPlan",
    "TrackingError",
    "ensure_failed",
    "find_sweep",
    "is_done",
    "load_runs",
    "settle",
    "track_run",
    "track_sweep",
]
