"""Let one benchmark worker train at a time, and count what it does in its turn."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from typing import Any

from pipeline.runs.device import peak_memory_mb

PEAK = "peak memory"  # asks a resting worker for it, in MB
_WARM_UP = 4  # steps, for tracing and first allocations


@dataclass(frozen=True)
class Turn:
    """The limits of a turn; the first one reached ends it.

    together: start at the same time as the other workers, and keep training, uncounted, until all have
    reported.
    """

    seconds: float = math.inf
    steps: float = math.inf
    epochs: float = math.inf
    together: bool = False


class Turns:
    """Counts the steps of a turn in the worker, and waits between turns."""

    def __init__(self, pipe: Any, barrier: Any = None) -> None:
        self.pipe, self.barrier = pipe, barrier
        self._begin(Turn(steps=_WARM_UP))

    def on_step(self, tokens: int) -> None:
        self.seconds += time.perf_counter() - self.since
        self.tokens += tokens
        self.steps += 1
        self._answer_when_over()

    def on_epoch(self) -> None:
        """End an epoch; the time since its last step, which is validation, does not count."""
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
        """Wait for the next turn; None from the parent, or the parent's end, ends the worker."""
        try:
            if self.turn.together:
                self.pipe.recv()
                self.pipe.send("resting")
            while (turn := self.pipe.recv()) == PEAK:
                self.pipe.send(peak_memory_mb())
        except (EOFError, OSError):
            turn = None
        if turn is None:
            sys.exit(0)
        if turn.together:
            self.barrier.wait(timeout=60)
        self._begin(turn)


class StepWatcher:
    """Tell `Turns` what `pipeline.training.loop.train` does."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def on_batch(self, period: int, tokens: int, loss: float) -> None:
        self.turns.on_step(tokens)

    def on_resume(self, records: Any) -> None:
        pass

    def on_period(self, record: Any) -> None:
        self.turns.on_epoch()
