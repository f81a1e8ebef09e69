"""One text as several networks read it: what a page and a terminal show.

Words are what the tokenizers cut a text into before they look anything up, words with their inner
apostrophes and every other mark by itself; they are the same for every vocabulary, so that networks
stand one above the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.config.schema import ArchitectureConfig


@dataclass(frozen=True)
class HeadReading:
    """The answer of a head as a text goes on.

    name: of the head; followed: the class whose probability this is, the second of two or, of more,
    the one that is answered in the end; against: the first of two, None of more; answer: in the end;
    probabilities: after each word, <float>[words], NaN for words that are not read; changes: of the
    log-odds by each word, likewise, by the first one from what the head says of nothing.
    """

    name: str
    followed: str
    against: str | None
    answer: str
    probabilities: np.ndarray
    changes: np.ndarray

    @property
    def answer_probability(self) -> float:
        last = float(self.probabilities[np.isfinite(self.probabilities)][-1])
        return last if self.answer == self.followed else 1 - last

    def lean(self, probability: float) -> tuple[str, float]:
        """Which colour a probability has, high or low, and how strong it is, from 0 to 1.

        Of two classes each has its colour, and an even chance has none; of more only the followed one.
        """
        if self.against is None:
            return "high", probability
        return ("high" if probability >= 0.5 else "low"), abs(2 * probability - 1)

    def moved_most(self, count: int = 5) -> list[int]:
        """The places of the words that moved the answer most, the strongest first."""
        strength = np.abs(np.nan_to_num(self.changes))
        order = np.argsort(-strength, kind="stable")[:count]
        return [int(place) for place in order if strength[place] > 0]


@dataclass(frozen=True)
class GateReading:
    """The share of its state that a layer keeps at each word, averaged over units, <float>[words].

    name: forget gate or update gate; layer: from 1, the inner one; direction: forward or backward.
    """

    name: str
    layer: int
    direction: str
    values: np.ndarray


@dataclass(frozen=True)
class NetworkReading:
    """unread, unknown: <bool>[words], what was cut and what is not in the vocabulary."""

    architecture: ArchitectureConfig
    experiment: str
    run_id: str
    seed: int
    heads: tuple[HeadReading, ...]
    gates: tuple[GateReading, ...]
    unread: np.ndarray
    unknown: np.ndarray
    notes: tuple[str, ...]

    def gate_label(self, gate: GateReading) -> str:
        """What tells a gate from the others of this network, such as "forget gate 2 ←"."""
        layer = f" {gate.layer}" if self.architecture.num_layers > 1 else ""
        arrow = {"forward": " →", "backward": " ←"}[gate.direction]
        return f"{gate.name}{layer}{arrow if self.architecture.bidirectional else ''}"


@dataclass(frozen=True)
class Explanation:
    """words: as they stand in the text, marks among them."""

    text: str
    words: tuple[str, ...]
    networks: tuple[NetworkReading, ...]

    def labels(self) -> list[str]:
        """What to call each network: its architecture, with seed and run as far as these are needed."""
        names = [one.architecture.name for one in self.networks]
        seeds = [(one.architecture.name, one.seed) for one in self.networks]
        labels = []
        for one, name, seed in zip(self.networks, names, seeds, strict=True):
            label = name if names.count(name) == 1 else f"{name} seed {one.seed}"
            labels.append(label if seeds.count(seed) == 1 else f"{label} ({one.run_id[:8]})")
        return labels

    def lines(self, width: int, narrowest: int, gap: int) -> list[range]:
        """The words cut into lines of at most `width` characters, or of one word that is longer.

        A word takes at least `narrowest`, and `gap` more.
        """
        starts, used = [0], 0
        for place, word in enumerate(self.words):
            needed = max(len(word), narrowest) + gap
            if place > starts[-1] and used + needed > width:
                starts.append(place)
                used = 0
            used += needed
        return [
            range(start, end)
            for start, end in zip(starts, [*starts[1:], len(self.words)], strict=True)
        ]


def describe_answer(head: HeadReading) -> str:
    return f"{head.name}: {head.answer} ({100 * head.answer_probability:.1f}%)"


def describe_change(change: float) -> str:
    return f"{change:+.2f}".replace("-", "−")
