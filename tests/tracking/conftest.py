"""A store to write to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.tracking import Store


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with its tables made: that takes MLflow seconds, so tests copy the file."""
    folder = tmp_path_factory.mktemp("store")
    Store(None, folder, "small")
    return folder / "mlflow.db"


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> Store:
    shutil.copy(empty_store, tmp_path)
    return Store(None, tmp_path, "small")
