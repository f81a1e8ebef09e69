"""Run a language model: train it, test it, have it write, and measure what it remembers."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from pipeline.config.schema import RunConfig
from pipeline.config.tasks import LanguageConfig
from pipeline.models.architectures import summarise_model
from pipeline.models.language_model import LanguageReader, build_language_model
from pipeline.runs.costs import costs_of
from pipeline.runs.device import peak_memory_mb
from pipeline.runs.language_data import LanguageData, as_subject, count_ngrams, load_language
from pipeline.runs.note import describe_perplexity
from pipeline.runs.probing import track_probes
from pipeline.runs.progress import ProgressSpec, end_diverged, enter_stage, watch_training
from pipeline.runs.writing import choose_prompts, draw_samples
from pipeline.tracking import RunRecorder
from pipeline.training.language import LanguageModelling, LanguageRecord
from pipeline.training.loop import Outcome, TrainResult, train
from pipeline.training.perplexity import (
    LanguageEvaluation,
    draw_test,
    draw_validation,
    evaluate_language,
    perplexity_of,
    read_losses,
)

log = logging.getLogger(__name__)

LOSSES = "losses.parquet"
SAMPLES = "samples.parquet"


def run_language(
    config: RunConfig,
    recorder: RunRecorder,
    device_kind: str,
    checkpoint: Path,
    job_dir: Path | None,
) -> str:
    """Train, test and probe one language model, and return the outcome: "finished" or "diverged".

    The device must be prepared and the run tracked: see `pipeline.runs.start.run`. The same kernels
    compute on every kind of device.
    """
    data = _read(config, recorder, job_dir)
    task, sizes = _build(config, recorder, data)
    model = task.network.model
    said = task.schedule.describe(int(data.tokens.train.lengths.sum()))
    enter_stage("training", f"Training for {said}", job_dir)
    with watch_training(recorder, _progress_spec(task), job_dir) as watcher:
        result = train(model, task, watcher, task.forward, checkpoint)
    costs = costs_of(result, sizes) | _best_metrics(result)
    if result.outcome == Outcome.diverged:
        recorder.metrics(costs)
        last = int(result.history.step.max()) if len(result.history) else 0
        end_diverged(recorder, f"the loss or its gradient was not finite after step {last:,}")
        return result.outcome.name
    log.info("Training ended: %s", result.ended)
    recorder.tags({"training_ended": result.ended})
    test = _test(config, recorder, task.network, data, job_dir)
    recorder.metrics(costs)
    watcher.on_test(
        val_perplexity=perplexity_of(result.history.val_loss.min()),
        test_perplexity=test.metrics["perplexity"],
    )
    log.info("Saving the network")
    recorder.model(model)
    track_probes(recorder, as_subject(task.network, data, config), config.probe, config, job_dir)
    recorder.note(_describe(result, test, sizes))
    return result.outcome.name


def _build(
    config: RunConfig, recorder: RunRecorder, data: LanguageData
) -> tuple[LanguageModelling, dict[str, float]]:
    """Return the task of training a new network, and the metrics of its size; write what it is."""
    assert isinstance(config.task, LanguageConfig)
    log.info("Building the network")
    vocab_size = data.tokens.tokenizer.get_vocab_size()
    model = build_language_model(config.architecture, vocab_size, config.seed)
    summary, sizes = summarise_model(model)
    recorder.text(summary, "model_summary.txt")
    task = LanguageModelling(
        *(data.tokens, model, config.architecture, config.task, config.train),
        seed=config.seed,
        data_seed=config.data.seed,
    )
    recorder.metrics(task.schedule.as_metrics())
    return task, sizes


def run_ngrams(config: RunConfig, recorder: RunRecorder) -> None:
    """Fit, test and probe the baseline of language models, which predicts by the last few tokens alone.

    The run must be tracked: see `pipeline.runs.start.run`.
    """
    task = config.task
    assert isinstance(task, LanguageConfig)
    data = _read(config, recorder, None)
    started = time.perf_counter()
    reader = count_ngrams(data, backward=task.is_backward)
    seconds = time.perf_counter() - started
    held = draw_validation(data.tokens, task, config.data.seed)
    loss = float(read_losses(reader, held, data.tokens.end, backward=task.is_backward).mean())
    recorder.metrics({"best/val_loss": loss, "best/val_perplexity": perplexity_of(loss)})
    test = _test(config, recorder, reader, data, None)
    recorder.metrics(
        {
            "time/train_seconds": seconds,
            "model/parameters": reader.model.ngrams,
            "memory/peak_mb": peak_memory_mb(),
        }
    )
    track_probes(recorder, as_subject(reader, data, config), config.probe, config)
    about = f"N-grams of up to {reader.model.order} tokens, with modified Kneser-Ney smoothing."
    fitted = f"Counted in {seconds:,.0f} s. {reader.model.ngrams:,} n-grams."
    recorder.note("\n\n".join([about, describe_perplexity(test), fitted]))


def _read(config: RunConfig, recorder: RunRecorder, job_dir: Path | None) -> LanguageData:
    """Load and encode the texts of a run, and write what they are to the store."""
    enter_stage("reading", "Reading the texts", job_dir)
    data = load_language(config, Path(config.root) / ".cache")
    recorder.data_set(config.data.kind, data.fingerprint, data.counts, config.data.source)
    recorder.metrics(data.tokens.metrics)
    return data


def _test(
    config: RunConfig,
    recorder: RunRecorder,
    reader: LanguageReader,
    data: LanguageData,
    job_dir: Path | None,
) -> LanguageEvaluation:
    """Test a language model and have it write; track its losses, its samples and its vocabulary."""
    task, tokens = config.task, data.tokens
    assert isinstance(task, LanguageConfig)
    rows = draw_test(tokens, task.test_tokens, config.data.seed)
    enter_stage("testing", f"Testing on {len(rows):,} texts", job_dir)
    test = evaluate_language(reader, tokens, rows, backward=task.is_backward)
    recorder.metrics({f"test/{name}": value for name, value in test.metrics.items()})
    recorder.table(test.losses, LOSSES)
    recorder.text(tokens.tokenizer.to_str(pretty=True), "tokenizer.json")
    log.info(
        "Test perplexity %.2f, %.3f bits per character, over %s tokens",
        test.metrics["perplexity"],
        test.metrics["bits_per_character"],
        f"{int(test.losses.tokens.sum()):,}",
    )
    if not task.is_backward:  # which would write from the end of a text
        prompts = choose_prompts(tokens.tokenizer, data.texts.validation.texts)
        recorder.table(draw_samples(reader, tokens.tokenizer, prompts), SAMPLES)
    return test


def _describe(result: TrainResult, test: LanguageEvaluation, sizes: dict[str, float]) -> str:
    """Return the note of a run, in Markdown."""
    best = result.history.iloc[result.best - 1]
    trained = (
        f"Trained in {result.seconds:,.0f} s, with the weights after {int(best.tokens):,} tokens. "
        f"{sizes['model/parameters']:,.0f} parameters."
    )
    return "\n\n".join([describe_perplexity(test), trained])


def _best_metrics(result: TrainResult) -> dict[str, float]:
    if not result.best:
        return {}
    best = result.history.iloc[result.best - 1]
    return {
        "best/step": best.step,
        "best/tokens": best.tokens,
        "best/val_loss": best.val_loss,
        "best/val_perplexity": perplexity_of(best.val_loss),
    }


def _progress_spec(task: LanguageModelling) -> ProgressSpec:
    schedule = task.schedule

    def metrics(record: LanguageRecord) -> tuple[int, dict[str, float]]:
        return record.step, {
            "val/perplexity": record.val_perplexity,
            "val/loss": record.val_loss,
            "train/loss": record.train_loss,
            "train/tokens": record.tokens,
            "time/period_seconds": record.seconds,
        }

    def line(record: LanguageRecord) -> str:
        return (
            f"Step {record.step:,}/{schedule.steps:,}  loss {record.train_loss:.4f}  "
            f"val_loss {record.val_loss:.4f}  val_perplexity {record.val_perplexity:.1f}  "
            f"{record.seconds:.1f} s"
        )

    def status(record: LanguageRecord) -> dict[str, float]:
        return {"val_perplexity": record.val_perplexity}

    tokens = schedule.steps_per_validation * schedule.batch_size * task.task.bptt
    return ProgressSpec(schedule.periods, "part", tokens, metrics, line, status, "step")
