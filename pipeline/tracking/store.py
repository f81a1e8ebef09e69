"""Open the tracking store, upgrade it to the installed MLflow, and search it.

The local store is one SQLite file and a folder of artifacts. Both are given as absolute addresses, so
that neither a leftover `mlruns` folder nor an environment variable can redirect MLflow. All writes name
the run id: MLflow's implicit active run is never used.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import Metric, Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.utils.file_utils import local_file_uri_to_path

from pipeline.config.schema import RunConfig
from pipeline.errors import TrackingError
from pipeline.files import replacing
from pipeline.tracking.outbox import Outbox, Writer
from pipeline.tracking.server import Server, reason_of, retrying_client, without_credentials

log = logging.getLogger(__name__)

_MOST_VALUES = 2**31 - 1  # of a metric in one answer


class Store:
    """Access one experiment in an MLflow tracking store.

    The constructor creates the store and the experiment if they are missing. It does so under a lock,
    because MLflow fails if several processes create a store at once. With a server it also delivers the
    pending writes of earlier processes.

    Attributes:
      uri: the tracking address; client: MLflow's client, which retries for at most `wait_seconds`
      while a server is unavailable; writer: receives all writes to runs; experiment_id: the id of the
      experiment `name`.
    """

    def __init__(self, uri: str | None, root: Path, name: str, wait_seconds: float = 60) -> None:
        self.name = name
        self.root = root
        self.is_local = uri is None
        self.uri = uri or f"sqlite:///{root / 'mlflow.db'}"
        try:
            with self._creation_lock():
                if uri is None:
                    _upgrade_or_set_aside(root / "mlflow.db")
                client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
                self.client: MlflowClient = client
                self.writer: Writer = client
                self._outbox: Outbox | None = None
                if not self.is_local:
                    server = Server(self.shown_uri, wait_seconds)
                    self.client = retrying_client(client, server)
                    self.writer = self._outbox = Outbox(root / "outbox", self.uri, client, server)
                self.experiment_id = self._experiment_id()
        except (MlflowException, OSError) as error:
            raise TrackingError(
                f"the tracking store {self.shown_uri} does not answer: {reason_of(error)}"
            ) from error
        self.deliver()

    @classmethod
    def of(cls, config: RunConfig) -> Store:
        tracking = config.tracking
        return cls(tracking.uri, Path(config.root), config.name, tracking.wait_seconds)

    def find_experiment(self, name: str) -> Store | None:
        """Return another experiment of the same store, or None if it does not exist."""
        known = self.client.get_experiment_by_name(name)
        if known is None or known.lifecycle_stage != "active":
            return None
        return Store(None if self.is_local else self.uri, self.root, name)

    @property
    def shown_uri(self) -> str:
        """Return the address without credentials, for logs and pages."""
        return without_credentials(self.uri)

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
        if self.is_local:  # read in place: MLflow needs seconds to resolve the paths of thirty runs
            path = Path(local_file_uri_to_path(run.info.artifact_uri)) / name
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
        for row in store.get_metric_history_bulk(list(run_ids), name, _MOST_VALUES):
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
                with replacing(file) as temporary:
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

    def _experiment_id(self) -> str:
        known = self.client.get_experiment_by_name(self.name)
        if known is None:
            # A server has its own artifact location; the local store keeps artifacts next to itself.
            folder = self.root / "mlartifacts" / self.name
            location = folder.as_uri() if self.is_local else None
            try:
                return self.client.create_experiment(self.name, location)
            except MlflowException as error:  # another process was faster
                known = self.client.get_experiment_by_name(self.name)
                if error.error_code != "RESOURCE_ALREADY_EXISTS" or known is None:
                    raise
        if known.lifecycle_stage != "active":
            raise TrackingError(
                f"the experiment {self.name!r} was deleted in MLflow: restore it there, or choose "
                "another name with name=..."
            )
        return known.experiment_id

    def _creation_lock(self) -> contextlib.AbstractContextManager[object]:
        (self.root / ".cache").mkdir(parents=True, exist_ok=True)
        if not self.is_local:
            return contextlib.nullcontext()
        return FileLock(self.root / ".cache" / "mlflow.lock")


def is_done(run: Run | None) -> bool:
    """Return whether a run has its result: it finished or diverged."""
    return run is not None and run.data.tags.get("outcome") in ("finished", "diverged")


# SQLite's messages for an intact file that cannot be used at the moment.
_TRANSIENT = ("locked", "unable to open", "readonly", "disk I/O", "is full")


def _upgrade_or_set_aside(database: Path) -> None:
    """Upgrade the store of an older MLflow; rename a store that this MLflow cannot read.

    In both cases the original file is kept.
    """
    from mlflow.store.db import utils

    if not database.exists():
        return
    stamp = time.strftime("%Y%m%d-%H%M%S")
    url = f"sqlite:///{database}"
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=60)) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        if found == utils._get_latest_schema_revision():
            return
        kept = database.with_name(f"{database.name}.{stamp}.before-upgrade")
        shutil.copy2(database, kept)
        utils._upgrade_db(utils.create_sqlalchemy_engine(url))
        log.info("Upgraded the store %s to this MLflow; backup: %s", database.name, kept.name)
    except OSError:  # a full disk, a missing permission: the store itself is intact
        raise
    except Exception as error:  # whatever is wrong with the file, runs must be able to start
        reason = str(error).splitlines()[0][:200]
        if any(word in reason for word in _TRANSIENT):
            raise TrackingError(
                f"the store {database} cannot be used at the moment: {reason}; try again later"
            ) from error
        kept = database.with_name(f"{database.name}.{stamp}.unreadable")
        database.rename(kept)
        log.warning(
            "This MLflow cannot read the store %s (%s); renamed it to %s and created a new store",
            *(database.name, reason, kept.name),
        )
