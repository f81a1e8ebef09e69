"""Runs in a store as they are when they have finished, though no network was trained for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.config.schema import RunConfig
from pipeline.tracking import Store, track_run

TEXTS = 40  # of the test split


def predictions(accuracy: float, texts: int = TEXTS) -> pd.DataFrame:
    """Answers of which the share `accuracy`, in steps of a fortieth, is right."""
    correct = np.arange(texts) < round(accuracy * texts)
    label = np.where(np.arange(texts) % 2, "pos", "neg")
    flipped = np.where(label == "pos", "neg", "pos")
    return pd.DataFrame(
        {
            "review_id": [f"test/{number}" for number in range(texts)],
            "label": label,
            "predicted": np.where(correct, label, flipped),
            "probability": 0.75,
            "correct": correct,
            "length": np.arange(texts) + 10,
            "kept_length": np.arange(texts) + 10,
        }
    )


def finish(
    store: Store,
    config: RunConfig,
    accuracy: float,
    parent: str | None = None,
    seconds: Sequence[float] = (2.5, 2.5),
) -> str:
    """Track a run that finishes, with an epoch for each of `seconds`, and return its id."""
    with track_run(store, config, parent) as recorder:
        recorder.data_set("clauses", "abc123", {"train": 200, "test": TEXTS}, "generated")
        for epoch, duration in enumerate(seconds, 1):
            losses = {"train/loss": 1 / epoch, "val/accuracy": accuracy}
            recorder.metrics(losses | {"time/epoch_seconds": duration}, epoch)
        recorder.metrics({"best/epoch": 2, "test/accuracy": accuracy, "model/parameters": 10})
        recorder.table(predictions(accuracy), "predictions.parquet")
    return recorder.run_id
