"""Declare how text is drawn from a language model, and read these settings from the command line.

They are no settings of a run: the same network writes with many of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.errors import ConfigError


@dataclass(frozen=True)
class Sampling:
    """Hold how text is drawn.

    temperature: the logits are divided by it; 0 writes the likeliest token.
    top_k: only so many of the likeliest tokens are drawn from; None: all.
    top_p: of these, only the likeliest that together have this probability.
    length: the most tokens that are written; a text that the network ends is shorter.
    samples: texts for each prompt.
    seed: with the prompt and the number of the sample it decides what is drawn.
    """

    temperature: float = 0.8
    top_k: int | None = None
    top_p: float = 1.0
    length: int = 100
    samples: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        top_k = 1 if self.top_k is None else self.top_k
        checks = {
            "temperature": 0 <= self.temperature < math.inf,
            "top_k": top_k >= 1,
            "top_p": 0 < self.top_p <= 1,
            "length": self.length >= 1,
            "samples": self.samples >= 1,
            "seed": self.seed >= 0,
        }
        for name, is_valid in checks.items():
            if not is_valid:
                raise _invalid(name, getattr(self, name))

    def describe(self) -> str:
        """Return the settings in words, as they stand under a text."""
        cuts = [f"top_k {self.top_k:,}"] if self.top_k is not None else []
        cuts += [f"top_p {self.top_p:g}"] if self.top_p < 1 else []
        chosen = "temperature 0: always the likeliest token"
        if self.temperature:
            chosen = ", ".join([f"temperature {self.temperature:g}", *cuts, f"seed {self.seed}"])
        tokens = "1 token" if self.length == 1 else f"{self.length:,} tokens"
        return f"{chosen}; at most {tokens}"


_DEFAULT = Sampling()
_POSITIVE = "a whole number, at least 1"
_EXPECTED = {
    "temperature": "a number, at least 0",
    "top_k": _POSITIVE,
    "top_p": "a number above 0, at most 1",
    "length": _POSITIVE,
    "samples": _POSITIVE,
    "seed": "a whole number, at least 0",
}
_READ: dict[str, Callable[[str], float]] = {"temperature": float, "top_p": float}

# What each means, for --help.
SAMPLING_WORDS = {
    "temperature": "0 writes the likeliest token every time, 1 draws tokens as often as the network "
    "expects them, and what is between favours likely ones; "
    f"{_EXPECTED['temperature']}; default: {_DEFAULT.temperature:g}",
    "top_k": f"draw from so many of the likeliest tokens alone; {_POSITIVE}; default: from all",
    "top_p": "draw from the likeliest tokens that together have this probability; "
    f"{_EXPECTED['top_p']}; default: {_DEFAULT.top_p:g}, from all",
    "length": f"the most tokens that are written; {_POSITIVE}; default: {_DEFAULT.length}",
    "samples": f"how many texts for each prompt; {_POSITIVE}; default: {_DEFAULT.samples}",
    "seed": "of the drawing: the same seed writes the same text on the same machine; "
    f"{_EXPECTED['seed']}; default: {_DEFAULT.seed}",
}


def read_sampling(words: dict[str, str | None]) -> Sampling:
    """Return the settings that are typed, by name; None: not given.

    Raises:
      ConfigError: one is not valid.
    """
    given: dict[str, float] = {}
    for name, word in words.items():
        if word is None or (name == "top_k" and word == "null"):
            continue
        try:
            given[name] = _READ.get(name, int)(word)
        except ValueError:
            raise _invalid(name, word) from None
    return Sampling(**given)  # pyright: ignore[reportArgumentType]


def _invalid(name: str, value: object) -> ConfigError:
    return ConfigError(f"{name} is {value!r}; it takes {_EXPECTED[name]}")
