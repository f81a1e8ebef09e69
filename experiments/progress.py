"""How training goes, to a person and to the store."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from pipeline.config import RunConfig
from pipeline.tokens import EncodedSplit
from pipeline.tracking import RunRecorder
from pipeline.training import EpochRecord

log = logging.getLogger(__name__)


class _Tracker:
    """Writes each epoch into the store and as a plain line."""

    def __init__(self, recorder: RunRecorder, epochs: int) -> None:
        self.recorder = recorder
        self.epochs = epochs

    def on_resume(self, records: list[EpochRecord]) -> None:
        for record in records:  # the store may lack the last, if the cut came before it was told
            self._record(record)
        log.info("Going on after epoch %d, where this run was cut off", len(records))

    def on_batch(self, epoch: int, tokens: int, loss: float) -> None:
        pass

    def _record(self, record: EpochRecord) -> None:
        self.recorder.metrics(
            {
                "train/loss": record.train_loss,
                "train/accuracy": record.train_accuracy,
                "val/loss": record.val_loss,
                "val/accuracy": record.val_accuracy,
                "time/epoch_seconds": record.seconds,
            },
            step=record.epoch,
        )

    def on_epoch(self, record: EpochRecord) -> None:
        self._record(record)
        log.info(
            "Epoch %d/%d  loss %.4f  accuracy %.4f  val_loss %.4f  val_accuracy %.4f  "
            "%s tokens/s  %.1f s",
            *(record.epoch, self.epochs, record.train_loss, record.train_accuracy),
            *(record.val_loss, record.val_accuracy),
            *(f"{record.tokens / record.seconds:,.0f}", record.seconds),
        )


class _Bar(_Tracker):
    """The same, with a progress bar over the tokens of each epoch on a terminal."""

    def __init__(self, recorder: RunRecorder, epochs: int, tokens: int, bar: Progress) -> None:
        super().__init__(recorder, epochs)
        self.tokens, self.bar = tokens, bar
        self.task = bar.add_task("", total=tokens, rate="", loss="")
        self.done = 0

    def on_batch(self, epoch: int, tokens: int, loss: float) -> None:
        self.done += tokens
        speed = self.bar.tasks[self.task].speed
        self.bar.update(
            self.task,
            completed=self.done,
            description=f"Epoch {epoch}/{self.epochs}",
            rate=f"{speed:,.0f} tokens/s" if speed else "",
            loss=f"loss {loss:.4f}",
        )

    def on_epoch(self, record: EpochRecord) -> None:
        self.bar.stop()  # the line of the epoch takes the place of the bar
        super().on_epoch(record)
        self.done = 0
        self.bar.reset(self.task, total=self.tokens)
        self.bar.start()


@contextmanager
def watch_training(
    recorder: RunRecorder, split: EncodedSplit, config: RunConfig
) -> Iterator[_Tracker]:
    """A watcher for `train`: a progress bar on a terminal, a plain line for each epoch elsewhere."""
    if not sys.stdout.isatty():
        yield _Tracker(recorder, config.train.epochs)
        return
    columns = ("{task.description}", BarColumn(), "{task.fields[loss]}", "{task.fields[rate]}")
    texts = [TextColumn(column) if isinstance(column, str) else column for column in columns]
    with Progress(*texts, TimeElapsedColumn(), TimeRemainingColumn(), transient=True) as bar:
        yield _Bar(recorder, config.train.epochs, int(split.lengths.sum()), bar)
