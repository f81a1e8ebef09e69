"""Where a run begins: its result is looked up, its device prepared, and only then TensorFlow imported.

The imports inside the functions here are the only ones of their kind: TensorFlow fixes its threads at
its first use, so that `prepare_device` has to come before whatever imports it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from pipeline.analysis.explanation import Explanation
from pipeline.config.compose import baseline_of
from pipeline.config.fingerprint import fingerprint, probe_fingerprint
from pipeline.config.schema import AddingConfig, RunConfig
from pipeline.errors import Failure
from pipeline.runs.device import prepare_device
from pipeline.tracking import Store, TrainedRun, finished_runs, is_done, track_run
from pipeline.tracking.store import Run

log = logging.getLogger(__name__)


def find_done(store: Store, config: RunConfig) -> Run | None:
    """This run where the store already holds its result. `rerun=true` asks anew."""

    newest = None if config.rerun else store.newest_run(fingerprint(config))
    return newest if is_done(newest) else None


def describe_done(done: Run) -> str:
    """Returns a line that says that a run was done before."""
    name, outcome = done.info.run_name, done.data.tags["outcome"]
    return f"{name}: {outcome} before, as run {done.info.run_id} (rerun=true runs it again)"


def run(
    config: RunConfig,
    concurrent_runs: int = 1,
    parent_run_id: str | None = None,
    job_dir: Path | None = None,
) -> str:
    """From text to tracked predictions; the outcome, finished or diverged.

    What is in the store already is not run again. What another process is working on is waited for.
    `job_dir`: of a job of a sweep, where its progress is left for the sweep's table.

    Raises:
      DataError: the data cannot be used. TrackingError: the store cannot be.
    """
    store = Store.of(config)
    key = fingerprint(config)
    with store.claim(key, patience=0) as ours:
        if ours:
            return _run_claimed(store, config, concurrent_runs, parent_run_id, job_dir)
    log.warning("Another process is working on this run: waiting for it")
    with store.claim(key):
        return _run_claimed(store, config, concurrent_runs, parent_run_id, job_dir)


def _run_claimed(
    store: Store,
    config: RunConfig,
    concurrent_runs: int,
    parent_run_id: str | None,
    job_dir: Path | None,
) -> str:
    done = find_done(store, config)
    if done is not None:
        log.info(describe_done(done))
        return done.data.tags["outcome"]
    device = prepare_device(config.device, concurrent_runs)
    log.info("Computing on %s", device)
    from pipeline.runs.adding import run_adding
    from pipeline.runs.baseline import run_baseline
    from pipeline.runs.network import run_network

    checkpoint = Path(config.root) / ".cache" / "checkpoints" / f"{fingerprint(config)}.npz"
    if config.rerun:
        checkpoint.unlink(missing_ok=True)
    with track_run(store, config, parent_run_id) as recorder:
        recorder.tags(
            {
                "device": device.name,
                "device_kind": device.kind,
                "threads": device.threads,
                "concurrent_runs": device.concurrent_runs,
            }
        )
        if config.baseline:
            run_baseline(config, recorder)
            return "finished"
        run_one = run_adding if isinstance(config.data, AddingConfig) else run_network
        outcome = run_one(config, recorder, device.kind, checkpoint, job_dir)
    checkpoint.unlink(missing_ok=True)  # the run holds its model now
    return outcome


def probe_tracked(config: RunConfig, run_id: str | None) -> dict[str, str]:
    """Probes one tracked run, or all that lack the tables of these settings.

    Returns: the names of the runs that could not be probed, and why.
    """
    runs = _select_text_runs(finished_runs(Store.of(config), run_id))
    if run_id is None:
        _train_missing_baseline(runs, config)
    wanted = probe_fingerprint(config.probe)
    lacking = [run for run in runs if run_id or run.tags.get("probes") != wanted]
    print(f"{len(runs)} finished runs, {len(lacking)} to probe")
    if not lacking:
        return {}
    device = prepare_device(config.device, 1)
    log.info("Computing on %s", device)
    from pipeline.runs.probing import probe_all

    return probe_all(lacking, config.probe, Path(config.root) / ".cache", device)


def _select_text_runs(runs: list[TrainedRun]) -> list[TrainedRun]:
    over_texts = [run for run in runs if not isinstance(run.config.data, AddingConfig)]
    if not over_texts:
        raise Failure("these runs are on the adding problem, and the probes are for texts")
    return over_texts


def _train_missing_baseline(runs: list[TrainedRun], config: RunConfig) -> None:
    """Runs that were trained without the order-free baseline beside them get it now, probes and all."""
    newest = runs[-1]
    data = newest.tags.get("data_fingerprint")
    if any(run.config.baseline and run.tags.get("data_fingerprint") == data for run in runs):
        return
    print("The order-free baseline is missing and is trained first")
    here = {name: getattr(config, name) for name in ("name", "root", "tracking", "device", "probe")}
    parent = newest.tags.get("mlflow.parentRunId")
    run(baseline_of(replace(newest.config, **here)), parent_run_id=parent)


def explain(text: str, runs: list[TrainedRun], config: RunConfig) -> Explanation:
    """Returns every network's reading of a text.

    Raises:
      DataError: to all of them it is nothing but unknown words.
    """
    device = prepare_device(config.device, 1)
    from pipeline.runs.reading import read

    return read(text, runs, device)
