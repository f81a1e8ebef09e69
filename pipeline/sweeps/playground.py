"""Gather what the playground of a sweep plays with: its networks, from the store, and texts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.language import LanguageComparison, LanguageRuns
from pipeline.analysis.playable import rank_seeds
from pipeline.analysis.selection import ACCURACY, LOSS
from pipeline.config.data import ClausesConfig
from pipeline.config.programs import say
from pipeline.data.lexicon import LESSON
from pipeline.data.synthetic import generate_texts, neutral_sentences
from pipeline.errors import TrackingError
from pipeline.report.figures.drawing import looks_of
from pipeline.report.formats import join_names
from pipeline.report.playground import Play, Player, Seed, can_play, render_playground
from pipeline.tracking import Store
from pipeline.tracking.playable import read_playable
from pipeline.words import count_words

log = logging.getLogger(__name__)

_NEUTRAL = 60  # sentences
_DISTANCES = (0, 200)  # words after the evidence, of the texts to choose from


def make_playground(
    found: Comparison | LanguageComparison, store: Store, beginnings: tuple[str, ...] = ()
) -> str | None:
    """Return the page that plays the networks of a sweep, or None where there is none to play."""
    say("Packing the networks to play with")
    players, left_out = _gather(found, store)
    return render_playground(
        Play(
            experiment=found.experiment,
            players=players,
            texts=tuple(_texts()),
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
                seeds.append(_read(run, store))
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


def _read(run: Any, store: Store) -> Seed:
    if not can_play(run.cell):
        raise _NotPlayed(f"the page cannot compute the cell {run.cell}")
    network = read_playable(store, run.run_id)
    if network.is_backward:
        raise _NotPlayed("they read texts from their end and cannot write on")
    return Seed(network, float(run.test_accuracy if network.heads else run.perplexity))


def _reason(error: Exception) -> str:
    return (
        str(error) if isinstance(error, _NotPlayed) else "the store has no network that can be read"
    )


def _texts() -> Iterator[tuple[str, str]]:
    """Yield titles and texts to choose from: the lesson's sentence, and generated ones."""
    yield "The lesson's sentence", LESSON
    rng = np.random.default_rng(1)
    for distance in _DISTANCES:
        made = generate_texts(ClausesConfig(max_distance=max(distance, 1)), 24, rng)
        place = int(np.argmax(made.traits.distance))
        text = made.texts[place]
        yield f"Generated, {count_words(text)} words", text
