"""Run the baseline: fit it, track its predictions and probe it."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from pipeline.config.schema import RunConfig
from pipeline.data.reviews import load_reviews
from pipeline.models.bigram_baseline import fit_baseline
from pipeline.probes import Subject
from pipeline.runs.note import describe_accuracy, describe_memory
from pipeline.runs.probing import track_probes
from pipeline.tokens.encoding import encode_splits
from pipeline.tracking import RunRecorder
from pipeline.training.evaluate import evaluate_logits

log = logging.getLogger(__name__)


def run_baseline(config: RunConfig, recorder: RunRecorder) -> None:
    """Fit, test and probe the baseline.

    The run must be tracked: see `pipeline.runs.start.run`.
    """
    cache = Path(config.root) / ".cache"
    log.info("Reading the texts")
    reviews = load_reviews(config.data, cache)
    log.info("Encoding the texts")
    encoded = encode_splits(reviews, config.tokenizer, cache)
    counts = {name: len(split) for name, split in reviews.named()}
    recorder.data_set(config.data.kind, reviews.fingerprint, counts, config.data.source)
    log.info("Fitting the baseline")
    started = time.perf_counter()
    baseline = fit_baseline(reviews.train, reviews.validation, reviews.heads)
    seconds = time.perf_counter() - started
    log.info("Testing the baseline")
    logits, edges = baseline.read(reviews.test.texts), config.data.length_edges
    test = evaluate_logits(logits, encoded.test, encoded.heads, edges, reviews.test)
    recorder.metrics({f"test/{name}": value for name, value in test.metrics.items()})
    recorder.metrics(
        {
            "best/val_accuracy": baseline.validation_accuracy,
            "time/train_seconds": seconds,
            "model/parameters": baseline.parameters,
        }
    )
    recorder.table(test.predictions, "predictions.parquet")
    recorder.text(encoded.tokenizer.to_str(pretty=True), "tokenizer.json")
    subject = Subject(baseline, encoded.tokenizer, config.data, reviews, cache)
    facts = track_probes(recorder, subject, config.probe, config)
    about = "A logistic regression over words and pairs of words, weighted by naive Bayes."
    fitted = f"Fitted in {seconds:,.0f} s. {baseline.parameters:,} parameters."
    recorder.note("\n\n".join([about, describe_accuracy(test), fitted, *describe_memory(facts)]))
    log.info(
        "Test accuracy %.4f over %s texts, without their order",
        *(test.metrics["accuracy"], f"{len(reviews.test):,}"),
    )
