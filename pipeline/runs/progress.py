"""How training goes, to a person and to the store, whatever the task is."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from pipeline.runs.status import update_status
from pipeline.tracking import RunRecorder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProgressSpec:
    """What is told of the records of a task.

    periods: at most; period: what one is called; tokens: of a whole period, 0 where it has none;
    metrics: a record -> its step and what is tracked; line: a record -> a line for a person, or nothing;
    status: a record -> what the table of a sweep shows.
    """

    periods: int
    period: str
    tokens: int
    metrics: Callable[[Any], tuple[int, dict[str, float]]]
    line: Callable[[Any], str]
    status: Callable[[Any], dict[str, float]]


class _Tracker:
    """Writes each record into the store and as a plain line. `on_test` is told the accuracies of the
    weights that were kept.
    """

    def __init__(self, recorder: RunRecorder, account: ProgressSpec) -> None:
        self.recorder, self.account = recorder, account

    def on_resume(self, records: list[Any]) -> None:
        for record in records:  # the store may lack the last, if the interruption came before it
            self._record(record)
        step, _ = self.account.metrics(records[-1])
        log.info(
            "Resuming after %s %s, where this run was interrupted", self.account.period, f"{step:,}"
        )

    def on_batch(self, period: int, tokens: int, loss: float) -> None:
        pass

    def on_period(self, record: Any) -> None:
        self._record(record)
        if line := self.account.line(record):
            log.info("%s", line)

    def on_test(self, val_accuracy: float, test_accuracy: float) -> None:
        pass

    def _record(self, record: Any) -> None:
        step, metrics = self.account.metrics(record)
        self.recorder.metrics(metrics, step=step)


class _StatusWriter(_Tracker):
    """The same, and writes into the folder of the job, about once a second, how far it is."""

    def __init__(self, recorder: RunRecorder, account: ProgressSpec, job_dir: Path) -> None:
        super().__init__(recorder, account)
        self.job_dir = job_dir
        self.periods, self.tokens = 0, 0
        self.told = 0.0
        self._tell(epochs=account.periods)

    def on_resume(self, records: list[Any]) -> None:
        super().on_resume(records)
        self.periods = len(records)
        status = self.account.status(records[-1])
        self._tell(epoch=self.periods, resumed=self.periods, share=1.0, **status)

    def on_batch(self, period: int, tokens: int, loss: float) -> None:
        self.tokens += tokens
        if self.account.tokens and time.monotonic() - self.told >= 1:
            self._tell(epoch=period, share=self.tokens / self.account.tokens)

    def on_period(self, record: Any) -> None:
        super().on_period(record)
        self.periods += 1
        self.tokens = 0
        self._tell(epoch=self.periods, share=1.0, **self.account.status(record))

    def on_test(self, val_accuracy: float, test_accuracy: float) -> None:
        self._tell(val_accuracy=float(val_accuracy), test_accuracy=test_accuracy)

    def _tell(self, **changes: float) -> None:
        update_status(self.job_dir, **changes)
        self.told = time.monotonic()


class _ProgressBar(_Tracker):
    """The same, with a progress bar over the tokens of each period on a terminal."""

    def __init__(self, recorder: RunRecorder, account: ProgressSpec, bar: Progress) -> None:
        super().__init__(recorder, account)
        self.bar = bar
        self.task = bar.add_task("", total=account.tokens, rate="", loss="")
        self.tokens = 0

    def on_batch(self, period: int, tokens: int, loss: float) -> None:
        self.tokens += tokens
        speed = self.bar.tasks[self.task].speed
        self.bar.update(
            self.task,
            completed=self.tokens,
            description=f"{self.account.period.capitalize()} {period}/{self.account.periods}",
            rate=f"{speed:,.0f} tokens/s" if speed else "",
            loss=f"loss {loss:.4f}",
        )

    def on_period(self, record: Any) -> None:
        self.bar.stop()  # the line of the period takes the place of the bar
        super().on_period(record)
        self.tokens = 0
        self.bar.reset(self.task, total=self.account.tokens)
        self.bar.start()


@contextmanager
def watch_training(
    recorder: RunRecorder, account: ProgressSpec, job_dir: Path | None = None
) -> Iterator[_Tracker]:
    """Yields a watcher for `train`.

    On a terminal it shows a progress bar where a period has tokens, elsewhere plain lines; for the job
    of a sweep lines, and its progress in its folder.
    """
    if job_dir is not None:
        yield _StatusWriter(recorder, account, job_dir)
        return
    if not (sys.stdout.isatty() and account.tokens):
        yield _Tracker(recorder, account)
        return
    columns = ("{task.description}", BarColumn(), "{task.fields[loss]}", "{task.fields[rate]}")
    texts = [TextColumn(column) if isinstance(column, str) else column for column in columns]
    with Progress(*texts, TimeElapsedColumn(), TimeRemainingColumn(), transient=True) as bar:
        yield _ProgressBar(recorder, account, bar)
