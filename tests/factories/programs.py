"""Whole programs, as a person starts them: in a process of their own, or quicker, in this one."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from factories import ROOT


def run_program(
    root: Path, *arguments: str, program: str = "compare", **options: Any
) -> subprocess.CompletedProcess[str]:
    """Runs a program of `experiments` on the store in `root` to its end, however it ends."""
    command = [sys.executable, "-m", f"experiments.{program}", *arguments, f"root={root}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)


def call_program(root: Path, *arguments: str, program: str) -> subprocess.CompletedProcess[str]:
    """Does what `run_program` does, but in this process, where TensorFlow's threads are set already."""
    given = [program, *arguments, f"root={root}"]
    said, complaint = StringIO(), StringIO()
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    on_signal = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", list(given))
        patch.setenv("HYDRA_FULL_ERROR", "1")  # so that what the program sets is undone
        patch.delenv("HYDRA_FULL_ERROR")
        try:
            with (
                redirect_stdout(said),
                redirect_stderr(complaint),
                pytest.raises(SystemExit) as end,
            ):
                import_module(f"experiments.{program}").main()
        finally:
            signal.signal(signal.SIGTERM, on_signal)
            for added in set(logger.handlers) - set(handlers):
                added.close()
            logger.handlers[:] = handlers
            logger.setLevel(level)
    assert isinstance(end.value.code, int)
    return subprocess.CompletedProcess(given, end.value.code, said.getvalue(), complaint.getvalue())
