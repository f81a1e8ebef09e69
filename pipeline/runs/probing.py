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
from pipeline.config.probes import OF_CLASSIFIERS, OF_LANGUAGE_MODELS, ProbeConfig
from pipeline.config.schema import RunConfig
from pipeline.config.tasks import LanguageConfig
from pipeline.data.reviews import load_reviews
from pipeline.data.splits import ReviewSplits
from pipeline.errors import Failure, PipelineError
from pipeline.models.bigram_baseline import fit_baseline
from pipeline.probes import NetworkReader, ProbeResult, Subject, run_probes
from pipeline.probes.language import LanguageSubject, run_language_probes
from pipeline.runs.device import DeviceFacts
from pipeline.runs.language_data import LanguageData, load_language, open_language
from pipeline.runs.networks import open_network
from pipeline.runs.progress import enter_stage
from pipeline.tracking import RunRecorder, TrainedRun
from pipeline.tracking.record import PROBES

log = logging.getLogger(__name__)

_OF_TEXTS = ("data", "task", "tokenizer")  # the sections that decide what is read


def probe_all(
    runs: list[TrainedRun], config: ProbeConfig, cache: Path, device: DeviceFacts
) -> dict[str, str]:
    """Probe `runs`, and return the reason for each run that could not be probed, by name."""
    failed = {}
    loaded: dict[str, ReviewSplits | LanguageData] = {}
    for run in runs:
        log.info("%s (%s)", run.name, run.run_id)
        try:
            key = json.dumps([as_plain(getattr(run.config, name)) for name in _OF_TEXTS])
            if key not in loaded:
                log.info("Reading the texts")
                # Keep one data set in memory at a time: they may be large.
                loaded = {key: _load_texts(run.config, cache)}
            subject = _open_subject(run, loaded[key], cache, device)
            recorder = RunRecorder(run.store, run.run_id, digests=run.artifacts.digests)
            track_probes(recorder, subject, config, run.config)
        except PipelineError as error:
            failed[f"{run.name} (run {run.run_id})"] = getattr(error, "what", str(error))
    return failed


def _load_texts(config: RunConfig, cache: Path) -> ReviewSplits | LanguageData:
    if isinstance(config.task, LanguageConfig):
        return load_language(config, cache)
    return load_reviews(config.data, cache)


def _open_subject(
    run: TrainedRun, texts: ReviewSplits | LanguageData, cache: Path, device: DeviceFacts
) -> Subject | LanguageSubject:
    """Return a trained run as a subject of probes.

    Raises:
      Failure: `texts` are not those that it was trained on.
    """
    if run.tags.get("data_fingerprint") != texts.fingerprint:
        raise Failure(
            f"its texts have changed since it was trained ({run.config.data.source}): restore them, "
            "or train it again"
        )
    if isinstance(texts, LanguageData):
        return open_language(run, texts)
    return open_subject(run, texts, cache, device)


def open_subject(
    run: TrainedRun, reviews: ReviewSplits, cache: Path, device: DeviceFacts
) -> Subject:
    """Return a trained classifier, or the baseline, with the texts that it was trained on."""
    tokenizer = run.tokenizer()
    if run.config.baseline:
        log.info("Fitting the baseline")
        baseline = fit_baseline(reviews.train, reviews.validation, reviews.heads)
        return Subject(baseline, tokenizer, run.config.data, reviews, cache)
    network = open_network(run, device)
    reader = NetworkReader(network.forward, reviews.heads, tokenizer)
    return Subject(reader, tokenizer, run.config.data, reviews, cache, network)


def track_probes(
    recorder: RunRecorder,
    subject: Subject | LanguageSubject,
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
    subject: Subject | LanguageSubject, config: ProbeConfig, job_dir: Path | None
) -> Iterator[ProbeResult]:
    """Yield the result of each probe, and say which one is next: some take minutes."""
    of_task = OF_LANGUAGE_MODELS if isinstance(subject, LanguageSubject) else OF_CLASSIFIERS
    for kind in config.kinds:
        if kind in of_task:
            enter_stage("probing", f"Probing {kind.name}", job_dir)
            one = replace(config, kinds=[kind])
            if isinstance(subject, LanguageSubject):
                yield from run_language_probes(subject, one)
            else:
                yield from run_probes(subject, one)
