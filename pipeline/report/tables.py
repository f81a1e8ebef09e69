"""Frames -> tables for a reader: in a cell stands text, the same on the page and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.pairwise import Breakdown
from pipeline.analysis.selection import Tuning
from pipeline.analysis.slopes import Trends
from pipeline.report.cells import (
    MISSING,
    Cell,
    Table,
    make_table,
    rows_of,
    shown_count,
    shown_ends,
    shown_interval,
    shown_megabytes,
    shown_number,
    shown_p,
    shown_points,
    shown_range,
    shown_seconds,
    shown_setting,
    shown_share,
    shown_text,
    unless_missing,
)


def summary_table(comparison: Comparison) -> Table:
    """How right every architecture is, each run by itself too."""
    further = comparison.questions[1:]
    headings = ["<architecture", "tier", "test accuracy", "95% interval", "<each seed"]
    headings += [f"{question} alone" for question in further]
    headings += ["validation", *_tuned(comparison), "runs"]
    runs = comparison.runs[comparison.runs.compared]
    seeds = runs.groupby("architecture").test_accuracy.agg(
        lambda shares: " ".join(f"{100 * share:.1f}" for share in shares)
    )
    alone = comparison.summary[[f"accuracy_{question}" for question in further]]
    rows = [
        [
            row.architecture,
            shown_count(row.tier),
            shown_share(row.accuracy),
            shown_interval(row.ci_low, row.ci_high) + ("" if row.seeds_counted else " *"),
            seeds[row.architecture],
            *(shown_share(share) for share in shares),
            shown_share(row.val_accuracy),
            *_settings(runs[runs.architecture == row.architecture].iloc[0], comparison),
            f"{row.runs} of {row.planned}",
        ]
        for row, shares in zip(rows_of(comparison.summary), alone.to_numpy(), strict=True)
    ]
    return make_table("How right every architecture is on the test reviews", headings, rows)


def _tuned(comparison: Comparison) -> tuple[str, ...]:
    return comparison.tuning.settings if comparison.tuning else ()


def _settings(run: Any, comparison: Comparison) -> list[str]:
    """The values of the tuned settings in a run."""
    return [shown_setting(getattr(run, name)) for name in _tuned(comparison)]


def tuning_table(tuning: Tuning) -> Table:
    """Every value that was tried, what it came to on validation, and which was chosen."""
    headings = ["<architecture", *tuning.settings, "validation", "runs", "finished", "diverged"]
    rows = [
        [
            row.architecture,
            *(shown_setting(getattr(row, name)) for name in tuning.settings),
            shown_share(row.val_accuracy),
            shown_count(row.runs),
            shown_count(row.finished),
            shown_count(row.diverged),
            "chosen" if row.chosen else "",
        ]
        for row in rows_of(tuning.grid)
    ]
    caption = f"Tuning of {' and '.join(tuning.settings)}: mean validation accuracy of every value"
    return make_table(caption, [*headings, "<choice"], rows)


def cost_table(comparison: Comparison) -> Table:
    """What a run of every architecture costs, as the mean over its runs."""
    headings = ["<architecture", "units", "parameters", "in the recurrent layers", "training"]
    headings += ["an epoch", "tokens per second", "peak memory"]
    ordered = comparison.summary[["architecture", "units"]].merge(comparison.cost)
    rows = [
        [
            row.architecture,
            shown_count(row.units),
            shown_count(row.parameters),
            shown_count(row.recurrent_parameters),
            shown_seconds(row.train_seconds) + ("" if row.alone else " *"),
            shown_seconds(row.epoch_seconds),
            shown_count(row.tokens_per_second),
            shown_megabytes(row.peak_memory_mb),
        ]
        for row in rows_of(ordered)
    ]
    return make_table("What a run of every architecture costs (mean over its runs)", headings, rows)


def league_table(comparison: Comparison, others: Sequence[Comparison]) -> Table:
    """The same architectures in sweeps that hold something else equal, side by side."""
    leagues = [comparison, *others]
    headings = ["<architecture"]
    for league in leagues:
        headings += [league.experiment, "95% interval", "recurrent weights", "training"]
    names = dict.fromkeys(name for league in leagues for name in league.summary.architecture)
    rows = [[name, *(cell for one in leagues for cell in _in_league(name, one))] for name in names]
    return make_table("Test accuracy in each league", headings, rows)


def _in_league(name: str, league: Comparison) -> list[str]:
    costs = league.cost[["architecture", "recurrent_parameters", "train_seconds", "alone"]]
    merged = league.summary.merge(costs, on="architecture")
    for row in rows_of(merged[merged.architecture == name]):
        return [
            shown_share(row.accuracy),
            shown_interval(row.ci_low, row.ci_high) + ("" if row.seeds_counted else " *"),
            shown_count(row.recurrent_parameters),
            shown_seconds(row.train_seconds) + ("" if row.alone else " *"),
        ]
    return [MISSING] * 4


def breakdown_table(breakdown: Breakdown, along: str, question: str) -> Table:
    """Every architecture and group; `along` is what the groups rise along."""
    headings = ["<architecture", along, "texts", "accuracy", "95% interval", "<each seed"]
    groups = breakdown.by_run.groupby(["question", "architecture", "low"]).accuracy
    each = {key: " ".join(f"{100 * share:.1f}" for share in shares) for key, shares in groups}
    rows = [
        [
            row.architecture,
            shown_range(row.low, row.high),
            shown_count(row.reviews),
            shown_share(row.accuracy),
            shown_interval(row.ci_low, row.ci_high),
            each[question, row.architecture, row.low],
        ]
        for row in rows_of(breakdown.accuracy[breakdown.accuracy.question == question])
    ]
    return make_table(f"Accuracy by {along}: {question}", headings, rows)


def pair_table(pairs: pd.DataFrame) -> Table:
    headings = ["<this", "<against", "<verdict", "difference (points)", "95% interval"]
    headings += ["p", "p (Holm)", "could have seen", "effect (h)", "wins on a new seed"]
    headings += ["these networks (McNemar)"]
    rows = [
        [
            row.architecture_a,
            row.architecture_b,
            row.verdict,
            shown_points(row.difference),
            shown_interval(row.ci_low, row.ci_high, points=True),
            shown_p(row.p_value),
            shown_p(row.p_holm),
            unless_missing(lambda value: f"{100 * value:.1f}")(row.detectable),
            shown_number(row.effect_size),
            unless_missing(lambda value: f"{100 * value:.0f}%")(row.probability_a_wins),
            shown_p(row.mcnemar_p),
        ]
        for row in rows_of(pairs)
    ]
    return make_table("Every two architectures on the same reviews", headings, rows)


def trend_table(trends: Trends, unit: str) -> Table:
    """The slope of each architecture and of the gap of every two."""
    short, long = f"at {trends.short:.0f} {unit}", f"at {trends.long:.0f} {unit}"
    headings = ["<architecture or gap", "slope for each doubling", "95% interval", "p (Holm)"]
    headings += [short, long, "change (points)", "95% interval of the change"]
    both = [
        *((row.architecture, shown_share, row) for row in rows_of(trends.slopes)),
        *(
            (f"{row.architecture_a} less {row.architecture_b}", shown_points, row)
            for row in rows_of(trends.gaps)
        ),
    ]
    rows = [
        [
            name,
            shown_number(row.slope),
            shown_ends(row.slope_low, row.slope_high),
            shown_p(row.p_holm),
            shown(row.at_short),
            shown(row.at_long),
            shown_points(row.change),
            shown_interval(row.change_low, row.change_high, points=True),
        ]
        for name, shown, row in both
    ]
    return make_table("Slopes in log odds, and what they come to", headings, rows)


def runs_table(comparison: Comparison, run_url: str | None) -> Table:
    """Every planned run, and where to find it."""
    headings = ["<architecture", *_tuned(comparison), "seed", "<status", "test accuracy"]
    headings += ["validation", "best epoch", "training", "<device", "threads", "at a time"]
    headings += ["<commit", "<run"]
    rows = [
        [
            row.architecture,
            *_settings(row, comparison),
            shown_text(row.seed),
            _status(row),
            shown_share(row.test_accuracy),
            shown_share(row.val_accuracy),
            shown_text(row.best_epoch),
            shown_seconds(row.train_seconds),
            shown_text(row.device),
            shown_text(row.threads),
            shown_text(row.concurrent_runs),
            _commit(row),
            run_cell(row.run_id, run_url),
        ]
        for row in rows_of(comparison.runs)
    ]
    return make_table("Every run", headings, rows)


def _status(row: Any) -> str:
    reason = "" if pd.isna(row.failure) else f": {row.failure}"
    return f"{shown_text(row.status)}{reason}"


def _commit(row: Any) -> Cell:
    if pd.isna(row.git_commit):
        return Cell(MISSING)
    dirty = not pd.isna(row.git_dirty) and bool(row.git_dirty)
    return Cell(f"{str(row.git_commit)[:8]}{' + changes' if dirty else ''}", str(row.git_commit))


def run_cell(run_id: Any, run_url: str | None) -> Cell:
    if pd.isna(run_id):
        return Cell(MISSING)
    known = run_url is not None and run_url.startswith(("http://", "https://"))
    return Cell(str(run_id)[:8], str(run_id), f"{run_url}{run_id}" if known else "")


def unfinished_table(comparison: Comparison, run_url: str | None) -> Table:
    """What is missing; a run of a value that was tried and not chosen is not."""
    runs = comparison.runs
    rows = [
        [
            row.architecture,
            *_settings(row, comparison),
            shown_text(row.seed),
            "finished, not compared" if row.status == "finished" else shown_text(row.status),
            shown_text(row.failure),
            run_cell(row.run_id, run_url),
        ]
        for row in rows_of(runs[~runs.compared & (runs.chosen | (runs.status != "finished"))])
    ]
    headings = ["<architecture", *_tuned(comparison), "seed", "<status", "<reason", "<run"]
    return make_table("Runs that no number rests on", headings, rows)


def published_table(published: pd.DataFrame, comparison: Comparison) -> Table:
    """Others' results under ours, with what each was trained on."""
    headings = ["<source", "year", "<model", "<trained on", "test accuracy", "<note", "<verified"]
    runs = comparison.runs[comparison.runs.compared].drop_duplicates("architecture")
    ours = [
        [
            "this sweep",
            MISSING,
            f"{row.architecture}, {row.units} units, length {row.max_length}",
            "train, less validation",
            shown_share(row.accuracy),
            f"mean of {row.runs} run{'s' * (row.runs > 1)}",
            "measured here",
        ]
        for row in rows_of(
            comparison.summary[["architecture", "accuracy", "runs"]].merge(
                runs[["architecture", "units", "max_length"]], on="architecture"
            )
        )
    ]
    theirs = [
        [
            row.source,
            shown_text(row.year),
            row.model,
            row.training_data,
            f"{row.test_accuracy:.1f}%",
            shown_text(row.note),
            row.verified,
        ]
        for row in rows_of(published)
    ]
    return make_table(
        "This sweep and published results on the IMDB test split", headings, ours + theirs
    )


def curves_table(history: pd.DataFrame) -> Table:
    headings = ["<architecture", "seed", "epoch", "training accuracy", "training loss"]
    headings += ["validation accuracy", "validation loss", "seconds"]
    rows = [
        [
            row.architecture,
            shown_text(row.seed),
            shown_text(row.epoch),
            shown_share(row.train_accuracy),
            shown_number(row.train_loss),
            shown_share(row.val_accuracy),
            shown_number(row.val_loss),
            shown_seconds(row.seconds),
        ]
        for row in rows_of(history)
    ]
    return make_table("Every epoch of every run", headings, rows)


def cost_by_run_table(comparison: Comparison) -> Table:
    runs = comparison.runs[comparison.runs.compared]
    headings = ["<architecture", "seed", "parameters", "training", "tokens per second"]
    headings += ["peak memory (MB)", "test accuracy"]
    rows = [
        [
            row.architecture,
            shown_text(row.seed),
            shown_count(row.parameters),
            shown_seconds(row.train_seconds),
            shown_count(row.tokens_per_second),
            shown_count(row.peak_memory_mb),
            shown_share(row.test_accuracy),
        ]
        for row in rows_of(runs)
    ]
    return make_table("What each run cost", headings, rows)
