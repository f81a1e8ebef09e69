"""How a model is computed: by its own layers or, on a CPU, by faster kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from pipeline.config.schema import ArchitectureConfig
from pipeline.models.architectures import forward_of
from pipeline.models.fused import fuse


def forward_on(
    device_kind: str, model: keras.Model, architecture: ArchitectureConfig
) -> Callable[..., list[Any]]:
    """Return the quickest execution of a model there: the same weights, logits and gradients."""
    return fuse(model, architecture) if device_kind == "cpu" else forward_of(model)
