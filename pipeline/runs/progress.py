"""How training goes, to a person and to the store."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from pipeline.config.schema import RunConfig
from pipeline.runs.status import update_status
from pipeline.tokens.encoding import EncodedSplit
from pipeline.tracking import RunRecorder
from pipeline.training.loop import EpochRecord

log = logging.getLogger(__name__)


class _Tracker:
    """Writes each epoch into the store and as a plain line. `on_test` is told the accuracies of the
    epoch that was kept.
    """

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

    def on_test(self, val_accuracy: float, test_accuracy: float) -> None:
        pass


class _Reporter(_Tracker):
    """The same, and leaves in the folder of the job, about once a second, how far it is."""

    def __init__(self, recorder: RunRecorder, epochs: int, tokens: int, job_dir: Path) -> None:
        super().__init__(recorder, epochs)
        self.tokens, self.job_dir = tokens, job_dir
        self.done = 0
        self.told = 0.0

    def on_resume(self, records: list[EpochRecord]) -> None:
        super().on_resume(records)
        epochs, accuracy = len(records), records[-1].val_accuracy
        self._tell(epoch=epochs, resumed=epochs, share=1.0, val_accuracy=accuracy)

    def on_batch(self, epoch: int, tokens: int, loss: float) -> None:
        self.done += tokens
        if time.monotonic() - self.told >= 1:
            self._tell(epoch=epoch, share=self.done / self.tokens)

    def on_epoch(self, record: EpochRecord) -> None:
        super().on_epoch(record)
        speed = record.tokens / record.seconds
        accuracy = record.val_accuracy
        self._tell(epoch=record.epoch, share=1.0, val_accuracy=accuracy, tokens_per_second=speed)
        self.done = 0

    def on_test(self, val_accuracy: float, test_accuracy: float) -> None:
        self._tell(val_accuracy=float(val_accuracy), test_accuracy=test_accuracy)

    def _tell(self, **changes: float) -> None:
        update_status(self.job_dir, **changes)
        self.told = time.monotonic()


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
    recorder: RunRecorder, split: EncodedSplit, config: RunConfig, job_dir: Path | None = None
) -> Iterator[_Tracker]:
    """A watcher for `train`: a progress bar on a terminal, a plain line for each epoch elsewhere; for
    the job of a sweep lines, and word of its progress in its folder.
    """
    tokens = int(split.lengths.sum())
    if job_dir is not None:
        yield _Reporter(recorder, config.train.epochs, tokens, job_dir)
        return
    if not sys.stdout.isatty():
        yield _Tracker(recorder, config.train.epochs)
        return
    columns = ("{task.description}", BarColumn(), "{task.fields[loss]}", "{task.fields[rate]}")
    texts = [TextColumn(column) if isinstance(column, str) else column for column in columns]
    with Progress(*texts, TimeElapsedColumn(), TimeRemainingColumn(), transient=True) as bar:
        yield _Bar(recorder, config.train.epochs, tokens, bar)
