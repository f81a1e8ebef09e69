"""Describe what several language models wrote after the same prompts, for a page or a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.analysis.labels import label_networks
from pipeline.config.sampling import Sampling
from pipeline.config.schema import ArchitectureConfig

END_OF_TEXT = "(end of text)"
BEGINS = "(no prompt: the network begins a text)"


@dataclass(frozen=True)
class WrittenToken:
    """A piece of a written text.

    text: with its leading space; of the end of a text "".
    probability: of the token, from the network as it is.
    likeliest: (text, probability) of the likeliest tokens here; the end of a text is `END_OF_TEXT`.
    place: its own among the likeliest, from 0; None: it is none of them.
    """

    text: str
    probability: float
    likeliest: tuple[tuple[str, float], ...]
    place: int | None = None
    ends: bool = False


@dataclass(frozen=True)
class WrittenText:
    tokens: tuple[WrittenToken, ...]

    def __str__(self) -> str:
        return "".join(token.text for token in self.tokens)

    @property
    def has_ended(self) -> bool:
        """Return whether the network ended it, and not the length that was asked for."""
        return bool(self.tokens) and self.tokens[-1].ends


@dataclass(frozen=True)
class NetworkWriting:
    """What one network wrote.

    unknown: for each prompt the spans (start, end) that are not in its vocabulary.
    texts: for each prompt the samples.
    """

    architecture: ArchitectureConfig
    experiment: str
    run_id: str
    seed: int
    unknown: tuple[tuple[tuple[int, int], ...], ...]
    texts: tuple[tuple[WrittenText, ...], ...]


@dataclass(frozen=True)
class Writing:
    """Prompts, and what several networks wrote after them."""

    prompts: tuple[str, ...]
    sampling: Sampling
    networks: tuple[NetworkWriting, ...]

    def labels(self) -> list[str]:
        return label_networks(self.networks)

    @property
    def has_unknown(self) -> bool:
        return any(spans for one in self.networks for spans in one.unknown)


def split_prompt(prompt: str, unknown: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a prompt, each with whether it is unknown."""
    done = 0
    for start, end in unknown:
        if start > done:
            yield prompt[done:start], False
        yield prompt[start:end], True
        done = end
    if done < len(prompt):
        yield prompt[done:], False
