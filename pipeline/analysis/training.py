"""Diagnose how training went, from the curves of train and validation alone.

A diagnosis is the likeliest reason why an architecture has learnt little, or could have learnt more.
What is done about it must not be chosen on test.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd

from pipeline.analysis.frames import rows_of

_STILL_RISING = 0.005  # what the last epoch adds to validation accuracy
_HARDLY = 0.02  # a loss that fell by a smaller share hardly fell
_ABOVE_CHANCE = 0.1  # of validation accuracy
_BY_HEART = 0.2  # by which train accuracy is above that on validation
_FEW_STEPS = 500
_ENOUGH_STEPS = 1_000
_MOST_EPOCHS = 500


class Reason(Enum):
    rising = "rising"  # it was still improving in its last epoch
    diverged = "diverged"  # the loss became infinite
    few_seeds = "few_seeds"  # it is above chance on validation, but its seeds differ much
    by_heart = "by_heart"  # it has learnt its training texts and no others
    few_steps = "few_steps"  # so few texts that its epochs are hardly any steps
    out_of_time = "out_of_time"  # `max_seconds` ended training
    impatient = "impatient"  # patience ended training early
    flat = "flat"  # the training loss hardly fell
    epochs = "epochs"  # the training loss fell to the last epoch


@dataclass(frozen=True)
class Diagnosis:
    """The likeliest reason for an architecture, with what its runs had: medians over them.

    seeds: how many runs. epochs, patience, learning_rate, max_seconds: as set or chosen, NaN where
    unknown. ran: the epochs that they ran. steps: the batches of these. train_accuracy: of the last
    epoch. val_accuracy: of the best one.
    """

    architecture: str
    reason: Reason
    seeds: int
    epochs: float
    patience: float
    learning_rate: float
    max_seconds: float
    ran: float
    steps: float
    train_accuracy: float
    val_accuracy: float

    @property
    def enough_epochs(self) -> int:
        """Return how many epochs are a fair number of steps."""
        wanted = math.ceil(_ENOUGH_STEPS / self.steps * self.ran / 10) * 10
        return max(2 * int(self.epochs), min(wanted, _MOST_EPOCHS))


def diagnose(
    runs: pd.DataFrame,
    history: pd.DataFrame,
    unlearnt: set[str],
    chance: float,
    sizes: Mapping[str, int],
) -> list[Diagnosis]:
    """Return a diagnosis of every architecture that has learnt too little or could learn more.

    Args:
      runs: those of a `Comparison`.
      history: that of `TrackedRuns`.
      unlearnt: the architectures that are not shown to be better than chance.
      chance: the share of the commonest answer.
      sizes: how many texts the splits have, by name; unknown ones are left out.
    """
    if history.empty:
        return []
    found = []
    for name, group in runs[runs.chosen].groupby("architecture", sort=False):
        diverged = group.status == "diverged"
        curves = [
            _read_curve(row, history[history.run_id == row.run_id], sizes.get("train"))
            for row in rows_of(group[group.compared | diverged])
        ]
        known = pd.DataFrame([curve for curve in curves if curve])
        if len(known):
            middle = known.median(numeric_only=True)
            above_chance = middle.val_accuracy >= _clearly_above(chance, sizes.get("validation"))
            reason = _find_reason(known, above_chance, str(name) in unlearnt, chance)
            reason = Reason.diverged if diverged.mean() >= 0.5 else reason
            if reason is not None:
                facts = {field: float(middle[field]) for field in _FACTS}
                found.append(Diagnosis(str(name), reason, len(known), **facts))
    return found


_FACTS = "epochs patience learning_rate max_seconds ran steps train_accuracy val_accuracy".split()


def _read_curve(run: Any, curve: pd.DataFrame, train_texts: int | None) -> dict[str, float] | None:
    """Describe how the training of a run went; None where it has no curve."""
    curve = curve.dropna(subset=["train_loss", "val_accuracy"]).sort_values("epoch")
    if curve.empty:
        return None
    settings = {
        name: _number(getattr(run, name, None)) for name in ("learning_rate", "max_seconds")
    }
    settings |= {name: _budget(run, name) for name in ("epochs", "patience", "batch_size")}
    before = curve.val_accuracy.iloc[:-1].max() if len(curve) > 1 else np.nan
    first, last = curve.train_loss.iloc[0], curve.train_loss.iloc[-1]
    per_epoch = math.nan if train_texts is None else train_texts / settings["batch_size"]
    return settings | {
        "ran": len(curve),
        "steps": len(curve) * per_epoch,
        "gain": curve.val_accuracy.iloc[-1] - before,
        "fell": 1 - last / first,
        "fell_last": 1 - last / curve.train_loss.iloc[-2] if len(curve) > 1 else np.nan,
        "train_accuracy": curve.train_accuracy.iloc[-1],
        "val_accuracy": curve.val_accuracy.max(),
    }


def _budget(run: Any, name: str) -> float:
    """Return what a run was given: a setting, or what was chosen by the number of texts."""
    given = _number(getattr(run, f"budget_{name}", None))
    return _number(getattr(run, name, None)) if math.isnan(given) else given


def _number(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)


def _clearly_above(chance: float, texts: int | None) -> float:
    """Return an accuracy on so many texts that always giving the commonest answer hardly reaches."""
    spread = 0.0 if texts is None else math.sqrt(chance * (1 - chance) / texts)
    return chance + max(_ABOVE_CHANCE, 2 * spread)


def _find_reason(
    runs: pd.DataFrame, above_chance: bool, unlearnt: bool, chance: float
) -> Reason | None:
    """Return the first reason that holds for most runs; they stand in the order of likelihood."""
    in_time = runs.max_seconds.isna()
    to_the_end = in_time & (runs.ran >= runs.epochs)
    lead = runs.train_accuracy - runs.val_accuracy
    if above_chance or not unlearnt:
        rising = to_the_end & (runs.gain >= _STILL_RISING) & (runs.fell_last >= _HARDLY)
        if rising.mean() > 0.5:
            return Reason.rising
        return Reason.few_seeds if unlearnt else None
    checks = {
        Reason.by_heart: (lead >= _BY_HEART) & (runs.train_accuracy >= chance + _BY_HEART),
        Reason.out_of_time: ~in_time,
        Reason.few_steps: runs.steps < _FEW_STEPS,
        Reason.impatient: runs.ran < runs.epochs,
        Reason.flat: (runs.fell < _HARDLY) & (runs.ran > 1),
        Reason.epochs: to_the_end,
    }
    return next((reason for reason, holds in checks.items() if holds.mean() >= 0.5), None)
