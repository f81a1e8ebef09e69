"""The two ways to train a language model that the benchmark compares, each in worker processes."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.benchmark.language_torch import build_torch
from pipeline.benchmark.language_workload import (
    SETTINGS,
    BenchmarkTokens,
    LanguageTask,
    expected_loss,
    load_tokens,
    sample_of,
)
from pipeline.benchmark.timing import StepWatcher, Turns
from pipeline.benchmark.variants import Built, draw_weights, flops_per_token
from pipeline.config.schema import ArchitectureConfig, Device, DeviceConfig, TrainConfig

PROJECT, TORCH = "this project", "PyTorch"


@dataclass(frozen=True)
class LanguageVariant:
    """Describe a way to train; see `pipeline.benchmark.measure.Measured`. name: `PROJECT` or `TORCH`."""

    name: str
    task: LanguageTask
    processes: int = 1
    threads: int = 1

    @property
    def architecture(self) -> ArchitectureConfig:
        return self.task.architecture

    @property
    def compared(self) -> str:
        return str(self.task)

    @property
    def flops(self) -> int:
        return flops_per_token(self.architecture)

    def work(self, folder: Path, pipe: Any, barrier: Any) -> None:
        """Send logits and the loss of a sample, then train in turns."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        tokens = load_tokens(folder, self.task.vocab_size)
        if self.name == PROJECT:
            from pipeline.runs.device import prepare_device

            prepare_device(DeviceConfig(kind=Device.cpu, threads=self.threads), concurrent_runs=1)
            built = build_project(self.task, tokens)
        else:
            built = build_torch(self.task, tokens, self.threads)
        pipe.send((built.logits, built.plain))
        built.train(Turns(pipe, barrier))


def build_project(task: LanguageTask, tokens: BenchmarkTokens) -> Built:
    """Return the project's own path: `pipeline.training.loop.train` on its task."""
    from pipeline.models.language_model import build_language_model
    from pipeline.training.language import LanguageModelling
    from pipeline.training.loop import train

    model = build_language_model(task.architecture, task.vocab_size, seed=0)
    config = TrainConfig(epochs=10**6, patience=10**6, batch_size=task.batch_size)
    read: Any = tokens
    training = LanguageModelling(read, model, task.architecture, SETTINGS, config, 0, 0)
    kept = model.get_weights()
    model.set_weights(draw_weights(weight.shape for weight in kept))
    ours, plain = _read_sample(training, model, tokens)
    model.set_weights(kept)

    return Built(
        ours, plain, lambda turns: train(model, training, StepWatcher(turns), training.forward)
    )


def _read_sample(
    training: Any, model: Any, tokens: BenchmarkTokens
) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits of candidates, and last the loss: by the kernels, and by plain layers."""
    batch = sample_of(tokens)
    states = tuple(
        np.zeros((len(batch.inputs), state.shape[1]), "f") for state in training.variables
    )
    outputs = training.forward((batch.inputs, states))
    loss, _ = training.loss(outputs, batch[1:])
    table = np.asarray(training.table)
    features = np.asarray(outputs[0])
    ours = features.reshape(-1, table.shape[1]) @ table[batch.candidates].T
    logits = np.asarray(model(batch.inputs)).transpose(1, 0, 2).reshape(-1, len(table))
    plain = np.append(logits[:, batch.candidates], expected_loss(logits, batch))
    return np.append(ours, float(loss)), plain
