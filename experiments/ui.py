"""Open MLflow's pages on the local tracking store, for this machine only.

python -m experiments.ui --port 5000
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

from pipeline.config.programs import as_started
from pipeline.config.schema import ROOT


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
        prog=as_started("python -m experiments.ui"), description="Open MLflow on the local store."
    )
    parser.add_argument("--port", type=_port, default=5000)
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder that holds mlflow.db")
    options = parser.parse_args()

    root = options.root.resolve()
    database, artifacts = root / "mlflow.db", root / "mlartifacts"
    if not database.exists():
        print(f"Failed: there is no store at {database}: run a comparison first", file=sys.stderr)
        sys.exit(1)
    if not _is_free(options.port):
        print(f"Failed: port {options.port} is in use: choose another with --port", file=sys.stderr)
        sys.exit(1)
    print(f"MLflow: http://127.0.0.1:{options.port}  (Ctrl-C ends it)", flush=True)
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        f"sqlite:///{database}",
    ]
    command += ["--artifacts-destination", artifacts.as_uri(), "--host", "127.0.0.1"]
    command += ["--port", str(options.port), "--workers", "1"]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main()
