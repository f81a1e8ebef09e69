"""Whole programs, started as a person starts them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from factories import ROOT


def run_program(
    root: Path, *arguments: str, program: str = "compare", **options: Any
) -> subprocess.CompletedProcess[str]:
    """Runs a program of `experiments` on the store in `root` to its end, however it ends."""
    command = [sys.executable, "-m", f"experiments.{program}", *arguments, f"root={root}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)
