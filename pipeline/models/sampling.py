"""Write on from prompts with a language model: read a prompt, draw a token, read it, draw the next.

Padding and the unknown token are never written. What is written after a prompt depends on nothing else
that is written at the same time: neither what is drawn, which has a random generator for each text, nor
the logits, to the last bit, as a network always computes with the same number of rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.config.sampling import Sampling
from pipeline.errors import Failure

if TYPE_CHECKING:  # which imports TensorFlow
    from pipeline.models.language_model import LanguageReader, States

NEVER_WRITTEN = (0, 1)  # padding, and what is not in the vocabulary
LIKELIEST = 5  # tokens that are told beside the written one
_ROWS = 16  # with other numbers of rows, matrix products are rounded in another way
_SORTED = 256  # tokens that are sorted first; in most places they hold the probability of `top_p`


@dataclass(frozen=True)
class Step:
    """A token that was written.

    probability: of the token, from the network as it is: without temperature, `top_k` and `top_p`, but
    over the tokens that may be written. likeliest: (token id, probability) of the likeliest tokens.
    """

    token_id: int
    probability: float
    likeliest: tuple[tuple[int, float], ...]


def write_on(
    reader: LanguageReader, prompts: Sequence[np.ndarray], end: int, sampling: Sampling
) -> list[list[list[Step]]]:
    """Return what a model writes after each prompt: of each the samples, of each sample the tokens.

    prompts: the tokens <int32>[k] of each, without the one that begins a text; k may be 0.
    end: the token that begins and ends a text. A sample stops with it, or after `length` tokens.
    """
    read = [_read(reader, prompt, end) for prompt in prompts]
    texts = [(place, sample) for place in range(len(prompts)) for sample in range(sampling.samples)]
    written: list[list[list[Step]]] = [[] for _ in prompts]
    for at in range(0, len(texts), _ROWS):
        block = texts[at : at + _ROWS]
        generators = [_generator(sampling.seed, prompts[place], sample) for place, sample in block]
        found = _write_block(reader, [read[place] for place, _ in block], generators, end, sampling)
        for (place, _), steps in zip(block, found, strict=True):
            written[place].append(steps)
    return written


def _read(reader: LanguageReader, prompt: np.ndarray, end: int) -> tuple[np.ndarray, States]:
    """Return the logits <float32>[1, V] after a prompt and the states, each prompt by itself."""
    token_ids = np.concatenate([[end], prompt]).astype(np.int32)
    return reader.step(token_ids[None], reader.start(1))


def _generator(seed: int, prompt: np.ndarray, sample: int) -> np.random.Generator:
    """Return the random generator of a text, which does not depend on the place of its prompt."""
    digest = hashlib.blake2b(np.asarray(prompt, "<i4").tobytes(), digest_size=16).digest()
    return np.random.default_rng([seed, sample, *np.frombuffer(digest, "<u4").tolist()])


def _write_block(
    reader: LanguageReader,
    read: Sequence[tuple[np.ndarray, States]],
    generators: Sequence[np.random.Generator],
    end: int,
    sampling: Sampling,
) -> list[list[Step]]:
    """Return the tokens of at most `_ROWS` texts; further rows are filled with the first text."""
    filled = [*read, *[read[0]] * (_ROWS - len(read))]
    logits = np.concatenate([one for one, _ in filled])
    states = tuple(np.concatenate(rows) for rows in zip(*(one for _, one in filled), strict=True))
    steps: list[list[Step]] = [[] for _ in read]
    writing = set(range(len(read)))
    for number in range(sampling.length):
        token_ids = np.full(_ROWS, end, np.int32)
        for row in sorted(writing):
            step = draw(logits[row], sampling, generators[row])
            steps[row].append(step)
            token_ids[row] = step.token_id
        writing -= {row for row in writing if token_ids[row] == end}
        if not writing or number == sampling.length - 1:
            break
        logits, states = reader.step(token_ids[:, None], states)
    return steps


def draw(logits: np.ndarray, sampling: Sampling, generator: np.random.Generator) -> Step:
    """Return the next token, drawn by the logits <float>[V].

    Raises:
      Failure: they are not numbers.
    """
    allowed = logits.astype(np.float64)
    allowed[list(NEVER_WRITTEN)] = -np.inf
    if not np.isfinite(highest := allowed.max()):
        raise Failure("this network cannot write: it gives numbers that are not finite")
    allowed -= highest
    token_id = _draw(allowed, sampling, generator)
    probabilities = np.exp(allowed)
    probabilities /= probabilities.sum()
    likeliest = _largest(allowed, min(LIKELIEST, len(allowed) - len(NEVER_WRITTEN)))
    told = tuple((int(one), float(probabilities[one])) for one in likeliest)
    return Step(token_id, float(probabilities[token_id]), told)


def _draw(allowed: np.ndarray, sampling: Sampling, generator: np.random.Generator) -> int:
    """Return a token drawn with temperature, of `top_k` tokens, and of `top_p` among these."""
    if not sampling.temperature:
        return int(allowed.argmax())
    with np.errstate(over="ignore"):  # by a temperature near 0
        scaled = allowed / sampling.temperature
    weights = np.exp(scaled)
    if sampling.top_k is not None:
        kept = _largest(scaled, min(sampling.top_k, len(scaled)))
        weights = _only(weights, kept)
    if sampling.top_p < 1:
        weights = _only(weights, _nucleus(weights, sampling.top_p))
    possible = np.flatnonzero(weights)
    sums = np.cumsum(weights[possible])
    place = np.searchsorted(sums, generator.random() * sums[-1], side="right")
    return int(possible[min(int(place), len(possible) - 1)])


def _only(weights: np.ndarray, kept: np.ndarray) -> np.ndarray:
    left = np.zeros_like(weights)
    left[kept] = weights[kept]
    return left


def _nucleus(weights: np.ndarray, top_p: float) -> np.ndarray:
    """Return the fewest tokens that together have the share `top_p` of all weights, or more."""
    needed = top_p * weights.sum()
    for count in (min(_SORTED, len(weights)), len(weights)):
        order = _largest(weights, count)
        sums = np.cumsum(weights[order])
        if sums[-1] >= needed:
            break
    return order[: int(np.searchsorted(sums, needed)) + 1]


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the largest values, these first; of equal ones the first."""
    least = np.partition(values, -count)[-count]
    above = np.flatnonzero(values > least)
    chosen = np.append(above, np.flatnonzero(values == least)[: count - len(above)])
    return chosen[np.argsort(-values[chosen], kind="stable")]
