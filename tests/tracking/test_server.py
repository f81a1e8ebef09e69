"""A server on PostgreSQL with users: many write at once, it goes away, it comes back; nothing is lost.

Skipped where PostgreSQL is not installed (Debian: apt-get install postgresql).
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from factories import ROOT, small_run

from pipeline.errors import TrackingError
from pipeline.tracking import Store, track_run
from pipeline.tracking.load import load_runs

pytest.importorskip("psycopg", reason="psycopg is not installed (pip install '.[server]')")

from tracking_server import PASSWORD, MlflowServer, Postgres, find_postgres

pytestmark = pytest.mark.server

SMALL = (
    "tracking=server data.train_size=200 data.validation_size=100 data.test_size=120 "
    "data.max_distance=10 architecture.units=8 architecture.embedding_dim=8 probe=none"
).split()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    programs = find_postgres()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    # Not in pytest's own folder, which no other user may enter.
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        database = Postgres(programs, Path(folder))
        yield database
        database.stop()


@pytest.fixture(scope="module")
def running(postgres, tmp_path_factory) -> Iterator[MlflowServer]:
    server = MlflowServer(postgres.uri, tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(running, monkeypatch) -> MlflowServer:
    """The server, there, with what a person sets to use it."""
    if running.process is None:
        running.start()
    for name, value in running.client_environment.items():
        monkeypatch.setenv(name, value)
    return running


def _start(root: Path, *arguments: str, program: str = "compare") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"experiments.{program}", *arguments, f"root={root}"]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _read_to(process: subprocess.Popen[str], wanted: str) -> str:
    """What a process says, up to the line that holds `wanted`."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if wanted in line:
            return said
    raise AssertionError(f"it ended without {wanted!r}:\n{said}")


def _epochs(postgres: Postgres, name: str) -> list[tuple[int, int]]:
    """(epoch, how often it stands in the database) of all runs of an experiment."""
    return postgres.rows(
        "SELECT step, count(*) FROM metrics JOIN runs USING (run_uuid) "
        "JOIN experiments ON runs.experiment_id = experiments.experiment_id "
        f"WHERE key = 'val/accuracy' AND experiments.name = '{name}' GROUP BY step ORDER BY step"
    )


def _write(uri: str, folder: Path, seed: int, start) -> None:
    start.wait()
    store = Store(uri, folder, "crowded")
    with track_run(store, small_run(folder, seed=seed), None) as recorder:
        for step in range(200):
            recorder.metrics({"val/accuracy": seed + step / 1000}, step)
        for number in range(3):
            recorder.text(f"{seed} {number}", f"notes/{number}.txt")


def test_four_writers_at_once_lose_and_double_nothing(server, postgres, tmp_path):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(4)
    # Folders of their own, as on machines of their own.
    places = [(server.uri, tmp_path / str(seed), seed, start) for seed in range(4)]
    writers = [context.Process(target=_write, args=place) for place in places]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]

    assert _epochs(postgres, "crowded") == [(step, 4) for step in range(200)]
    store = Store(server.uri, tmp_path, "crowded")
    runs = store.runs()
    assert sorted(run.data.params["seed"] for run in runs) == ["0", "1", "2", "3"]
    for run in runs:
        seed = int(run.data.params["seed"])
        history = store.client.get_metric_history(run.info.run_id, "val/accuracy")
        assert {entry.step: entry.value for entry in history} == {
            step: seed + step / 1000 for step in range(200)
        }
        notes = store.client.download_artifacts(run.info.run_id, "notes", str(tmp_path))
        assert {file.name: file.read_text() for file in Path(notes).iterdir()} == {
            f"{number}.txt": f"{seed} {number}" for number in range(3)
        }
        assert run.info.status == "FINISHED"


def test_a_run_goes_on_without_its_server_and_is_whole_when_it_is_back(server, postgres, tmp_path):
    long = ["name=interrupted", "train.epochs=30", "train.patience=30", "tracking.wait_seconds=600"]
    process = _start(tmp_path, *SMALL, *long)
    said = _read_to(process, "Epoch 3/30")
    server.kill()
    said += _read_to(process, "Epoch 9/30")  # training goes on
    assert list((tmp_path / "outbox").glob("*/*/*/call.json"))
    server.start()
    said += process.communicate()[0]
    assert process.returncode == 0, said
    assert said.count("does not answer") == 1, said
    assert said.count("is back") == 1, said
    assert _epochs(postgres, "interrupted") == [(epoch, 1) for epoch in range(1, 31)]
    assert list((tmp_path / "outbox").glob("*/*")) == []
    tracked = load_runs(Store(server.uri, tmp_path, "interrupted"))
    assert tracked.runs.status.tolist() == ["finished"]
    assert len(tracked.predictions) == 120


def test_what_could_not_be_delivered_is_delivered_by_the_next_launch(server, postgres, tmp_path):
    settings = [*SMALL, "name=abandoned", "train.epochs=6", "train.patience=6"]
    settings += ["tracking.wait_seconds=2"]
    process = _start(tmp_path, *settings)
    said = _read_to(process, "Epoch 2/6")
    server.kill()
    said += process.communicate()[0]
    assert process.returncode == 0, said
    assert "the next launch or report on this server" in said
    waiting = list((tmp_path / "outbox").glob("*/*/*/call.json"))
    assert f"{len(waiting)} writes to the tracking server {server.uri} are pending in" in said

    with pytest.raises(TrackingError, match=f"{server.uri} does not answer"):
        Store(server.uri, tmp_path, "abandoned", wait_seconds=0)
    assert len(list((tmp_path / "outbox").glob("*/*/*/call.json"))) == len(waiting)

    server.start()
    again = _start(tmp_path, *settings)
    said = again.communicate()[0]
    assert again.returncode == 0, said
    assert f"Delivered {len(waiting)} pending writes" in said
    assert "already finished" in said
    assert _epochs(postgres, "abandoned") == [(epoch, 1) for epoch in range(1, 7)]
    assert list((tmp_path / "outbox").glob("*/*")) == []


def test_a_sweep_has_its_report_and_no_secret_is_kept_anywhere(server, tmp_path):
    process = _start(
        tmp_path, "-m", *SMALL, "name=swept", "architecture=lstm,gru", "train.epochs=2"
    )
    said = process.communicate()[0]
    assert process.returncode == 0, said
    assert f"Compare the runs in MLflow: {server.uri}" in said
    page = (tmp_path / "reports" / "swept" / "index.html").read_text()
    assert f"{server.uri}/#/experiments/" in page
    runs = pd.read_csv(tmp_path / "reports" / "swept" / "runs.csv")
    assert runs.status.tolist() == ["finished", "finished"]

    kept = [file for folder in (tmp_path, server.artifacts) for file in folder.rglob("*")]
    files = [file for file in kept if file.is_file()]
    assert {"config.yaml", "job.json", "progress.json", "model.keras"} <= {
        file.name for file in files
    }
    assert [file for file in files if PASSWORD.encode() in file.read_bytes()] == []
    store = Store(server.uri, tmp_path, "swept")
    assert PASSWORD not in said + str([run.to_dictionary() for run in store.runs()])


def test_a_wrong_password_ends_with_one_line_that_names_the_variables(
    server, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong-and-secret")
    process = _start(tmp_path, "name=swept", "tracking=server", program="report")
    said = process.communicate()[0]
    assert process.returncode == 1
    *_, line = said.strip().splitlines()
    assert line.startswith(
        f"Failed: the tracking server {server.uri} does not accept the credentials"
    )
    assert "MLFLOW_TRACKING_PASSWORD" in line
    assert "secret" not in said


def test_an_address_with_a_password_is_refused_before_anything_is_written(
    server, tmp_path, monkeypatch
):
    secret = server.uri.replace("://", "://me:pass/word@")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", secret)
    for arguments in (["architecture=lstm"], ["-m", "architecture=lstm,gru"]):
        process = _start(tmp_path, *arguments, *SMALL)
        said = process.communicate()[0]
        assert process.returncode == 2, said
        assert said.splitlines()[-1].startswith(
            "Configuration: tracking.uri contains a user or a password"
        )
        assert "pass/word" not in said
    assert [file for file in tmp_path.rglob("*") if b"pass/word" in _content(file)] == []


def _content(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b""
