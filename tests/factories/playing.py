"""Networks of two units whose memory is known, for a page that plays them.

The first unit hears the sentiment and the second the subject, so softly that a cell answers in
proportion. What a unit heard halves over `HALF_LIVES` further words; no other word moves it.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pipeline.analysis.playable import Playable
from pipeline.config.schema import ArchitectureConfig, TokenizerConfig
from pipeline.report.look import assign_looks
from pipeline.report.playground import Example, Play, Player, Seed
from pipeline.tokens.vocabulary import END, train_tokenizer

HALF_LIVES = {"simple_rnn": 10, "gru": 40, "lstm": 100, "bi_lstm": 100}
LESSON = "While watching the movie, I could only think of how terrible it was."
NEUTRAL = (
    "A tram went by",
    "The shops had closed by then",
    "Nobody was on the bridge that day in late autumn",
)
HEADS = {"sentiment": ("negative", "positive"), "subject": ("film", "music", "plot")}
SURE = 5.0  # the logit of a word that has just been read

STORY = "the plot of this film was good".split()  # how the writers go on, word by word

_EVIDENCE = {"terrible": (-1, 0), "wonderful": (1, 0), "movie": (0, 1), "music": (0, -1)}
_SOFTLY = 0.01
_EYE = np.eye(2)


def make_play(**changes: Any) -> Play:
    """Return four networks that read the same words; `changes` are those of `Play`."""
    usual = {
        "experiment": "known",
        "players": tuple(make_player(name) for name in HALF_LIVES),
        "texts": (
            Example("The lesson's sentence", LESSON, {"sentiment": "negative", "subject": "film"}),
            Example("Short", "A wonderful movie"),
        ),
        "neutral": NEUTRAL,
    }
    return Play(**{**usual, **changes})


def make_player(name: str, **changes: Any) -> Player:
    """Return a network with a second seed, which knows the opposite; `changes` are of its networks."""
    architecture = changes.get("architecture", _architecture(name))
    seeds = (make_network(name, 0, **changes), make_network(name, 1, sign=-1, **changes))
    columns = {
        "architecture": architecture.name,
        **{key: getattr(architecture, key) for key in ("cell", "bidirectional", "num_layers")},
    }
    (look,) = assign_looks(pd.DataFrame([columns]))
    return Player(look, tuple(Seed(one, 0.9, one is seeds[0]) for one in seeds))


def make_network(name: str, seed: int, sign: int = 1, **changes: Any) -> Playable:
    tokenizer = train_tokenizer([LESSON, *NEUTRAL, " ".join(_EVIDENCE)], TokenizerConfig())
    embedding = np.zeros((tokenizer.get_vocab_size(), 2))
    for word, evidence in _EVIDENCE.items():
        embedding[tokenizer.token_to_id(word)] = sign * _SOFTLY * np.array(evidence)
    direction, heard = _DIRECTIONS[_architecture(name).cell](HALF_LIVES[name])
    directions = [direction] * (2 if name.startswith("bi_") else 1)
    weights = {"embedding": embedding, "layers": [directions], "heads": _heads(heard, directions)}
    usual = {
        "run_id": f"{name}{seed}",
        "seed": seed,
        "architecture": _architecture(name),
        "heads": HEADS,
        "tokenizer": tokenizer.to_str(),
        "kept_ends": (200, 0),
        "is_backward": False,
        "weights": _single(weights),
    }
    return Playable(**{**usual, **changes})


def _architecture(name: str) -> ArchitectureConfig:
    cell = name.removeprefix("bi_")
    return ArchitectureConfig(name=name, cell=cell, units=2, bidirectional=cell != name)


def _heads(heard: float, directions: list[Any]) -> list[dict[str, np.ndarray]]:
    """Return kernels that make `SURE` of what a unit holds of a word, in each direction."""
    scale = SURE / heard / len(directions)
    kernels = (np.array([[1], [0]]), np.array([[0, 0, 0], [1, -1, 0]]))
    return [
        {
            "kernel": np.vstack([scale * one] * len(directions)),
            "bias": np.zeros((1, one.shape[1])),
        }
        for one in kernels
    ]


def _simple_rnn(half_life: int) -> tuple[dict[str, np.ndarray], float]:
    kept = 2 ** (-1 / half_life)
    return _gates([_EYE], [0], recurrent=kept * _EYE), _SOFTLY


def _lstm(half_life: int) -> tuple[dict[str, np.ndarray], float]:
    """Return a direction whose forget gate is constant, and input and output gate a half."""
    nothing = 0 * _EYE
    gates = [nothing, nothing, _EYE, nothing]
    return _gates(gates, [0, _logit_of_kept(half_life), 0, 0]), _SOFTLY / 4


def _gru(half_life: int) -> tuple[dict[str, np.ndarray], float]:
    nothing = 0 * _EYE
    direction = _gates([nothing, nothing, _EYE], [_logit_of_kept(half_life), 0, 0])
    direction["bias"] = np.vstack([direction["bias"], 0 * direction["bias"]])
    return direction, _SOFTLY * (1 - 2 ** (-1 / half_life))


_DIRECTIONS = {"simple_rnn": _simple_rnn, "lstm": _lstm, "gru": _gru}


def _logit_of_kept(half_life: int) -> float:
    kept = 2 ** (-1 / half_life)
    return math.log(kept / (1 - kept))


def _gates(
    kernels: list[np.ndarray], biases: list[float], recurrent: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    kernel = np.hstack(kernels)
    return {
        "kernel": kernel,
        "recurrent": 0 * kernel if recurrent is None else recurrent,
        "bias": np.repeat(biases, 2)[None],
    }


def _single(weights: Any) -> Any:
    """Return nested arrays as 32-bit numbers."""
    if isinstance(weights, dict):
        return {name: _single(one) for name, one in weights.items()}
    if isinstance(weights, list):
        return [_single(one) for one in weights]
    return None if weights is None else weights.astype(np.float32)


def make_writers() -> Play:
    """Return two language models that go on with the next word of `STORY`, and then end the text."""
    players = tuple(make_writer(name) for name in ("simple_rnn", "gru"))
    return Play("writers", players, beginnings=("the plot", "Of this", ""))


def make_writer(name: str) -> Player:
    player = make_player(name, heads={})
    return replace(player, seeds=tuple(_taught(seed) for seed in player.seeds))


def _taught(seed: Seed) -> Seed:
    """Return a seed whose state is the last token, and whose output is what comes after it."""
    config = TokenizerConfig()
    tokenizer = train_tokenizer([" ".join(STORY)], config, ended=True)
    size = tokenizer.get_vocab_size()
    chain = [END, *STORY, END]
    after = np.zeros((size, size))
    for word, following in itertools.pairwise(map(tokenizer.token_to_id, chain)):
        after[following, word] = SURE
    eye, nothing = np.eye(size), np.zeros((size, size))
    cell = seed.network.architecture.cell
    # A GRU that keeps nothing (its update gate is closed) is a simple recurrent network.
    kernels, biases = (
        ([eye], [0]) if cell == "simple_rnn" else ([nothing, nothing, eye], [-99, 0, 0])
    )
    bias = np.repeat(biases, size)[None]
    direction = {
        "kernel": np.hstack(kernels),
        "recurrent": np.hstack([nothing] * len(kernels)),
        "bias": bias if cell == "simple_rnn" else np.vstack([bias, 0 * bias]),
    }
    # tanh of 2 is nearly 1.
    weights = {"embedding": 2 * eye, "layers": [[direction]], "heads": [], "projection": None}
    network = replace(
        seed.network,
        architecture=replace(seed.network.architecture, units=size),
        tokenizer=tokenizer.to_str(),
        kept_ends=None,
        weights=_single({**weights, "output": after}),
    )
    return Seed(network, 1.5)
