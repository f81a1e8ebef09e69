"""Show what networks wrote on the same prompts, side by side. What they write is only ever text."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

_LONGEST = 600  # characters of what is shown of a sample
_SAMPLES = 2  # of each network and prompt
_PROMPTS = 8


@dataclass(frozen=True)
class SampleCard:
    """What networks wrote on one prompt. written: for each network its name and texts."""

    title: str
    prompt: str
    written: tuple[tuple[str, tuple[str, ...]], ...]


def make_cards(samples: pd.DataFrame, runs: pd.DataFrame) -> list[SampleCard]:
    """Return a card for each prompt, with the first samples of the first seed of each network.

    Args:
      samples: those of `LanguageRuns`.
      runs: run_id and architecture, in the order of the page; of one name the first counts.
    """
    if samples.empty:
        return []
    first = runs.drop_duplicates("architecture")
    names = dict(zip(first.run_id, first.architecture, strict=True))
    known = samples[samples.run_id.isin(list(names))]
    known = known.astype(dict.fromkeys(("run_id", "prompt", "text"), object))
    cards = []
    for prompt in list(dict.fromkeys(known.prompt))[:_PROMPTS]:
        own = known[known.prompt == prompt].sort_values("sample")
        written = [
            (name, tuple(_shorten(_without(prompt, text)) for text in texts.head(_SAMPLES)))
            for run_id, name in names.items()
            if len(texts := own.text[own.run_id == run_id])
        ]
        title = f"On “{prompt}”" if prompt else "Without a prompt"
        cards.append(SampleCard(title, prompt, tuple(written)))
    return cards


def _without(prompt: str, text: str) -> str:
    """Return what was written after the prompt, whether or not the text repeats it."""
    rest = text.strip().removeprefix(prompt.strip())
    return rest if rest[:1] in ("", *" .,;:!?'’") else f" {rest}"


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
