"""One run; with multirun, a sweep, and at its end the report.

python -m experiments.compare experiment=quickstart
python -m experiments.compare architecture=lstm data=imdb seed=1
python -m experiments.compare -m architecture=lstm,gru seed=0,1,2
"""

from __future__ import annotations

import io
import logging
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from experiments.program import report_error, run_program
from experiments.slurm import refuse_single_run
from pipeline.composition import build
from pipeline.config import AddingConfig, RunConfig
from pipeline.fingerprint import fingerprint

if TYPE_CHECKING:  # TensorFlow comes in after its threads are set
    from pipeline.reviews import ReviewSplits
    from pipeline.tokens import EncodedSplits
    from pipeline.tracking import RunRecorder, Store
    from pipeline.tracking.store import Run

log = logging.getLogger(__name__)


def main() -> None:
    from experiments.sweep import stop_sweep

    run_program(compare, stopped=stop_sweep)


def compare(tree: DictConfig) -> int:
    """The composed configuration as one run, or as one job of a sweep; the exit status."""
    hydra = HydraConfig.get()
    config = build(tree)
    try:
        if hydra.mode == RunMode.MULTIRUN:
            from experiments.isolated import run_job

            return run_job(config, Path(hydra.sweep.dir), Path(hydra.runtime.output_dir))
        refuse_single_run(hydra.launcher)
        from pipeline.tracking import Store, settle

        settle(Store.of(config))
        return 0 if run(config) == "finished" else 1
    except Exception as error:
        return report_error(error)


def find_done(store: Store, config: RunConfig) -> Run | None:
    """This run where the store already holds its result. `rerun=true` asks anew."""
    from pipeline.tracking import is_done

    newest = None if config.rerun else store.newest(fingerprint(config))
    return newest if is_done(newest) else None


def say_done(done: Run) -> str:
    """Says that a run was done before; its outcome."""
    outcome = done.data.tags["outcome"]
    log.info(
        "%s: %s before, as run %s (rerun=true runs it again)",
        *(done.info.run_name, outcome, done.info.run_id),
    )
    return outcome


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
    from pipeline.tracking import Store

    store = Store.of(config)
    key = fingerprint(config)
    with store.claim(key, patience=0) as ours:
        if ours:
            return _run(store, config, concurrent_runs, parent_run_id, job_dir)
    log.warning("Another process is working on this run: waiting for it")
    with store.claim(key):
        return _run(store, config, concurrent_runs, parent_run_id, job_dir)


def _run(
    store: Store,
    config: RunConfig,
    concurrent_runs: int,
    parent_run_id: str | None,
    job_dir: Path | None,
) -> str:
    done = find_done(store, config)
    if done is not None:
        return say_done(done)

    # TensorFlow is imported here, after its threads are set, and by nothing before.
    from pipeline.device import peak_memory_mb, prepare_device

    device = prepare_device(config.device, concurrent_runs)
    log.info("Computing on %s", device)

    from experiments.probe import track_probes
    from experiments.progress import watch_training
    from pipeline.architectures import build_model, forward_of
    from pipeline.kernels import fuse
    from pipeline.predictions import evaluate
    from pipeline.probes import Network, NetworkReader, Subject
    from pipeline.reviews import load_reviews
    from pipeline.tokens import encode_splits
    from pipeline.tracking import track_run
    from pipeline.training import Outcome, train

    cache = Path(config.root) / ".cache"
    checkpoint = cache / "checkpoints" / f"{fingerprint(config)}.npz"
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
        if isinstance(config.data, AddingConfig):
            from experiments.adding import run_adding

            return run_adding(config, recorder, device.kind, checkpoint, job_dir)
        reviews = load_reviews(config.data, cache)
        encoded = encode_splits(reviews, config.tokenizer, cache)
        counts = {name: len(split) for name, split in reviews.named()}
        recorder.data_set(config.data.kind, reviews.fingerprint, counts, config.data.source)
        if config.control:
            _run_control(recorder, config, reviews, encoded)
            return "finished"

        vocab_size = encoded.tokenizer.get_vocab_size()
        model = build_model(config.architecture, vocab_size, encoded.heads, config.seed)
        # The same weights, logits and gradients; on a CPU its own kernels are faster than the layers.
        forward = fuse(model, config.architecture) if device.kind == "cpu" else forward_of(model)
        summarise_model(model, recorder)
        with watch_training(recorder, encoded.train, config, job_dir) as watcher:
            result = train(model, encoded, config.train, config.seed, watcher, forward, checkpoint)
        recorder.metrics(_training_metrics(result) | {"memory/peak_mb": peak_memory_mb()})
        if result.outcome == Outcome.diverged:
            epoch = len(result.history) + 1
            reason = f"diverged: the loss was no longer finite in epoch {epoch}"
            log.warning("%s", reason.capitalize())
            recorder.end("diverged", reason)
        else:
            batch_size, edges = config.train.batch_size, config.data.length_edges
            test = evaluate(forward, encoded.test, encoded.heads, batch_size, edges, reviews.test)
            recorder.metrics({f"test/{name}": value for name, value in test.metrics.items()})
            watcher.on_test(result.history.val_accuracy.max(), test.metrics["accuracy"])
            recorder.table(test.predictions, "predictions.parquet")
            recorder.text(encoded.tokenizer.to_str(pretty=True), "tokenizer.json")
            recorder.heads(encoded.heads)
            recorder.model(model)
            network = Network(model, forward, config.architecture)
            reader = NetworkReader(forward, encoded.heads, encoded.tokenizer)
            subject = Subject(reader, encoded.tokenizer, config.data, reviews, cache, network)
            track_probes(recorder, subject, config.probe)
            log.info(
                "Test accuracy %.4f over %s reviews, weights of epoch %d",
                *(test.metrics["accuracy"], f"{len(reviews.test):,}", result.best_epoch),
            )
    checkpoint.unlink(missing_ok=True)  # the run holds its model now
    return result.outcome.name


def _run_control(
    recorder: RunRecorder, config: RunConfig, reviews: ReviewSplits, encoded: EncodedSplits
) -> None:
    """The order-free control, from text to tracked predictions and probes."""
    from experiments.probe import track_probes
    from pipeline.baseline import fit_control
    from pipeline.predictions import evaluate_logits
    from pipeline.probes import Subject

    started = time.perf_counter()
    control = fit_control(reviews.train, reviews.validation, reviews.heads)
    recorder.metrics(
        {
            "time/train_seconds": time.perf_counter() - started,
            "model/parameters": control.parameters,
            "best/val_accuracy": control.validation_accuracy,
        }
    )
    logits, edges = control.read(reviews.test.texts), config.data.length_edges
    test = evaluate_logits(logits, encoded.test, encoded.heads, edges, reviews.test)
    recorder.metrics({f"test/{name}": value for name, value in test.metrics.items()})
    recorder.table(test.predictions, "predictions.parquet")
    recorder.text(encoded.tokenizer.to_str(pretty=True), "tokenizer.json")
    cache = Path(config.root) / ".cache"
    subject = Subject(control, encoded.tokenizer, config.data, reviews, cache)
    track_probes(recorder, subject, config.probe)
    log.info(
        "Test accuracy %.4f over %s reviews, without their order",
        *(test.metrics["accuracy"], f"{len(reviews.test):,}"),
    )


def _training_metrics(result) -> dict[str, float]:
    metrics = {
        "time/train_seconds": result.seconds,
        "time/tokens_per_second": result.tokens_per_second,
    }
    if result.best_epoch:
        best = result.history.set_index("epoch").loc[result.best_epoch]
        metrics |= {
            "best/epoch": result.best_epoch,
            "best/val_accuracy": best.val_accuracy,
            "best/val_loss": best.val_loss,
        }
    return metrics


def summarise_model(model, recorder: RunRecorder) -> None:
    """Tracks what a model is made of, and how large it is."""
    from pipeline.architectures import count_recurrent_parameters

    text = io.StringIO()
    with redirect_stdout(text):
        model.summary(line_length=100, print_fn=lambda line, **_: text.write(line + "\n"))
    recorder.text(text.getvalue(), "model_summary.txt")
    recorder.metrics(
        {
            "model/parameters": model.count_params(),
            "model/recurrent_parameters": count_recurrent_parameters(model),
        }
    )


if __name__ == "__main__":
    main()
