"""Gather what the playground of a sweep plays with: its networks, from the store, and texts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.language import LanguageComparison, LanguageRuns
from pipeline.analysis.playable import rank_seeds
from pipeline.analysis.selection import ACCURACY, LOSS
from pipeline.config.data import ClausesConfig
from pipeline.config.programs import say
from pipeline.data.lexicon import LESSON, LESSON_LABELS, SENTIMENTS, SUBJECTS
from pipeline.data.synthetic import GeneratedTexts, generate_texts, neutral_sentences
from pipeline.errors import TrackingError
from pipeline.report.figures.drawing import looks_of
from pipeline.report.formats import join_names
from pipeline.report.playground import Example, Play, Player, Seed, can_play, render_playground
from pipeline.tracking import Store
from pipeline.tracking.playable import read_playable
from pipeline.words import count_words

log = logging.getLogger(__name__)

_NEUTRAL = 60  # sentences
_DISTANCES = (0, 200)  # words after the evidence, of the texts to choose from
_MADE = 24  # texts from which one is chosen
_RULE = "Only the narrator's own opinion (“I”) of a subject counts, not other people's."


def make_playground(
    found: Comparison | LanguageComparison, store: Store, beginnings: tuple[str, ...] = ()
) -> str | None:
    """Return the page that plays the networks of a sweep, or None where there is none to play."""
    say("Packing the networks to play with")
    players, left_out = _gather(found, store)
    is_generated = bool((found.runs.data == ClausesConfig().kind).all())
    return render_playground(
        Play(
            experiment=found.experiment,
            players=players,
            texts=tuple(_texts() if is_generated else map(_without_answers, _texts())),
            rule=_RULE if is_generated else "",
            neutral=tuple(neutral_sentences(np.random.default_rng(0), _NEUTRAL)),
            beginnings=beginnings,
            left_out=left_out,
        )
    )


def prompts_of(tracked: LanguageRuns) -> tuple[str, ...]:
    """Return what the language models of a sweep were asked to write on from."""
    return tuple(dict.fromkeys(tracked.samples.prompt)) if len(tracked.samples) else ()


def _gather(
    found: Comparison | LanguageComparison, store: Store
) -> tuple[tuple[Player, ...], tuple[str, ...]]:
    """Return the networks of the architectures that the page shows, and why others are left out."""
    is_language = isinstance(found, LanguageComparison)
    ranked = rank_seeds(found.runs, LOSS if is_language else ACCURACY)
    players = []
    lost: dict[str, list[str]] = {}
    for look in looks_of(found.limited_to_shown()):
        seeds = []
        for run in ranked.get(look.architecture, []):
            try:
                seeds.append(_read(run, store, is_median=run is ranked[look.architecture][0]))
            except (TrackingError, _NotPlayed) as error:
                lost.setdefault(_reason(error), []).append(f"{look.architecture} seed {run.seed}")
                log.debug("Not played: %s", error)
        if seeds:
            players.append(Player(look, tuple(seeds)))
    said = tuple(f"Left out, as {why}: {join_names(names)}." for why, names in lost.items())
    for sentence in said:
        log.warning("The networks to play with: %s", sentence)
    return tuple(players), said


class _NotPlayed(Exception):
    """A network that the page cannot play."""


def _read(run: Any, store: Store, is_median: bool) -> Seed:
    if not can_play(run.cell):
        raise _NotPlayed(f"the page cannot compute the cell {run.cell}")
    network = read_playable(store, run.run_id)
    if network.is_backward:
        raise _NotPlayed("they read texts from their end and cannot write on")
    score = float(run.test_accuracy if network.heads else run.perplexity)
    return Seed(network, score, is_median)


def _reason(error: Exception) -> str:
    return (
        str(error) if isinstance(error, _NotPlayed) else "the store has no network that can be read"
    )


def _texts() -> Iterator[Example]:
    """Yield texts to choose from: the lesson's sentence, a plain opinion, and generated ones."""
    yield Example("The lesson's sentence", LESSON, _answers(*LESSON_LABELS))
    yield _plain_opinion()
    rng = np.random.default_rng(1)
    for distance in _DISTANCES:
        made = generate_texts(ClausesConfig(max_distance=max(distance, 1)), _MADE, rng)
        place = int(np.argmax(made.traits.distance))
        yield _example(f"Generated, {count_words(made.texts[place])} words", made, place)


def _plain_opinion() -> Example:
    """Return the shortest of some sentences in which the narrator says outright what "I" thinks."""
    plain = ClausesConfig(max_distance=0, distractor_fraction=0, contradicted_fraction=0)
    made = generate_texts(plain, _MADE, np.random.default_rng(0))
    own = [place for place, text in enumerate(made.texts) if text.startswith("I ")]
    return _example("A plain opinion", made, min(own, key=lambda place: len(made.texts[place])))


def _example(title: str, made: GeneratedTexts, place: int) -> Example:
    answers = _answers(int(made.sentiments[place]), int(made.subjects[place]))
    return Example(title, made.texts[place], answers)


def _answers(sentiment: int, subject: int) -> dict[str, str]:
    return {"sentiment": SENTIMENTS[sentiment], "subject": SUBJECTS[subject]}


def _without_answers(example: Example) -> Example:
    """Networks that read other texts were trained to answer by other rules."""
    return replace(example, answers={})
