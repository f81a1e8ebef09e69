"""Declare the fields of the configuration, each with what it means and what it may hold.

The metadata `about` says what a setting means, for the help of the programs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import field
from typing import Any

from omegaconf import MISSING


def setting(default: Any, **metadata: Any) -> Any:
    """Return a field that accepts every value of its type.

    metadata: what it means, as `about`, and further facts (see `pipeline.config.settings`).
    """
    if default is NO_DEFAULT:
        default = MISSING
    if isinstance(default, list | dict):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def checked(default: Any, check: Callable[[Any], bool], expected: str, **metadata: Any) -> Any:
    """Return a field that accepts what `check` accepts; `expected` describes that for messages."""
    return setting(default, check=check, expected=expected, **metadata)


def count(default: int, low: int = 1, **metadata: Any) -> Any:
    return checked(
        default, lambda value: value >= low, f"a whole number of at least {low}", **metadata
    )


def optional_count(default: int | None, low: int = 1, **metadata: Any) -> Any:
    """Return a field like `count` that may be null."""
    return checked(
        default,
        lambda value: value is None or value >= low,
        f"null or a whole number of at least {low}",
        **metadata,
    )


def fraction(default: float, *, with_zero: bool, **metadata: Any) -> Any:
    if with_zero:
        expected = "a number of at least 0 and below 1"
        return checked(default, lambda value: 0 <= value < 1, expected, **metadata)
    return checked(default, lambda value: 0 < value < 1, "a number between 0 and 1", **metadata)


def optional_fraction(default: float | None, **metadata: Any) -> Any:
    """Return a field like `fraction` with zero that may be null."""
    return checked(
        default,
        lambda value: value is None or 0 <= value < 1,
        "null or a number of at least 0 and below 1",
        **metadata,
    )


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
