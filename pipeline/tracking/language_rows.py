"""Turn a tracked run of a language model into a row, and check that a finished one is whole."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
from mlflow.entities import Run

from pipeline.tracking.artifacts import Artifacts, DamagedRun
from pipeline.tracking.record import PROBES
from pipeline.tracking.rows import Result, check_has, metrics_of, row_of
from pipeline.tracking.store import Store

LOSSES = "losses.parquet"
SAMPLES = "samples.parquet"
_LOSS = "test/loss"
_COUNTS = ("tokens", "characters", "unknown", "words")
_METRICS = {
    "test/perplexity": "test_perplexity",
    "test/bits_per_character": "bits_per_character",
    "best/val_loss": "val_loss",
    "best/val_perplexity": "val_perplexity",
    "best/step": "best_step",
    "best/tokens": "best_tokens",
    "data/vocab_size": "vocabulary",
    "data/unknown_share_train": "unknown_share_train",
    "data/unknown_share_validation": "unknown_share_validation",
}


def language_row(store: Store, run: Run) -> dict[str, Any]:
    """Return the row of a language model, as `row_of` does."""
    return row_of(store, run) | metrics_of(run, _METRICS)


def read_language_result(store: Store, run: Run) -> Result:
    """Return the tables of a finished language model.

    Raises:
      DamagedRun: they are incomplete or damaged, or do not have the loss that was tracked.
    """
    artifacts = Artifacts(store, run)
    check_has(run, {"parameter": ("architecture", "seed"), "metric": (_LOSS,)})
    losses = artifacts.table(LOSSES)
    if losses is None:
        raise DamagedRun(run, f"its {LOSSES} is missing")
    with artifacts.reading(LOSSES):
        _check_losses(run, losses)
    return Result(losses, artifacts.tables(PROBES), artifacts.table(SAMPLES))


def _check_losses(run: Run, table: pa.Table) -> None:
    """Compare the losses with the mean loss that was tracked."""
    if lacking := sorted({"review_id", "nats", *_COUNTS} - {*table.column_names}):
        raise DamagedRun(run, f"its {LOSSES} lacks the column {lacking[0]}")
    if not len(table):
        raise DamagedRun(run, f"its {LOSSES} is empty")
    nats, tokens = (np.asarray(table[name], dtype=float) for name in ("nats", "tokens"))
    tracked, found = float(run.data.metrics[_LOSS]), nats.sum() / tokens.sum()
    if not math.isclose(found, tracked, rel_tol=1e-6):
        raise DamagedRun(
            run, f"its {LOSSES} has a loss of {found:.4f}, but {tracked:.4f} was tracked"
        )
