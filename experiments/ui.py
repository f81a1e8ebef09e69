"""Open MLflow's pages on the local tracking store, for this machine only.

python -m experiments.ui --port 5000
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path
from typing import Any

import requests

from pipeline.config.programs import as_started
from pipeline.config.schema import ROOT

# MLflow's own consumers of jobs judge language models, and nothing here is told to anybody.
_QUIET = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONWARNINGS": "ignore",
}
_PATIENCE = 120  # seconds for the server to answer


def _port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; use 1 to 65535")
    return int(text)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(
        prog=as_started("python -m experiments.ui"),
        description="Open MLflow on the local store: the runs of the newest experiment, ranked.",
    )
    parser.add_argument("--port", type=_port, default=5000, help="1 to 65535; default: 5000")
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder that holds mlflow.db")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    options = parser.parse_args()

    root = options.root.resolve()
    if not (root / "mlflow.db").exists():
        _fail(f"there is no store at {root / 'mlflow.db'}: run a comparison first")
    if not _is_free(options.port):
        _fail(f"port {options.port} is in use: choose another with --port")
    print(f"Starting MLflow on {root / 'mlflow.db'}", flush=True)
    log = root / ".cache" / "mlflow-server.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("w") as output:
        server = _start(root, options.port, output)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        address = _address_of_runs(f"http://127.0.0.1:{options.port}", server, log)
        print(f"MLflow: {address}\n(Ctrl-C ends it)", flush=True)
        if not options.no_browser and _has_browser():
            webbrowser.open(address)
        server.wait()
    except KeyboardInterrupt:
        server.wait()  # it has received the signal too
    finally:
        server.terminate()


def _fail(reason: str) -> None:
    print(f"Failed: {reason}", file=sys.stderr)
    sys.exit(1)


def _start(root: Path, port: int, output: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mlflow", "server"]
    command += ["--backend-store-uri", f"sqlite:///{root / 'mlflow.db'}"]
    command += ["--artifacts-destination", (root / "mlartifacts").as_uri()]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--uvicorn-opts", "--log-level warning"]
    return subprocess.Popen(command, env=os.environ | _QUIET, stdout=output, stderr=output)


def _address_of_runs(base: str, server: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for the server, and return the address of the newest run's experiment."""
    from pipeline.tracking.pages import VIEW_TAG, runs_address, view_of_runs

    started = time.monotonic()
    while not _answers(base):
        if server.poll() is not None or time.monotonic() - started > _PATIENCE:
            server.terminate()
            _fail(f"MLflow did not start: see the last lines of {log}")
        time.sleep(0.2)
    experiments = _ask(base, "experiments/search", max_results=1000)["experiments"]
    ids = [experiment["experiment_id"] for experiment in experiments]
    order = ["attributes.start_time DESC"]
    found = _ask(base, "runs/search", experiment_ids=ids, max_results=1, order_by=order)
    if not found.get("runs"):
        return base
    newest = found["runs"][0]
    experiment_id = newest["info"]["experiment_id"]
    tags = {tag["key"]: tag["value"] for tag in newest["data"].get("tags", [])}
    # An experiment of an earlier version has no view yet.
    view = view_of_runs(tags.get("data", ""))
    _ask(
        base,
        "experiments/set-experiment-tag",
        experiment_id=experiment_id,
        key=VIEW_TAG,
        value=view,
    )
    return runs_address(base, experiment_id)


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


def _has_browser() -> bool:
    """Return whether there is a screen to open a page on."""
    on_screen = sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)
    return bool(on_screen) and sys.stdout.isatty()


if __name__ == "__main__":
    main()
