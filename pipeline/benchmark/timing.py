"""Turns: how the parent of the benchmark lets one worker train at a time, and counts what it does."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from typing import Any

_WARM_UP = 4  # steps: the traces, the first allocations


@dataclass(frozen=True)
class Turn:
    """What a worker does before it answers: the first limit that it reaches ends the turn.

    together: begin when the partner begins, and train on, uncounted, until both have been counted.
    """

    seconds: float = math.inf
    steps: float = math.inf
    epochs: float = math.inf
    together: bool = False


class Turns:
    """The worker's end of the pipe: counts the steps of a turn, and sleeps between turns."""

    def __init__(self, pipe: Any, barrier: Any = None) -> None:
        self.pipe, self.barrier = pipe, barrier
        self._begin(Turn(steps=_WARM_UP))

    def on_step(self, tokens: int) -> None:
        self.seconds += time.perf_counter() - self.since
        self.tokens += tokens
        self.steps += 1
        self._answer_when_over()

    def on_epoch(self) -> None:
        """Between epochs: what has passed since the last step, validation, does not count."""
        self.epochs += 1
        self._answer_when_over()

    def _begin(self, turn: Turn) -> None:
        self.turn, self.answered = turn, False
        self.seconds, self.tokens, self.steps, self.epochs = 0.0, 0, 0, 0
        self.since = time.perf_counter()

    def _answer_when_over(self) -> None:
        turn = self.turn
        over = self.seconds >= turn.seconds or self.steps >= turn.steps
        if (over or self.epochs >= turn.epochs) and not self.answered:
            self.pipe.send((self.tokens, self.seconds))
            self.answered = True
        if self.answered and not (turn.together and not self.pipe.poll()):
            self._rest()
        self.since = time.perf_counter()

    def _rest(self) -> None:
        """Waits for a turn; the parent's None, or its end, ends the worker."""
        try:
            if self.turn.together:
                self.pipe.recv()
                self.pipe.send("resting")
            turn = self.pipe.recv()
        except (EOFError, OSError):
            turn = None
        if turn is None:
            sys.exit(0)
        if turn.together:
            self.barrier.wait(timeout=60)
        self._begin(turn)
