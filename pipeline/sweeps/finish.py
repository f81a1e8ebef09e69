"""Finish a sweep: compare its tracked runs, write the report, and log metrics to the parent run."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.analysis.adding import AddingResults, AddingRuns, summarise
from pipeline.analysis.comparison import Comparison, compare
from pipeline.analysis.frames import rows_of
from pipeline.analysis.language import LanguageComparison, LanguageRuns, compare_language
from pipeline.analysis.selection import describe_run
from pipeline.analysis.tracked import TrackedRuns
from pipeline.config.programs import open_store, say
from pipeline.config.schema import BASELINE, RunConfig
from pipeline.errors import ReportError, TrackingError
from pipeline.processes import use_scratch
from pipeline.report import (
    describe_results,
    show_results,
    write_adding_report,
    write_language_report,
    write_report,
)
from pipeline.report.ending import Results
from pipeline.report.formats import pluralise
from pipeline.report.page import PLAYGROUND
from pipeline.report.prose.measures import measure_of
from pipeline.sweeps.playground import make_playground, prompts_of
from pipeline.sweeps.texts import keep_excerpts, with_excerpts
from pipeline.tracking import RunRecorder, Store
from pipeline.tracking.load import load_adding, load_language, load_runs
from pipeline.tracking.pages import artifact_address, runs_address
from pipeline.tracking.planned import find_sweep, kind_of_sweep
from pipeline.tracking.record import NOTE_TAG

Tracked = TrackedRuns | AddingRuns | LanguageRuns
# Experiments that compare the same architectures, each with another quantity held equal.
LEAGUES = ("equal_units", "equal_parameters", "equal_time")


def end_sweep(store: Store, parent: RunRecorder) -> int:
    """End the parent run of a sweep with its metrics and its report, and return the exit status.

    The status is 1 if a run has not finished.
    """
    say("Reading the tracked runs")
    try:
        tracked = load_tracked(store, parent.run_id)
    except TrackingError as error:
        parent.end("failed", str(error))
        raise
    failed = tracked.runs[tracked.runs.status != "finished"]
    partial = "" if failed.empty else f"partial: {len(failed)} runs did not finish"
    parent.end("finished" if failed.empty else "failed", partial)
    found: Results
    settings = tracked.sweep.tuned
    if isinstance(tracked, AddingRuns):
        settings = ("length",)
        found, page = make_adding_report(tracked, store)
        parent.renew(aggregate_steps(found))
    elif isinstance(tracked, LanguageRuns):
        found, page = make_language_report(tracked, store)
        parent.renew(aggregate_contrasts(found) | aggregate_perplexities(found))
    else:
        found, tracked, page = make_report(tracked, store)
        keep_excerpts(tracked, store, parent)
        parent.note_digests({})
        parent.renew(aggregate_contrasts(found) | aggregate_accuracies(found.runs))
    for file in (page, page.with_name(PLAYGROUND)):  # so that they can be read on a server too
        if file.is_file():
            parent.file(file, "report")
    note_results(found, store, parent)
    show_ending(found, page, store)
    for run in failed.itertuples():
        print(f"Not finished: {describe_run(run, settings)}: {run.status}, {run.failure}")
    return 0 if failed.empty else 1


def note_results(found: Results, store: Store, parent: RunRecorder) -> None:
    """Say in MLflow what came of a sweep: on the page of its run, and above all runs."""
    report = artifact_address(store.experiment_id, parent.run_id, "report/index.html")
    note = describe_results(found, report)
    parent.note(note)
    store.tag_experiment({NOTE_TAG: note})


def show_ending(found: Results, page: Path, store: Store) -> None:
    """Print the answer, its numbers, and where to read more."""
    show_results(found)
    pages = open_store(store.root)
    if not store.is_local:
        pages = runs_address(store.shown_uri, store.experiment_id)
    print(f"Report: {page}")
    if (played := page.with_name(PLAYGROUND)).is_file():
        print(f"Play with its networks: {played}")
    print(f"Compare the runs in MLflow: {pages}", flush=True)


def load_tracked(store: Store, sweep_id: str | None = None) -> Tracked:
    """Return the runs of the newest sweep of an experiment, or of the sweep `sweep_id`.

    An experiment without sweeps returns all its runs.
    """
    load = {"adding": load_adding, "language": load_language}.get(kind_of_sweep(store, sweep_id))
    return (load or load_runs)(store, sweep_id)


def make_report(tracked: TrackedRuns, store: Store) -> tuple[Comparison, TrackedRuns, Path]:
    """Write the report to `reports/<experiment>/`, and return what it was made from and its page.

    The same runs give the same intervals. The page also shows the leagues run on the same data.
    """
    say(f"Comparing {pluralise(len(tracked.runs), 'run')}")
    comparison = compare(tracked, np.random.default_rng(0))
    tracked = with_excerpts(tracked, comparison, store)
    folder = store.root / "reports" / tracked.experiment
    leagues = find_leagues(comparison, store)
    playground = make_playground(comparison, store)
    say("Writing the report")
    return comparison, tracked, write_report(comparison, tracked, folder, leagues, playground)


def find_leagues(comparison: Comparison, store: Store) -> list[Comparison]:
    """Return the other leagues, each from its newest sweep over the data of `comparison`."""
    data = comparison.runs.data_fingerprint.dropna().unique()
    found = []
    for name in LEAGUES:
        if name == comparison.experiment or len(data) != 1:
            continue
        try:
            league = _find_league(name, data[0], store)
        except (ReportError, TrackingError) as error:
            print(f"The report omits {name}: {error}")
            continue
        if league is not None and not league.summary.empty:
            found.append(league)
    return found


def _find_league(name: str, data_fingerprint: str, store: Store) -> Comparison | None:
    """Return another league from its newest sweep over these data, or None if it has none."""
    other = store.find_experiment(name)
    sweep = find_sweep(other, data_fingerprint) if other else None
    if other is None or sweep is None:
        return None
    say(f"Reading the sweep {name}, which is shown beside this one")
    tracked = load_runs(other, sweep)
    # All leagues have the same baseline, which the sweep itself contains already.
    networks = tracked.runs[tracked.runs.architecture != BASELINE]
    return compare(replace(tracked, runs=networks), np.random.default_rng(0))


def make_adding_report(tracked: AddingRuns, store: Store) -> tuple[AddingResults, Path]:
    """Write the report on the adding problem to `reports/<experiment>/`."""
    results = summarise(tracked)
    say("Writing the report")
    page = write_adding_report(results, tracked, store.root / "reports" / tracked.experiment)
    return results, page


def make_language_report(tracked: LanguageRuns, store: Store) -> tuple[LanguageComparison, Path]:
    """Write the report on language models to `reports/<experiment>/`."""
    say(f"Comparing {pluralise(len(tracked.runs), 'run')}")
    found = compare_language(tracked, np.random.default_rng(0))
    playground = make_playground(found, store, prompts_of(tracked))
    folder = store.root / "reports" / tracked.experiment
    say("Writing the report")
    return found, write_language_report(found, tracked, folder, playground)


def aggregate_steps(results: AddingResults) -> dict[str, float]:
    """Return metrics for the parent run: for each length the share solved and the median steps."""
    metrics = {}
    for row in rows_of(results.summary[results.summary.ended > 0]):
        architecture = _plain(row.architecture)
        name = f"{architecture} length {row.length}"
        metrics[f"solved/{name}"] = row.solved / row.ended
        if row.solved:
            metrics[f"steps_to_solve/{name}"] = row.steps
    return metrics


def aggregate_accuracies(runs: pd.DataFrame) -> dict[str, float]:
    """Return metrics for the parent run: mean, spread and best test accuracy of each architecture.

    runs: of a comparison, in which the name of an architecture includes the settings that vary.
    """
    metrics = {}
    finished = runs[(runs.status == "finished") & runs.chosen]
    for architecture, group in finished.groupby("architecture"):
        accuracies = group.test_accuracy.astype(float)
        name = _plain(str(architecture))
        metrics[f"mean/{name}"] = accuracies.mean()
        metrics[f"best/{name}"] = accuracies.max()
        if len(accuracies) > 1:
            metrics[f"spread/{name}"] = accuracies.std(ddof=1)
    return metrics


def aggregate_perplexities(comparison: LanguageComparison) -> dict[str, float]:
    """Return metrics for the parent run: perplexity and bits per character of each architecture."""
    metrics = {}
    for row in rows_of(comparison.summary):
        name = _plain(row.architecture)
        metrics |= {f"perplexity/{name}": row.perplexity, f"bits_per_character/{name}": row.bits}
    return metrics


def aggregate_contrasts(comparison: Comparison | LanguageComparison) -> dict[str, float]:
    """Return what the sweep asked as metrics: each difference and the half-width of its interval.

    It is one of accuracies or, of language models, of logarithms of perplexities.

    MLflow's page then compares the answers of several sweeps.
    """
    if comparison.contrasts is None:
        return {}
    table = comparison.contrasts.table
    metrics = {}
    for row in rows_of(table[table.quantity == measure_of(comparison).quantity]):
        name = _plain(row.contrast)
        metrics[f"contrast/{name}"] = row.estimate
        metrics[f"contrast/{name}/half_width"] = (row.ci_high - row.ci_low) / 2
    return metrics


def _plain(name: str) -> str:
    """Return a name without the punctuation that MLflow does not take in a metric."""
    return re.sub(r"[^\w./ -]", "", name)


def rewrite_report(config: RunConfig) -> None:
    """Write the report of an experiment's newest sweep again, and print what it says."""
    say(f"Reading the tracked runs of {config.name}")
    store = Store.to_read(config)
    use_scratch(Path(config.root))
    tracked = load_tracked(store)
    found: Results
    if isinstance(tracked, AddingRuns):
        found, page = make_adding_report(tracked, store)
    elif isinstance(tracked, LanguageRuns):
        found, page = make_language_report(tracked, store)
    else:
        found, _, page = make_report(tracked, store)
    show_ending(found, page, store)
