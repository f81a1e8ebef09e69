"""Tables with a row for each run, and those of published results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from pipeline.analysis.compared import Compared
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.analysis.selection import Tuning
from pipeline.report.formats import (
    MISSING,
    format_count,
    format_interval,
    format_number,
    format_points,
    format_seconds,
    format_share,
    format_text,
    pluralise,
    unless_missing,
)
from pipeline.report.tables import (
    ARCHITECTURE,
    SEED,
    TRAINING,
    Column,
    Entry,
    Table,
    make_table,
    setting_columns,
    tuned_settings,
)

_ACCURACIES = (
    Column("test accuracy", "test_accuracy", format_share),
    Column("validation", "val_accuracy", format_share),
    Column("best epoch", "best_epoch"),
)
_TRIED = (Column("validation", "val_accuracy", format_share),)


def tuning_table(tuning: Tuning, scores: Sequence[Column] = _TRIED) -> Table:
    """Show every value tried, its scores on validation, and which was chosen."""
    columns = [
        ARCHITECTURE,
        *setting_columns(tuning.settings),
        *scores,
        Column("runs", "runs", format_count),
        Column("finished", "finished", format_count),
        Column("diverged", "diverged", format_count),
        Column("choice", lambda row: "chosen" if row.chosen else "", words=True),
    ]
    settings, measured = " and ".join(tuning.settings), tuning.criterion.name
    caption = f"Tuning of {settings}: mean validation {measured} of every value"
    return make_table(caption, columns, tuning.grid)


def ladder_table(ladder: pd.DataFrame) -> Table:
    """Show what each recipe of training has on validation, and adds to the one before it."""
    columns = [
        Column("architecture", "base", words=True),
        Column("recipe", "recipe", words=True),
        Column("validation", "val_accuracy", format_share),
        Column("95 % interval", lambda row: format_interval(row.low, row.high)),
        Column("step, points", "step", format_points),
        Column(
            "95 % interval of the step",
            lambda row: format_interval(row.step_low, row.step_high, points=True),
        ),
        Column("SD over seeds, points", "spread", unless_missing(lambda one: f"{100 * one:.2f}")),
        Column("training", "seconds", format_seconds),
        Column("seeds", "seeds", format_count),
    ]
    return make_table("Recipes of training on validation", columns, ladder)


def runs_table(
    comparison: Compared, run_url: str | None, scores: Sequence[Column] = _ACCURACIES
) -> Table:
    """Show every planned run with its scores, and where to find it."""
    runs = comparison.runs
    columns = [
        ARCHITECTURE,
        *setting_columns(tuned_settings(comparison)),
        SEED,
        Column("status", _status, words=True),
        *scores,
        *([Column("ended", "training_ended", words=True)] if "training_ended" in runs else []),
        TRAINING,
        Column("device", "device", words=True),
        Column("threads", "threads"),
        Column("at a time", "concurrent_runs"),
        Column("commit", _commit, _as_entry, words=True),
        run_column(run_url),
    ]
    return make_table("Every run", columns, runs)


def _status(row: Any) -> str:
    reason = "" if pd.isna(row.failure) else f": {row.failure}"
    return f"{format_text(row.status)}{reason}"


def _commit(row: Any) -> Entry:
    if pd.isna(row.git_commit):
        return Entry(MISSING)
    dirty = not pd.isna(row.git_dirty) and bool(row.git_dirty)
    return Entry(f"{str(row.git_commit)[:8]}{' + changes' if dirty else ''}", str(row.git_commit))


def _as_entry(entry: Entry) -> Entry:
    return entry


def run_column(run_url: str | None) -> Column:
    """Make the column of run ids, which are links where the tracking server has pages for them."""
    known = run_url is not None and run_url.startswith(("http://", "https://"))

    def shown(run_id: Any) -> Entry:
        if pd.isna(run_id):
            return Entry(MISSING)
        return Entry(str(run_id)[:8], str(run_id), f"{run_url}{run_id}" if known else "")

    return Column("run", "run_id", shown, words=True)


def unfinished_table(comparison: Compared, run_url: str | None) -> Table:
    """Show the runs that are missing; finished runs of values that were not chosen do not count."""
    runs = comparison.runs
    columns = [
        ARCHITECTURE,
        *setting_columns(tuned_settings(comparison)),
        SEED,
        Column(
            "status",
            lambda row: "finished, not compared" if row.status == "finished" else row.status,
            words=True,
        ),
        Column("reason", "failure", words=True),
        run_column(run_url),
    ]
    frame = runs[~runs.compared & (runs.chosen | (runs.status != "finished"))]
    return make_table("Runs that are not in the numbers", columns, frame)


def published_table(published: pd.DataFrame, comparison: Comparison) -> Table:
    """Show published results under ours, with the training data of each."""
    runs = comparison.runs[comparison.runs.compared].drop_duplicates("architecture")
    own = comparison.summary[["architecture", "accuracy", "runs"]].merge(
        runs[["architecture", "units", "max_length"]], on="architecture"
    )
    ours = [
        {
            "source": "this sweep",
            "model": f"{row.architecture}, {row.units} units, length {row.max_length}",
            "training_data": "train, without validation",
            "shown": format_share(row.accuracy),
            "note": f"mean of {pluralise(row.runs, 'run')}",
            "verified": "measured here",
        }
        for row in rows_of(own)
    ]
    theirs = published.assign(shown=[f"{share:.1f}%" for share in published.test_accuracy])
    theirs = theirs.astype({"year": "Int64"})
    columns = [
        Column("source", "source", words=True),
        Column("year", "year"),
        Column("model", "model", words=True),
        Column("trained on", "training_data", words=True),
        Column("test accuracy", "shown"),
        Column("note", "note", words=True),
        Column("verified", "verified", words=True),
    ]
    caption = "This sweep and published results on the IMDB test split"
    return make_table(caption, columns, pd.concat([pd.DataFrame(ours), theirs], ignore_index=True))


def curves_table(history: pd.DataFrame) -> Table:
    columns = [
        ARCHITECTURE,
        SEED,
        Column("epoch", "epoch"),
        Column("training accuracy", "train_accuracy", format_share),
        Column("training loss", "train_loss", format_number),
        Column("validation accuracy", "val_accuracy", format_share),
        Column("validation loss", "val_loss", format_number),
        Column("seconds", "seconds", format_seconds),
    ]
    return make_table("Every epoch of every run", columns, history)


def cost_by_run_table(comparison: Compared, score: Column = _ACCURACIES[0]) -> Table:
    columns = [
        ARCHITECTURE,
        SEED,
        Column("parameters", "parameters", format_count),
        TRAINING,
        Column("tokens per second", "tokens_per_second", format_count),
        Column("peak memory (MB)", "peak_memory_mb", format_count),
        score,
    ]
    return make_table("What each run cost", columns, comparison.runs[comparison.runs.compared])
