"""What the tests share: one thread for TensorFlow, a small run, and the real reviews where they are."""

from __future__ import annotations

import os
from pathlib import Path

# Before anything imports TensorFlow, which fixes its threads at first use.
os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1", OMP_NUM_THREADS="1")
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow", TF_ENABLE_ONEDNN_OPTS="1")

import pytest

from pipeline.config import (
    ArchitectureConfig,
    Cell,
    ClausesConfig,
    DeviceConfig,
    ProbeConfig,
    RunConfig,
    TokenizerConfig,
    TrackingConfig,
    TrainConfig,
)

ROOT = Path(__file__).resolve().parents[1]


def small_run(folder: Path, **changes: object) -> RunConfig:
    """A run of seconds on generated text; `changes` by attribute, such as `train__epochs=1`."""
    config = RunConfig(
        data=ClausesConfig(train_size=200, validation_size=100, test_size=120, max_distance=10),
        tokenizer=TokenizerConfig(),
        architecture=ArchitectureConfig(name="lstm", cell=Cell.lstm, units=8, embedding_dim=8),
        train=TrainConfig(epochs=2),
        probe=ProbeConfig(kinds=[]),
        device=DeviceConfig(threads=1),
        tracking=TrackingConfig(),
        name="small",
        root=str(folder),
    )
    for path, value in changes.items():
        *parents, leaf = path.split("__")
        target: object = config
        for parent in parents:
            target = getattr(target, parent)
        setattr(target, leaf, value)
    return config


@pytest.fixture(scope="session")
def tfds_dir() -> Path:
    """A folder where TFDS has prepared the real reviews."""
    beside = ROOT.parent / "shared" / "tfds"
    folder = Path(os.environ.get("TFDS_DATA_DIR", beside))
    if not (folder / "imdb_reviews" / "plain_text" / "1.0.0" / "dataset_info.json").exists():
        pytest.skip(f"TFDS has not prepared imdb_reviews in {folder}")
    return folder
