"""Kills a small sweep at random moments and launches it again: is anything lost, doubled or different?

PYTHONPATH=tests python -m tests.sweeps.kill_sweep [moments] [seed]

For each moment a sweep begins on an empty store, dies by SIGKILL (in turn the whole process group, and
its first process alone, whose jobs have to notice), and is launched again. Then the store must hold one
FINISHED run for each configuration, no run that is RUNNING, and the metrics of a sweep that was never
interrupted, each once. `kill_sweep.txt` is the output over twenty moments.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from factories import ROOT

from pipeline.tracking import Store

SWEEP = (
    "-m name=killed data.train_size=400 data.validation_size=100 data.test_size=120 "
    "data.max_distance=10 architecture=lstm,gru,simple_rnn architecture.units=8 "
    "architecture.embedding_dim=8 architecture.dropout=0.2 train.epochs=4 device.workers=2 "
    "probe.kinds=[quiz]"
).split()
Metrics = dict[str, list[tuple[str, int, float]]]


def launch(root: Path) -> subprocess.Popen[str]:
    """The sweep in a process group of its own, which heeds a Ctrl-C even where this one does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "experiments.compare", *SWEEP, f"root={root}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def forget(process: subprocess.Popen[str]) -> None:
    """Waits for a process that was killed, and not for its orphans, who hold its pipe."""
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def finish(root: Path) -> str:
    """Launches the sweep and waits for its end; what it said.

    Raises:
      AssertionError: it did not end with everything done.
    """
    process = launch(root)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def kill_at(root: Path, seconds: float, *, group: bool) -> None:
    """Kills the sweep after so many seconds, or lets it end before that."""
    process = launch(root)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
    if group:
        process.communicate()
    else:
        forget(process)


def recorded(root: Path) -> Metrics:
    """By run name, every recorded value but those of time and memory.

    Raises:
      AssertionError: a run is missing, doubled or not finished.
    """
    store = Store(None, root, "killed")
    runs = store.runs("tags.kind = 'run'")
    names = sorted(run.info.run_name or "" for run in runs)
    assert names == ["gru seed 0", "lstm seed 0", "nb_bigrams seed 0", "simple_rnn seed 0"], names
    assert {run.info.status for run in store.runs()} == {"FINISHED"}
    metrics: Metrics = {}
    for run in runs:
        keys = sorted(key for key in run.data.metrics if not key.startswith(("time/", "memory/")))
        assert "test/accuracy" in keys
        history = [store.client.get_metric_history(run.info.run_id, key) for key in keys]
        values = [(m.key, m.step, m.value) for values in history for m in values]
        metrics[run.info.run_name or ""] = sorted(values)
    return metrics


def main() -> None:
    given = [int(argument) for argument in sys.argv[1:]]
    moments, seed = given + [20, 0][len(given) :]
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        finish(Path(folder) / "whole")
        duration = time.monotonic() - began
        expected = recorded(Path(folder) / "whole")
        print(f"Uninterrupted: {len(expected)} runs in {duration:.0f} s", flush=True)
        for number in range(moments):
            root, group = Path(folder) / str(number), number % 2 == 0
            share = rng.uniform(0.02, 1)
            kill_at(root, share * duration, group=group)
            said = finish(root)
            assert recorded(root) == expected, "other metrics than without the kill"
            before, resumed = said.count("already finished"), said.count("Resuming after epoch")
            print(
                f"{number + 1:2}  killed {'all' if group else 'the first process'} at {share:.0%}: "
                f"{before} done before, {resumed} resumed; then {len(expected)} FINISHED, "
                "the same metrics",
                flush=True,
            )


if __name__ == "__main__":
    main()
