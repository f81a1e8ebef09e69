"""Open MLflow's pages on the local tracking store, for this machine only.

python -m experiments.ui --port 5000
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from pipeline.config.programs import as_started
from pipeline.config.schema import ROOT
from pipeline.errors import PipelineError
from pipeline.processes import stopping_output

# Browsers open no page there, as other services have these ports (fetch.spec.whatwg.org/#port-blocking).
_BLOCKED = {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6679, 6697, 10080}
_BLOCKED |= {*range(6665, 6670)}


def _port(text: str) -> int:
    if text.isdecimal() and int(text) in _BLOCKED:
        raise argparse.ArgumentTypeError(f"browsers open no page on port {text}: choose another")
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
    # Python may lose an exception that is raised while modules load, and there is nothing to end yet.
    _on_stop(lambda *_: os._exit(130))
    try:
        with stopping_output():
            print(f"Starting MLflow on {root / 'mlflow.db'}", flush=True)
            from pipeline.tracking.local_server import serve  # a second

            _on_stop(signal.default_int_handler)
            serve(root, options.port, opens=not options.no_browser)
    except KeyboardInterrupt:
        sys.exit(130)
    except (PipelineError, OSError) as error:
        _fail(str(error))


def _on_stop(handler: Callable[[int, FrameType | None], Any]) -> None:
    """Handle Ctrl-C and SIGTERM alike."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _fail(reason: str) -> NoReturn:
    print(f"Failed: {reason}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
