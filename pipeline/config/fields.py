"""Declare the fields of the configuration, each with what it may hold."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import field
from typing import Any

from omegaconf import MISSING


def checked(default: Any, check: Callable[[Any], bool], expected: str, **metadata: Any) -> Any:
    """Return a field that accepts what `check` accepts; `expected` describes that for messages.

    metadata: further facts about the setting (see `pipeline.config.settings`).
    """
    metadata = {"check": check, "expected": expected, **metadata}
    if default is NO_DEFAULT:
        default = MISSING
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def count(default: int, low: int = 1, **metadata: Any) -> Any:
    return checked(
        default, lambda value: value >= low, f"a whole number of at least {low}", **metadata
    )


def fraction(default: float, *, with_zero: bool, **metadata: Any) -> Any:
    if with_zero:
        expected = "a number of at least 0 and below 1"
        return checked(default, lambda value: 0 <= value < 1, expected, **metadata)
    return checked(default, lambda value: 0 < value < 1, "a number between 0 and 1", **metadata)


def positive(default: float, **metadata: Any) -> Any:
    return checked(
        default,
        lambda value: value > 0 and math.isfinite(value),
        "a positive finite number",
        **metadata,
    )


def increasing(default: list[int], *, may_be_empty: bool = True, **metadata: Any) -> Any:
    return checked(
        default,
        lambda edges: (
            (may_be_empty or len(edges) > 0)
            and all(edge >= 1 for edge in edges)
            and all(a < b for a, b in itertools.pairwise(edges))
        ),
        "whole numbers of at least 1 in increasing order, such as [100,200,400]",
        **metadata,
    )
