"""What a run of a language model tracks of its training."""

from __future__ import annotations

import math

import pandas as pd

from pipeline.runs.language import _best_metrics
from pipeline.training.loop import Outcome, TrainResult


def test_a_loss_whose_perplexity_is_beyond_all_numbers_is_tracked():
    """A learning rate far too high gives such losses, which are finite themselves."""
    columns = {"step": 1, "tokens": 9, "train_loss": 800.0, "val_loss": 800.0, "seconds": 1.0}
    history = pd.DataFrame([columns])
    metrics = _best_metrics(TrainResult(history, 1, 1.0, 9.0, 0, Outcome.finished))
    assert metrics["best/val_loss"] == 800
    assert math.isfinite(metrics["best/val_perplexity"])
