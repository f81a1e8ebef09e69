"""Declare what is measured of a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pipeline.config.fields import checked, count, increasing


class ProbeKind(Enum):
    """Choose what to measure of a trained network beside its accuracy."""

    context = "context"  # accuracy when only the first or the last tokens are read
    distance = "distance"  # answers with neutral words around the evidence
    quiz = "quiz"  # the generated corpus: sentiment and subject by distance
    retention = "retention"  # what is left of a signal after some steps, by derivatives
    gates = "gates"  # the memory of units that their gates imply
    slow_units = "slow_units"  # what the slowest units carry, by wiping all others
    lesson = "lesson"  # the lesson's sentence, word by word


def _is_distinct(kinds: list[ProbeKind]) -> bool:
    return len(set(kinds)) == len(kinds)


@dataclass
class ProbeConfig:
    """Configure the probes, which measure a trained network by intervening in its texts.

    Probing does not change a network, so that other probes need no new training.
    """

    kinds: list[ProbeKind] = checked(
        list(ProbeKind),
        _is_distinct,
        "a list of distinct kinds of probes, such as [context,distance]",
        about="what is measured",
    )
    seed: int = count(
        0, 0, about="draws the test texts of a probe, the same for every architecture"
    )
    context_reviews: int = count(2_000, 2, about="texts of the probe context")
    context_min_words: int = count(200, about="fewest words of a text of the probe context")
    context_lengths: list[int] = increasing(
        [10, 25, 50, 100, 200, 400],
        may_be_empty=False,
        about="how many tokens at the start, and at the end, the probe context reads alone",
    )
    distance_reviews: int = count(300, 2, about="texts of the probe distance")
    distance_max_words: int = count(80, about="most words of a text of the probe distance")
    distances: list[int] = increasing(
        [25, 50, 100, 200, 400, 800],
        may_be_empty=False,
        about="how many neutral words the probe distance puts around a text",
    )
    retention_reviews: int = count(100, 2, about="texts of the probes retention and gates")
    retention_tokens: int = count(
        400, 2, about="last tokens that are read while gradients and gates are recorded"
    )
    slow_reviews: int = count(100, 2, about="short texts of the probe slow_units")
    slow_distances: list[int] = increasing(
        [50, 200],
        may_be_empty=False,
        about="how many neutral tokens the slowest units bridge alone",
    )
    slow_draws: int = count(5, about="how often as many units are drawn at random instead")
