"""Writes on their way to a tracking server: on disk first, and removed when the server has them.

A thread delivers them in order, so that training never waits for a server. What a process leaves
behind, the next one that opens the store delivers. A write may be delivered twice, when the answer to
it was lost: MLflow stores one metric of the same value, step and time once, and whatever else is
written here replaces its equal. For that the time of a write is that of its recording.

`outbox/<server>/<run id>/<number>/` is one write: `call.json`, and `files/` where it has any.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from pipeline.errors import TrackingError
from pipeline.tracking.server import Server, ServerAway, Trouble, reason_of

log = logging.getLogger(__name__)

_REFUSED = "refused"
_TRIES = 5  # of a write that the database of the server fails at, while it answers otherwise
_STOPPED_BY_HAND = 3.0  # seconds that who stops a run is kept waiting


class Writer(Protocol):
    """The writing half of `MlflowClient`; an `Outbox` takes the same calls."""

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> Any: ...

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput] | None = None) -> Any: ...

    def log_artifact(
        self, run_id: str, local_path: str, artifact_path: str | None = None
    ) -> Any: ...

    def log_artifacts(
        self, run_id: str, local_dir: str, artifact_path: str | None = None
    ) -> Any: ...

    def set_terminated(
        self, run_id: str, status: str | None = None, end_time: int | None = None
    ) -> Any: ...


class Outbox:
    """What one process writes to one server; and, by `deliver_left`, what others left behind.

    folder: of all servers; client: that delivers; server: knows whether there is one.
    """

    def __init__(self, folder: Path, uri: str, client: MlflowClient, server: Server) -> None:
        self.folder = folder / _folder_name(uri)
        self.client = client
        self.server = server
        self._numbers: dict[str, int] = {}  # run id -> of its last write
        self._faults: Counter[Path] = Counter()
        self._said = 0
        self._thread: threading.Thread | None = None
        self._changing = threading.Lock()
        atexit.register(self.flush)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        self._put(
            run_id,
            "batch",
            metrics=[(each.key, each.value, each.timestamp, each.step) for each in metrics],
            params=[(each.key, each.value) for each in params],
            tags=[(each.key, each.value) for each in tags],
        )

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput] | None = None) -> None:
        self._put(run_id, "inputs", datasets=[each.to_dictionary() for each in datasets or ()])

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        self._put(run_id, "artifacts", [Path(local_path)], path=artifact_path)

    def log_artifacts(self, run_id: str, local_dir: str, artifact_path: str | None = None) -> None:
        self._put(run_id, "artifacts", sorted(Path(local_dir).iterdir()), path=artifact_path)

    def set_terminated(
        self, run_id: str, status: str | None = None, end_time: int | None = None
    ) -> None:
        """Ends the run, and waits until all of it is delivered or patience is at its end."""
        end_time = end_time or int(time.time() * 1000)
        self._put(run_id, "end", status=status, end_time=end_time)
        self.flush(min(_STOPPED_BY_HAND, self.server.waits) if status == "KILLED" else None)

    def flush(self, patience: float | None = None) -> None:
        """Waits until what this process wrote is delivered, unless the server is away for too long;
        then says in a line what waits. `patience`: seconds, of the server's unless given.
        """
        until = time.monotonic() + (self.server.waits if patience is None else patience)
        while (thread := self._thread) is not None and thread.is_alive():
            trouble = self.server.trouble
            if trouble is Trouble.forbidden or (trouble and time.monotonic() >= until):
                self._say_what_waits()
                return
            thread.join(0.05)

    def deliver_left(self) -> None:
        """Delivers what this process wrote and what ended ones left, one process at a time.

        Raises:
          TrackingError: the server is away for too long.
        """
        self.flush()
        delivered = 0
        for run_folder in sorted(self.folder.glob("*/")):
            if run_folder.name != _REFUSED:
                with suppress(Timeout):  # another process is at it
                    delivered += self._deliver_run(run_folder.name, self.server.insist, timeout=0)
        if delivered:
            log.warning(
                "Delivered %d writes that waited for the tracking server %s",
                *(delivered, self.server.shown_uri),
            )

    def _put(self, run_id: str, call: str, files: Sequence[Path] = (), **arguments: Any) -> None:
        with self._changing:
            run_folder = self.folder / run_id
            beside = _make_folder_in(run_folder)
            for file in files:
                copy = shutil.copytree if file.is_dir() else shutil.copyfile
                (beside / "files").mkdir(exist_ok=True)
                copy(file, beside / "files" / file.name)
            (beside / "call.json").write_text(json.dumps({"call": call, "arguments": arguments}))
            # Also of one that was delivered by a process killed before it had removed the files.
            numbers = [int(item.name) for item in run_folder.glob("[0-9]*")]
            number = max([self._numbers.get(run_id, 0), *numbers]) + 1
            os.rename(beside, run_folder / f"{number:06d}")
            self._numbers[run_id] = number
            if self._thread is None or not self._thread.is_alive():
                # Nothing is lost where it is cut off: what it has not delivered is on disk.
                self._thread = threading.Thread(target=self._deliver, name="outbox", daemon=True)
                self._thread.start()

    def _deliver(self) -> None:
        """Delivers what this process wrote, until all is delivered."""
        while (run_id := self._next_run()) is not None:
            try:
                self._deliver_run(run_id, self.server.attempt)
            except ServerAway as away:
                self.server.say(away, "the run goes on, and what it writes waits on disk")
                time.sleep(self.server.pause)

    def _next_run(self) -> str | None:
        with self._changing:  # either this sees what was put, or who put it sees no thread
            waiting = (run_id for run_id in self._numbers if _items(self.folder / run_id))
            run_id = next(waiting, None)
            if run_id is None:
                self._thread = None
            return run_id

    def _deliver_run(
        self, run_id: str, ask: Callable[[Callable[[], None]], None], timeout: float = -1
    ) -> int:
        """Delivers the writes of a run in order; how many. Each is kept until the server has it."""
        run_folder = self.folder / run_id
        delivered = 0
        with _locked(run_folder, timeout):
            while items := _items(run_folder):
                try:
                    ask(partial(self._send, run_id, items[0]))
                except TrackingError:
                    raise
                except Exception as error:
                    self._set_aside(run_id, items[0], error)
                else:
                    # From here on it is no item any more, whatever becomes of the files.
                    (items[0] / "call.json").unlink()
                    shutil.rmtree(items[0])
                    delivered += 1
        return delivered

    def _send(self, run_id: str, item: Path) -> None:
        written = json.loads((item / "call.json").read_text())
        try:
            _SEND[written["call"]](self.client, run_id, item / "files", **written["arguments"])
        except MlflowException as error:
            if error.error_code == "BAD_REQUEST":
                self.client.search_experiments(max_results=1)  # raises where it is not the write
                self._faults[item] += 1
                if self._faults[item] == _TRIES:
                    raise ValueError(reason_of(error)) from error
            raise

    def _set_aside(self, run_id: str, item: Path, error: Exception) -> None:
        """Moves a write out of the way that the server will never take."""
        kept = self.folder / _REFUSED / f"{run_id}-{item.name}-{time.time_ns()}"
        kept.parent.mkdir(exist_ok=True)
        os.rename(item, kept)
        log.warning(
            "The tracking server %s refused a write of run %s (%s); it is kept in %s",
            *(self.server.shown_uri, run_id, reason_of(error), kept),
        )

    def _say_what_waits(self) -> None:
        waiting = sum(len(_items(self.folder / run_id)) for run_id in self._numbers)
        if waiting != self._said:
            log.warning(
                "%d writes for the tracking server %s wait in %s; the next launch on this server, or "
                "its report, delivers them",
                *(waiting, self.server.shown_uri, self.folder),
            )
        self._said = waiting
        self.server.give_up()


def _send_batch(
    client: MlflowClient,
    run_id: str,
    files: Path,
    metrics: list[Any],
    params: list[Any],
    tags: list[Any],
) -> None:
    client.log_batch(
        run_id,
        metrics=[Metric(*each) for each in metrics],
        params=[Param(*each) for each in params],
        tags=[RunTag(*each) for each in tags],
    )


def _send_inputs(client: MlflowClient, run_id: str, files: Path, datasets: list[Any]) -> None:
    entries = [
        DatasetInput(Dataset(**each["dataset"]), [InputTag(*tag) for tag in each["tags"].items()])
        for each in datasets
    ]
    client.log_inputs(run_id, datasets=entries)


def _send_artifacts(client: MlflowClient, run_id: str, files: Path, path: str | None) -> None:
    if files.exists():
        client.log_artifacts(run_id, str(files), path)


def _send_end(client: MlflowClient, run_id: str, files: Path, status: str, end_time: int) -> None:
    client.set_terminated(run_id, status, end_time)


_SEND: dict[str, Callable[..., None]] = {
    "batch": _send_batch,
    "inputs": _send_inputs,
    "artifacts": _send_artifacts,
    "end": _send_end,
}


def _items(run_folder: Path) -> list[Path]:
    """The whole writes of a run, the oldest first."""
    try:
        return sorted(call.parent for call in run_folder.glob("[0-9]*/call.json"))
    except FileNotFoundError:  # removed between two looks, by who delivered the last of them
        return []


def _make_folder_in(run_folder: Path) -> Path:
    while True:
        # Who has just delivered all else that was in it removes the folder of a run, at any moment;
        # `exist_ok` fails where that is between its finding the folder and its second look.
        with suppress(FileExistsError):
            run_folder.mkdir(parents=True)
        with suppress(FileNotFoundError):
            return Path(tempfile.mkdtemp(dir=run_folder, prefix=".new-"))


@contextmanager
def _locked(run_folder: Path, timeout: float) -> Iterator[None]:
    """Alone with the writes of a run; removes the folder when there are none left."""
    lock = run_folder.with_name(f"{run_folder.name}.lock")
    with FileLock(lock, timeout=timeout):
        yield
        with suppress(OSError):  # something is in it still
            run_folder.rmdir()
        lock.unlink(missing_ok=True)  # filelock sees that, and takes the next one of this name


def _folder_name(uri: str) -> str:
    uri = uri.rstrip("/")
    digest = hashlib.blake2b(uri.encode(), digest_size=4).hexdigest()
    return f"{re.sub(r'[^A-Za-z0-9.]+', '_', uri.split('://')[-1])[:60]}-{digest}"
