"""Make the tables of language models: how well they predict, and what they use of the context."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from pipeline.analysis.curves import Reach, describe_reach
from pipeline.analysis.frames import rows_of
from pipeline.analysis.language import LanguageComparison
from pipeline.analysis.language_memory import CUT, REPLACED, SHUFFLED, LanguageMemory
from pipeline.analysis.language_scores import exp_of
from pipeline.report.formats import (
    MISSING,
    format_bits,
    format_change,
    format_count,
    format_interval,
    format_number,
    format_p,
    format_percent,
    format_perplexity,
    format_relative,
    format_share,
    unless_missing,
)
from pipeline.report.tables import (
    ARCHITECTURE,
    SEED,
    STARRED_TRAINING,
    TEXTS,
    Column,
    Table,
    interval,
    make_table,
    setting_columns,
    tuned_settings,
    with_chosen,
)

ALL = "all"  # in place of a number of tokens
RUN_SCORES = (
    Column("perplexity", "perplexity", format_perplexity),
    Column("bits per character", "bits", format_bits),
    Column("validation loss", "val_loss", format_bits),
    Column("best step", "best_step", format_count),
)
TRIED_SCORES = (
    Column("validation loss", "val_loss", format_bits),
    Column("validation perplexity", lambda row: exp_of(row.val_loss), format_perplexity),
)
_EFFECTIVE = {
    CUT: "tokens that it uses",
    SHUFFLED: "tokens whose order counts",
    REPLACED: "tokens that must be this text's",
}


def _starred(show: Callable[[Any], str], low: str, high: str) -> Column:
    def shown(row: Any) -> str:
        star = "" if row.seeds_counted else " *"
        return f"{show(getattr(row, low))} to {show(getattr(row, high))}{star}"

    return Column("95% interval", shown)


PERPLEXITY = Column("perplexity", "perplexity", format_perplexity)
PERPLEXITY_INTERVAL = _starred(format_perplexity, "ci_low", "ci_high")
BITS = Column("bits per character", "bits", format_bits)


def with_baseline(found: LanguageComparison) -> pd.DataFrame:
    """Return the summary with a last row for the baseline."""
    if found.baseline is None:
        return found.summary
    score = found.baseline.score.assign(seeds_counted=True)  # it has none, so none is left out
    rows = score.reindex(columns=found.summary.columns).astype(object)
    return pd.concat([found.summary.astype(object), rows], ignore_index=True)


def perplexity_table(found: LanguageComparison) -> Table:
    """Show how well every architecture and the baseline predict."""
    frame = with_chosen(with_baseline(found), found)
    leads = {} if found.baseline is None else _changes(found.baseline.leads)
    columns = [
        ARCHITECTURE,
        Column("tier", "tier", format_count),
        PERPLEXITY,
        PERPLEXITY_INTERVAL,
        BITS,
        _starred(format_bits, "bits_low", "bits_high"),
        *([_against(leads, found.baseline.name)] if found.baseline else []),
        *setting_columns(tuned_settings(found)),
        Column(
            "runs", lambda row: MISSING if pd.isna(row.runs) else f"{row.runs} of {row.planned}"
        ),
    ]
    return make_table(f"Perplexity by {found.unit} on the test texts", columns, frame)


def _changes(leads: pd.DataFrame) -> dict[str, str]:
    return {row.architecture: format_ratio_change(row) for row in rows_of(leads)}


def format_ratio_change(row: Any) -> str:
    """Format a ratio of perplexities as a change, with its interval."""
    ends = f"{_change(row.ci_low)} to {_change(row.ci_high)}"
    return f"{_change(row.ratio)} ({ends})"


@unless_missing
def _change(ratio: float) -> str:
    return format_change(math.log(ratio))


def _against(leads: dict[str, str], name: str) -> Column:
    return Column(f"against {name}", "architecture", lambda one: leads.get(one, MISSING))


def results_table(found: LanguageComparison) -> Table:
    """Show what the end of a sweep shows: perplexity, context, cost and seeds."""
    costs = found.cost[["architecture", "train_seconds", "alone"]]
    if found.baseline is not None:
        seconds = found.baseline.run.train_seconds.iloc[0]
        row = {"architecture": found.baseline.name, "train_seconds": seconds, "alone": True}
        costs = pd.concat([costs.astype(object), pd.DataFrame([row])], ignore_index=True)
    context = _contexts(found.memory, CUT)
    columns = [
        ARCHITECTURE,
        PERPLEXITY,
        PERPLEXITY_INTERVAL,
        Column("bits/char", "bits", format_bits),
        *([_reach("tokens used", context)] if context else []),
        STARRED_TRAINING,
        Column("seeds", _count_seeds),
    ]
    frame = with_baseline(found).merge(costs, on="architecture", how="left")
    return make_table("Every architecture", columns, frame)


def _count_seeds(row: Any) -> str:
    if pd.isna(row.runs):
        return MISSING
    return f"{row.runs} of {row.planned}" if row.runs < row.planned else format_count(row.runs)


def _contexts(memory: LanguageMemory | None, condition: str) -> dict[str, str]:
    if memory is None:
        return {}
    rows = memory.effective[memory.effective.condition == condition]
    return {row.architecture: format_context(row) for row in rows_of(rows)}


def format_context(row: Any) -> str:
    """Format an effective context: "20 (10 to 50)" or "all"."""
    return describe_reach(Reach(row.value, row.low, row.high, row.furthest), ALL)


def _reach(heading: str, known: dict[str, str]) -> Column:
    return Column(heading, "architecture", lambda name: known.get(name, MISSING))


def effective_table(found: LanguageComparison) -> Table | None:
    """Show the effective context of every architecture and the baseline."""
    columns = [
        _reach(heading, known)
        for condition, heading in _EFFECTIVE.items()
        if (known := _contexts(found.memory, condition))
    ]
    if not columns:
        return None
    frame = with_baseline(found)[["architecture"]]
    caption = "How much of the context every architecture uses, with 95% intervals"
    return make_table(caption, [ARCHITECTURE, *columns], frame)


def losses_table(losses: pd.DataFrame) -> Table:
    columns = [
        ARCHITECTURE,
        Column("tokens read", lambda row: format_tokens(row.context)),
        Column("loss (nats)", "loss", format_number),
        interval("95% interval", "loss_low", "loss_high", _ends),
        Column("above that with all", lambda row: _change(row.relative)),
        interval(
            "95% interval",
            "relative_low",
            "relative_high",
            lambda low, high: f"{_change(low)} to {_change(high)}",
        ),
        TEXTS,
        Column("predicted tokens", "targets", format_count),
    ]
    return make_table("Loss by the number of tokens read", columns, losses)


def _ends(low: Any, high: Any) -> str:
    return f"{format_number(low)} to {format_number(high)}"


def format_tokens(context: Any) -> str:
    return ALL if context == 0 else format_count(context)


def recall_table(recall: pd.DataFrame, other: str) -> Table:
    columns = [
        ARCHITECTURE,
        Column("tokens since", lambda row: f"{row.low}–{row.high}"),
        Column("nats, word read before", "repeated", format_number),
        Column(f"nats, {other}", "other", format_number),
        Column("gain", "gain", format_number),
        interval("95% interval", "gain_low", "gain_high", _ends),
        Column("words", "pairs", format_count),
        TEXTS,
    ]
    return make_table("What having read a rare word brings", columns, recall)


def subjects_table(subjects: pd.DataFrame) -> Table:
    columns = [
        ARCHITECTURE,
        Column("words since", lambda row: f"{row.low}–{row.high}"),
        Column("probability of the right one", "probability", format_percent),
        interval(show=format_interval),
        Column("likeliest is right", "right", format_percent),
        interval("95% interval", "right_low", "right_high"),
        TEXTS,
    ]
    return make_table("The subject that a text names again", columns, subjects)


def pairs_table(pairs: pd.DataFrame) -> Table:
    columns = [
        Column("architecture", "architecture_a", words=True),
        Column("against", "architecture_b", words=True),
        Column("verdict", "verdict", words=True),
        Column("perplexity", "ratio", _change),
        Column("95% interval", lambda row: f"{_change(row.ci_low)} to {_change(row.ci_high)}"),
        Column("p", "p_value", format_p),
        Column("p, corrected", "p_adjusted", format_p),
        Column("p if seeds vary alike", "p_if_alike", format_p),
        Column("smallest detectable", "detectable", format_relative),
        Column("wins on a new seed", "probability_a_wins", format_percent),
    ]
    return make_table("Every pair of architectures on the same texts", columns, pairs)


def history_table(history: pd.DataFrame) -> Table:
    columns = [
        ARCHITECTURE,
        SEED,
        Column("step", "step", format_count),
        Column("tokens seen", "tokens", format_count),
        Column("training loss", "train_loss", format_bits),
        Column("validation loss", "val_loss", format_bits),
        Column("validation perplexity", "val_perplexity", format_perplexity),
    ]
    return make_table("Every validation of every run", columns, history)


def tokens_facts(found: LanguageComparison) -> list[tuple[str, str]]:
    """Say what the tokens are and how many are unknown."""
    runs = found.runs[found.runs.compared]

    def all_of(column: str, show: Callable[[Any], str]) -> str:
        values = sorted(runs[column].dropna().unique()) if column in runs else []
        return ", ".join(show(value) for value in values) or MISSING

    unknown = sorted(set(found.summary.unknown.dropna()))
    return [
        ("Tokens", all_of("tokenizer", str)),
        ("Vocabulary", all_of("vocabulary", format_count)),
        ("Unknown tokens in train", all_of("unknown_share_train", format_share)),
        ("Unknown tokens in the test texts", ", ".join(map(format_share, unknown)) or MISSING),
        ("Test texts", f"{found.texts:,} text{'s' * (found.texts != 1)}, {found.tokens:,} tokens"),
    ]
