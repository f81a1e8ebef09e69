"""Everything MLflow: the store, what a run writes into it, what a comparison reads out of it.

The last is `pipeline.tracking.load`, which stands apart: it needs the statistics, and a run does not.
"""

import os

# MLflow reads these when it is imported. Below ERROR its log speaks of itself.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# Who waits for a server, and how long, is decided in `server`.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")

from pipeline.tracking.record import RunRecorder
from pipeline.tracking.runs import SweepPlan, ensure_failed, settle, track_run, track_sweep
from pipeline.tracking.store import Store, is_done
from pipeline.tracking.trained import TrainedRun, find_runs, finished_runs

__all__ = [
    "RunRecorder",
    "Store",
    "SweepPlan",
    "TrainedRun",
    "ensure_failed",
    "find_runs",
    "finished_runs",
    "is_done",
    "settle",
    "track_run",
    "track_sweep",
]
