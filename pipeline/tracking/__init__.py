"""Everything that uses MLflow: the store, writing runs to it, and loading runs from it.

`pipeline.tracking.load` is not imported here: it needs the analysis code, which a run does not.
"""

import os

# MLflow reads these when it is imported. Below ERROR it only logs about itself.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# Retries and timeouts are handled in `server`.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")

from pipeline.tracking.artifacts import DamagedRun
from pipeline.tracking.damage import find_damage
from pipeline.tracking.record import RunRecorder
from pipeline.tracking.runs import (
    SweepPlan,
    end_abandoned_runs,
    ensure_failed,
    track_run,
    track_sweep,
    write_plan,
)
from pipeline.tracking.store import Store, is_done
from pipeline.tracking.text_model import TextReading
from pipeline.tracking.trained import TrainedRun, find_runs, finished_runs

__all__ = [
    "DamagedRun",
    "RunRecorder",
    "Store",
    "SweepPlan",
    "TextReading",
    "TrainedRun",
    "end_abandoned_runs",
    "ensure_failed",
    "find_damage",
    "find_runs",
    "finished_runs",
    "is_done",
    "track_run",
    "track_sweep",
    "write_plan",
]
