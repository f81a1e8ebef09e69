"""What the tests share: one thread for TensorFlow, and the real reviews where they are."""

from __future__ import annotations

import os
from pathlib import Path

# Before anything imports TensorFlow, which fixes its threads at first use.
os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1", OMP_NUM_THREADS="1")
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow", TF_ENABLE_ONEDNN_OPTS="1")

import pytest
from factories import ROOT


@pytest.fixture(scope="session")
def tfds_dir() -> Path:
    """A folder where TFDS has prepared the real reviews."""
    beside = ROOT.parent / "shared" / "tfds"
    folder = Path(os.environ.get("TFDS_DATA_DIR", beside))
    if not (folder / "imdb_reviews" / "plain_text" / "1.0.0" / "dataset_info.json").exists():
        pytest.skip(f"TFDS has not prepared imdb_reviews in {folder}")
    return folder
