"""The wheel: one package at the top, whose programs write where they are started."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path

import pytest
from factories import ROOT

from pipeline.config.programs import as_started

SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel puts into site-packages."""
    pytest.importorskip("hatchling", reason="hatchling is not installed (pip install '.[dev]')")
    built, folder = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


def test_there_is_a_script_for_every_program():
    programs = {path.stem for path in (ROOT / "experiments").glob("[a-z]*.py")}
    assert {name.removeprefix("rnn-vs-lstm-") for name in SCRIPTS} == programs
    for target in SCRIPTS.values():
        module, function = target.split(":")
        assert callable(getattr(import_module(module), function))


def test_a_wheel_has_one_package_at_the_top(installed):
    top = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert top == {"rnn_vs_lstm"}


def test_an_installed_program_writes_where_it_is_started(installed, tmp_path):
    (tmp_path / "pipeline").mkdir()  # somebody else's, in the way
    (tmp_path / "pipeline" / "__init__.py").write_text("raise ImportError('not this one')")
    code = "from rnn_vs_lstm.cli import compare; compare()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "--cfg", "job"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"root: {tmp_path}" in done.stdout


def _start(installed: Path, folder: Path, program: str, *words: str) -> str:
    """What a console script of the wheel says."""
    code = (
        f"import sys; sys.argv[0] = 'rnn-vs-lstm-{program}'; from rnn_vs_lstm.cli import {program}"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"{code}; {program}()", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("program", [name.removeprefix("rnn-vs-lstm-") for name in SCRIPTS])
def test_an_installed_program_names_the_programs_as_they_are_installed(
    installed, tmp_path, program
):
    said = _start(installed, tmp_path, program, "--help")
    assert f"rnn-vs-lstm-{program}" in said
    assert "experiments." not in said


def _run_installed(installed: Path, folder: Path, code: str) -> str:
    """Run code in a folder as the console scripts of an installed copy do; return what it prints."""
    start = (
        "from pathlib import Path; from rnn_vs_lstm import cli;"
        "cli.expose(cli.code_folder(Path(cli.__file__).parent));"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", start + code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_hints_name_programs_as_they_are_installed(installed, tmp_path):
    said = _run_installed(
        installed,
        tmp_path,
        "from pipeline.config.programs import as_started, describe_install;"
        "print(as_started('make ui'), describe_install('slurm'), describe_install('bench'), sep='\\n')",
    )
    assert said.splitlines() == [
        "rnn-vs-lstm-ui",
        "pip install 'rnn-vs-lstm[slurm]'",
        "pip install 'rnn-vs-lstm[bench]'",
    ]


@pytest.mark.parametrize("script", [False, True])
def test_hints_in_a_clone_name_programs_as_this_one_was_started(monkeypatch, script):
    started = "rnn-vs-lstm-compare" if script else "experiments/compare.py"
    monkeypatch.setattr(sys, "argv", [f"/somewhere/{started}"])
    assert as_started("make ui") == ("rnn-vs-lstm-ui" if script else "make ui")
    typed = "python -m experiments.probe experiment=imdb"
    expected = "rnn-vs-lstm-probe experiment=imdb" if script else typed
    assert as_started(typed) == expected


def test_no_hint_passes_by_the_one_who_knows_how_programs_are_started():
    """Only docstrings of programs, which `run_program` passes on, name them as in a clone."""
    for file in [*ROOT.glob("pipeline/**/*.py"), *ROOT.glob("pipeline/**/*.j2")]:
        for line in file.read_text().splitlines():
            if re.search(r"python -m experiments|make ui|pip install|make bench", line):
                assert "as_started(" in line or file.name == "programs.py", f"{file}: {line}"


def test_child_processes_find_the_same_code(installed, tmp_path):
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").write_text("raise ImportError('not this one')")
    said = _run_installed(
        installed,
        tmp_path,
        "import subprocess, sys;"
        "code = 'import pipeline; print(pipeline.__file__)';"
        "subprocess.run([sys.executable, '-c', code], check=True)",
    )
    assert said.strip() == str(installed / "rnn_vs_lstm" / "pipeline" / "__init__.py")
