"""The probes of runs that are tracked already, without training.

python -m experiments.probe experiment=imdb              every finished run that lacks these tables,
                                                         and the control where it is missing
python -m experiments.probe experiment=imdb run=<id>     one run, whether it lacks them or not

The settings of the probes are those of the command line, such as `probe.distance_reviews=500`; what a
run was trained on, and how it reads, is its own.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from experiments.program import Failure, is_expected, report_error, run_program, take_word
from pipeline.composition import as_plain, build, control_of
from pipeline.config import AddingConfig, ProbeConfig, RunConfig
from pipeline.fingerprint import probe_fingerprint

if TYPE_CHECKING:  # TensorFlow comes in after its threads are set
    from pipeline.device import DeviceFacts
    from pipeline.probes import Subject
    from pipeline.reviews import ReviewSplits
    from pipeline.tracking import RunRecorder, TrainedRun

log = logging.getLogger(__name__)


def main() -> None:
    run_id = take_word("run")

    def task(tree: DictConfig) -> int:
        return probe(tree, run_id)

    run_program(task, mode="RUN")


def probe(tree: DictConfig, run_id: str | None) -> int:
    """Probes one tracked run, or all that lack the tables of these settings; the exit status."""
    config = build(tree)
    try:
        from pipeline.tracking import Store, finished_runs

        runs = _over_texts(finished_runs(Store.of(config), run_id))
        if run_id is None:
            _train_missing_control(runs, config)
        wanted = probe_fingerprint(config.probe)
        lacking = [run for run in runs if run_id or run.tags.get("probes") != wanted]
        print(f"{len(runs)} finished runs, {len(lacking)} to probe")
        if not lacking:
            return 0
        from pipeline.device import prepare_device

        device = prepare_device(config.device, 1)
        log.info("Computing on %s", device)
        failed = _probe_all(lacking, config.probe, Path(config.root) / ".cache", device)
    except Exception as error:
        return report_error(error)
    for name, reason in failed.items():
        print(f"Not probed: {name}: {reason}")
    return 1 if failed else 0


def _over_texts(runs: list[TrainedRun]) -> list[TrainedRun]:
    over_texts = [run for run in runs if not isinstance(run.config.data, AddingConfig)]
    if not over_texts:
        raise Failure("these runs are on the adding problem, and the probes are for texts")
    return over_texts


def _train_missing_control(runs: list[TrainedRun], config: RunConfig) -> None:
    """Runs that were trained without the order-free control beside them get it now, probes and all."""
    newest = runs[-1]
    data = newest.tags.get("data_fingerprint")
    if any(run.config.control and run.tags.get("data_fingerprint") == data for run in runs):
        return
    from experiments.compare import run

    print("The order-free control is missing and is trained first")
    here = {name: getattr(config, name) for name in ("name", "root", "tracking", "device", "probe")}
    parent = newest.tags.get("mlflow.parentRunId")
    run(control_of(replace(newest.config, **here)), parent_run_id=parent)


def _probe_all(
    runs: list[TrainedRun], config: ProbeConfig, cache: Path, device: DeviceFacts
) -> dict[str, str]:
    """The names of the runs that could not be probed, and why."""
    from pipeline.reviews import load_reviews
    from pipeline.tracking import RunRecorder

    failed = {}
    loaded: dict[str, ReviewSplits] = {}
    for run in runs:
        log.info("%s (%s)", run.name, run.run_id)
        try:
            key = json.dumps(as_plain(run.config.data))
            if key not in loaded:
                # One at a time: they may be large.
                loaded = {key: load_reviews(run.config.data, cache)}
            subject = _open(run, loaded[key], cache, device)
            track_probes(RunRecorder(run.store, run.run_id), subject, config)
        except Exception as error:
            if not is_expected(error):
                raise
            failed[run.name] = str(error)
    return failed


def _open(run: TrainedRun, reviews: ReviewSplits, cache: Path, device: DeviceFacts) -> Subject:
    from pipeline.architectures import forward_of
    from pipeline.baseline import fit_control
    from pipeline.kernels import fuse
    from pipeline.probes import Network, NetworkReader, Subject

    if run.tags.get("data_fingerprint") != reviews.fingerprint:
        raise Failure(
            f"its texts are no longer what it was trained on ({run.config.data.source}): put them "
            "back, or train it again"
        )
    tokenizer = run.tokenizer()
    if run.config.control:
        control = fit_control(reviews.train, reviews.validation, reviews.heads)
        return Subject(control, tokenizer, run.config.data, reviews, cache)
    model = run.model()
    architecture = run.config.architecture
    forward = fuse(model, architecture) if device.kind == "cpu" else forward_of(model)
    reader = NetworkReader(forward, reviews.heads, tokenizer)
    network = Network(model, forward, architecture)
    return Subject(reader, tokenizer, run.config.data, reviews, cache, network)


def track_probes(recorder: RunRecorder, subject: Subject, config: ProbeConfig) -> None:
    """Runs the probes and writes a table, scalars and facts of each; a tag says with which settings."""
    from pipeline.probes import run_probes

    started = time.perf_counter()
    for result in run_probes(subject, config):
        name = f"probe/{result.name}"
        recorder.table(result.table, f"probes/{result.name}.parquet")
        recorder.metrics({f"{name}/{key}": value for key, value in result.metrics.items()})
        recorder.tags({f"{name}/{key}": fact for key, fact in result.facts.items()})
    recorder.metrics({"time/probe_seconds": time.perf_counter() - started})
    recorder.tags({"probes": probe_fingerprint(config)})


if __name__ == "__main__":
    main()
