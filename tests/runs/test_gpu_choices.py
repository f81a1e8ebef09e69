"""A whole sweep as on a GPU: plain layers, one run at a time, and masks that cuDNN takes."""

from __future__ import annotations

import importlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories import small_run
from factories.networks import logits_of

from pipeline.config.compose import default_workers, load_architectures
from pipeline.config.probes import ProbeConfig
from pipeline.config.schema import Device, RunConfig
from pipeline.models.fused import fuse
from pipeline.runs import device, start
from pipeline.tracking import Store, finished_runs

rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")
PRESETS = ("lstm", "bi_gru", "stacked_bi_lstm", "simple_rnn")
IDS = np.random.default_rng(0).integers(2, 50, (9, 30)).astype(np.int32)
IDS[1, 20:] = IDS[2, 1:] = 0
PROBES = ProbeConfig(
    context_reviews=20,
    context_min_words=5,
    context_lengths=[5, 10],
    distance_reviews=10,
    distances=[5, 10],
    retention_reviews=4,
    retention_tokens=12,
    slow_reviews=6,
    slow_distances=[5],
    slow_draws=1,
)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Let runs and Keras believe in a GPU; count the cuDNN kernels, of which Keras checks the masks.

    The checks become part of the graphs: a batch that cuDNN refuses ends the run.
    """
    calls: Counter[str] = Counter()
    prepare = device.prepare_device

    def prepare_gpu(*arguments: Any) -> device.DeviceFacts:
        return replace(prepare(*arguments), kind="gpu", name="made up")

    def kernel(kind: str, mask_at: int) -> Any:
        def run(*arguments: Any) -> Any:
            calls[kind] += 1
            rnn._assert_valid_mask(arguments[mask_at])
            raise NotImplementedError  # Keras goes on with the plain layer

        return run

    monkeypatch.setattr(start, "prepare_device", prepare_gpu)
    monkeypatch.setattr(rnn, "_is_gpu_available", lambda: True)
    monkeypatch.setattr(rnn, "_cudnn_lstm", kernel("lstm", 6))
    monkeypatch.setattr(rnn, "_cudnn_gru", kernel("gru", 5))
    return calls


def _sweep(root: Path) -> list[RunConfig]:
    presets = load_architectures()
    return [
        small_run(
            root,
            architecture=replace(presets[name], units=8, embedding_dim=8),
            probe=PROBES,
            train__batch_size=16,
            data__max_distance=20,
        )
        for name in PRESETS
    ]


def _predictions(root: Path) -> dict[str, pd.DataFrame]:
    store = Store(None, root, "small")
    tables = {}
    for run in finished_runs(store)[0]:
        path = store.client.download_artifacts(run.run_id, "predictions.parquet")
        tables[run.name] = pd.read_parquet(path)
    return tables


@pytest.mark.slow
def test_a_sweep_with_the_choices_of_a_gpu_has_the_logits_of_one_on_a_cpu(
    tmp_path, gpu, monkeypatch
):
    assert default_workers(Device.gpu) == 1
    for config in _sweep(tmp_path / "gpu"):
        assert start.run(config) == "finished"
    assert gpu["lstm"] >= 2 * (
        1 + 4
    )  # training and reading are a graph each, probes have further ones
    assert gpu["gru"] >= 2 * 2
    for run in finished_runs(Store(None, tmp_path / "gpu", "small"))[0]:
        model = run.model()
        plain, fast = logits_of(model, IDS), fuse(model, run.config.architecture)(IDS)
        for ours, theirs in zip(plain, fast, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=run.name)

    with monkeypatch.context() as patched:
        patched.setattr(start, "prepare_device", device.prepare_device)
        for config in _sweep(tmp_path / "cpu"):
            assert start.run(config) == "finished"
    ours, theirs = _predictions(tmp_path / "gpu"), _predictions(tmp_path / "cpu")
    assert len(ours) == len(theirs) == len(PRESETS)
    for name, table in ours.items():
        # Adam divides a gradient by its own size, so that training makes more of a rounding than
        # reading does.
        for column in ("probability", "subject_probability"):
            np.testing.assert_allclose(table[column], theirs[name][column], atol=2e-3, err_msg=name)
