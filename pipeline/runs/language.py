"""Run a language model: train it, test it, have it write, and measure what it remembers."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path
from typing import Any

from pipeline.config.schema import RunConfig
from pipeline.config.tasks import LanguageConfig
from pipeline.data.language_texts import LanguageTexts, load_language_texts
from pipeline.models.architectures import summarise_model
from pipeline.models.language_model import LanguageReader, build_language_model
from pipeline.models.ngram_baseline import NgramReader, fit_ngram
from pipeline.runs.device import peak_memory_mb
from pipeline.runs.progress import ProgressSpec, end_diverged, enter_stage, watch_training
from pipeline.tokens.language import LanguageTokens, encode_language
from pipeline.tokens.streams import in_order_of_reading
from pipeline.tracking import RunRecorder
from pipeline.training.language import (
    LanguageModelling,
    LanguageRecord,
    draw_validation,
    read_losses,
)
from pipeline.training.loop import Outcome, TrainResult, train
from pipeline.training.perplexity import LanguageEvaluation, draw_test, evaluate_language

log = logging.getLogger(__name__)

LOSSES = "losses.parquet"


def run_language(
    config: RunConfig,
    recorder: RunRecorder,
    device_kind: str,
    checkpoint: Path,
    job_dir: Path | None,
) -> str:
    """Train and test one language model, and return the outcome: "finished" or "diverged".

    The device must be prepared and the run tracked: see `pipeline.runs.start.run`. The same kernels
    compute on every kind of device.
    """
    task_config = config.task
    assert isinstance(task_config, LanguageConfig)
    tokens = read_language(config, recorder, job_dir)[1]
    log.info("Building the network")
    vocab_size = tokens.tokenizer.get_vocab_size()
    model = build_language_model(config.architecture, vocab_size, config.seed)
    summary, sizes = summarise_model(model)
    recorder.text(summary, "model_summary.txt")
    task = LanguageModelling(
        tokens, model, config.architecture, task_config, config.train, config.seed, config.data.seed
    )
    recorder.metrics(task.schedule.as_metrics())
    said = task.schedule.describe(int(tokens.train.lengths.sum()))
    enter_stage("training", f"Training for {said}", job_dir)
    with watch_training(recorder, _progress_spec(task), job_dir) as watcher:
        result = train(model, task, watcher, task.forward, checkpoint)
    costs = _training_metrics(result) | {"memory/peak_mb": peak_memory_mb()} | sizes
    if result.skipped:
        log.info("Left out %d training steps whose gradients overflowed", result.skipped)
    if result.outcome == Outcome.diverged:
        recorder.metrics(costs)
        last = int(result.history.step.max()) if len(result.history) else 0
        end_diverged(recorder, f"the loss or its gradient was not finite after step {last:,}")
        return result.outcome.name
    log.info("Training ended: %s", result.ended)
    recorder.tags({"training_ended": result.ended})
    test = test_language(config, recorder, task.network, tokens, job_dir)
    recorder.metrics(costs)
    val_perplexity = math.exp(result.history.val_loss.min())
    watcher.on_test(val_perplexity=val_perplexity, test_perplexity=test.metrics["perplexity"])
    log.info("Saving the network")
    recorder.model(model)
    recorder.note(_describe(result, test, sizes))
    return result.outcome.name


def run_ngrams(config: RunConfig, recorder: RunRecorder) -> None:
    """Fit and test the baseline of language models, which predicts by the last few tokens alone.

    The run must be tracked: see `pipeline.runs.start.run`.
    """
    _, tokens = read_language(config, recorder, None)
    task = config.task
    assert isinstance(task, LanguageConfig)
    log.info("Counting n-grams")
    started = time.perf_counter()
    vocab_size = tokens.tokenizer.get_vocab_size()
    model = fit_ngram(in_order_of_reading(tokens.train, task.is_backward), vocab_size)
    reader = NgramReader(model)
    costs = {"time/train_seconds": time.perf_counter() - started, "model/parameters": model.ngrams}
    held = draw_validation(tokens, task, config.data.seed)
    loss = float(read_losses(reader, held, tokens.end, backward=task.is_backward).mean())
    recorder.metrics({"best/val_loss": loss, "best/val_perplexity": math.exp(loss)})
    test = test_language(config, recorder, reader, tokens, None)
    recorder.metrics(costs | {"memory/peak_mb": peak_memory_mb()})
    about = f"N-grams of up to {model.order} tokens with modified Kneser-Ney smoothing."
    fitted = f"Counted in {costs['time/train_seconds']:,.0f} s. {model.ngrams:,} n-grams."
    recorder.note("\n\n".join([about, describe_perplexity(test), fitted]))


def read_language(
    config: RunConfig, recorder: RunRecorder, job_dir: Path | None
) -> tuple[LanguageTexts, LanguageTokens]:
    """Load and encode the texts of a run, and write what they are to the store."""
    assert isinstance(config.task, LanguageConfig)
    cache = Path(config.root) / ".cache"
    enter_stage("reading", "Reading the texts", job_dir)
    texts = load_language_texts(config.data, unlabelled=config.task.unlabelled, cache=cache)
    log.info("Encoding the texts")
    tokens = encode_language(texts, config.tokenizer, cache)
    counts = {
        "train": len(texts.train),
        "validation": len(texts.validation),
        "test": len(texts.test),
    }
    recorder.data_set(config.data.kind, texts.fingerprint, counts, config.data.source)
    recorder.metrics(tokens.metrics)
    return texts, tokens


def test_language(
    config: RunConfig,
    recorder: RunRecorder,
    reader: LanguageReader,
    tokens: LanguageTokens,
    job_dir: Path | None,
) -> LanguageEvaluation:
    """Test a language model, and write its losses and its vocabulary to the store."""
    assert isinstance(config.task, LanguageConfig)
    rows = draw_test(tokens, config.task.test_tokens, config.data.seed)
    enter_stage("testing", f"Testing on {len(rows):,} texts", job_dir)
    backward = config.task.is_backward
    test = evaluate_language(reader, tokens, rows, backward=backward)
    recorder.metrics({f"test/{name}": value for name, value in test.metrics.items()})
    recorder.table(test.losses, LOSSES)
    recorder.text(tokens.tokenizer.to_str(pretty=True), "tokenizer.json")
    log.info(
        "Test perplexity %.2f, %.3f bits per character, over %s tokens",
        test.metrics["perplexity"],
        test.metrics["bits_per_character"],
        f"{int(test.losses.tokens.sum()):,}",
    )
    return test


def describe_perplexity(test: LanguageEvaluation) -> str:
    """Return the result of a test, in Markdown."""
    return (
        f"Perplexity **{test.metrics['perplexity']:.1f}** over {len(test.losses):,} test texts, "
        f"{test.metrics['bits_per_character']:.3f} bits per character."
    )


def _describe(result: TrainResult, test: LanguageEvaluation, sizes: dict[str, float]) -> str:
    """Return the note of a run, in Markdown."""
    best = result.history.iloc[result.best - 1]
    lines = [
        describe_perplexity(test),
        f"Trained in {result.seconds:,.0f} s, with the weights after {int(best.tokens):,} tokens. "
        f"{sizes['model/parameters']:,.0f} parameters.",
    ]
    return "\n\n".join(lines)


def _training_metrics(result: TrainResult) -> dict[str, Any]:
    metrics = {
        "time/train_seconds": result.seconds,
        "time/tokens_per_second": result.tokens_per_second,
        "train/skipped_steps": result.skipped,
    }
    if result.best:
        best = result.history.iloc[result.best - 1]
        metrics |= {
            "best/step": best.step,
            "best/tokens": best.tokens,
            "best/val_loss": best.val_loss,
            "best/val_perplexity": math.exp(best.val_loss),
        }
    return metrics


def _progress_spec(task: LanguageModelling) -> ProgressSpec:
    schedule = task.schedule

    def metrics(record: LanguageRecord) -> tuple[int, dict[str, float]]:
        return record.step, {
            "val/perplexity": math.exp(min(record.val_loss, 700)),
            "val/loss": record.val_loss,
            "train/loss": record.train_loss,
            "train/tokens": record.tokens,
            "time/period_seconds": record.seconds,
        }

    def line(record: LanguageRecord) -> str:
        return (
            f"Step {record.step:,}/{schedule.steps:,}  loss {record.train_loss:.4f}  "
            f"val_loss {record.val_loss:.4f}  val_perplexity {math.exp(record.val_loss):.1f}  "
            f"{record.seconds:.1f} s"
        )

    def status(record: LanguageRecord) -> dict[str, float]:
        return {"val_perplexity": math.exp(min(record.val_loss, 700))}

    tokens = schedule.steps_per_validation * schedule.batch_size * task.task.bptt
    return ProgressSpec(schedule.periods, "part", tokens, metrics, line, status, "step")
