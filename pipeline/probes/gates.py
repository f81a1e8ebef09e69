"""The gates of a gated cell, and the memory they imply.

A forget gate (LSTM) or an update gate (GRU, where Keras lets it weigh the old state) says at each step
which share of its state a unit keeps. A unit whose gate were steady would forget exponentially: its
time constant, in steps, is -1 over the mean of the logarithm of its gate (Tallec and Ollivier 2018,
Can recurrent neural networks warp time?). What also returns through the recurrent weights is not in it;
`retention` measures both together.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline import statistics
from pipeline.config import ProbeConfig
from pipeline.probes.frame import ProbeResult, Skipped, Subject
from pipeline.probes.retention import draw_texts, traces
from pipeline.probes.trace import DIRECTIONS, KEEP_GATES, LayerTrace

_SMALLEST = 1e-300  # a gate that is shut has no logarithm


def log_gates(layer: LayerTrace) -> np.ndarray:
    """The logarithm of the gate that keeps, <float64>[T, D, B, U], by step."""
    return np.log(np.maximum(layer.keep_gates, _SMALLEST))


def log_kept(layer: LayerTrace) -> np.ndarray:
    """What the gates alone leave of a state after d further steps, <float64>[T, D, B].

    The logarithms are summed back from the last step, and averaged over units.
    """
    back = log_gates(layer).mean(axis=-1)[::-1]
    return np.concatenate([np.zeros_like(back[:1]), back[:-1].cumsum(axis=0)])
