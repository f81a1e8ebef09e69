"""Run a network on text: train it, track its predictions and probe it."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.config.schema import RunConfig
from pipeline.data.reviews import load_reviews
from pipeline.models.architectures import build_model, forward_for, summarise_model
from pipeline.probes import Network, NetworkReader, Subject
from pipeline.runs.costs import costs_of
from pipeline.runs.initialise import initialise
from pipeline.runs.language_start import find_start
from pipeline.runs.note import describe_accuracy, describe_memory
from pipeline.runs.probing import track_probes
from pipeline.runs.progress import ProgressSpec, end_diverged, enter_stage, watch_training
from pipeline.tokens.encoding import EncodedSplits, encode_splits, unknown_id
from pipeline.tracking import RunRecorder, TextReading
from pipeline.training.classify import Classification, EpochRecord
from pipeline.training.evaluate import Evaluation, evaluate
from pipeline.training.loop import Outcome, TrainResult, train

log = logging.getLogger(__name__)


def run_network(
    config: RunConfig,
    recorder: RunRecorder,
    device_kind: str,
    checkpoint: Path,
    job_dir: Path | None,
) -> str:
    """Train, test and probe one network, and return the outcome: "finished" or "diverged".

    The device must be prepared and the run tracked: see `pipeline.runs.start.run`.
    """
    cache = Path(config.root) / ".cache"
    enter_stage("reading", "Reading the texts", job_dir)
    reviews = load_reviews(config.data, cache)
    start = find_start(config)
    recorder.tags(start.tags if start else {})
    log.info("Encoding the texts")
    encoded = encode_splits(reviews, config.tokenizer, cache, start.tokenizer if start else None)
    counts = {name: len(split) for name, split in reviews.named()}
    recorder.data_set(config.data.kind, reviews.fingerprint, counts, config.data.source)
    recorder.metrics(encoded.metrics)

    log.info("Building the network")
    vocab_size = encoded.tokenizer.get_vocab_size()
    model = build_model(config.architecture, vocab_size, encoded.heads, config.seed)
    initialise(model, config, encoded.tokenizer, start, cache)
    forward = forward_for(model, config.architecture, device_kind)
    summary, sizes = summarise_model(model)
    recorder.text(summary, "model_summary.txt")
    task = Classification(encoded, config.train, config.seed)
    schedule = task.schedule
    padded = task.padded_share
    recorder.metrics({f"budget/{name}": value for name, value in asdict(schedule).items()})
    recorder.metrics({"train/padded_share": padded})
    said = schedule.describe(len(encoded.train))
    enter_stage("training", f"Training for {said}", job_dir)
    log.info("Padding fills %.1f %% of a batch", 100 * padded)
    with watch_training(recorder, _progress_spec(encoded, schedule.epochs), job_dir) as watcher:
        result = train(model, task, watcher, forward, checkpoint)
    costs = costs_of(result, sizes) | _best_metrics(result)
    if result.outcome == Outcome.diverged:
        recorder.metrics(costs)
        epoch = len(result.history) + 1
        end_diverged(recorder, f"the loss or its gradient was not finite in epoch {epoch}")
    else:
        log.info("Training ended: %s", result.ended)
        recorder.tags({"training_ended": result.ended})
        enter_stage("testing", f"Testing on {len(reviews.test):,} texts", job_dir)
        batch_size, edges = schedule.batch_size, config.data.length_edges
        test = evaluate(forward, encoded.test, encoded.heads, batch_size, edges, reviews.test)
        recorder.metrics({f"test/{name}": value for name, value in test.metrics.items()})
        recorder.metrics(costs)
        watcher.on_test(
            val_accuracy=result.history.val_accuracy.max(), test_accuracy=test.metrics["accuracy"]
        )
        recorder.table(test.predictions, "predictions.parquet")
        recorder.text(encoded.tokenizer.to_str(pretty=True), "tokenizer.json")
        recorder.heads(encoded.heads)
        log.info("Saving the network")
        recorder.model(model, _reading(encoded))
        network = Network(model, forward, config.architecture)
        reader = NetworkReader(forward, encoded.heads, encoded.tokenizer)
        subject = Subject(reader, encoded.tokenizer, config.data, reviews, cache, network)
        facts = track_probes(recorder, subject, config.probe, config, job_dir)
        recorder.note(_describe(result, config, test, sizes, facts))
        log.info(
            "Test accuracy %.4f over %s texts, weights of epoch %d",
            *(test.metrics["accuracy"], f"{len(reviews.test):,}", result.best),
        )
    return result.outcome.name


def _reading(encoded: EncodedSplits) -> TextReading:
    return TextReading(
        encoded.tokenizer,
        {head.name: head.classes for head in encoded.heads},
        encoded.train.kept,
        unknown_id(encoded.tokenizer),
    )


def _describe(
    result: TrainResult,
    config: RunConfig,
    test: Evaluation,
    sizes: dict[str, float],
    facts: dict[str, str],
) -> str:
    """Return the note of a run, in Markdown."""
    lines = [
        describe_accuracy(test),
        f"Trained in {result.seconds:,.0f} s, with the weights of epoch {result.best} of "
        f"{len(result.history)}. {sizes['model/parameters']:,.0f} parameters.",
        *describe_memory(facts),
    ]
    return "\n\n".join(lines)


def _best_metrics(result: TrainResult) -> dict[str, Any]:
    if not result.best:
        return {}
    best = result.history.set_index("epoch").loc[result.best]
    return {
        "best/epoch": result.best,
        "best/val_accuracy": best.val_accuracy,
        "best/val_loss": best.val_loss,
        "best/val_balanced_accuracy": best.val_balanced_accuracy,
        "best/val_macro_f1": best.val_macro_f1,
    }


def _progress_spec(encoded: EncodedSplits, epochs: int) -> ProgressSpec:
    def metrics(record: EpochRecord) -> tuple[int, dict[str, float]]:
        return record.epoch, {
            "val/accuracy": record.val_accuracy,  # first: what MLflow's compare page plots
            "val/loss": record.val_loss,
            "val/balanced_accuracy": record.val_balanced_accuracy,
            "val/macro_f1": record.val_macro_f1,
            "train/accuracy": record.train_accuracy,
            "train/loss": record.train_loss,
            "time/epoch_seconds": record.seconds,
        }

    def line(record: EpochRecord) -> str:
        return (
            f"Epoch {record.epoch}/{epochs}  loss {record.train_loss:.4f}  "
            f"accuracy {record.train_accuracy:.4f}  val_loss {record.val_loss:.4f}  "
            f"val_accuracy {record.val_accuracy:.4f}  {record.tokens / record.seconds:,.0f} tokens/s  "
            f"{record.seconds:.1f} s"
        )

    def status(record: EpochRecord) -> dict[str, float]:
        speed = record.tokens / record.seconds
        return {"val_accuracy": record.val_accuracy, "tokens_per_second": speed}

    tokens = int(encoded.train.lengths.sum())
    return ProgressSpec(epochs, "epoch", tokens, metrics, line, status)
