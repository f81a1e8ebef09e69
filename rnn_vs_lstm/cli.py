"""The console scripts: each starts the program of its name under `experiments`.

An installation keeps `pipeline`, `experiments` and the others inside this package, where a plain
`import pipeline` does not find them. A script makes them importable for its own process and for those
that it starts, and for nothing else.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path


def compare() -> None:
    start("compare")


def report() -> None:
    start("report")


def probe() -> None:
    start("probe")


def explain() -> None:
    start("explain")


def generate() -> None:
    start("generate")


def benchmark() -> None:
    start("benchmark")


def ui() -> None:
    start("ui")


def start(program: str) -> None:
    """Run a program of `experiments` in this process."""
    expose(code_folder(Path(__file__).resolve().parent))
    import_module(f"experiments.{program}").main()


def code_folder(package: Path) -> Path:
    """Return the folder that holds `pipeline`: this package where it is installed, else the clone."""
    return package if (package / "pipeline").is_dir() else package.parent


def expose(folder: Path) -> None:
    """Make the packages in a folder importable, ahead of all others, here and in child processes.

    A job of a sweep is started as `python -m pipeline...`, for which Python would look into the working
    directory first, and a person may well have a folder `pipeline` there: PYTHONSAFEPATH forbids it.
    """
    sys.path.insert(0, str(folder))
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *([before] if before else [])])
    os.environ["PYTHONSAFEPATH"] = "1"
