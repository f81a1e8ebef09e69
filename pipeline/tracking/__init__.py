"""Everything MLflow: the store, what a run writes into it, what a comparison reads out of it."""

import os

# MLflow reads these when it is imported. Below ERROR its log speaks of itself.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from pipeline.tracking.load import load_runs
from pipeline.tracking.record import RunRecorder, SweepPlan, ensure_failed, open_sweep, track_run
from pipeline.tracking.store import Store, TrackingError
from pipeline.tracking.trained import TrainedRun, find_runs, finished_runs

__all__ = [
    "RunRecorder",
    "Store",
    "SweepPlan",
    "TrackingError",
    "TrainedRun",
    "ensure_failed",
    "find_runs",
    "finished_runs",
    "load_runs",
    "open_sweep",
    "track_run",
]
