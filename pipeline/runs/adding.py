"""A run over the adding problem: from drawn sequences to the steps that it took to solve it."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path

import pandas as pd

from pipeline.config.compose import without_effect
from pipeline.config.schema import AddingConfig, RunConfig
from pipeline.data.adding import FEATURES, draw_held_out
from pipeline.models.architectures import build_regressor, forward_of, summarise_model
from pipeline.models.fused import fuse
from pipeline.report.formats import rows_of
from pipeline.runs.device import peak_memory_mb
from pipeline.runs.status import update_standing
from pipeline.tracking import RunRecorder
from pipeline.training.adding import (
    SolveResult,
    Validation,
    mean_squared_error,
    read_values,
    solve,
)
from pipeline.training.loop import Outcome

log = logging.getLogger(__name__)

_LINES = 10  # of a run that uses its steps up, on its way


def run_adding(
    config: RunConfig,
    recorder: RunRecorder,
    device_kind: str,
    checkpoint: Path,
    job_dir: Path | None,
) -> str:
    """From drawn sequences to the steps that it took; the outcome, finished (solved or not) or diverged.

    Expects the device to be prepared and the run to be tracked: see `pipeline.runs.start.run`.
    """

    data = config.data
    assert isinstance(data, AddingConfig)
    for key in without_effect(config):
        log.warning("%s does nothing here: data=adding reads no text, and has no epochs", key)
    held_out = draw_held_out(data)
    counts = {"validation": len(held_out.validation), "test": len(held_out.test)}
    recorder.data_set(data.kind, held_out.fingerprint, counts, data.source)

    model = build_regressor(config.architecture, FEATURES, config.seed)
    forward = fuse(model, config.architecture) if device_kind == "cpu" else forward_of(model)
    recorder.summary(*summarise_model(model))
    watcher = _Tracker(recorder, data, job_dir)
    validation = held_out.validation
    result = solve(model, forward, validation, data, config.train, config.seed, watcher, checkpoint)
    recorder.metrics(_metrics(result) | {"memory/peak_mb": peak_memory_mb()})
    if result.outcome == Outcome.diverged:
        last = int(result.history.step.max()) if len(result.history) else 0
        reason = f"diverged: the error was no longer finite after step {last:,}"
        log.warning("%s", reason.capitalize())
        recorder.end("diverged", reason)
        return "diverged"

    answers = read_values(forward, held_out.test, config.train.batch_size)
    mse = mean_squared_error(held_out.test, answers)
    recorder.metrics({"test/mse": mse})
    marked = pd.DataFrame(held_out.test.marked, columns=["first_marked", "second_marked"])
    answered = marked.assign(target=held_out.test.targets, predicted=answers)
    recorder.table(answered, "predictions.parquet")
    recorder.model(model)
    _say(result, data, mse)
    return "finished"


class _Tracker:
    """Writes each validation into the store, a tenth of them as plain lines, and, for the job of a
    sweep, how far it is into its folder: there an epoch is the way from one validation to the next.
    """

    def __init__(self, recorder: RunRecorder, data: AddingConfig, job_dir: Path | None) -> None:
        self.recorder, self.data, self.job_dir = recorder, data, job_dir
        self.done, self.said = 0, 0
        self.since = time.monotonic()
        self._tell(epochs=math.ceil(data.max_steps / data.steps_per_validation))

    def on_resume(self, records: list[Validation]) -> None:
        for record in records:  # the store may lack the last, if the cut came before it was told
            self._record(record)
        self._tell(resumed=self.done)
        log.info("Going on after step %s, where this run was cut off", f"{records[-1].step:,}")

    def on_validation(self, record: Validation) -> None:
        self._record(record)
        tenth = record.step * _LINES // self.data.max_steps
        if tenth > self.said or record.is_solved:
            self.said = tenth
            log.info(
                "Step %s of at most %s  mse %.5f  val_mse %.5f  %.0f s",
                *(f"{record.step:,}", f"{self.data.max_steps:,}", record.train_mse, record.val_mse),
                time.monotonic() - self.since,
            )

    def _record(self, record: Validation) -> None:
        errors = {"train/mse": record.train_mse, "val/mse": record.val_mse}
        self.recorder.metrics(errors, step=record.step)
        self.done += 1
        self._tell(epoch=self.done, share=1.0)

    def _tell(self, **changes: float) -> None:
        if self.job_dir is not None:
            update_standing(self.job_dir, **changes)


def _metrics(result: SolveResult) -> dict[str, float]:
    metrics = {"time/train_seconds": result.seconds}
    metrics["adding/solved"] = float(result.steps_to_solve is not None)
    if result.steps_to_solve is not None:
        metrics["adding/steps_to_solve"] = result.steps_to_solve
    if len(result.history):
        best = next(rows_of(result.history.sort_values("val_mse")))
        metrics |= {"best/val_mse": best.val_mse, "best/step": best.step}
        metrics["adding/steps"] = result.history.step.max()
    return metrics


def _say(result: SolveResult, data: AddingConfig, mse: float) -> None:
    if result.steps_to_solve is not None:
        said = f"Solved length {data.length} in {result.steps_to_solve:,} steps"
    else:
        said = f"Did not solve length {data.length} in {data.max_steps:,} steps"
    log.info("%s; mean squared error %.5f over %s test sequences", said, mse, f"{data.test_size:,}")
