"""Measure the gates of a gated cell, and the memory they imply.

A forget gate (LSTM) or an update gate (GRU, where it multiplies the old state in Keras) is the share of
its state that a unit keeps at a step. With a constant gate a unit forgets exponentially: its time
constant, in steps, is -1 over the mean logarithm of its gate (after Tallec and Ollivier 2018, Can
Recurrent Neural Networks Warp Time?). This ignores what returns through the recurrent weights;
`retention` measures both together.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from pipeline.analysis.curves import resample_curves
from pipeline.analysis.fading import describe_constants
from pipeline.cells import find_cell
from pipeline.config.probes import ProbeConfig
from pipeline.config.schema import ArchitectureConfig
from pipeline.probes.frame import ProbeResult, Skipped, Subject
from pipeline.probes.trace import DIRECTIONS, LayerTrace, Trace, metric_suffix
from pipeline.probes.traced_reviews import trace_test_reviews

_SMALLEST = 1e-300  # a closed gate has no logarithm
_REPORTED = ("lower", "median", "upper", "p90", "slowest")


def log_gates(layer: LayerTrace) -> np.ndarray:
    """Return the logarithm of the forget or update gate at each step, <float64>[T, D, B, U]."""
    return np.log(np.maximum(layer.keep_gates, _SMALLEST))


def log_kept(layer: LayerTrace) -> np.ndarray:
    """Return the log share of the state d steps before the last that gates keep, <float64>[d, D, B].

    The logarithms are averaged over units and summed backwards from the last step.
    """
    back = log_gates(layer).mean(axis=-1)[::-1]
    return np.concatenate([np.zeros_like(back[:1]), back[:-1].cumsum(axis=0)])


def measure_gates(subject: Subject, config: ProbeConfig) -> ProbeResult:
    """Measure the time constants that the gates of a classifier imply, as `gather_gates` says.

    Raises:
      Skipped: the cell has no gate, or there are too few texts.
    """
    architecture = subject.network.architecture if subject.network else None
    return gather_gates(trace_test_reviews(subject, config), architecture, config.seed)


def gather_gates(
    traced: Iterable[tuple[np.ndarray, Trace]], architecture: ArchitectureConfig | None, seed: int
) -> ProbeResult:
    """Return the gates of a traced network.

    The table has a row for each review, layer, direction and unit, with log_gate: the mean over the
    steps of that review. The metrics are quartiles, the 90th percentile (p90) and the largest of the
    units' time constants, which follow from the means over all reviews.

    Args:
      traced: review ids and traces, by batch; read only if the cell has a gate.
      architecture: None if there is no network, which `traced` says.

    Raises:
      Skipped: the cell has no gate, or `traced` says why.
    """
    if architecture and find_cell(architecture.cell).keep_gate is None:
        raise Skipped("its cell has no gate")
    parts = []
    for review_ids, trace in traced:
        for number, layer in enumerate(trace.layers, start=1):
            means = log_gates(layer).mean(axis=0)  # [T, D, B, U] to [D, B, U]
            place = np.indices(means.shape).reshape(3, -1)
            parts.append(
                pd.DataFrame(
                    {
                        "review_id": review_ids[place[1]],
                        "layer": number,
                        "direction": np.array(DIRECTIONS)[place[0]],
                        "unit": place[2],
                        "log_gate": means.ravel(),
                    }
                )
            )
    assert architecture is not None
    return _summarize(pd.concat(parts, ignore_index=True), architecture, seed)


def _summarize(table: pd.DataFrame, architecture: ArchitectureConfig, seed: int) -> ProbeResult:
    rng = np.random.default_rng(seed)
    metrics: dict[str, float] = {"reviews": table.review_id.nunique()}
    facts = {}
    for number in table.layer.unique():
        for direction in table.direction.unique():
            part = table[(table.layer == number) & (table.direction == direction)]
            scores = part.pivot(index="unit", columns="review_id", values="log_gate").to_numpy()
            found = describe_constants(resample_curves(scores[None], rng))
            name = "time_constant" + metric_suffix(architecture, number, direction)
            metrics |= {f"{name}_{q}": found[q] for q in _REPORTED}
            facts[name] = f"{found['median']:.3g} steps"
            if np.isfinite(found["low"]):
                facts[name] += f" ({found['low']:.3g} to {found['high']:.3g})"
    return ProbeResult("gates", table, metrics, facts)
