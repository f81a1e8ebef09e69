"""Report the progress of training to the user and to the store, for any task."""

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
    """Define how the records of a task are reported.

    A period ends with a validation: an epoch, or a number of steps.

    periods: the maximum number; period: the word for one; tokens: in one period, 0 if it has none;
    metrics: record -> (step, metrics); line: record -> a log line, may be empty; status: record ->
    fields of `JobStatus`. The metrics count in steps that the word `unit` names.
    """

    periods: int
    period: str
    tokens: int
    metrics: Callable[[Any], tuple[int, dict[str, float]]]
    line: Callable[[Any], str]
    status: Callable[[Any], dict[str, float]]
    unit: str = "epoch"


def enter_stage(stage: str, message: str, job_dir: Path | None = None) -> None:
    """Say what a run does now: in a line and, of a job of a sweep, as one word in the live table."""
    log.info("%s", message)
    if job_dir is not None:
        update_status(job_dir, stage=stage)


class _Tracker:
    """Write each record to the store and as a log line.

    `on_test` receives what came of the best weights, as fields of `JobStatus`.
    """

    def __init__(self, recorder: RunRecorder, spec: ProgressSpec) -> None:
        self.recorder, self.spec = recorder, spec

    def on_resume(self, records: list[Any]) -> None:
        for record in records:  # the store may lack the last one
            self._record(record)
        step, _ = self.spec.metrics(records[-1])
        log.info(
            "Resuming after %s %s, where this run was interrupted", self.spec.unit, f"{step:,}"
        )

    def on_batch(self, period: int, tokens: int, loss: float) -> None:
        pass

    def on_period(self, record: Any) -> None:
        self._record(record)
        if line := self.spec.line(record):
            log.info("%s", line)

    def on_test(self, **found: float) -> None:
        pass

    def _record(self, record: Any) -> None:
        step, metrics = self.spec.metrics(record)
        self.recorder.metrics(metrics, step=step)


class _StatusWriter(_Tracker):
    """Also write the progress to the folder of the job, about once a second."""

    def __init__(self, recorder: RunRecorder, spec: ProgressSpec, job_dir: Path) -> None:
        super().__init__(recorder, spec)
        self.job_dir = job_dir
        self.periods, self.tokens = 0, 0
        self.updated = 0.0
        self._update(epochs=spec.periods)

    def on_resume(self, records: list[Any]) -> None:
        super().on_resume(records)
        self.periods = len(records)
        status = self.spec.status(records[-1])
        self._update(epoch=self.periods, resumed=self.periods, share=1.0, **status)

    def on_batch(self, period: int, tokens: int, loss: float) -> None:
        self.tokens += tokens
        if self.spec.tokens and time.monotonic() - self.updated >= 1:
            self._update(epoch=period, share=self.tokens / self.spec.tokens)

    def on_period(self, record: Any) -> None:
        super().on_period(record)
        self.periods += 1
        self.tokens = 0
        self._update(epoch=self.periods, share=1.0, **self.spec.status(record))

    def on_test(self, **found: float) -> None:
        self._update(**{name: float(value) for name, value in found.items()})

    def _update(self, **changes: float) -> None:
        update_status(self.job_dir, **changes)
        self.updated = time.monotonic()


class _ProgressBar(_Tracker):
    """Also show a progress bar over the tokens of each period."""

    def __init__(self, recorder: RunRecorder, spec: ProgressSpec, bar: Progress) -> None:
        super().__init__(recorder, spec)
        self.bar = bar
        self.task = bar.add_task("", total=spec.tokens, rate="", loss="")
        self.tokens = 0

    def on_batch(self, period: int, tokens: int, loss: float) -> None:
        self.tokens += tokens
        speed = self.bar.tasks[self.task].speed
        self.bar.update(
            self.task,
            completed=self.tokens,
            description=f"{self.spec.period.capitalize()} {period}/{self.spec.periods}",
            rate=f"{speed:,.0f} tokens/s" if speed else "",
            loss=f"loss {loss:.4f}",
        )

    def on_period(self, record: Any) -> None:
        self.bar.stop()  # so that the log line replaces the bar
        super().on_period(record)
        self.tokens = 0
        self.bar.reset(self.task, total=self.spec.tokens)
        self.bar.start()


@contextmanager
def watch_training(
    recorder: RunRecorder, spec: ProgressSpec, job_dir: Path | None = None
) -> Iterator[_Tracker]:
    """Yield a watcher for `train`.

    It writes log lines, and on a terminal shows a progress bar if a period has tokens.

    job_dir: the folder of a job of a sweep, which receives its progress.
    """
    if job_dir is not None:
        yield _StatusWriter(recorder, spec, job_dir)
        return
    if not (sys.stdout.isatty() and spec.tokens):
        yield _Tracker(recorder, spec)
        return
    columns = ("{task.description}", BarColumn(), "{task.fields[loss]}", "{task.fields[rate]}")
    texts = [TextColumn(column) if isinstance(column, str) else column for column in columns]
    with Progress(*texts, TimeElapsedColumn(), TimeRemainingColumn(), transient=True) as bar:
        yield _ProgressBar(recorder, spec, bar)


def end_diverged(recorder: RunRecorder, what: str) -> None:
    """End a run whose training diverged, which is a result, and log when it did."""
    reason = f"diverged: {what}"
    log.warning("%s", reason.capitalize())
    recorder.end("diverged", reason)
