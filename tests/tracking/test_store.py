"""The store: wherever its folder stands, opened over versions, by many at once, never begun anew."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from factories import small_run
from factories.store import finish
from mlflow import MlflowClient

from pipeline.config.fingerprint import fingerprint
from pipeline.errors import TrackingError
from pipeline.tracking import RunRecorder, Store, track_run
from pipeline.tracking.load import load_runs
from pipeline.tracking.places import folder_of

ODD_NAMES = [
    "a?b",
    "50% off",
    "a%20b",
    "x#y z",
    "é 漢字",
    "[b]",
    "q'u\"ote",
    "a&b=c;d",
    "-n",
    "a\nb",
]


def _change(root: Path, *statements: str) -> None:
    with sqlite3.connect(root / "mlflow.db") as connection:
        for statement in statements:
            connection.execute(statement)


def _addresses(root: Path) -> set[str]:
    with sqlite3.connect(root / "mlflow.db") as connection:
        query = (
            "SELECT artifact_uri FROM runs UNION "
            "SELECT artifact_location FROM experiments WHERE experiment_id != 0"
        )
        return {address for (address,) in connection.execute(query)}


def _files(root: Path) -> set[str]:
    return {path.name for path in root.rglob("*") if path.is_file()} - {"mlflow.lock"}


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_root_may_be_called_anything(empty_store, tmp_path, name):
    (tmp_path / name).mkdir()
    shutil.copy(empty_store, tmp_path / name)
    store = Store(None, tmp_path / name, "small")
    run_id = finish(store, small_run(tmp_path / name), 0.5)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert {path.name for path in (tmp_path / name).iterdir()} == {
        *(".cache", "mlartifacts", "mlflow.db")
    }
    assert load_runs(store).runs.run_id.tolist() == [run_id]
    # Whoever uses MLflow without this project finds the same.
    plain = MlflowClient(tracking_uri=store.client.tracking_uri)
    assert "seed: 0" in Path(plain.download_artifacts(run_id, "config.yaml")).read_text()


def test_a_new_store_under_an_odd_name_makes_no_folder_beside_it(tmp_path):
    root = tmp_path / "100%?"
    assert Store(None, root, "small").runs() == []
    assert [path.name for path in tmp_path.iterdir()] == ["100%?"]


def test_a_path_that_no_address_can_have_is_refused_in_a_line(tmp_path):
    root = tmp_path / os.fsdecode(b"latin-\xe9")
    with pytest.raises(TrackingError, match=r"character.*rename the folder"):
        Store(None, root, "small")


@pytest.mark.parametrize("way", ["moved", "copied", "linked", "copied beside an altered original"])
def test_a_folder_works_wherever_it_stands(store, tmp_path_factory, way):
    config = small_run(store.root)
    first = finish(store, config, 0.5)
    new = tmp_path_factory.mktemp("elsewhere") / "new root"
    if way == "moved":
        store.root.rename(new)
    elif way == "linked":
        new.symlink_to(store.root)
    else:
        shutil.copytree(store.root, new)
    if way == "copied beside an altered original":
        shutil.rmtree(store.root / "mlartifacts")
    before = _files(store.root) if store.root.exists() else set()
    again = Store(None, new, "small")
    assert load_runs(again).runs.run_id.tolist() == [first]
    second = finish(again, small_run(new, seed=1), 0.75)
    assert (new / "mlartifacts" / "small" / second / "artifacts" / "config.yaml").exists()
    if way != "linked":
        assert (_files(store.root) if store.root.exists() else set()) == before
    base = (new.resolve() / "mlartifacts" / "small").as_uri()
    assert all(address.startswith(base) for address in _addresses(new))
    plain = MlflowClient(tracking_uri=again.client.tracking_uri)
    for run in (first, second):
        assert Path(plain.download_artifacts(run, "config.yaml")).exists()


def test_two_processes_that_see_one_folder_at_two_paths_both_write_into_it(store, tmp_path_factory):
    """As a container and its host do. What the database says is that of whoever opened it last."""
    mounted = tmp_path_factory.mktemp("mounted")
    with track_run(store, small_run(store.root), None) as recorder:
        _change(
            store.root,
            f"UPDATE experiments SET artifact_location = 'file://{mounted}/mlartifacts/x'",
        )
        _change(store.root, f"UPDATE runs SET artifact_uri = 'file://{mounted}/mlartifacts/small/'"
                            " || run_uuid || '/artifacts'")  # fmt: skip
        recorder.text("here", "note.txt")
        own = RunRecorder(Store(None, store.root, "small"), recorder.run_id)
        own.text("there", "other.txt")
    written = store.root / "mlartifacts" / "small" / recorder.run_id / "artifacts"
    assert {"note.txt", "other.txt"} <= {path.name for path in written.iterdir()}
    assert list(mounted.iterdir()) == []


def test_an_experiment_that_somebody_put_elsewhere_stays_there(store, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("big disk")
    _change(store.root, f"UPDATE experiments SET artifact_location = '{elsewhere.as_uri()}'")
    again = Store(None, store.root, "small")
    run_id = finish(again, small_run(store.root), 0.5)
    assert (elsewhere / run_id / "artifacts" / "config.yaml").exists()
    assert load_runs(again).runs.run_id.tolist() == [run_id]


@pytest.mark.parametrize(
    ("address", "folder"),
    [
        ("file:///old/mlartifacts/small/1a/artifacts", "R/mlartifacts/small/1a/artifacts"),
        ("/old/mlartifacts/small/1a/artifacts", "R/mlartifacts/small/1a/artifacts"),
        ("file:///C:/Users/o/mlartifacts/small/1a/artifacts", "R/mlartifacts/small/1a/artifacts"),
        ("C:\\Users\\o\\mlartifacts\\small\\1a\\artifacts", "R/mlartifacts/small/1a/artifacts"),
        ("file:///a%3Fb/mlartifacts/small", "R/mlartifacts/small"),
        (
            "file:///mlartifacts/r/mlartifacts/small/1a/artifacts",
            "R/mlartifacts/small/1a/artifacts",
        ),
        (
            "file:///r/mlartifacts/mlartifacts/1a/artifacts",
            "R/mlartifacts/mlartifacts/1a/artifacts",
        ),
        ("mlflow-artifacts:/7/1a/artifacts", "R/mlartifacts/7/1a/artifacts"),
        ("file:///big/disk/small/1a/artifacts", "/big/disk/small/1a/artifacts"),
        ("s3://bucket/mlartifacts/small/1a/artifacts", None),
    ],
)
def test_of_an_address_only_what_lies_below_the_root_counts(address, folder):
    found = folder_of(address, Path("R"))
    assert (found and found.as_posix()) == folder


def test_a_leftover_mlruns_folder_and_an_active_run_elsewhere_change_nothing(
    store, tmp_path, monkeypatch
):
    (tmp_path / "mlruns" / "0").mkdir(parents=True)
    (tmp_path / "mlruns" / "0" / "meta.yaml").write_text("artifact_location: elsewhere")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    run_id = finish(store, small_run(tmp_path), 0.5)
    assert run_id != "0" * 32
    assert Store(None, tmp_path, "small").runs()[0].info.run_id == run_id


def test_a_deleted_experiment_says_what_to_do(store, tmp_path):
    store.client.delete_experiment(store.experiment_id)
    for create in (True, False):
        with pytest.raises(TrackingError, match=r"deleted in MLflow.*name="):
            _ = Store(None, tmp_path, "small", create=create).experiment_id


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path):
    with pytest.raises(TrackingError) as error:
        Store("http://somebody:secret@127.0.0.1:9", tmp_path, "small", wait_seconds=0)
    assert "http://127.0.0.1:9 does not answer" in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("database is locked", "cannot be used at the moment: database is locked; try again"),
        ("database or disk is full", "disk is full; free some space"),
        ("attempt to write a readonly database", "make it and its folder writable"),
    ],
)
@pytest.mark.parametrize("create", [True, False])
def test_a_store_that_only_cannot_be_used_now_is_left_as_it_is(
    store, tmp_path, monkeypatch, reason, said, create
):
    def fail(*_, **__):
        raise sqlite3.OperationalError(reason)

    monkeypatch.setattr(sqlite3, "connect", fail)
    with pytest.raises(TrackingError, match=said):
        Store(None, tmp_path, "small", create=create)
    assert list(tmp_path.glob("mlflow.db*")) == [tmp_path / "mlflow.db"]


def test_what_the_disk_does_not_take_is_said_in_a_line(store, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    run_id = finish(store, small_run(tmp_path), 0.5)
    monkeypatch.setattr("shutil.copyfileobj", fail)
    with pytest.raises(TrackingError, match=r"No space left on device; free some space"):
        RunRecorder(store, run_id).text("long", "new.txt")
    assert not [name for name in _files(tmp_path) if name.startswith((".mlflow", "new.txt"))]


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize(
    "left", [b"not a database at all", b"SQLite format 3\0" + bytes(200), "cut", "foreign"]
)
def test_a_file_that_cannot_be_read_is_refused_and_left(empty_store, tmp_path, left, create):
    database = tmp_path / "mlflow.db"
    if left == "cut":
        content = empty_store.read_bytes()
        database.write_bytes(content[: len(content) // 3])
    elif left == "foreign":
        _change(tmp_path, "CREATE TABLE mine (a)")
    else:
        database.write_bytes(left)
    before = database.read_bytes()
    with pytest.raises(TrackingError, match=r"cannot be read: .*backup.*mv .*damaged$"):
        Store(None, tmp_path, "small", create=create)
    assert database.read_bytes() == before
    assert list(tmp_path.glob("mlflow.db*")) == [database]


@pytest.mark.parametrize("create", [True, False])
def test_a_store_of_a_newer_mlflow_is_refused_and_left(store, tmp_path, create):
    with track_run(store, small_run(tmp_path), None) as recorder:
        recorder.tags({"versions": "python 3.13.1, keras 4.0, mlflow 9.8.7"})
    _change(tmp_path, "UPDATE alembic_version SET version_num = 'from_the_future'")
    before = (tmp_path / "mlflow.db").read_bytes()
    with pytest.raises(TrackingError, match=r"newer MLflow \(9\.8\.7\).*upgrade MLflow"):
        Store(None, tmp_path, "small", create=create)
    assert (tmp_path / "mlflow.db").read_bytes() == before
    assert list(tmp_path.glob("mlflow.db*")) == [tmp_path / "mlflow.db"]


def test_a_store_that_cannot_be_upgraded_is_as_it_was(store, tmp_path, monkeypatch):
    from mlflow.store.db import utils

    def fail(engine):
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE tags")
        raise RuntimeError("half way")

    finish(store, small_run(tmp_path), 0.5)
    _change(tmp_path, "UPDATE alembic_version SET version_num = '451aebb31d03'")  # of MLflow 1
    before = (tmp_path / "mlflow.db").read_bytes()
    monkeypatch.setattr(utils, "_upgrade_db", fail)
    with pytest.raises(TrackingError, match=r"older MLflow and cannot be upgraded \(half way\)"):
        Store(None, tmp_path, "small")
    assert (tmp_path / "mlflow.db").read_bytes() == before
    assert list(tmp_path.glob("mlflow.db*")) == [tmp_path / "mlflow.db"]


def test_a_process_that_dies_while_it_creates_the_store_leaves_none(tmp_path, monkeypatch):
    from mlflow.store.tracking import sqlalchemy_store

    def die(address, artifacts):
        (tmp_path / "mlflow.db.1.tmp-journal").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sqlalchemy_store, "SqlAlchemyStore", die)
        with pytest.raises(KeyboardInterrupt):
            Store(None, tmp_path, "small")
    (tmp_path / "mlflow.db").touch()  # as earlier versions left it
    assert Store(None, tmp_path, "small").runs() == []
    assert list(tmp_path.glob("mlflow.db*")) == [tmp_path / "mlflow.db"]


def test_who_only_reads_creates_nothing(tmp_path):
    with pytest.raises(TrackingError, match="no runs are tracked under 'small'"):
        Store.to_read(small_run(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_who_only_reads_makes_no_experiment(store, tmp_path):
    typo = Store.to_read(small_run(tmp_path, name="typo"))
    with pytest.raises(TrackingError, match=r"no runs are tracked under 'typo'.*name=typo"):
        load_runs(typo)
    assert store.client.get_experiment_by_name("typo") is None


def test_a_store_in_a_folder_that_cannot_be_written_is_read(store, tmp_path, monkeypatch):
    run_id = finish(store, small_run(tmp_path), 0.5)
    shutil.rmtree(tmp_path / ".cache")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    found = Store.to_read(small_run(tmp_path))
    assert load_runs(found).runs.run_id.tolist() == [run_id]
    assert not (tmp_path / ".cache").exists()


def test_swapped_predictions_of_a_run_of_an_older_version_are_noticed_by_their_accuracy(
    store, tmp_path
):
    runs = [finish(store, small_run(tmp_path, seed=seed), 0.25 + seed / 2) for seed in (0, 1)]
    folders = [tmp_path / "mlartifacts" / "small" / run / "artifacts" for run in runs]
    tables = [pd.read_parquet(folder / "predictions.parquet") for folder in folders]
    for folder, table, run in zip(folders, tables[::-1], runs, strict=True):
        table.to_parquet(folder / "predictions.parquet")
        store.client.delete_tag(run, "digests")
    with pytest.raises(TrackingError, match=r"2 finished runs are damaged.*0\.7500, but 0\.2500"):
        load_runs(store)


def test_a_run_whose_process_died_while_it_ended_stays_finished(store, tmp_path):
    from pipeline.tracking import end_abandoned_runs, is_done

    run_id = finish(store, small_run(tmp_path), 0.5)
    store.client.update_run(run_id, status="RUNNING")
    end_abandoned_runs(store)
    run = store.newest_run(fingerprint(small_run(tmp_path)))
    assert is_done(run)
    assert run is not None
    assert run.info.status == "FINISHED"


def _write(folder: Path, seed: int, start) -> None:
    start.wait()
    store = Store(None, folder, "small")
    with track_run(store, small_run(folder, seed=seed), None) as recorder:
        for step in range(40):
            RunRecorder(store, recorder.run_id).metrics({"val/accuracy": 0.5}, step)


@pytest.mark.slow
def test_workers_that_start_at_once_on_no_store_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    workers = [context.Process(target=_write, args=(tmp_path, seed, start)) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    store = Store(None, tmp_path, "small")
    runs = store.runs()
    assert len(runs) == 3
    for run in runs:
        assert len(store.client.get_metric_history(run.info.run_id, "val/accuracy")) == 40
