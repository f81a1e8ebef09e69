"""Measure retention and gates of a language model, as `retention` and `gates` do of a classifier.

The last tokens before a drawn token of each text are read from a state of zeros. In place of a logit,
retention follows the log probability of the token that truly comes next: how much of it depends on the
embedding of the token d before. The states and the gates are those of the recurrent layers, whatever is
predicted from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
from scipy.special import softmax

from pipeline.config.probes import ProbeConfig
from pipeline.models.language_model import LanguageNetwork, output_table
from pipeline.probes.frame import ProbeResult, Skipped
from pipeline.probes.gates import gather_gates
from pipeline.probes.language_frame import LanguageSubject, draw_places
from pipeline.probes.retention import gather_retention
from pipeline.probes.trace import Trace, can_trace, trace_language_model

_ROWS_PER_BATCH = 25  # a layer of 256 units needs 500 MB for 400 steps


class _Traced(NamedTuple):
    """Hold the trace of a batch. targets: <int32>[B], the tokens that come next."""

    review_ids: np.ndarray
    trace: Trace
    targets: np.ndarray


def measure_language_retention(subject: LanguageSubject, config: ProbeConfig) -> ProbeResult:
    """Measure what is left of each signal by distance: `next_token`, and of each layer `state`, `gate`.

    Raises:
      Skipped: it is not a network, its cell has no step function, or texts are too few or too short.
    """
    network = _traceable(subject)
    traced = (
        (
            one.review_ids,
            one.trace,
            {("next_token", ""): next_token_gradient(network.model, one.trace, one.targets)},
        )
        for one in _trace_texts(subject, network, config)
    )
    return gather_retention(traced, network.architecture, config.seed)


def measure_language_gates(subject: LanguageSubject, config: ProbeConfig) -> ProbeResult:
    """Measure the time constants that the gates of a language model imply.

    Raises:
      Skipped: it is not a network, its cell has no gate, or texts are too few or too short.
    """
    network = _traceable(subject)
    traced = (one[:2] for one in _trace_texts(subject, network, config))
    return gather_gates(traced, network.architecture, config.seed)


def next_token_gradient(model: keras.Model, trace: Trace, targets: np.ndarray) -> np.ndarray:
    """Return the gradient <float64>[B, U] of the log probability of targets <int>[B] by the features."""
    table = _as_double(output_table(model))
    names = {layer.name for layer in model.layers}
    features, through = trace.features, None
    if "projection" in names:
        layer = model.get_layer("projection")
        through = _as_double(layer.kernel)
        features = features @ through + _as_double(layer.bias)
    gradient = table[targets] - softmax(features @ table.T, axis=1) @ table
    return gradient if through is None else gradient @ through.T


def _as_double(variable: Any) -> np.ndarray:
    return variable.numpy().astype(np.float64)


def _traceable(subject: LanguageSubject) -> LanguageNetwork:
    if subject.network is None:
        raise Skipped("it is not a network")
    if not can_trace(subject.network.architecture):
        raise Skipped("its cell has no step function (see pipeline/cells)")
    return subject.network


def _trace_texts(
    subject: LanguageSubject, network: LanguageNetwork, config: ProbeConfig
) -> Iterator[_Traced]:
    """Trace a network on the last `retention_tokens` tokens before one token of each text, or fewer."""
    wanted = range(2, config.retention_tokens + 1)
    rows, places, before = draw_places(
        subject, config.retention_reviews, 1, wanted, config.seed, "reduce probe.retention_reviews"
    )
    for start in range(0, len(rows), _ROWS_PER_BATCH):
        chosen = rows[start : start + _ROWS_PER_BATCH]
        read, targets = [], []
        for row, place in zip(chosen, places[start : start + _ROWS_PER_BATCH, 0], strict=True):
            words = subject.words(row)
            read.append(words[place - before : place])
            targets.append(words[place])
        trace = trace_language_model(network.model, network.architecture, np.stack(read))
        yield _Traced(subject.tokens.test.review_ids[chosen], trace, np.array(targets))
