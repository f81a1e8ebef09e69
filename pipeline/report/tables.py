"""Turn frames into tables of text, the same on the page and in Markdown.

A table is declared by its columns: the heading, the source of the values (a column of the frame, with
the name it has in the CSV file, or a function of a row), their format and their alignment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.analysis.classes import Classes
from pipeline.analysis.compared import Compared
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.analysis.pairwise import Breakdown
from pipeline.analysis.slopes import Trends
from pipeline.report.formats import (
    MISSING,
    format_count,
    format_ends,
    format_interval,
    format_megabytes,
    format_number,
    format_p,
    format_points,
    format_range,
    format_seconds,
    format_seeds,
    format_setting,
    format_share,
    format_text,
    unless_missing,
)


@dataclass(frozen=True)
class Entry:
    """The text of a cell; `full` is the unshortened text and `link` an address, if any."""

    text: str
    full: str = ""
    link: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    source: a column of the frame, or a function of a row. show: formats a value as text or an entry.
    words: aligned left, as words are; numbers are aligned right.
    """

    heading: str
    source: str | Callable[[Any], Any]
    show: Callable[[Any], str | Entry] = format_text
    words: bool = False

    def entries(self, frame: pd.DataFrame) -> list[Entry]:
        source = self.source
        values = frame[source] if isinstance(source, str) else map(source, rows_of(frame))
        shown = [self.show(value) for value in values]
        return [one if isinstance(one, Entry) else Entry(one) for one in shown]


@dataclass(frozen=True)
class Table:
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]


def make_table(caption: str, columns: Iterable[Column], frame: pd.DataFrame) -> Table:
    """Make a table with a row for each row of the frame."""
    declared = tuple(columns)
    entries = [column.entries(frame) for column in declared]
    return Table(caption, declared, tuple(zip(*entries, strict=True)))


def interval(
    heading: str = "95% interval",
    low: str = "ci_low",
    high: str = "ci_high",
    show: Callable[[Any, Any], str] = format_interval,
) -> Column:
    return Column(heading, lambda row: show(getattr(row, low), getattr(row, high)))


def _format_points_interval(low: Any, high: Any) -> str:
    return format_interval(low, high, points=True)


ARCHITECTURE = Column("architecture", "architecture", words=True)
ACCURACY = Column("accuracy", "accuracy", format_share)
TEXTS = Column("texts", "reviews", format_count)
SEED = Column("seed", "seed")
TRAINING = Column("training", "train_seconds", format_seconds)
POINTS_INTERVAL = interval(show=_format_points_interval)
# A star marks intervals over reviews only, and times measured while other work may have run.
STARRED_INTERVAL = Column(
    "95% interval",
    lambda row: format_interval(row.ci_low, row.ci_high) + ("" if row.seeds_counted else " *"),
)
STARRED_TRAINING = Column(
    "training", lambda row: format_seconds(row.train_seconds) + ("" if row.alone else " *")
)


def tuned_settings(comparison: Compared) -> tuple[str, ...]:
    return comparison.tuning.settings if comparison.tuning else ()


def setting_columns(settings: Iterable[str]) -> list[Column]:
    return [Column(name, name, format_setting) for name in settings]


def with_chosen(frame: pd.DataFrame, comparison: Compared) -> pd.DataFrame:
    """Return a frame of architectures with the chosen value of each tuned setting."""
    if comparison.tuning is None:
        return frame
    chosen = comparison.tuning.chosen.set_index("architecture")
    values = {name: frame.architecture.map(chosen[name]) for name in tuned_settings(comparison)}
    return frame.assign(**values)


def summary_table(comparison: Comparison) -> Table:
    """Show the accuracy of every architecture, and of each of its runs."""
    runs = comparison.runs[comparison.runs.compared]
    frame = comparison.summary
    seeds = runs.groupby("architecture").test_accuracy.agg(format_seeds)
    columns = [
        ARCHITECTURE,
        Column("tier", "tier", format_count),
        Column("test accuracy", "accuracy", format_share),
        STARRED_INTERVAL,
        Column("each seed", "each", words=True),
        *(Column(f"{h} alone", f"accuracy_{h}", format_share) for h in comparison.heads[1:]),
        *_unbalanced_columns(comparison.classes),
        Column("validation", "val_accuracy", format_share),
        *setting_columns(tuned_settings(comparison)),
        Column("runs", lambda row: f"{row.runs} of {row.planned}"),
    ]
    frame = with_chosen(frame.assign(each=frame.architecture.map(seeds)), comparison)
    return make_table("Accuracy of every architecture on the test reviews", columns, frame)


def _unbalanced_columns(classes: Classes | None) -> list[Column]:
    """Make the columns that stand beside accuracy where one label is much commoner than the others."""
    columns = []
    for head in classes.heads if classes is not None else ():
        if classes is not None and classes.commonest(head) is not None:
            rows = classes.summary[classes.summary["head"] == head].set_index("architecture")
            of_head = f" of {head}" if len(classes.heads) > 1 else ""
            for heading, name in (
                ("balanced accuracy", "balanced_accuracy"),
                ("mean F1", "macro_f1"),
            ):
                columns.append(Column(heading + of_head, _lookup(rows[name]), format_share))
    return columns


def _lookup(values: pd.Series) -> Callable[[Any], Any]:
    return lambda row: values[row.architecture]


def cost_table(comparison: Compared) -> Table:
    """Show the mean cost of a run of every architecture."""
    has_epochs, has_padding = comparison.cost[["epoch_seconds", "padded_share"]].notna().any()
    columns = [
        ARCHITECTURE,
        Column("units", "units", format_count),
        Column("parameters", "parameters", format_count),
        Column("in the recurrent layers", "recurrent_parameters", format_count),
        STARRED_TRAINING,
        *([Column("one epoch", "epoch_seconds", format_seconds)] if has_epochs else []),
        Column("tokens per second", "tokens_per_second", format_count),
        *([Column("padding", "padded_share", format_share)] if has_padding else []),
        Column("peak memory", "peak_memory_mb", format_megabytes),
    ]
    frame = comparison.summary[["architecture", "units"]].merge(comparison.cost)
    caption = "Cost of a run of every architecture (mean over its runs)"
    return make_table(caption, columns, frame)


def league_table(comparison: Comparison, others: Sequence[Comparison]) -> Table:
    """Show the same architectures side by side in sweeps that hold something else equal."""
    leagues = [comparison, *others]
    names = dict.fromkeys(name for league in leagues for name in league.summary.architecture)
    columns = [ARCHITECTURE, *(column for league in leagues for column in _league_columns(league))]
    frame = pd.DataFrame({"architecture": list(names)})
    return make_table("Test accuracy in each league", columns, frame)


def _league_columns(league: Comparison) -> list[Column]:
    costs = league.cost[["architecture", "recurrent_parameters", "train_seconds", "alone"]]
    merged = league.summary.merge(costs, on="architecture")
    found = {row.architecture: row for row in rows_of(merged)}

    def of_league(heading: str, show: Callable[[Any], str]) -> Column:
        def shown(name: str) -> str:
            return show(found[name]) if name in found else MISSING

        return Column(heading, "architecture", shown)

    return [
        of_league(league.experiment, lambda row: format_share(row.accuracy)),
        of_league("95% interval", STARRED_INTERVAL.source),  # pyright: ignore[reportArgumentType]
        of_league("recurrent weights", lambda row: format_count(row.recurrent_parameters)),
        of_league("training", STARRED_TRAINING.source),  # pyright: ignore[reportArgumentType]
    ]


def breakdown_table(breakdown: Breakdown, along: str, head: str) -> Table:
    """Show the accuracy of every architecture in every group; `along` names what rises."""
    groups = breakdown.by_run.groupby(["head", "architecture", "low"]).accuracy
    each = {key: format_seeds(shares) for key, shares in groups}
    columns = [
        ARCHITECTURE,
        Column(along, lambda row: format_range(row.low, row.high)),
        TEXTS,
        ACCURACY,
        interval(),
        Column("each seed", lambda row: each[head, row.architecture, row.low], words=True),
    ]
    frame = breakdown.accuracy[breakdown.accuracy["head"] == head]
    return make_table(f"Accuracy by {along}: {head}", columns, frame)


def above_simple_table(breakdown: Breakdown, along: str) -> Table:
    """Show every architecture's lead over the simple cells in every group."""
    columns = [
        ARCHITECTURE,
        Column(along, lambda row: format_range(row.low, row.high)),
        TEXTS,
        Column("points above", "difference", format_points),
        POINTS_INTERVAL,
        Column("compared with", "against", words=True),
    ]
    caption = f"Accuracy minus that of {breakdown.yardstick.name}, by {along}"
    return make_table(caption, columns, breakdown.above_simple)


def pair_table(pairs: pd.DataFrame) -> Table:
    columns = [
        Column("architecture", "architecture_a", words=True),
        Column("against", "architecture_b", words=True),
        Column("verdict", "verdict", words=True),
        Column("difference (points)", "difference", format_points),
        POINTS_INTERVAL,
        Column("p", "p_value", format_p),
        Column("p, corrected", "p_adjusted", format_p),
        Column("p if seeds vary alike", "p_if_alike", format_p),
        Column("smallest detectable", "detectable", unless_missing(lambda v: f"{100 * v:.1f}")),
        Column("effect (h)", "effect_size", format_number),
        Column(
            "wins on a new seed", "probability_a_wins", unless_missing(lambda v: f"{100 * v:.0f}%")
        ),
        Column("these networks (McNemar)", "mcnemar_p", format_p),
    ]
    return make_table("Every pair of architectures on the same reviews", columns, pairs)


def trend_table(trends: Trends, unit: str) -> Table:
    """Show the slope of each architecture, and of the gap between each pair."""

    def place(where: str) -> Callable[[Any], str]:
        """Format an accuracy in percent, or the difference of two in points."""
        return lambda row: (format_points if row.is_gap else format_share)(getattr(row, where))

    slopes = trends.slopes.assign(name=trends.slopes.architecture, is_gap=False)
    gaps = trends.gaps
    gaps = gaps.assign(name=gaps.architecture_a + " minus " + gaps.architecture_b, is_gap=True)
    frame = pd.concat([slopes, gaps], ignore_index=True) if len(gaps) else slopes
    columns = [
        Column("architecture or gap", "name", words=True),
        Column("slope per doubling", "slope", format_number),
        interval("95% interval", "slope_low", "slope_high", format_ends),
        Column("p (Holm)", "p_holm", format_p),
        Column(f"at {trends.short:.0f} {unit}", place("at_short")),
        Column(f"at {trends.long:.0f} {unit}", place("at_long")),
        Column("change (points)", "change", format_points),
        interval(
            "95% interval of the change", "change_low", "change_high", _format_points_interval
        ),
    ]
    return make_table("Slopes in log odds, and the accuracies they imply", columns, frame)
