"""Run the adding problem: draw sequences, train a network and count the steps to solve it."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path

import pandas as pd

from pipeline.analysis.frames import rows_of
from pipeline.config.compose import without_effect
from pipeline.config.data import AddingConfig
from pipeline.config.schema import RunConfig
from pipeline.data.adding import FEATURES, draw_held_out
from pipeline.models.architectures import build_regressor, forward_for, summarise_model
from pipeline.runs.costs import costs_of
from pipeline.runs.progress import ProgressSpec, end_diverged, enter_stage, watch_training
from pipeline.tracking import RunRecorder
from pipeline.training.adding import (
    Adding,
    Validation,
    mean_squared_error,
    read_values,
    steps_to_solve,
)
from pipeline.training.loop import Outcome, TrainResult, train

log = logging.getLogger(__name__)

_PROGRESS_LINES = 10  # printed by a run that uses all its steps


def run_adding(
    config: RunConfig,
    recorder: RunRecorder,
    device_kind: str,
    checkpoint: Path,
    job_dir: Path | None,
) -> str:
    """Train and test one network on the adding problem, and return the outcome.

    The outcome is "finished", whether solved or not, or "diverged". The device must be prepared and the
    run tracked: see `pipeline.runs.start.run`.
    """

    data = config.data
    assert isinstance(data, AddingConfig)
    for key in without_effect(config):
        log.warning("%s has no effect: data=adding has neither text nor epochs", key)
    held_out = draw_held_out(data)
    counts = {"validation": len(held_out.validation), "test": len(held_out.test)}
    recorder.data_set(data.kind, held_out.fingerprint, counts, data.source)

    log.info("Building the network")
    model = build_regressor(config.architecture, FEATURES, config.seed)
    forward = forward_for(model, config.architecture, device_kind)
    summary, sizes = summarise_model(model)
    recorder.text(summary, "model_summary.txt")
    task = Adding(held_out.validation, data, config.train, config.seed)
    enter_stage("training", f"Training for at most {data.max_steps:,} steps", job_dir)
    with watch_training(recorder, _progress_spec(data), job_dir) as watcher:
        result = train(model, task, watcher, forward, checkpoint)
    recorder.tags({"training_ended": result.ended})
    recorder.metrics(_metrics(result) | costs_of(result, sizes))
    if result.outcome == Outcome.diverged:
        last = int(result.history.step.max()) if len(result.history) else 0
        end_diverged(recorder, f"the error or its gradient was not finite after step {last:,}")
        return result.outcome.name

    enter_stage("testing", f"Testing on {data.test_size:,} sequences", job_dir)
    answers = read_values(forward, held_out.test, task.batch_size)
    mse = mean_squared_error(held_out.test, answers)
    recorder.metrics({"test/mse": mse})
    marked = pd.DataFrame(held_out.test.marked, columns=["first_marked", "second_marked"])
    answered = marked.assign(target=held_out.test.targets, predicted=answers)
    recorder.table(answered, "predictions.parquet")
    recorder.model(model)
    said = _describe(result, data, mse)
    log.info("%s", said)
    recorder.note(f"{said}.")
    return "finished"


def _progress_spec(data: AddingConfig) -> ProgressSpec:
    started, last_tenth = time.monotonic(), 0

    def metrics(record: Validation) -> tuple[int, dict[str, float]]:
        return record.step, {"val/mse": record.val_mse, "train/mse": record.train_mse}

    def line(record: Validation) -> str:
        nonlocal last_tenth
        tenth = record.step * _PROGRESS_LINES // data.max_steps
        if tenth <= last_tenth and not record.is_solved:
            return ""
        last_tenth = tenth
        return (
            f"Step {record.step:,} of at most {data.max_steps:,}  mse {record.train_mse:.5f}  "
            f"val_mse {record.val_mse:.5f}  {time.monotonic() - started:.0f} s"
        )

    periods = math.ceil(data.max_steps / data.steps_per_validation)
    return ProgressSpec(periods, "step", 0, metrics, line, lambda record: {}, "step")


def _metrics(result: TrainResult) -> dict[str, float]:
    steps = steps_to_solve(result)
    metrics = {"adding/solved": float(steps is not None)}
    if steps is not None:
        metrics["adding/steps_to_solve"] = steps
    if len(result.history):
        best = next(rows_of(result.history.sort_values("val_mse")))
        metrics |= {"best/val_mse": best.val_mse, "best/step": best.step}
        metrics["adding/steps"] = result.history.step.max()
    return metrics


def _describe(result: TrainResult, data: AddingConfig, mse: float) -> str:
    if (steps := steps_to_solve(result)) is not None:
        verdict = f"Solved length {data.length} in {steps:,} steps"
    else:
        verdict = f"Did not solve length {data.length} in {data.max_steps:,} steps"
    return f"{verdict}; mean squared error {mse:.5f} over {data.test_size:,} test sequences"
