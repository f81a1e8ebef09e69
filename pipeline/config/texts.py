"""Declare what all kinds of data have in common, and what those have that are texts of people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from omegaconf import MISSING

from pipeline.config.fields import count, fraction, increasing, setting

LENGTH_EDGES = "edges between the report's groups by length, in words of the whole text"

START = ("architecture.init", "architecture.init_runs")  # of classifiers of texts alone


@dataclass
class DataConfig:
    """Configure the data. Their seed is not that of a run, so that the runs of a sweep share them."""

    kind: str = MISSING
    seed: int = count(0, 0, about="draws the splits, and the texts that are generated")
    validation_fraction: float = fraction(
        0.1, with_zero=False, about="share of the training texts that is held out for validation"
    )
    length_edges: list[int] = increasing([100, 200, 400, 800], of_report=True, about=LENGTH_EDGES)

    @property
    def source(self) -> str:
        """Return where the data come from, as text for a page."""
        raise NotImplementedError

    @property
    def features(self) -> int | None:
        """Return how many numbers a step has, or None for texts."""
        return None

    @property
    def unused(self) -> tuple[str, ...]:
        """Return the dotted keys, of sections or settings, that have no effect on these data."""
        return ()


@dataclass
class ShownTexts(DataConfig):
    """Configure data whose texts a report may show. IMDB's are other people's, and never shown."""

    show_texts: bool = setting(
        True,
        of_report=True,
        about="show a few test texts in the report, and keep them in the store",
    )


class Repeats(Enum):
    """Choose what becomes of texts to train on that occur again with the same label."""

    drop = "drop"  # one of them is kept
    keep = "keep"


class Conflicts(Enum):
    """Choose what becomes of texts to train on that occur with different labels."""

    keep = "keep"
    drop = "drop"  # all of them


@dataclass
class GivenTexts(ShownTexts):
    """Configure texts that people have labelled, in which some may stand more than once."""

    repeats: Repeats = setting(
        Repeats.drop,
        about="texts to train on that occur again with the same label: drop keeps one of them",
    )
    conflicts: Conflicts = setting(
        Conflicts.keep,
        about="texts to train on that occur with different labels: keep one with each label, or none",
    )
