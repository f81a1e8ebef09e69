"""The tracking store: opened, kept usable over versions, and searched.

The local store is one SQLite file and a folder of artifacts, both by absolute address, so that a
leftover `mlruns` folder or an environment variable cannot lead MLflow elsewhere. All writing goes
through `MlflowClient` with an explicit run id: MLflow's implicit active run is never used.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.utils.file_utils import local_file_uri_to_path

from pipeline.config.schema import RunConfig
from pipeline.errors import TrackingError
from pipeline.files import replacing
from pipeline.tracking.outbox import Outbox, Writer
from pipeline.tracking.server import Server, reason_of, waiting_client, without_credentials

log = logging.getLogger(__name__)


class Store:
    """One experiment in an MLflow tracking store.

    Making one creates the store and the experiment where they are missing, one process at a time:
    processes that find no store and create it together are a known failure of MLflow. On a server it
    then delivers what earlier processes could not.

    Attributes:
      uri: the tracking address; client: of MLflow, which waits for a server that is away, at most
      `wait_seconds`; writer: takes what is written into runs; experiment_id: of the experiment `name`.
    """

    def __init__(self, uri: str | None, root: Path, name: str, wait_seconds: float = 60) -> None:
        self.name = name
        self.root = root
        self.is_local = uri is None
        self.uri = uri or f"sqlite:///{root / 'mlflow.db'}"
        try:
            with self._only_one():
                if uri is None:
                    _make_usable(root / "mlflow.db")
                client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
                self.client: MlflowClient = client
                self.writer: Writer = client
                self._outbox: Outbox | None = None
                if not self.is_local:
                    server = Server(self.shown_uri, wait_seconds)
                    self.client = waiting_client(client, server)
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

    def beside(self, name: str) -> Store | None:
        """Another experiment of the same store; None where there is none, and none is made."""
        known = self.client.get_experiment_by_name(name)
        if known is None or known.lifecycle_stage != "active":
            return None
        return Store(None if self.is_local else self.uri, self.root, name)

    @property
    def shown_uri(self) -> str:
        """The address without credentials, fit for logs and pages."""
        return without_credentials(self.uri)

    def deliver(self) -> None:
        """Makes sure that all that was written from here stands in the store, and may be read.

        Raises:
          TrackingError: the server is away for too long.
        """
        if self._outbox is not None:
            self._outbox.deliver_left()

    def create_run(self, tags: dict[str, str], name: str) -> Run:
        """A new run of the experiment. Once, even where a server did what it then could not answer, and
        was asked again.
        """
        if self.is_local:
            return self.client.create_run(self.experiment_id, tags=tags, run_name=name)
        mark = {"creation": uuid.uuid4().hex}
        self.client.create_run(self.experiment_id, tags=tags | mark, run_name=name)
        run, *doubled = self.runs(f"tags.creation = '{mark['creation']}'")
        for other in doubled:
            self.client.delete_run(other.info.run_id)
        return run

    def runs(self, condition: str = "") -> list[Run]:
        """The runs of the experiment that MLflow's filter admits, newest first."""
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
        """Where an artifact of a run, a file or a folder, lies on this machine; None: it has none."""
        if self.is_local:  # and so are its files: for thirty runs MLflow takes seconds to say where
            path = Path(local_file_uri_to_path(run.info.artifact_uri)) / name
            return path if path.exists() else None
        entries = self.client.list_artifacts(run.info.run_id)
        if name not in {entry.path for entry in entries}:
            return None
        return Path(self.client.download_artifacts(run.info.run_id, name))

    def newest(self, fingerprint: str) -> Run | None:
        """The run that stands for a fingerprint: the newest that came to its end anywhere, or was begun
        here."""
        runs = self.runs(f"tags.fingerprint = '{fingerprint}'")
        return next((run for run in runs if is_done(run) or self.is_ours(run)), None)

    def is_ours(self, run: Run) -> bool:
        """Whether a run was begun by a process whose claims can be seen from here."""
        return self.is_local or run.data.tags.get("place") == self.place

    @cached_property
    def place(self) -> str:
        """Names this root on a server that other machines write to as well."""
        file = self.root / ".cache" / "place"
        with FileLock(file.with_suffix(".lock")):
            if not file.exists():
                with replacing(file) as temporary:
                    temporary.write_text(uuid.uuid4().hex)
            return file.read_text()

    @contextlib.contextmanager
    def claim(self, key: str, patience: float = -1) -> Iterator[bool]:
        """Work on `key` is for one process at a time: yields whether this is the one.

        patience: seconds to wait for the other; below 0, for as long as it takes. A process that dies
        loses its claims at once.
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
            # A server keeps artifacts where it is told to; the local store keeps them beside itself.
            folder = self.root / "mlartifacts" / self.name
            location = folder.as_uri() if self.is_local else None
            # The kind by which MLflow's pages open at the runs, and not at traces of language models.
            tags = {"mlflow.experimentKind": "custom_model_development"}
            try:
                return self.client.create_experiment(self.name, location, tags)
            except MlflowException as error:  # another process was faster
                known = self.client.get_experiment_by_name(self.name)
                if error.error_code != "RESOURCE_ALREADY_EXISTS" or known is None:
                    raise
        if known.lifecycle_stage != "active":
            raise TrackingError(
                f"the experiment {self.name!r} was deleted in MLflow: restore it there, or choose "
                "another name=..."
            )
        return known.experiment_id

    def _only_one(self) -> contextlib.AbstractContextManager[object]:
        (self.root / ".cache").mkdir(parents=True, exist_ok=True)
        if not self.is_local:
            return contextlib.nullcontext()
        return FileLock(self.root / ".cache" / "mlflow.lock")


def is_done(run: Run | None) -> bool:
    """Whether a run holds its result: it finished, or is known to diverge."""
    return run is not None and run.data.tags.get("outcome") in ("finished", "diverged")


# What SQLite says when the file is sound and only cannot be used at the moment.
_PASSING = ("locked", "unable to open", "readonly", "disk I/O", "is full")


def _make_usable(database: Path) -> None:
    """Brings a store of an older MLflow up to date; sets one aside that this MLflow cannot read.

    Either way the file as it was is kept beside it.
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
        log.info("Upgraded the store %s to this MLflow; as it was: %s", database.name, kept.name)
    except OSError:  # a full disk, a missing permission: nothing is wrong with the store
        raise
    except Exception as error:  # whatever is wrong with the file, runs must be able to start
        reason = str(error).splitlines()[0][:200]
        if any(word in reason for word in _PASSING):
            raise TrackingError(f"the store {database} cannot be used now: {reason}") from error
        kept = database.with_name(f"{database.name}.{stamp}.unreadable")
        database.rename(kept)
        log.warning(
            "This MLflow cannot read the store %s (%s); it is kept as %s and a new one begins",
            *(database.name, reason, kept.name),
        )
