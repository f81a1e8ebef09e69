"""MLflow's pages on the tracking store, for this machine only.

python -m experiments.ui --port 5000
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pipeline.config import ROOT


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.ui", description="Opens MLflow on the local store."
    )
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder that holds mlflow.db")
    options = parser.parse_args()

    root = options.root.resolve()
    database, artifacts = root / "mlflow.db", root / "mlartifacts"
    if not database.exists():
        print(f"Failed: no store at {database}: run a comparison first", file=sys.stderr)
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
