"""Find the networks that are not shown to have learnt anything, and leave out what they would forget.

A half-life is that of an answer. Where no answer was learnt, the number would be one of noise.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.analysis.fading import Fading
from pipeline.analysis.memory import Memory
from pipeline.analysis.slow_units import SlowUnits

_REACHES = r"half_life|effective"  # what is asked of an answer


def find_unlearnt(summary: pd.DataFrame, chance: float, memory: Memory | None) -> tuple[str, ...]:
    """Return the architectures that are not shown to have learnt anything.

    That is, whose accuracy is not shown to be above chance, or whose margin on short clear texts is
    not shown to be above zero, where that was probed.
    """
    margins = {}
    if memory is not None:
        plain = memory.curves[memory.curves.condition == "plain"]
        margins = dict(zip(plain.architecture, plain.margin_low, strict=True))
    return tuple(
        name
        for name, low in zip(summary.architecture, summary.ci_low, strict=True)
        if not low > chance or not margins.get(name, np.inf) > 0
    )


def without_reaches(memory: Memory, unlearnt: tuple[str, ...]) -> Memory:
    """Blank the half-lives and effective contexts of architectures that have learnt nothing."""
    reaches, curves = memory.reaches.copy(), memory.curves.copy()
    asked = reaches.architecture.isin(unlearnt) & reaches.measure.str.contains(_REACHES)
    reaches.loc[asked, ["value", "low", "high"]] = np.nan
    reaches.loc[asked, "rises"] = False
    blank = curves.architecture.isin(unlearnt)
    curves.loc[blank, ["relative", "relative_low", "relative_high"]] = np.nan
    return replace(memory, reaches=reaches, curves=curves)


def without_signals(fading: Fading, unlearnt: tuple[str, ...]) -> Fading:
    """Leave out the derivatives of architectures that have learnt nothing."""
    return replace(
        fading,
        curves=fading.curves[~fading.curves.architecture.isin(unlearnt)],
        half_lives=fading.half_lives[~fading.half_lives.architecture.isin(unlearnt)],
    )


def without_shares(found: SlowUnits, unlearnt: tuple[str, ...]) -> SlowUnits:
    """Leave out what the units of architectures carry that have learnt nothing."""
    return replace(found, shares=found.shares[~found.shares.architecture.isin(unlearnt)])
