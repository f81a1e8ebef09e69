"""Start a run: look up its result, prepare the device, and only then import TensorFlow.

TensorFlow fixes its threads at its first use, so `prepare_device` must precede every import of it. This
is why functions here import other modules; no other place needs to.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.analysis.explanation import Explanation
from pipeline.analysis.writing import Writing
from pipeline.config.compose import baseline_of
from pipeline.config.data import AddingConfig
from pipeline.config.fingerprint import fingerprint, probe_fingerprint
from pipeline.config.sampling import Sampling
from pipeline.config.schema import RunConfig
from pipeline.config.tasks import LanguageConfig
from pipeline.errors import Failure
from pipeline.processes import use_scratch
from pipeline.runs.device import prepare_device
from pipeline.runs.progress import enter_stage
from pipeline.tracking import Store, TrainedRun, find_damage, finished_runs, is_done, track_run
from pipeline.tracking.language_models import with_language_models
from pipeline.tracking.store import Run

log = logging.getLogger(__name__)


def find_done(store: Store, config: RunConfig) -> Run | None:
    """Return the run of this configuration if it is done; None with `rerun=true`.

    A finished run whose result is damaged is not done.
    """
    newest = None if config.rerun else store.newest_run(fingerprint(config))
    if newest is None or not is_done(newest):
        return None
    damage = find_damage(store, newest)
    if damage is None:
        return newest
    log.warning("%s is computed again: %s", damage.name, damage.what)
    return None


def describe_done(done: Run) -> str:
    """Return a line that says that a run is already done."""
    name, outcome = done.info.run_name, done.data.tags["outcome"]
    return f"{name}: already {outcome} in run {done.info.run_id} (rerun=true runs it again)"


def run(
    config: RunConfig,
    concurrent_runs: int = 1,
    parent_run_id: str | None = None,
    job_dir: Path | None = None,
) -> str:
    """Run one configuration and track the result; return the outcome, "finished" or "diverged".

    A run that is already done is not repeated. If another process is working on the same run, wait
    for it.

    job_dir: the folder of a job of a sweep, which receives its progress.

    Raises:
      ConfigError: it is to start from a language model, and none can start it.
      DataError: the data cannot be used.
      TrackingError: the store cannot be used.
    """
    config = with_language_models(config)
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
    enter_stage("loading", "Loading TensorFlow", job_dir)
    device = prepare_device(config.device, concurrent_runs)
    log.info("Computing on %s", device)
    from pipeline.runs.adding import run_adding
    from pipeline.runs.baseline import run_baseline
    from pipeline.runs.language import run_language, run_ngrams
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
        is_language = isinstance(config.task, LanguageConfig)
        if config.baseline:
            (run_ngrams if is_language else run_baseline)(config, recorder)
            return "finished"
        run_one = run_adding if isinstance(config.data, AddingConfig) else run_network
        run_one = run_language if is_language else run_one
        outcome = run_one(config, recorder, device.kind, checkpoint, job_dir)
    checkpoint.unlink(missing_ok=True)  # the model is tracked now
    return outcome


def probe_tracked(config: RunConfig, run_id: str | None) -> dict[str, str]:
    """Probe one tracked run, or all finished runs without the tables of these settings.

    Returns:
      The reason for each run that could not be probed, by name.
    """
    log.info("Reading the tracked runs of %s", config.name)
    store = Store.to_read(config)
    use_scratch(Path(config.root))
    loaded, damaged = finished_runs(store, run_id)
    failed = {one.name: one.what for one in damaged}
    if not loaded:
        return failed
    runs = _select_text_runs(loaded)
    if run_id is None:
        _train_missing_baseline(runs, config)
    lacking = [
        run
        for run in runs
        if run_id or run.tags.get("probes") != probe_fingerprint(config.probe, run.config)
    ]
    print(f"{len(runs)} finished runs, {len(lacking)} to probe")
    if not lacking:
        return failed
    log.info("Loading TensorFlow")
    device = prepare_device(config.device, 1)
    log.info("Computing on %s", device)
    from pipeline.runs.probing import probe_all

    return failed | probe_all(lacking, config.probe, Path(config.root) / ".cache", device)


def _select_text_runs(runs: list[TrainedRun]) -> list[TrainedRun]:
    over_texts = [run for run in runs if not isinstance(run.config.data, AddingConfig)]
    if not over_texts:
        raise Failure("these runs are on the adding problem; the probes need runs on texts")
    return over_texts


def _train_missing_baseline(runs: list[TrainedRun], config: RunConfig) -> None:
    """Train and probe the baseline on the data of the newest run, if there is none yet."""
    newest = runs[-1]
    data = newest.tags.get("data_fingerprint")
    if any(run.config.baseline and run.tags.get("data_fingerprint") == data for run in runs):
        return
    print("Training the missing baseline first")
    here = {name: getattr(config, name) for name in ("name", "root", "tracking", "device", "probe")}
    parent = newest.tags.get("mlflow.parentRunId")
    run(baseline_of(replace(newest.config, **here)), parent_run_id=parent)


def explain(text: str, runs: list[TrainedRun], config: RunConfig) -> Explanation:
    """Return the reading of a text by each network.

    Raises:
      DataError: none of its words is in any vocabulary.
    """
    log.info("Loading TensorFlow")
    device = prepare_device(config.device, 1)
    from pipeline.runs.reading import explain_text

    return explain_text(text, runs, device)


def generate(
    prompts: Sequence[str], runs: list[TrainedRun], sampling: Sampling, config: RunConfig
) -> Writing:
    """Return what each network writes after each prompt.

    Raises:
      DataError: nothing of a prompt is in any vocabulary.
      Failure: a run cannot write.
    """
    log.info("Loading TensorFlow")
    prepare_device(config.device, 1)
    from pipeline.runs.writing import write_texts

    return write_texts(prompts, runs, sampling)
