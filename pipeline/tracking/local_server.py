"""Serve MLflow's pages on the local store, and find the address that opens at the runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import webbrowser
from pathlib import Path
from typing import Any

import requests

from pipeline.errors import Failure
from pipeline.processes import start_guarded
from pipeline.tracking.database import address_of, open_database
from pipeline.tracking.local_client import store_errors
from pipeline.tracking.pages import VIEW_TAG, runs_address, view_of_runs
from pipeline.tracking.places import DATABASE, base_address

# MLflow's own consumers of jobs judge language models, and nothing here is told to anybody.
_QUIET = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONWARNINGS": "ignore",
}
_PATIENCE = 120  # seconds for the server to answer


def serve(root: Path, port: int, *, opens: bool) -> None:
    """Serve MLflow's pages until they end, or until this program is stopped.

    opens: whether to open them where there is a screen.

    Raises:
      Failure: the server ended, or does not answer.
      TrackingError: the store cannot be used.
    """
    server = start_server(root, port)
    try:
        address = wait_for_runs(f"http://127.0.0.1:{port}", server, root)
        print(f"MLflow: {address}\n(Ctrl-C ends it)", flush=True)
        if opens and _has_browser():
            webbrowser.open(address)
        if server.wait() > 0:
            raise Failure(f"MLflow ended: see the last lines of {log_of(root)}")
    finally:
        server.terminate()
        server.wait()


def _has_browser() -> bool:
    """Return whether there is a screen to open a page on."""
    on_screen = sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)
    return bool(on_screen) and sys.stdout.isatty()


def start_server(root: Path, port: int) -> subprocess.Popen[bytes]:
    """Start MLflow's server on the store in `root`, on this machine only; its log is `log_of(root)`.

    It ends with this process.

    Raises:
      TrackingError: this MLflow cannot read the store.
      OSError: the log cannot be written.
    """
    with store_errors(root / DATABASE):
        open_database(root, create=False)
    command = [sys.executable, "-m", "mlflow", "server"]
    command += ["--backend-store-uri", address_of(root / DATABASE)]
    command += ["--artifacts-destination", base_address(root)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--uvicorn-opts", "--log-level warning"]
    log_of(root).parent.mkdir(exist_ok=True)
    with log_of(root).open("w") as log:
        return start_guarded(command, os.environ | _QUIET, log)


def log_of(root: Path) -> Path:
    return root / ".cache" / "mlflow-server.log"


def wait_for_runs(base: str, server: subprocess.Popen[bytes], root: Path) -> str:
    """Wait until the server at `base` answers, and return the address of the newest run's experiment.

    That of its front page where the store cannot be asked, or has no runs.

    Raises:
      Failure: the server ended, or does not answer.
    """
    started = time.monotonic()
    while not _answers(base):
        if server.poll() is not None or time.monotonic() - started > _PATIENCE:
            server.terminate()
            raise Failure(f"MLflow did not start: see the last lines of {log_of(root)}")
        time.sleep(0.2)
    try:
        experiment_id = _show_newest(base)
    except requests.RequestException:
        return base
    return runs_address(base, experiment_id) if experiment_id else base


def _show_newest(base: str) -> str | None:
    """Write the view of the experiment with the newest run, and return its id; None without runs."""
    experiments = _ask(base, "experiments/search", max_results=1000)["experiments"]
    ids = [experiment["experiment_id"] for experiment in experiments]
    order = ["attributes.start_time DESC"]
    found = _ask(base, "runs/search", experiment_ids=ids, max_results=1, order_by=order)
    if not found.get("runs"):
        return None
    newest = found["runs"][0]
    experiment_id: str = newest["info"]["experiment_id"]
    tags = {tag["key"]: tag["value"] for tag in newest["data"].get("tags", [])}
    # An experiment of an earlier version has no view yet.
    view = view_of_runs(tags.get("data", ""), tags.get("task", ""))
    _ask(
        base,
        "experiments/set-experiment-tag",
        experiment_id=experiment_id,
        key=VIEW_TAG,
        value=view,
    )
    return experiment_id


def _answers(base: str) -> bool:
    try:
        return requests.get(f"{base}/health", timeout=10).ok
    except requests.RequestException:
        return False


def _ask(base: str, what: str, **asked: Any) -> dict[str, Any]:
    answer = requests.post(f"{base}/api/2.0/mlflow/{what}", json=asked, timeout=60)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
