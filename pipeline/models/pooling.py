"""Pool the outputs of a recurrent layer into what the heads read.

Outputs are <float>[B, T, F], F = D * U; `is_token` is <bool>[B, T], False for padding, or None where
there is none. All may be symbolic: a saved model holds plain operations of Keras and opens anywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from pipeline.config.schema import ArchitectureConfig, Readout

_LOWEST = float(np.finfo(np.float32).min)  # JSON, in which a model is saved, has no infinity


def pooled_by(readout: Readout) -> tuple[Readout, ...]:
    """Return what the features consist of, in order."""
    every = (Readout.last, Readout.max, Readout.mean)
    return every if readout == Readout.concat else (readout,)


def pool(config: ArchitectureConfig, outputs: Any, is_token: Any, last: Any = None) -> Any:
    """Return the features of each text by the readout of an architecture, <float>[B, _].

    last: the outputs after the last token, <float>[B, F], where they are known.
    """
    pools = {
        Readout.last: lambda: _last(config, outputs, is_token) if last is None else last,
        Readout.max: lambda: max_over_tokens(outputs, is_token),
        Readout.mean: lambda: _mean_over_tokens(outputs, is_token),
    }
    pooled = [pools[name]() for name in pooled_by(config.readout)]
    return ops.concatenate(pooled, axis=-1) if len(pooled) > 1 else pooled[0]


def max_over_tokens(outputs: Any, is_token: Any) -> Any:
    """Return the maximum over the steps that are not padding, <float>[B, F]."""
    if is_token is not None:
        outputs = ops.where(ops.expand_dims(is_token, -1), outputs, _LOWEST)
    return ops.max(outputs, axis=1)


def _mean_over_tokens(outputs: Any, is_token: Any) -> Any:
    if is_token is None:
        return ops.mean(outputs, axis=1)
    weights: Any = ops.expand_dims(ops.cast(is_token, "float32"), -1)
    return ops.divide(ops.sum(outputs * weights, axis=1), ops.sum(weights, axis=1))


def _last(config: ArchitectureConfig, outputs: Any, is_token: Any) -> Any:
    """Return the outputs after all tokens were read: forward at the last, backward at the first."""
    forward = outputs[:, :, : config.units]
    if is_token is None:
        last = forward[:, -1]
    else:
        tokens: Any = ops.cast(is_token, "float32")
        following = ops.pad(tokens[:, 1:], [[0, 0], [0, 1]])
        last = ops.sum(forward * ops.expand_dims(tokens - following, -1), axis=1)
    if not config.bidirectional:
        return last
    return ops.concatenate([last, outputs[:, 0, config.units :]], axis=-1)
