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
from pipeline.config import RunConfig, build, fingerprint

if TYPE_CHECKING:  # TensorFlow comes in after its threads are set
    from pipeline.reviews import ReviewSplits
    from pipeline.tokens import EncodedSplits
    from pipeline.tracking import RunRecorder

log = logging.getLogger(__name__)


def main() -> None:
    run_program(compare)


def compare(tree: DictConfig) -> int:
    """The composed configuration as one run, or as one job of a sweep; the exit status."""
    hydra = HydraConfig.get()
    config = build(tree)
    try:
        if hydra.mode == RunMode.MULTIRUN:
            from experiments.sweep import run_job

            return run_job(config, Path(hydra.sweep.dir), Path(hydra.runtime.output_dir))
        done = find_done(config)
        if done is not None:
            return 0 if done == "finished" else 1
        return 0 if run(config) == "finished" else 1
    except Exception as error:
        return report_error(error)


def find_done(config: RunConfig) -> str | None:
    """The outcome of this run where the store already holds it; says so. `rerun=true` asks anew."""
    from pipeline.tracking import Store

    done = None if config.rerun else Store.of(config).find_done(fingerprint(config))
    if done is None:
        return None
    log.info(
        "%s: %s before, as run %s (rerun=true runs it again)",
        done.info.run_name,
        done.data.tags["outcome"],
        done.info.run_id,
    )
    return done.data.tags["outcome"]


def run(config: RunConfig, concurrent_runs: int = 1, parent_run_id: str | None = None) -> str:
    """From text to tracked predictions; the outcome, finished or diverged.

    Raises:
      DataError: the data cannot be used. TrackingError: the store cannot be.
    """
    # TensorFlow is imported here, after its threads are set, and by nothing before.
    from pipeline.device import peak_memory_mb, prepare_device

    device = prepare_device(config.device, concurrent_runs)
    log.info("Computing on %s", device)

    from experiments.probe import track_probes
    from experiments.progress import watch_training
    from pipeline.architectures import build_model, count_recurrent_parameters, forward_of
    from pipeline.kernels import fuse
    from pipeline.predictions import evaluate
    from pipeline.probes import Network, NetworkReader, Subject
    from pipeline.reviews import load_reviews
    from pipeline.tokens import encode_splits
    from pipeline.tracking import Store, track_run
    from pipeline.training import Outcome, train

    store = Store.of(config)
    with track_run(store, config, parent_run_id) as recorder:
        recorder.tags(
            {
                "device": device.name,
                "device_kind": device.kind,
                "threads": device.threads,
                "concurrent_runs": device.concurrent_runs,
            }
        )
        cache = Path(config.root) / ".cache"
        reviews = load_reviews(config.data)
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
        recorder.text(_summary(model), "model_summary.txt")
        recorder.metrics(
            {
                "model/parameters": model.count_params(),
                "model/recurrent_parameters": count_recurrent_parameters(model),
            }
        )
        with watch_training(recorder, encoded.train, config) as watcher:
            result = train(model, encoded, config.train, config.seed, watcher, forward)
        recorder.metrics(_training_metrics(result) | {"memory/peak_mb": peak_memory_mb()})
        if result.outcome == Outcome.diverged:
            epoch = len(result.history) + 1
            reason = f"diverged: the loss was no longer finite in epoch {epoch}"
            log.warning("%s", reason.capitalize())
            recorder.end("diverged", reason)
            return "diverged"

        batch_size, edges = config.train.batch_size, config.data.length_edges
        test = evaluate(forward, encoded.test, encoded.heads, batch_size, edges, reviews.test)
        recorder.metrics({f"test/{name}": value for name, value in test.metrics.items()})
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
    return "finished"


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


def _summary(model) -> str:
    text = io.StringIO()
    with redirect_stdout(text):
        model.summary(line_length=100, print_fn=lambda line, **_: text.write(line + "\n"))
    return text.getvalue()


if __name__ == "__main__":
    main()
