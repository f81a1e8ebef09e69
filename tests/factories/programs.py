"""Whole programs, started as a person starts them."""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from factories import ROOT
from pipeline.config.machine import make_folders
from pipeline.config.schema import RunConfig


def run_program(
    root: Path, *arguments: str, program: str = "compare", **options: Any
) -> subprocess.CompletedProcess[str]:
    """Runs a program of `experiments` on the store in `root` to its end, however it ends."""
    command = [sys.executable, "-m", f"experiments.{program}", *arguments, f"root={root}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)


class Ended(NamedTuple):
    """How a program ended in this process, and what it printed."""

    status: int
    stdout: str
    stderr: str


class Launch(NamedTuple):
    """How a launch in this process went until its work would have begun.

    status: None if it would have begun, with `config`; error: what was printed as an error.
    """

    status: int | None
    error: str
    config: RunConfig | None


def launch(
    words: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    program: str = "compare",
) -> Launch:
    """Starts a program of Hydra's in this process, and stops it where it would make its folders.

    Folders are made only where that fails: below /proc.
    """
    begun: list[RunConfig] = []

    def stop(config: RunConfig, key: str, folder: Path) -> None:
        if folder.is_relative_to("/proc"):
            make_folders(config, key, folder)
        begun.append(config)
        sys.exit(0)

    monkeypatch.setattr("pipeline.sweeps.callback.make_folders", stop)
    ended = run_here(words, monkeypatch, capsys, program)
    return (
        Launch(None, ended.stderr, begun[0]) if begun else Launch(ended.status, ended.stderr, None)
    )


def run_here(
    words: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    program: str,
) -> Ended:
    """Runs a program of Hydra's in this process to its end.

    A process of its own would take seconds to import what this one has. Only for what ends before it
    computes anything.
    """
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.delenv("HYDRA_FULL_ERROR")  # which the program sets: this takes it back in the end
    # Hydra would close all log handlers, and absl's then closes what it writes to: pytest's output.
    for module in ("hydra._internal.hydra", "hydra.core.utils"):
        monkeypatch.setattr(f"{module}.configure_log", lambda *args: None)
    monkeypatch.setattr("sys.argv", [program, *words])
    handler = signal.getsignal(signal.SIGTERM)
    capsys.readouterr()
    try:
        with pytest.raises(SystemExit) as ended:
            importlib.import_module(f"experiments.{program}").main()
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert isinstance(ended.value.code, int)
    said = capsys.readouterr()
    return Ended(ended.value.code, said.out, said.err)
