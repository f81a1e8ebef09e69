"""Describe how several networks read one text, for a page or a terminal.

Words are the pieces that tokenizers cut a text into before any look-up: words with inner apostrophes,
and every other mark by itself. They do not depend on the vocabulary, so networks can be aligned on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.analysis.labels import label_networks
from pipeline.config.schema import ArchitectureConfig


@dataclass(frozen=True)
class HeadReading:
    """The answer of one head after each word.

    name: of the head.
    followed: the class whose probability is given: of two classes the second, of more the final answer.
    against: of two classes the first; None for more.
    answer: the final answer.
    probabilities: <float>[words], after each word; NaN for words that are not read.
    changes: <float>[words], of the log-odds at each word; at the first, from an empty text.
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
        """Return the colour of a probability, high or low, and its strength from 0 to 1.

        Each of two classes has its own colour; of more, only the followed class has one.
        """
        if self.against is None:
            return "high", probability
        return ("high" if probability >= 0.5 else "low"), abs(2 * probability - 1)

    def moved_most(self, count: int = 5) -> list[int]:
        """Return the places of the words that moved the answer most, the strongest first."""
        strength = np.abs(np.nan_to_num(self.changes))
        order = np.argsort(-strength, kind="stable")[:count]
        return [int(place) for place in order if strength[place] > 0]


@dataclass(frozen=True)
class GateReading:
    """The share of its state that a layer keeps at each word, averaged over units.

    name: "forget gate" or "update gate". layer: from 1, the one nearest to the words.
    direction: "forward" or "backward". values: <float>[words].
    """

    name: str
    layer: int
    direction: str
    values: np.ndarray


@dataclass(frozen=True)
class NetworkReading:
    """How one network read the text.

    unread, unknown: <bool>[words], words that were cut off and words outside the vocabulary.
    """

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
        """Name a gate so that it is unique in this network, such as "forget gate 2 ←"."""
        layer = f" {gate.layer}" if self.architecture.num_layers > 1 else ""
        arrow = {"forward": " →", "backward": " ←"}[gate.direction]
        return f"{gate.name}{layer}{arrow if self.architecture.bidirectional else ''}"


@dataclass(frozen=True)
class Explanation:
    """One text and how several networks read it; `words` includes punctuation marks."""

    text: str
    words: tuple[str, ...]
    networks: tuple[NetworkReading, ...]

    def labels(self) -> list[str]:
        return label_networks(self.networks)

    def lines(self, width: int, narrowest: int, gap: int) -> list[range]:
        """Break the words into lines of at most `width` characters; a longer word has its own line.

        A word takes at least `narrowest` characters, plus `gap`.
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
