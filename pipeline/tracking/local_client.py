"""MLflow's client for the local store: artifacts lie below its root, and errors are one line."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import TrackingError
from pipeline.tracking.database import address_of, describe
from pipeline.tracking.places import DATABASE, folder_of


class _LocalClient(MlflowClient):
    """Read and write artifacts below `root`, whatever address the database has for them."""

    def __init__(self, root: Path) -> None:
        address = address_of(root / DATABASE)
        super().__init__(tracking_uri=address, registry_uri=address)
        self._root = root
        self._repositories: dict[str, ArtifactRepository] = {}

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        self._artifacts(run_id).log_artifact(local_path, artifact_path)

    def log_artifacts(self, run_id: str, local_dir: str, artifact_path: str | None = None) -> None:
        self._artifacts(run_id).log_artifacts(local_dir, artifact_path)

    def list_artifacts(self, run_id: str, path: str | None = None) -> Any:
        return self._artifacts(run_id).list_artifacts(path)

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        return self._artifacts(run_id).download_artifacts(path, dst_path)

    def _artifacts(self, run_id: str) -> ArtifactRepository:
        if run_id not in self._repositories:
            address = self.get_run(run_id).info.artifact_uri or ""
            folder = folder_of(address, self._root)
            held = address if folder is None else folder.absolute().as_uri()
            self._repositories[run_id] = get_artifact_repository(held)
        return self._repositories[run_id]


class _Guarded:
    """Wrap a client so that each call fails in one line that names the store and the way out."""

    def __init__(self, client: MlflowClient, database: Path) -> None:
        self._client = client
        self._database = database

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if not callable(method):
            return method

        @functools.wraps(method)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            with store_errors(self._database):
                return method(*args, **kwargs)

        return guarded


def local_client(root: Path) -> MlflowClient:
    """Return a client of the store in `root`.

    Raises:
      TrackingError: by each call, when the store cannot be used.
    """
    return cast(MlflowClient, _Guarded(_LocalClient(root), root / DATABASE))


@contextlib.contextmanager
def store_errors(database: Path) -> Iterator[None]:
    """Turn the errors of MLflow, of its database and of the disk into a TrackingError."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise TrackingError(describe(database, error)) from error
