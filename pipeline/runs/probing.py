"""Probe trained runs, and track the results in each run."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.config.compose import as_plain
from pipeline.config.fingerprint import probe_fingerprint
from pipeline.config.probes import OF_CLASSIFIERS, ProbeConfig
from pipeline.config.schema import RunConfig
from pipeline.data.reviews import load_reviews
from pipeline.data.splits import ReviewSplits
from pipeline.errors import Failure, PipelineError
from pipeline.models.architectures import forward_for, layer_class
from pipeline.models.bigram_baseline import fit_baseline
from pipeline.probes import Network, NetworkReader, ProbeResult, Subject, run_probes
from pipeline.runs.device import DeviceFacts
from pipeline.runs.progress import enter_stage
from pipeline.tracking import RunRecorder, TrainedRun
from pipeline.tracking.artifacts import MODEL
from pipeline.tracking.record import PROBES

log = logging.getLogger(__name__)


def probe_all(
    runs: list[TrainedRun], config: ProbeConfig, cache: Path, device: DeviceFacts
) -> dict[str, str]:
    """Probe `runs`, and return the reason for each run that could not be probed, by name."""
    failed = {}
    loaded: dict[str, ReviewSplits] = {}
    for run in runs:
        log.info("%s (%s)", run.name, run.run_id)
        try:
            key = json.dumps(as_plain(run.config.data))
            if key not in loaded:
                log.info("Reading the texts")
                # Keep one data set in memory at a time: they may be large.
                loaded = {key: load_reviews(run.config.data, cache)}
            subject = open_subject(run, loaded[key], cache, device)
            recorder = RunRecorder(run.store, run.run_id, digests=run.artifacts.digests)
            track_probes(recorder, subject, config, run.config)
        except PipelineError as error:
            failed[f"{run.name} (run {run.run_id})"] = getattr(error, "what", str(error))
    return failed


def open_subject(
    run: TrainedRun, reviews: ReviewSplits, cache: Path, device: DeviceFacts
) -> Subject:
    """Return a trained run as a subject of probes.

    Raises:
      Failure: `reviews` are not the texts that it was trained on.
    """
    if run.tags.get("data_fingerprint") != reviews.fingerprint:
        raise Failure(
            f"its texts have changed since it was trained ({run.config.data.source}): restore them, "
            "or train it again"
        )
    tokenizer = run.tokenizer()
    if run.config.baseline:
        log.info("Fitting the baseline")
        baseline = fit_baseline(reviews.train, reviews.validation, reviews.heads)
        return Subject(baseline, tokenizer, run.config.data, reviews, cache)
    network = open_network(run, device)
    reader = NetworkReader(network.forward, reviews.heads, tokenizer)
    return Subject(reader, tokenizer, run.config.data, reviews, cache, network)


def open_network(run: TrainedRun, device: DeviceFacts) -> Network:
    """Load the network of a run, with the fastest forward function for the device.

    Raises:
      DamagedRun: it cannot be loaded, or is another's.
    """
    architecture = run.config.architecture
    layer_class(architecture.cell)  # registers it with Keras, which can then open the model
    run.artifacts.check_model()
    with run.artifacts.reading(MODEL):
        model = run.model()
    return Network(model, forward_for(model, architecture, device.kind), architecture)


def track_probes(
    recorder: RunRecorder,
    subject: Subject,
    config: ProbeConfig,
    run: RunConfig,
    job_dir: Path | None = None,
) -> dict[str, str]:
    """Run the probes and write their tables, metrics and facts; a tag records their settings.

    job_dir: the folder of a job of a sweep, which receives its progress.

    Returns:
      The facts, by names such as `distance/half_life_both`.
    """
    started = time.perf_counter()
    facts = {}
    results = [*_run_one_by_one(subject, config, job_dir)]  # all of them, or none
    recorder.forget_digests(PROBES)
    for result in results:
        name = f"probe/{result.name}"
        recorder.table(result.table, f"{PROBES}/{result.name}.parquet")
        recorder.metrics({f"{name}/{key}": value for key, value in result.metrics.items()})
        recorder.tags({f"{name}/{key}": fact for key, fact in result.facts.items()})
        facts |= {f"{result.name}/{key}": fact for key, fact in result.facts.items()}
    recorder.metrics({"time/probe_seconds": time.perf_counter() - started})
    recorder.note_digests({"probes": probe_fingerprint(config, run)})
    return facts


def _run_one_by_one(
    subject: Subject, config: ProbeConfig, job_dir: Path | None
) -> Iterator[ProbeResult]:
    """Yield the result of each probe, and say which one is next: some take minutes."""
    for kind in config.kinds:
        if kind not in OF_CLASSIFIERS:
            continue
        enter_stage("probing", f"Probing {kind.name}", job_dir)
        yield from run_probes(subject, replace(config, kinds=[kind]))
