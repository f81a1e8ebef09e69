"""Measure how much of a signal is left after d steps, by gradients and gates.

The norms of two derivatives, averaged over reviews and relative to d = 0:

logit: the derivative of a head's logit with respect to the embedding d tokens before the last that is
read. The directions of a bidirectional network end at opposite ends of the text, so each direction of
the outer layer has its own curve: the part of the derivative that passes through it. With the readout
`mean` or `max` the logit depends on the output of every step directly, and the curve shows how uniformly
it does, not how long the state lasts; `state` still shows that.

state: the derivative of the last state with respect to the state d steps before, in each layer and
direction, as |vᵀJ| / |v| with one random normal vector v for each review (its square is an unbiased
estimate of ‖J‖²/units; Hutchinson 1990). The state is what the cell carries from step to step: h in a
SimpleRNN and a GRU, c in an LSTM, whose h follows from c. So J is units x units in all three.

gate: the share that the gates alone keep: the logarithms of forget (LSTM) or update gates (GRU),
averaged over units and summed backwards over d steps. If `state` is above it, memory also passes through
the recurrent weights.

next_token: of a language model in place of `logit`, the derivative of the log probability of the token
that truly comes next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.analysis.curves import describe_reach, half_life, resample_curves
from pipeline.analysis.fading import relative
from pipeline.config.probes import ProbeConfig
from pipeline.config.schema import ArchitectureConfig
from pipeline.data.splits import Head, predicted_classes
from pipeline.probes.frame import ProbeResult, Subject, reach_metrics
from pipeline.probes.gates import log_kept
from pipeline.probes.trace import DIRECTIONS, LayerTrace, Trace, metric_suffix, reverse_backward
from pipeline.probes.traced_reviews import trace_test_reviews


class Signal(NamedTuple):
    """Name a signal.

    kind: logit, next_token, state or gate; head: of a logit, else empty; layer: 0 is the embedding.
    """

    kind: str
    head: str
    layer: int
    direction: str


Curves = dict[Signal, np.ndarray]
# By kind and head, the gradient of an answer with respect to the features, <float64>[B, D * U].
Answers = dict[tuple[str, str], np.ndarray]


def log_spaced(length: int) -> np.ndarray:
    """Return distances below `length`: all up to eight, then six per doubling, and the last."""
    spaced = 8 * 2 ** (np.arange(6 * 30) / 6)
    distances = np.unique([*range(9), *np.round(spaced).astype(int), length - 1])
    return distances[distances < length]


def measure_retention(subject: Subject, config: ProbeConfig) -> ProbeResult:
    """Measure what is left of each signal of a classifier by distance, as `gather_retention` says.

    Raises:
      Skipped: there are too few texts, or they are too short.
    """
    heads = subject.heads
    traced = (
        (review_ids, trace, logit_gradients(trace, heads))
        for review_ids, trace in trace_test_reviews(subject, config)
    )
    architecture = subject.network.architecture if subject.network else None
    return gather_retention(traced, architecture, config.seed)


def gather_retention(
    traced: Iterable[tuple[np.ndarray, Trace, Answers]],
    architecture: ArchitectureConfig | None,
    seed: int,
) -> ProbeResult:
    """Return what is left of each signal of a traced network by distance.

    The table has a row for each review, signal and distance: review_id, kind, head, layer, direction,
    distance, and value (for `logit` and `next_token` a norm, to be divided by that at distance 0; else
    a share). The facts and metrics are half-lives of the means over reviews.

    Args:
      traced: review ids, traces and answers, by batch; it says why if there are none.
      architecture: None if there is no network.
    """
    rng = np.random.default_rng(seed)
    parts: dict[Signal, list[np.ndarray]] = defaultdict(list)
    ids = []
    distances = np.array([])
    for review_ids, trace, answers in traced:
        ids.append(review_ids)
        distances = log_spaced(trace.length)
        for signal, values in follow_signals(trace, answers, distances, rng).items():
            parts[signal].append(values)
    assert architecture is not None
    curves = {signal: np.concatenate(values, axis=1) for signal, values in parts.items()}
    table = _as_table(curves, distances, np.concatenate(ids))
    return _summarize(table, curves, architecture, seed)


def signals_by_distance(
    trace: Trace, heads: tuple[Head, ...], distances: np.ndarray, rng: np.random.Generator
) -> Curves:
    """Return every signal of a classifier at `distances`; see `follow_signals`."""
    return follow_signals(trace, logit_gradients(trace, heads), distances, rng)


def follow_signals(
    trace: Trace, answers: Answers, distances: np.ndarray, rng: np.random.Generator
) -> Curves:
    """Return every signal at `distances` <int>[d] for each review of a batch, <float64>[d, B]."""
    curves: Curves = {}

    def add(kind: str, head: str, layer: int, values: np.ndarray) -> None:
        for direction, part in zip(DIRECTIONS, values.swapaxes(0, 1), strict=False):
            curves[Signal(kind, head, layer, direction)] = part

    for (kind, head), cotangent in answers.items():
        gradients = trace.embedding_gradients(cotangent)
        by_distance = reverse_backward(np.linalg.norm(gradients, axis=-1))[::-1]
        add(kind, head, 0, by_distance[distances])
    for number, layer in enumerate(trace.layers, start=1):
        add("state", "", number, state_retention(layer, distances, rng))
        if layer.cell.keep_gate is not None:
            add("gate", "", number, np.exp(log_kept(layer)[distances]))
    return curves


def logit_gradients(trace: Trace, heads: tuple[Head, ...]) -> Answers:
    return {("logit", head.name): logit_gradient(trace, at) for at, head in enumerate(heads)}


def logit_gradient(trace: Trace, head: int) -> np.ndarray:
    """Return the gradient of a head's logit with respect to its features, <float64>[B, D * U].

    For more than two classes it is that of the logit of the predicted class minus the mean logit,
    because softmax is invariant to a constant.
    """
    weights, logits = trace.weights[head], trace.logits[head]
    if logits.shape[1] == 1:
        return np.repeat(weights.T, len(logits), axis=0)
    return (weights - weights.mean(axis=1, keepdims=True)).T[predicted_classes([logits])[:, 0]]


def state_retention(
    layer: LayerTrace, distances: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return |vᵀ d(last state) / d(state d steps before)| / |v|, <float64>[d, D, B].

    distances: <int>[d].
    """
    *others, carried = layer.zero_gradients()
    vectors = rng.standard_normal(carried.shape)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    steps = layer.length - 1 - distances
    steps_back = layer.backpropagate((*others, tf.constant(vectors)))
    by_step = {
        step: np.linalg.norm(layer.carried(step, gradients), axis=-1)
        for step, gradients, _ in steps_back
        if step in steps
    }
    return np.stack([by_step[step] for step in steps])


def _as_table(curves: Curves, distances: np.ndarray, review_ids: np.ndarray) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "review_id": np.tile(review_ids, len(distances)),
                **signal._asdict(),
                "distance": np.repeat(distances, len(review_ids)),
                "value": values.ravel(),
            }
        )
        for signal, values in curves.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _summarize(
    table: pd.DataFrame, curves: Curves, architecture: ArchitectureConfig, seed: int
) -> ProbeResult:
    several = len({signal.head for signal in curves if signal.head}) > 1
    distances = table.distance.unique()
    metrics: dict[str, float] = {"reviews": table.review_id.nunique()}
    facts = {}
    for signal, values in curves.items():
        rng = np.random.default_rng(seed)
        resampled = resample_curves(relative(values[None]), rng)
        reach = half_life(distances, resampled, [0])
        name = _name(signal, several, architecture)
        metrics |= reach_metrics(name, reach)
        facts[name] = describe_reach(reach, f"beyond {distances[-1]}")
    return ProbeResult("retention", table, metrics, facts)


def _name(signal: Signal, several_heads: bool, architecture: ArchitectureConfig) -> str:
    head = f"_{signal.head}" if signal.head and several_heads else ""
    return f"half_life_{signal.kind}{head}{metric_suffix(architecture, signal.layer, signal.direction)}"
