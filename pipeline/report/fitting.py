"""Choose how many networks a page can hold, and how exactly, under a limit of its size."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.analysis.playable import Playable
from pipeline.report.bundle import COARSER, EXACT, Precision, pack

EXACT_BYTES = 2_000_000  # of a page, up to which weights are written as they are
MOST_BYTES = 6_000_000
_FACTS = 1_000  # bytes that a page says of a network beside its weights


class Packer:
    """Pack networks, each once for every precision."""

    def __init__(self) -> None:
        self._packed: dict[tuple[str, Precision], dict[str, Any]] = {}

    def pack(self, network: Playable, precision: Precision) -> dict[str, Any]:
        key = network.run_id, precision
        if key not in self._packed:
            self._packed[key] = pack(network.weights, precision)
        return self._packed[key]

    def cost(self, network: Playable, precision: Precision) -> int:
        """Return the bytes of a network in a page."""
        return len(json.dumps(self.pack(network, precision))) + _FACTS


@dataclass(frozen=True)
class Choice:
    """How exactly networks are written, and how many seeds of each architecture; 0 leaves it out."""

    precision: Precision
    seeds: tuple[int, ...]


def fit(networks: Sequence[Sequence[Playable]], frame: int, packer: Packer) -> Choice:
    """Return what fits, of the seeds of each architecture; the first stands for it.

    In this order, until it fits: all as they are; all with 8 bits; without further seeds; with fewer
    levels; without the largest architectures. Then further seeds are added while they fit, the second of
    each before the third of any.

    frame: the bytes of the page without networks.
    """

    def fits(choice: Choice, most: int = MOST_BYTES) -> bool:
        left = most - frame
        for seeds, count in zip(networks, choice.seeds, strict=True):
            for network in seeds[:count]:
                left -= packer.cost(network, choice.precision)
                if left < 0:
                    return False
        return True

    every, first = tuple(map(len, networks)), (1,) * len(networks)
    if fits(choice := Choice(EXACT, every), EXACT_BYTES):
        return choice
    options = [Choice(COARSER[0], every), *(Choice(precision, first) for precision in COARSER)]
    choice = next(filter(fits, options), options[-1])
    while not fits(choice) and sum(choice.seeds) > 1:
        costs = [
            packer.cost(seeds[0], choice.precision) if count else 0
            for seeds, count in zip(networks, choice.seeds, strict=True)
        ]
        choice = _with(choice, costs.index(max(costs)), 0)
    for count in range(2, max(every) + 1):
        for place, seeds in enumerate(networks):
            more = _with(choice, place, count)
            if choice.seeds[place] == count - 1 and count <= len(seeds) and fits(more):
                choice = more
    return choice


def _with(choice: Choice, place: int, count: int) -> Choice:
    return replace(choice, seeds=(*choice.seeds[:place], count, *choice.seeds[place + 1 :]))
