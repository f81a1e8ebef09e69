"""Say what training cost, for every task alike."""

from __future__ import annotations

import logging

from pipeline.runs.device import peak_memory_mb
from pipeline.training.loop import TrainResult

log = logging.getLogger(__name__)


def costs_of(result: TrainResult, sizes: dict[str, float]) -> dict[str, float]:
    """Return the metrics of seconds, memory and `sizes`; log how many steps were left out, if any."""
    if result.skipped:
        log.info("Left out %d training steps whose gradients overflowed", result.skipped)
    costs = {
        "time/train_seconds": result.seconds,
        "train/skipped_steps": result.skipped,
        "memory/peak_mb": peak_memory_mb(),
    }
    if result.tokens_per_second:  # the adding problem has no tokens
        costs["time/tokens_per_second"] = result.tokens_per_second
    return costs | sizes
