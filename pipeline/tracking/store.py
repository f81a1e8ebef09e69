"""Open the tracking store, and search it.

The local store is one SQLite file and a folder of artifacts. Both are given as absolute addresses, so
that neither a leftover `mlruns` folder nor an environment variable can redirect MLflow. All writes name
the run id: MLflow's implicit active run is never used.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import Metric, Run, ViewType
from mlflow.exceptions import MlflowException

from pipeline.config.schema import RunConfig
from pipeline.errors import TrackingError
from pipeline.files import replacing
from pipeline.tracking.database import exists, open_database
from pipeline.tracking.local_client import local_client, store_errors
from pipeline.tracking.outbox import Outbox, Writer
from pipeline.tracking.places import DATABASE, base_address, folder_of
from pipeline.tracking.server import Server, reason_of, retrying_client, without_credentials

_MOST_VALUES = 2**31 - 1  # of a metric in one answer


class Store:
    """Access one experiment in an MLflow tracking store.

    The constructor creates the store and the experiment if they are missing, unless it is opened to be
    read (`to_read`). It does so under a lock, because MLflow fails if several processes create a store
    at once. With a server it also delivers the pending writes of earlier processes.

    Attributes:
      uri: the address of the server, None for the local store; client: MLflow's client, which retries
      for at most `wait_seconds` while a server is unavailable; writer: receives all writes to runs;
      experiment_id: the id of the experiment `name`.

    Raises:
      TrackingError: the store cannot be used, or there is nothing to read.
    """

    def __init__(
        self,
        uri: str | None,
        root: Path,
        name: str,
        wait_seconds: float = 60,
        *,
        create: bool = True,
    ) -> None:
        self.name = name
        self.root = root
        self.is_local = uri is None
        self.uri = uri
        self._outbox: Outbox | None = None
        self.client, self.writer = self._connect(wait_seconds, create)
        if create:
            self._create_experiment()
        self.deliver()

    def _connect(self, wait_seconds: float, create: bool) -> tuple[MlflowClient, Writer]:
        if self.uri is None:
            if not create and not exists(self.root):
                raise self.nothing_tracked()
            with store_errors(self.root / DATABASE):
                open_database(self.root, create=create)
                client = local_client(self.root)
            return client, client
        server = Server(self.shown_uri, wait_seconds)
        client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
        self._outbox = Outbox(self.root / "outbox", self.uri, client, server)
        return retrying_client(client, server), self._outbox

    @classmethod
    def of(cls, config: RunConfig) -> Store:
        tracking = config.tracking
        return cls(tracking.uri, Path(config.root), config.name, tracking.wait_seconds)

    @classmethod
    def to_read(cls, config: RunConfig) -> Store:
        """Open the store of an experiment that has runs; nothing is created, renamed or begun.

        Raises:
          TrackingError: there is no such store or experiment.
        """
        uri, root, wait_seconds = (
            config.tracking.uri,
            Path(config.root),
            config.tracking.wait_seconds,
        )
        return cls(uri, root, config.name, wait_seconds, create=False)

    def find_experiment(self, name: str) -> Store | None:
        """Return another experiment of the same store, or None if it does not exist."""
        known = self.client.get_experiment_by_name(name)
        if known is None or known.lifecycle_stage != "active":
            return None
        return Store(self.uri, self.root, name, create=False)

    @property
    def shown_uri(self) -> str:
        """Return the address without credentials, or the path of the local store, for logs and pages."""
        return str(self.root / DATABASE) if self.uri is None else without_credentials(self.uri)

    def nothing_tracked(self) -> TrackingError:
        return TrackingError(
            f"no runs are tracked under {self.name!r} in {self.shown_uri}: run a comparison with "
            f"name={self.name} first"
        )

    def deliver(self) -> None:
        """Deliver all pending writes, so that they can be read from the store.

        Raises:
          TrackingError: the server does not answer in time.
        """
        if self._outbox is not None:
            self._outbox.deliver_pending()

    def create_run(self, tags: dict[str, str], name: str) -> Run:
        """Create a run of the experiment.

        A retry after a lost answer may create it twice; the duplicates are deleted.
        """
        if self.is_local:
            return self.client.create_run(self.experiment_id, tags=tags, run_name=name)
        mark = {"creation": uuid.uuid4().hex}
        self.client.create_run(self.experiment_id, tags=tags | mark, run_name=name)
        run, *duplicates = self.runs(f"tags.creation = '{mark['creation']}'")
        for duplicate in duplicates:
            self.client.delete_run(duplicate.info.run_id)
        return run

    def tag_experiment(self, tags: dict[str, str]) -> None:
        for key, value in tags.items():
            self.client.set_experiment_tag(self.experiment_id, key, value)

    def runs(self, condition: str = "") -> list[Run]:
        """Return the runs of the experiment that match MLflow's filter `condition`, newest first."""
        found: list[Run] = []
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment_id],
                condition,
                run_view_type=ViewType.ACTIVE_ONLY,
                order_by=["attributes.start_time DESC"],
                page_token=token,
            )
            found.extend(page)
            token = page.token
            if not token:
                return found

    def fetch(self, run: Run, name: str) -> Path | None:
        """Return the local path of an artifact, a file or folder, or None if the run lacks it."""
        folder = folder_of(run.info.artifact_uri or "", self.root) if self.is_local else None
        if folder is not None:  # read in place: MLflow needs seconds to resolve thirty runs
            path = folder / name
            return path if path.exists() else None
        entries = self.client.list_artifacts(run.info.run_id)
        if name not in {entry.path for entry in entries}:
            return None
        return Path(self.client.download_artifacts(run.info.run_id, name))

    def histories(self, run_ids: Sequence[str], name: str) -> dict[str, list[Metric]]:
        """Return the values of a metric in the order they were logged, by run."""
        if not self.is_local:
            return {run: self.client.get_metric_history(run, name) for run in run_ids}
        found: dict[str, list[Metric]] = {}
        # One query for all: a query for each run takes ten seconds of a report of 450 runs.
        store: Any = self.client._tracking_client.store
        with store_errors(self.root / DATABASE):
            rows = store.get_metric_history_bulk(list(run_ids), name, _MOST_VALUES)
        for row in rows:
            found.setdefault(row.run_id, []).append(row)
        return found

    def newest_run(self, fingerprint: str) -> Run | None:
        """Return the newest run of a fingerprint that is done or was started from this root."""
        runs = self.runs(f"tags.fingerprint = '{fingerprint}'")
        return next((run for run in runs if is_done(run) or self.is_ours(run)), None)

    def is_ours(self, run: Run) -> bool:
        """Return whether a run was started from this root, so that its claims are visible."""
        return self.is_local or run.data.tags.get("place") == self.place

    @cached_property
    def place(self) -> str:
        """Return a unique id of this root, which tells its runs from those of other machines."""
        file = self.root / ".cache" / "place"
        with FileLock(file.with_suffix(".lock")):
            if not file.exists():
                with replacing(file, alone=True) as temporary:
                    temporary.write_text(uuid.uuid4().hex)
            return file.read_text()

    @contextlib.contextmanager
    def claim(self, key: str, patience: float = -1) -> Iterator[bool]:
        """Hold the exclusive claim on `key` during the block; yield whether it was obtained.

        patience: seconds to wait for another process; negative: without limit. The claims of a process
        that dies are released at once.
        """
        folder = self.root / ".cache" / "claims"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{key}.lock", timeout=patience)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    @cached_property
    def experiment_id(self) -> str:
        """Return the id of the experiment.

        Raises:
          TrackingError: it does not exist, or was deleted.
        """
        with self._answering():
            known = self.client.get_experiment_by_name(self.name)
        if known is None:
            raise self.nothing_tracked()
        if known.lifecycle_stage != "active":
            raise TrackingError(
                f"the experiment {self.name!r} was deleted in MLflow: restore it there, or choose "
                "another name with name=..."
            )
        return known.experiment_id

    def _create_experiment(self) -> None:
        with self._answering():
            if self.client.get_experiment_by_name(self.name) is None:
                # A server has its own artifact location; the local store has them next to itself.
                location = f"{base_address(self.root)}/{self.name}" if self.is_local else None
                try:
                    self.client.create_experiment(self.name, location)
                except (MlflowException, TrackingError):  # another process may have been faster
                    if self.client.get_experiment_by_name(self.name) is None:
                        raise
        _ = self.experiment_id  # which may have been deleted

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (MlflowException, OSError) as error:
            raise TrackingError(
                f"the tracking store {self.shown_uri} does not answer: {reason_of(error)}"
            ) from error


def is_done(run: Run | None) -> bool:
    """Return whether a run has its result: it finished or diverged."""
    return run is not None and run.data.tags.get("outcome") in ("finished", "diverged")
