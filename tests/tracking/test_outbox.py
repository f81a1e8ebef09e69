"""Writes on their way to a server: each arrives once and in order, whatever becomes of the server."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException, RestException

from pipeline.errors import TrackingError
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.server import (
    Server,
    ServerProblem,
    classify_error,
    reason_of,
    retrying_client,
    without_credentials,
)

URI = "http://tracking.test:5000"
AWAY = MlflowException("API request failed with exception [Errno 111] Connection refused")
DELETED = RestException({"error_code": "INVALID_PARAMETER_VALUE", "message": "run is deleted"})
DATABASE = RestException({"error_code": "BAD_REQUEST", "message": "(psycopg.errors.DataError) NUL"})
NO_ENTRY = RestException({"error_code": "UNAUTHENTICATED", "message": "who are you?"})


class FakeServer:
    """Stores what MLflow's SQL store does, as it does: equal metrics once, all else the last.

    fates: of the calls to come: `away` before it is done, `lost` answer after it is done, `die` and
    `die late` end whoever asked; all calls after them succeed.
    """

    def __init__(self, fates: list[str] | None = None) -> None:
        self.fates = fates or []
        self.error: Exception | None = None
        self.done: list[Any] = []  # the first time that each call was done
        self.metrics: set[Any] = set()
        self.tags: dict[str, str] = {}
        self.params: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.inputs: list[Any] = []
        self.end: Any = None

    def log_batch(self, run_id: str, metrics: Any, params: Any, tags: Any) -> None:
        entries = [(each.key, each.value, each.timestamp, each.step) for each in metrics]
        named = [(each.key, each.value) for each in (*params, *tags)]
        self._do(("batch", *entries, *named), lambda: self._store(entries, params, tags))

    def log_inputs(self, run_id: str, datasets: Any) -> None:
        self._do(("inputs", str(datasets)), lambda: setattr(self, "inputs", datasets))

    def log_artifacts(self, run_id: str, folder: str, path: str | None) -> None:
        files = {
            str(Path(path or "") / file.relative_to(folder)): file.read_bytes()
            for file in sorted(Path(folder).rglob("*"))
            if file.is_file()
        }
        self._do(("artifacts", *files.items()), lambda: self.files.update(files))

    def set_terminated(self, run_id: str, status: str, end_time: int) -> None:
        self._do(("end", status), lambda: setattr(self, "end", (status, end_time)))

    def search_experiments(self, max_results: int) -> list[Any]:
        return []

    def _store(self, metrics: Any, params: Any, tags: Any) -> None:
        self.metrics.update(metrics)
        self.params.update({each.key: each.value for each in params})
        self.tags.update({each.key: each.value for each in tags})

    def _do(self, call: Any, effect: Callable[[], None]) -> None:
        if self.error is not None:
            raise self.error
        fate = self.fates.pop(0) if self.fates else "done"
        if fate == "away":
            raise AWAY
        if fate == "die":
            raise SystemExit
        effect()
        if call not in self.done:
            self.done.append(call)
        if fate == "lost":
            raise AWAY
        if fate == "die late":
            raise SystemExit


def _outbox(folder: Path, fake: Any, patience: float = 20) -> Outbox:
    return Outbox(folder, URI, fake, Server(URI, patience, pause=0.0))


# A thread that dies stands for a process that does.
dying = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def _die(outbox: Outbox, fake: FakeServer) -> None:
    """Ends the delivering of one process; the next one finds the server there."""
    fake.fates, fake.error = ["die"], None
    outbox.flush(patience=1e9)


def _write(outbox: Outbox, number: int, kind: str, folder: Path) -> None:
    if kind == "metric":
        outbox.log_batch("run", metrics=[Metric("val/accuracy", number / 7, 1000 + number, number)])
    elif kind == "tag":
        outbox.log_batch("run", tags=[RunTag("newest", str(number))])
    elif kind == "param":
        outbox.log_batch("run", params=[Param(f"units{number}", "8")])
    else:
        (folder / "note.txt").write_text(str(number))
        outbox.log_artifact("run", str(folder / "note.txt"), "notes" if number % 2 else None)


KINDS = st.lists(st.sampled_from(["metric", "tag", "param", "file"]), max_size=8)
FATES = st.lists(st.sampled_from(["done", "away", "lost", "die", "die late"]), max_size=12)


@dying
@given(kinds=KINDS, fates=FATES)
@settings(deadline=None, max_examples=60)
def test_whatever_fails_and_dies_every_write_arrives_once_and_in_order(kinds, fates):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        undisturbed, disturbed = FakeServer(), FakeServer(fates)
        for fake in (undisturbed, disturbed):
            outbox = _outbox(folder / "outbox", fake)
            for number, kind in enumerate(kinds):
                _write(outbox, number, kind, folder)
            outbox.flush()
            _launch_until_delivered(folder / "outbox", fake)
            assert list((folder / "outbox").glob("*/*")) == [], "something is left behind"
        assert disturbed.done == undisturbed.done
        assert disturbed.metrics == undisturbed.metrics
        assert disturbed.tags == undisturbed.tags
        assert disturbed.params == undisturbed.params
        assert disturbed.files == undisturbed.files


def _launch_until_delivered(folder: Path, fake: FakeServer) -> None:
    while True:
        try:
            return _outbox(folder, fake).deliver_pending()
        except SystemExit:
            continue


def test_what_is_written_is_the_same_on_the_other_side(tmp_path):
    fake = FakeServer()
    outbox = _outbox(tmp_path / "outbox", fake)
    model = tmp_path / "model"
    (model / "data").mkdir(parents=True)
    (model / "MLmodel").write_text("flavors: {}\n")
    (model / "data" / "model.keras").write_bytes(b"\x00\xff")
    data_set = Dataset(
        "clauses", "abc", "external", '{"source": "generated"}', None, '{"train": 2}'
    )
    entry = DatasetInput(data_set, [InputTag("mlflow.data.context", "training")])
    outbox.log_batch("run", [Metric("a", 0.1 + 0.2, 5, 1)], [Param("p", "1")], [RunTag("t", "é\n")])
    outbox.log_inputs("run", [entry])
    outbox.log_artifacts("run", str(model), "model")
    outbox.set_terminated("run", "FINISHED", 77)
    assert fake.metrics == {("a", 0.1 + 0.2, 5, 1)}
    assert (fake.params, fake.tags) == ({"p": "1"}, {"t": "é\n"})
    assert fake.inputs == [entry]
    assert fake.files == {"model/MLmodel": b"flavors: {}\n", "model/data/model.keras": b"\x00\xff"}
    assert fake.end == ("FINISHED", 77)


def test_the_folder_of_a_run_may_go_at_any_moment_for_who_writes_into_it(tmp_path, monkeypatch):
    fake = FakeServer()
    outbox = _outbox(tmp_path, fake)
    run_folder = outbox.folder / "run"
    run_folder.mkdir(parents=True)
    make_folder, removed = os.mkdir, 0

    def mkdir(path: Any, *arguments: Any) -> None:
        nonlocal removed
        try:
            make_folder(path, *arguments)
        finally:  # whether it was there or is made, who has delivered the last write removes it
            if Path(path) == run_folder and removed < 3:
                run_folder.rmdir()
                removed += 1

    monkeypatch.setattr(os, "mkdir", mkdir)
    _write(outbox, 1, "metric", tmp_path)
    outbox.flush()
    assert removed == 3
    assert len(fake.metrics) == 1


def test_the_folder_of_a_run_may_go_at_any_moment_for_who_reads_it(tmp_path, monkeypatch):
    outbox = _outbox(tmp_path, FakeServer())
    run_folder = outbox.folder / "run"
    run_folder.mkdir(parents=True)
    list_folder = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path) == run_folder:
            run_folder.rmdir()
        return list_folder(path)

    monkeypatch.setattr(os, "scandir", scandir)
    outbox.deliver_pending()
    assert not run_folder.exists()


def test_who_writes_does_not_wait_for_a_server_that_hangs(tmp_path):
    goes_on = threading.Event()

    class Hanging(FakeServer):
        def log_batch(self, *arguments: Any, **named: Any) -> None:
            assert goes_on.wait(60)
            super().log_batch(*arguments, **named)

    fake = Hanging()
    outbox = _outbox(tmp_path, fake)
    for number in range(20):
        _write(outbox, number, "metric", tmp_path)
    assert fake.done == []  # all is written, nothing is delivered yet
    goes_on.set()
    outbox.flush()
    assert len(fake.metrics) == 20


@dying
def test_the_end_of_a_run_gives_up_and_says_what_waits_and_the_next_launch_delivers(
    tmp_path, caplog
):
    fake = FakeServer()
    fake.error = AWAY
    outbox = _outbox(tmp_path, fake, patience=0)
    _write(outbox, 1, "metric", tmp_path)
    outbox.set_terminated("run", "FINISHED", 77)
    said = [record.getMessage() for record in caplog.records]
    assert [
        line for line in said if "does not answer: Connection refused; the run continues" in line
    ]
    assert [line for line in said if line.startswith("2 writes to the tracking server")]
    _die(outbox, fake)
    _outbox(tmp_path, fake).deliver_pending()
    assert fake.end == ("FINISHED", 77)
    assert len(fake.metrics) == 1


def test_going_and_coming_back_is_said_once_each(caplog):
    caplog.set_level(logging.INFO)
    server = Server(URI, 20, pause=0.0)
    fates = iter(["away"] * 5 + ["there"] * 3)

    def call() -> None:
        if next(fates) == "away":
            raise AWAY

    for _ in range(3):
        server.call_with_retries(call)
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"The tracking server {URI} does not answer: Connection refused; retrying for up "
        "to 20 seconds",
        f"The tracking server {URI} is back",
    ]


def test_a_connection_that_was_closed_while_idle_is_not_worth_a_word(caplog):
    server = Server(URI, 20, pause=0.0)
    fates = iter([AWAY, None])

    def call() -> str:
        error = next(fates)
        if error:
            raise error
        return "answer"

    assert server.call_once(call) == "answer"
    assert caplog.records == []


def test_who_has_waited_in_vain_does_not_wait_again_until_the_server_was_back():
    server = Server(URI, 0.01, pause=0.0)

    def away() -> None:
        raise AWAY

    with pytest.raises(TrackingError, match="does not answer: Connection refused"):
        server.call_with_retries(away)
    assert server.wait_seconds == 0
    server.call_once(lambda: None)
    assert server.wait_seconds == 0.01


def test_a_write_that_is_refused_is_named_kept_and_holds_up_nothing(tmp_path, caplog):
    fake = FakeServer()
    fake.error = DELETED
    outbox = _outbox(tmp_path, fake)
    _write(outbox, 1, "metric", tmp_path)
    outbox.flush()
    fake.error = None
    _write(outbox, 2, "metric", tmp_path)
    outbox.flush()
    assert [metric[3] for metric in fake.metrics] == [2]
    (kept,) = tmp_path.glob("*/refused/run-*/call.json")
    assert "val/accuracy" in kept.read_text()
    assert "rejected a write of run run" in caplog.text
    assert str(kept.parent) in caplog.text
    _outbox(tmp_path, fake).deliver_pending()
    assert kept.exists()


def test_a_write_at_which_the_database_fails_each_time_holds_up_nothing(tmp_path, caplog):
    class Choosy(FakeServer):
        tries = 0

        def log_batch(self, run_id: str, metrics: Any, params: Any, tags: Any) -> None:
            if metrics[0].step == 1:
                self.tries += 1
                raise DATABASE
            super().log_batch(run_id, metrics, params, tags)

    fake = Choosy()
    outbox = _outbox(tmp_path, fake)
    for number in (1, 2):
        _write(outbox, number, "metric", tmp_path)
    outbox.flush()
    assert [metric[3] for metric in fake.metrics] == [2]
    assert fake.tries > 3
    assert (
        "rejected a write of run run (BAD_REQUEST: (psycopg.errors.DataError) NUL)" in caplog.text
    )


@dying
def test_a_write_that_cannot_be_read_is_set_aside(tmp_path, caplog):
    fake = FakeServer()
    fake.error = AWAY
    outbox = _outbox(tmp_path, fake, patience=0)
    for number in (1, 2):
        _write(outbox, number, "metric", tmp_path)
    outbox.flush()
    first = min(tmp_path.glob("*/run/*/call.json"))
    first.write_text('{"call": "ba')
    _die(outbox, fake)
    _outbox(tmp_path, fake).deliver_pending()
    assert [metric[3] for metric in fake.metrics] == [2]
    assert "rejected" in caplog.text


def test_the_files_of_a_write_that_was_delivered_are_in_nobodys_way(tmp_path):
    fake = FakeServer()
    outbox = _outbox(tmp_path, fake)
    left = outbox.folder / "run" / "000002" / "files" / "note.txt"
    left.parent.mkdir(parents=True)
    left.write_text("left by a process that was killed")
    for number in (1, 2, 3):
        _write(outbox, number, "metric", tmp_path)
    outbox.flush()
    assert len(fake.metrics) == 3


@dying
def test_credentials_that_are_not_taken_keep_what_is_written_and_wait_for_nobody(tmp_path, caplog):
    fake = FakeServer()
    fake.error = NO_ENTRY
    outbox = _outbox(tmp_path, fake, patience=1e9)
    _write(outbox, 1, "metric", tmp_path)
    outbox.flush()
    assert "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in caplog.text
    with pytest.raises(TrackingError, match="does not accept the credentials"):
        retrying_client(fake, outbox.server).set_terminated("run", "FINISHED", 1)  # type: ignore[arg-type]
    outbox.server.problem = None
    _die(outbox, fake)
    _outbox(tmp_path, fake).deliver_pending()
    assert len(fake.metrics) == 1


def test_what_a_living_process_is_delivering_is_left_to_it(tmp_path):
    entered, goes_on = threading.Event(), threading.Event()

    class Slow(FakeServer):
        def log_batch(self, *arguments: Any, **named: Any) -> None:
            entered.set()
            assert goes_on.wait(60)
            super().log_batch(*arguments, **named)

    slow, other = Slow(), FakeServer()
    outbox = _outbox(tmp_path, slow)
    _write(outbox, 1, "metric", tmp_path)
    assert entered.wait(60)
    _outbox(tmp_path, other).deliver_pending()
    assert other.done == []
    goes_on.set()
    outbox.flush()
    assert len(slow.metrics) == 1


def _response(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status}", response=response)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (AWAY, ServerProblem.unavailable),
        (requests.ConnectionError("reset"), ServerProblem.unavailable),
        (_response(503), ServerProblem.unavailable),
        (_response(429), ServerProblem.unavailable),
        (_response(404), ServerProblem.unavailable),  # of a proxy
        (_response(413), ServerProblem.rejected),
        (_response(401), ServerProblem.unauthorized),
        (NO_ENTRY, ServerProblem.unauthorized),
        (RestException({"error_code": "PERMISSION_DENIED"}), ServerProblem.unauthorized),
        (RestException({"error_code": "ENDPOINT_NOT_FOUND"}), ServerProblem.unavailable),
        (RestException({"error_code": "RESOURCE_DOES_NOT_EXIST"}), ServerProblem.rejected),
        (DELETED, ServerProblem.rejected),
        (DATABASE, ServerProblem.unavailable),
        (FileNotFoundError("gone"), ServerProblem.rejected),
        (RuntimeError("what is this?"), ServerProblem.unavailable),
    ],
)
def test_what_a_failure_means(error, problem):
    assert classify_error(error) is problem


def test_no_message_holds_a_secret(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cret-token\n")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pa/ss@word")
    assert without_credentials("http://me:pa/ss@word@host/x") == "http://host/x"
    quoted = ValueError("Invalid header value: 'Bearer s3cret-token\\n'")
    assert reason_of(quoted) == "Invalid header value: 'Bearer ***\\n'"
