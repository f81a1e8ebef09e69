"""Draw the adding problem: sequences of numbers of which two are marked, and their sum.

A published benchmark of how far back a recurrent network can learn to remember, by Hochreiter &
Schmidhuber (1997, "Long short-term memory", experiment 4), here in the form of Arjovsky, Shah & Bengio
(2016, "Unitary evolution recurrent neural networks"): each step has a value drawn uniformly from [0, 1)
and a mark, which is 1 at two steps, one drawn from each half of the sequence, and 0 elsewhere; the
target is the sum of the two marked values. The original has values from [-1, 1], lengths drawn from T
to 1.1 T, marks within the first ten steps and the first half, marks of -1 at both ends, and a target
scaled to [0, 1].

Campos et al. (2018, "Skip RNN", section 4.1) call it solved when the mean squared error on held-out
sequences is two orders of magnitude below the variance of the target. Their values are from [-0.5, 0.5)
and their first mark within the first tenth; the variance is the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from pipeline.config.data import AddingConfig

# The variance of the sum of two uniform draws from [0, 1), each of variance 1/12: the mean squared error
# of always predicting the mean, 1.
VARIANCE = 1 / 6
SOLVED_BELOW = VARIANCE / 100
FEATURES = AddingConfig().features


@dataclass(frozen=True)
class Sequences:
    """Hold n sequences and their targets.

    features: <float32>[n, length, 2], value and mark; targets: <float32>[n]; marked: <int64>[n, 2], the
    marked steps of each sequence in increasing order.
    """

    features: np.ndarray
    targets: np.ndarray
    marked: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class HeldOut:
    """Hold sequences that no network is trained on.

    Validation decides when the problem is solved; the test sequences are read once, after that.
    """

    validation: Sequences
    test: Sequences

    @property
    def fingerprint(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for part in (self.validation, self.test):
            digest.update(part.features.tobytes())
        return digest.hexdigest()


def draw_sequences(count: int, length: int, rng: np.random.Generator) -> Sequences:
    """Draw sequences of `length` >= 2 steps. If it is odd, the second half is the longer one."""
    values = rng.random((count, length), dtype=np.float32)
    first = rng.integers(0, length // 2, count)
    second = rng.integers(length // 2, length, count)
    marked = np.stack([first, second], axis=1)
    marks = np.zeros_like(values)
    np.put_along_axis(marks, marked, 1, axis=1)
    targets = np.take_along_axis(values, marked, axis=1).sum(axis=1)
    return Sequences(np.stack([values, marks], axis=2), targets, marked)


def draw_held_out(config: AddingConfig) -> HeldOut:
    """Draw the held-out sequences, which depend only on the length and the seed of the data."""
    return HeldOut(
        draw_sequences(config.validation_size, config.length, _stream(_VALIDATION, config.seed)),
        draw_sequences(config.test_size, config.length, _stream(_TEST, config.seed)),
    )


def draw_batch(batch_size: int, length: int, seed: int, step: int) -> Sequences:
    """Draw the batch of a training step, counted from 1, of sequences that never repeat.

    It depends only on the seed and the step.
    """
    return draw_sequences(batch_size, length, _stream(_TRAIN, seed, step))


_VALIDATION, _TEST, _TRAIN = range(3)


def _stream(use: int, seed: int, step: int = 0) -> np.random.Generator:
    """Return an independent generator for each use of a seed, so that no held-out data is trained on."""
    return np.random.default_rng([use, seed, step])
