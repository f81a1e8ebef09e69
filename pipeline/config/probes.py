"""Declare what is measured of a trained network."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum

from pipeline.config.fields import checked, count, fraction, increasing


class ProbeKind(Enum):
    """Choose what to measure of a trained network beside its accuracy."""

    context = "context"  # accuracy when only the first or the last tokens are read
    distance = "distance"  # answers with neutral words around the evidence
    quiz = "quiz"  # the generated corpus: sentiment and subject by distance
    retention = "retention"  # what is left of a signal after some steps, by derivatives
    gates = "gates"  # the memory of units that their gates imply
    slow_units = "slow_units"  # what the slowest units carry, by wiping all others
    lesson = "lesson"  # the lesson's sentence, word by word
    language_context = "language_context"  # loss when only the last tokens are read
    word_recall = "word_recall"  # loss on a rare word that has been read before
    subject_recall = "subject_recall"  # the generated corpus: the subject, named again


# Which kinds measure a language model, and which a classifier.
OF_LANGUAGE_MODELS = (
    ProbeKind.language_context,
    ProbeKind.word_recall,
    ProbeKind.subject_recall,
    ProbeKind.retention,
    ProbeKind.gates,
)
OF_CLASSIFIERS = tuple(kind for kind in ProbeKind if kind not in OF_LANGUAGE_MODELS[:3])


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
        about="what is measured; kinds that are not of the task are left out",
    )
    seed: int = count(
        0, 0, about="draws the test texts of a probe, the same for every architecture"
    )
    context_reviews: int = count(2_000, 2, of_task="classify", about="texts of the probe context")
    context_min_words: int = count(
        200, of_task="classify", about="fewest words of a text of the probe context"
    )
    context_lengths: list[int] = increasing(
        [10, 25, 50, 100, 200, 400],
        may_be_empty=False,
        of_task="classify",
        about="how many tokens at the start, and at the end, the probe context reads alone",
    )
    distance_reviews: int = count(300, 2, of_task="classify", about="texts of the probe distance")
    distance_max_words: int = count(
        80, of_task="classify", about="most words of a text of the probe distance"
    )
    distances: list[int] = increasing(
        [25, 50, 100, 200, 400, 800],
        may_be_empty=False,
        of_task="classify",
        about="how many neutral words the probe distance puts around a text",
    )
    retention_reviews: int = count(100, 2, about="texts of the probes retention and gates")
    retention_tokens: int = count(
        400, 2, about="last tokens that are read while gradients and gates are recorded"
    )
    slow_reviews: int = count(
        100, 2, of_task="classify", about="short texts of the probe slow_units"
    )
    slow_distances: list[int] = increasing(
        [50, 200],
        may_be_empty=False,
        of_task="classify",
        about="how many neutral tokens the slowest units bridge alone",
    )
    slow_draws: int = count(
        5, of_task="classify", about="how often as many units are drawn at random instead"
    )
    language_reviews: int = count(
        500, 2, of_task="language", about="texts of the probe language_context"
    )
    language_targets: int = count(
        3,
        of_task="language",
        about="tokens of each of these texts whose loss the probe language_context measures",
    )
    language_contexts: list[int] = increasing(
        [1, 2, 5, 10, 20, 50, 100, 200, 400],
        may_be_empty=False,
        of_task="language",
        about="how many tokens before such a token are read alone; only texts that are longer than the "
        "last are drawn, and where these are too few, longer contexts are left out",
    )
    disturbed_reviews: int = count(
        200,
        2,
        of_task="language",
        about="of these texts, how many are read with what is before the context changed too",
    )
    disturbed_contexts: list[int] = increasing(
        [1, 5, 20, 50, 100, 200],
        may_be_empty=False,
        of_task="language",
        about="the contexts before which tokens are shuffled, or replaced by another text's",
    )
    recall_pairs: int = count(
        200,
        2,
        of_task="language",
        about="repeated words of the probe word_recall in each range of distances",
    )
    recall_share: float = fraction(
        0.05,
        with_zero=False,
        of_task="language",
        about="a word is rare, to the probe word_recall, if it is among the rarest, which together make "
        "up so much of the training texts",
    )
    subject_reviews: int = count(
        300, 2, of_task="language", about="texts of the probe subject_recall"
    )

    def used_by(self, task: str) -> tuple[list[ProbeKind], set[str]]:
        """Return the kinds that measure what a task trains, and the settings that they have."""
        of_task = OF_LANGUAGE_MODELS if task == "language" else OF_CLASSIFIERS
        names = {one.name for one in fields(self) if one.metadata.get("of_task") in (None, task)}
        return [kind for kind in self.kinds if kind in of_task], names
