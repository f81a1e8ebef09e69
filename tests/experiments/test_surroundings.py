"""Programs started where something that most have is missing: an output, an input, a folder, a store."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from factories import ROOT
from factories.programs import run_program


def _in_shell(line: str, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs a line of bash, in which $RUN starts a program with the arguments."""
    run = shlex.join([sys.executable, "-m", *arguments])
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = ["bash", "-c", line.replace("$RUN", run)]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("program", ["report", "probe", "explain", "generate"])
def test_a_program_that_only_reads_makes_nothing_where_there_is_no_store(
    tmp_path: Path, program: str
) -> None:
    root = tmp_path / "typo"
    given = {"explain": ["text=a"], "generate": ["prompt=a"]}.get(program, [])
    done = run_program(root, "name=mine", *given, program=program)
    said = f"Failed: there is no store at {root / 'mlflow.db'}: run a comparison first"
    assert (done.returncode, done.stderr.strip()) == (1, said)
    assert not root.exists()


def test_without_an_output_the_error_is_still_said(tmp_path: Path) -> None:
    done = _in_shell("exec 1>&-; $RUN", "experiments.report", "name=x", f"root={tmp_path / 'no'}")
    assert done.returncode == 1
    assert done.stderr.startswith("Failed: there is no store at ")
    assert "Traceback" not in done.stderr


def test_without_an_input_explain_asks_for_a_text(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    done = _in_shell("exec 0<&-; $RUN", "experiments.explain", "name=x", f"root={tmp_path}")
    assert done.returncode == 2
    assert "no text; give text=" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_working_folder_that_is_gone_is_named_where_it_is_needed(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    line = f"rmdir {shlex.quote(str(gone))}; $RUN"
    done = _in_shell(line, "experiments.report", "name=x", "root=here", cwd=gone)
    assert done.returncode == 2
    assert "the folder that this program was started in is gone" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("arguments", [["--help"], ["name=x", "root=/nonexistent"]])
def test_a_full_disk_behind_the_output_is_a_line(arguments: list[str]) -> None:
    done = _in_shell("$RUN > /dev/full", "experiments.report", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("Failed: ")
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_home_of_a_user_that_is_missing_is_no_folder(tmp_path: Path) -> None:
    done = _in_shell("$RUN", "experiments.report", "name=x", "root=~nosuchuser/x", cwd=tmp_path)
    assert done.returncode == 2
    assert "~nosuchuser/x: this machine has no user of that name" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ui_is_stopped_while_it_starts(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "mlflow.db").touch()
    command = [sys.executable, "-m", "experiments.ui", "--root", str(tmp_path), "--no-browser"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*command, "--port", "5947"], cwd=ROOT, stdout=pipe, stderr=pipe, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Starting")
    process.send_signal(number)
    _, said = process.communicate()
    assert (process.returncode, said) == (130, "")
