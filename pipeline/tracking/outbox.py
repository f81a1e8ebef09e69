"""A queue of writes to a tracking server: kept on disk until the server has them.

A thread delivers the writes in order, so that training never waits for a server. Writes that a process
leaves behind are delivered by the next one that opens the store. A write is delivered twice if the
server's answer was lost. That is harmless: MLflow stores metrics of equal value, step and time once, and
everything else written here overwrites itself. Metrics therefore carry the time of their recording.

`outbox/<server>/<run id>/<number>/` holds one write: `call.json`, and `files/` if it has any.
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
from pipeline.tracking.server import Server, ServerProblem, ServerUnavailable, reason_of

log = logging.getLogger(__name__)

_REFUSED = "refused"
_MAX_TRIES = 5  # of a write that fails in the server's database while other calls succeed
_INTERRUPT_WAIT_SECONDS = 3.0  # longest wait after a Ctrl-C


class Writer(Protocol):
    """Declare the writing methods of `MlflowClient`, which `Outbox` has too."""

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
    """Queue the writes of this process to one server, and deliver them in a thread.

    folder: holds the queues of all servers; client: delivers the writes; server: knows whether the
    server answers.
    """

    def __init__(self, folder: Path, uri: str, client: MlflowClient, server: Server) -> None:
        self.folder = folder / _folder_name(uri)
        self.client = client
        self.server = server
        self._numbers: dict[str, int] = {}  # run id -> number of its last write
        self._database_errors: Counter[Path] = Counter()
        self._pending_reported = 0
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        atexit.register(self.flush)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        self._enqueue(
            run_id,
            "batch",
            metrics=[(each.key, each.value, each.timestamp, each.step) for each in metrics],
            params=[(each.key, each.value) for each in params],
            tags=[(each.key, each.value) for each in tags],
        )

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput] | None = None) -> None:
        self._enqueue(run_id, "inputs", datasets=[each.to_dictionary() for each in datasets or ()])

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        self._enqueue(run_id, "artifacts", [Path(local_path)], path=artifact_path)

    def log_artifacts(self, run_id: str, local_dir: str, artifact_path: str | None = None) -> None:
        self._enqueue(run_id, "artifacts", sorted(Path(local_dir).iterdir()), path=artifact_path)

    def set_terminated(
        self, run_id: str, status: str | None = None, end_time: int | None = None
    ) -> None:
        """End the run, and wait until all its writes are delivered or the time is up."""
        end_time = end_time or int(time.time() * 1000)
        self._enqueue(run_id, "end", status=status, end_time=end_time)
        self.flush(
            min(_INTERRUPT_WAIT_SECONDS, self.server.wait_seconds) if status == "KILLED" else None
        )

    def flush(self, patience: float | None = None) -> None:
        """Wait until the writes of this process are delivered; warn about those still pending.

        patience: seconds to wait for an unavailable server; by default those of `server`.
        """
        until = time.monotonic() + (self.server.wait_seconds if patience is None else patience)
        while (thread := self._thread) is not None and thread.is_alive():
            problem = self.server.problem
            if problem is ServerProblem.unauthorized or (problem and time.monotonic() >= until):
                self._warn_of_pending()
                return
            thread.join(0.05)

    def deliver_pending(self) -> None:
        """Deliver the writes of this process and those that ended processes left behind.

        Raises:
          TrackingError: the server does not answer in time.
        """
        self.flush()
        delivered = 0
        for run_folder in sorted(self.folder.glob("*/")):
            if run_folder.name != _REFUSED:
                with suppress(Timeout):  # another process is delivering them
                    delivered += self._deliver_run(
                        run_folder.name, self.server.call_with_retries, timeout=0
                    )
        if delivered:
            log.warning(
                "Delivered %d pending writes to the tracking server %s",
                *(delivered, self.server.shown_uri),
            )

    def _enqueue(
        self, run_id: str, call: str, files: Sequence[Path] = (), **arguments: Any
    ) -> None:
        with self._lock:
            run_folder = self.folder / run_id
            temporary = _make_folder_in(run_folder)
            for file in files:
                copy = shutil.copytree if file.is_dir() else shutil.copyfile
                (temporary / "files").mkdir(exist_ok=True)
                copy(file, temporary / "files" / file.name)
            (temporary / "call.json").write_text(json.dumps({"call": call, "arguments": arguments}))
            # Includes delivered writes of a process that was killed before it removed their files.
            numbers = [int(write.name) for write in run_folder.glob("[0-9]*")]
            number = max([self._numbers.get(run_id, 0), *numbers]) + 1
            os.rename(temporary, run_folder / f"{number:06d}")
            self._numbers[run_id] = number
            if self._thread is None or not self._thread.is_alive():
                # A daemon may be killed at any time: undelivered writes are on disk.
                self._thread = threading.Thread(target=self._deliver, name="outbox", daemon=True)
                self._thread.start()

    def _deliver(self) -> None:
        """Deliver the writes of this process until none is left."""
        while (run_id := self._next_run()) is not None:
            try:
                self._deliver_run(run_id, self.server.call_once)
            except ServerUnavailable as error:
                self.server.warn_once(error, "the run continues, and its writes are kept on disk")
                time.sleep(self.server.pause)

    def _next_run(self) -> str | None:
        # Under the lock either this sees a new write, or the writer sees that there is no thread.
        with self._lock:
            pending = (run_id for run_id in self._numbers if _pending_writes(self.folder / run_id))
            run_id = next(pending, None)
            if run_id is None:
                self._thread = None
            return run_id

    def _deliver_run(
        self, run_id: str, request: Callable[[Callable[[], None]], None], timeout: float = -1
    ) -> int:
        """Deliver the writes of a run in order, and return their number.

        request: makes a call to the server. A write is kept until the server has it.
        """
        run_folder = self.folder / run_id
        delivered = 0
        with _locked(run_folder, timeout):
            while writes := _pending_writes(run_folder):
                try:
                    request(partial(self._send, run_id, writes[0]))
                except TrackingError:
                    raise
                except Exception as error:
                    self._set_aside(run_id, writes[0], error)
                else:
                    # Without call.json it is no longer pending, even if the rest is not removed.
                    (writes[0] / "call.json").unlink()
                    shutil.rmtree(writes[0])
                    delivered += 1
        return delivered

    def _send(self, run_id: str, write: Path) -> None:
        written = json.loads((write / "call.json").read_text())
        try:
            _SEND[written["call"]](self.client, run_id, write / "files", **written["arguments"])
        except MlflowException as error:
            if error.error_code == "BAD_REQUEST":
                self.client.search_experiments(max_results=1)  # raises if the server is at fault
                self._database_errors[write] += 1
                if self._database_errors[write] == _MAX_TRIES:
                    raise ValueError(reason_of(error)) from error
            raise

    def _set_aside(self, run_id: str, write: Path, error: Exception) -> None:
        """Move a write that the server rejects out of the queue."""
        kept = self.folder / _REFUSED / f"{run_id}-{write.name}-{time.time_ns()}"
        kept.parent.mkdir(exist_ok=True)
        os.rename(write, kept)
        log.warning(
            "The tracking server %s rejected a write of run %s (%s); it is kept in %s",
            *(self.server.shown_uri, run_id, reason_of(error), kept),
        )

    def _warn_of_pending(self) -> None:
        pending = sum(len(_pending_writes(self.folder / run_id)) for run_id in self._numbers)
        if pending != self._pending_reported:
            log.warning(
                "%d writes to the tracking server %s are pending in %s; the next launch or report on "
                "this server delivers them",
                *(pending, self.server.shown_uri, self.folder),
            )
        self._pending_reported = pending
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


def _pending_writes(run_folder: Path) -> list[Path]:
    """Return the complete writes of a run, oldest first."""
    try:
        return sorted(call.parent for call in run_folder.glob("[0-9]*/call.json"))
    except FileNotFoundError:  # removed meanwhile, by the process that delivered the last write
        return []


def _make_folder_in(run_folder: Path) -> Path:
    while True:
        # The process that delivers the last write removes the run's folder at any moment, and
        # `exist_ok` fails if that happens between its two checks.
        with suppress(FileExistsError):
            run_folder.mkdir(parents=True)
        with suppress(FileNotFoundError):
            return Path(tempfile.mkdtemp(dir=run_folder, prefix=".new-"))


@contextmanager
def _locked(run_folder: Path, timeout: float) -> Iterator[None]:
    """Hold the lock on the writes of a run, and remove its folder if none is left."""
    lock = run_folder.with_name(f"{run_folder.name}.lock")
    with FileLock(lock, timeout=timeout):
        yield
        with suppress(OSError):  # not empty
            run_folder.rmdir()
        lock.unlink(missing_ok=True)  # filelock notices, and locks a new file of this name


def _folder_name(uri: str) -> str:
    uri = uri.rstrip("/")
    digest = hashlib.blake2b(uri.encode(), digest_size=4).hexdigest()
    return f"{re.sub(r'[^A-Za-z0-9.]+', '_', uri.split('://')[-1])[:60]}-{digest}"
