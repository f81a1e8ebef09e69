"""A new cell is one file and one YAML: it is trained, probed, explained and reported by the programs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from factories import ROOT, SMALL

FILE = Path(__file__).with_name("min_gru.py")
YAML = """defaults:
  - /schema/architecture@_here_
  - _self_

name: min_gru
cell: min_gru
num_layers: 1
bidirectional: false
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the programs, with the two files of a new cell."""
    for name in ("pipeline", "conf", "experiments", "hydra_plugins"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(FILE, tmp_path / "pipeline" / "cells")
    (tmp_path / "conf" / "architecture" / "min_gru.yaml").write_text(YAML)
    return tmp_path


def _program(project: Path, name: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", f"experiments.{name}", *words],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_new_cell_is_trained_probed_explained_and_reported(project: Path) -> None:
    small = [word for word in SMALL if not word.startswith("probe")]
    weights = "architecture.recurrent_parameters=144"  # 2 U (F + 1) with 8 features: 8 units
    dropped = ["architecture.dropout=0.1", "architecture.weight_drop=0.1"]  # it has no such weights
    small += dropped
    printed = _program(
        project,
        "compare",
        *("-m", "architecture=min_gru,lstm", weights, "probe.kinds=[gates]", *small),
    )
    assert "Report: " in printed
    _program(project, "probe", "probe.kinds=[retention,gates]", *small)
    _program(project, "report", *small)
    folder = project / "reports" / "small"
    page = (folder / "index.html").read_text()
    assert "min_gru" in page
    assert "#7a4fa3" in page  # the colour that its file gives it
    gates = next(folder.glob("**/*constants*.csv")).read_text()
    assert "min_gru" in gates
    words = "The sound was bad, and nobody minded the plot."
    printed = _program(project, "explain", f"text={words}", "architecture=min_gru", "name=small")
    assert "update gate" in printed
    assert "the update gate of a minGRU" in (folder / "explain.html").read_text()
