"""What --help says of a program: itself and its own settings, at once, from the dataclasses."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys

import pytest
from factories import ROOT

from pipeline.config.help import EVERYTHING, Program, describe_program
from pipeline.config.schema import KINDS, SECTIONS, RunConfig

HYDRA = ["compare", "report", "probe", "explain", "generate"]


def _help(program: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"experiments.{program}", *words],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "80"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _settings(text: str) -> set[str]:
    """The names of the settings that a help lists: without examples, which follow other words."""
    _, _, listed = text.partition("\nSettings:\n")
    return set(re.findall(r"^  ([\w.]+)=", listed, re.MULTILINE))


@pytest.mark.parametrize("program", [*HYDRA, "benchmark"])
def test_help_is_about_the_program_and_loads_nothing_that_takes_seconds(program):
    done = _help(program, "--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0, done.stderr
    assert f"python -m experiments.{program}" in done.stdout
    for module in ("tensorflow", "keras", "mlflow", "pandas", "altair", "sklearn"):
        assert f" {module}\n" not in done.stderr


@pytest.mark.parametrize(
    "words", [["-h"], ["experiment=nonsense", "--help"], ["--help", "seed=0,1"]]
)
def test_help_needs_no_configuration_that_is_right(words):
    done = _help("report", *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Write the report of an experiment again")


def test_a_report_has_the_settings_that_find_its_runs_and_no_other():
    names = _settings(_help("report", "--help").stdout)
    expected = {"experiment", "name", "root", "tracking", "tracking.uri", "tracking.wait_seconds"}
    assert names == expected


def test_probe_and_explain_have_their_own_arguments_beside_settings():
    said = _help("probe", "--help").stdout
    assert re.search(r"^  run=\.\.\. +the id of one run", said, re.MULTILINE)
    assert "probe.distance_reviews" in _settings(said)
    assert not {name for name in _settings(said) if name.startswith(("train", "architecture"))}
    said = _help("explain", "--help").stdout
    assert re.findall(r"^  (\w+)=\.\.\. ", said, re.MULTILINE) == [
        *("text", "file", "run", "architecture", "seed", "page")
    ]
    said = _help("generate", "--help").stdout
    assert re.findall(r"^  (\w+)=\.\.\. ", said, re.MULTILINE) == [
        *("prompt", "file", "run", "architecture", "trained_seed", "page"),
        *("temperature", "top_k", "top_p", "length", "samples", "seed"),
    ]


@pytest.mark.parametrize("program", ["probe", "explain", "generate"])
def test_workers_are_no_setting_of_what_runs_no_sweep(program):
    names = _settings(_help(program, "--help").stdout)
    assert "device.threads" in names
    assert "device.workers" not in names


def test_compare_has_every_setting_that_a_person_may_give():
    names = _settings(_help("compare", "--help").stdout)
    varied = ((name, node) for name, nodes in KINDS.items() for node in nodes.values())
    sections = [*SECTIONS.items(), *varied]
    own = {f"{name}.{one.name}" for name, node in sections for one in dataclasses.fields(node)}
    own |= {entry.name for entry in dataclasses.fields(RunConfig)} | {"experiment"}
    # The groups say their kinds.
    assert own - names == {"data.kind", "task.kind"}
    assert names <= own


def test_every_setting_says_what_it_means():
    kinds = {kind: node for nodes in KINDS.values() for kind, node in nodes.items()}
    nodes = {**SECTIONS, **kinds, "": RunConfig}
    silent = {
        f"{name}.{entry.name}"
        for name, node in nodes.items()
        for entry in dataclasses.fields(node)
        if not entry.metadata.get("about")
    }
    assert silent == {f"{kind}.kind" for kind in kinds}


def test_a_setting_has_its_default_and_what_it_may_be(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    text = " ".join(describe_program(Program("about", EVERYTHING)).split())
    for said in (
        "train.learning_rate=0.001 of the optimizer, Adam; with a `schedule` the highest; a positive "
        "finite number",
        "architecture.cell=lstm the recurrent cell; one of ",
        "architecture.readout=last what is read",
        "or all three; one of last, mean, max, concat",
        "probe.kinds=[context,distance,quiz,retention,gates,slow_units,lesson,language_context,",
        "what is measured; kinds that are not of the task are left out; a list out of context",
        "baseline=false run the baseline instead of a network; true or false",
        "data=clauses what is read: texts, or the adding problem; one of adding, clauses, csv, imdb",
        # Nobody knows the number of cores before a machine is asked, nor a path before it is given.
        "device.workers=... parallel runs",
        "data.path=... table of your texts; an existing file: .csv, .tsv",
    ):
        assert said in text


@pytest.mark.parametrize("columns", ["60", "80", "100"])
def test_settings_fit_the_terminal(columns):
    said = _help("compare", "--help", COLUMNS=columns).stdout
    _, _, listed = said.partition("\nSettings:\n")
    too_long = [line for line in listed.splitlines() if len(line) > int(columns)]
    # A default may be longer than a line, and is never cut.
    assert [line for line in too_long if "=" not in line] == []
    assert _settings(said) == _settings(_help("compare", "--help").stdout)
