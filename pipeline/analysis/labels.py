"""Name networks that are shown beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pipeline.config.schema import ArchitectureConfig


class OfRun(Protocol):
    """What comes from the network of a run."""

    @property
    def architecture(self) -> ArchitectureConfig: ...
    @property
    def run_id(self) -> str: ...
    @property
    def seed(self) -> int: ...


def label_networks(networks: Sequence[OfRun]) -> list[str]:
    """Name each network by its architecture, adding seed and run id where needed."""
    names = [one.architecture.name for one in networks]
    seeds = [(one.architecture.name, one.seed) for one in networks]
    labels = []
    for one, name, seed in zip(networks, names, seeds, strict=True):
        label = name if names.count(name) == 1 else f"{name} seed {one.seed}"
        labels.append(label if seeds.count(seed) == 1 else f"{label} ({one.run_id[:8]})")
    return labels
