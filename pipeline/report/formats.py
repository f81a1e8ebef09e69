"""Format values for a reader: numbers, intervals, reaches, and lists of names in a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from pipeline.analysis.curves import describe_reach

MISSING = "–"
LEARNT_NOTHING = "has learnt nothing"
_FEW = 4  # the most items that a sentence lists one by one
_LARGE = math.log(10)  # the logarithm of a ratio from which it is no percentage
_HUGE = 1e9  # from which a number is written with its power of ten
_SMALLEST_SHARE = 1e-6  # smaller shares cannot be told from zero


def unless_missing(write: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: MISSING if pd.isna(value) else write(value)


format_share = unless_missing(lambda value: f"{100 * value:.1f}%")
format_percent = unless_missing(lambda value: f"{100 * value:.0f}%".replace("-", "−"))
format_megabytes = unless_missing(lambda megabytes: f"{megabytes:,.0f} MB")
format_count = unless_missing(lambda value: f"{value:,.0f}")
format_text = unless_missing(str)
format_p = unless_missing(lambda value: "< 0.0001" if value < 1e-4 else f"{value:.4f}")
format_setting = unless_missing(lambda value: f"{value:g}")
format_number = unless_missing(lambda value: f"{round(value, 2) + 0.0:.2f}".replace("-", "−"))
format_digits = unless_missing(lambda value: f"{value:.3g}")
format_bits = unless_missing(lambda value: f"{value:.3f}")
format_error = unless_missing(lambda value: f"{value:.5f}")


@unless_missing
def format_perplexity(value: float) -> str:
    """Format a perplexity by four digits: "8.312", "97.15", "151.2", "12,340", "1.234e+20"."""
    if value >= _HUGE:
        return f"{value:.4g}"
    decimals = max(0, 3 - int(math.log10(max(value, 1))))
    return f"{value:,.{decimals}f}"


@unless_missing
def format_change(log_ratio: float) -> str:
    """Format the logarithm of a ratio as a change, such as "−5.1%", or "× 38" of a large one."""
    if log_ratio > _LARGE:
        return f"× {math.exp(min(log_ratio, 700)):.3g}"
    change = f"{100 * math.expm1(log_ratio):+.1f}%".replace("-", "−")
    return "0.0%" if change in ("+0.0%", "−0.0%") else change


@unless_missing
def format_points(share: float) -> str:
    points = f"{100 * share:+.1f}".replace("-", "−")
    return "0.0" if points in ("+0.0", "−0.0") else points


def format_minutes(minutes: float) -> str:
    """Format a duration to come, rounded up: "12 minutes" or "2.5 hours"."""
    if minutes > 100:
        return f"{math.ceil(minutes / 6) / 10:g} hours"
    return pluralise(math.ceil(minutes), "minute")


def format_seconds(value: Any) -> str:
    if pd.isna(value):
        return MISSING
    if value < 120:
        return f"{value:.3g} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def format_interval(low: Any, high: Any, points: bool = False) -> str:
    """Format an interval of shares in percent, or of differences in points."""
    if pd.isna(low) or pd.isna(high):
        return MISSING
    if points:
        return f"{format_points(low)} to {format_points(high)}"
    return f"{100 * low:.1f} to {100 * high:.1f}%"


def format_margin(share: float) -> str:
    """Format a margin, such as "1 point"."""
    return f"{100 * share:g} point{'' if share == 0.01 else 's'}"


def format_lead(low: Any, high: Any) -> str:
    """Format the interval of a lead in points, such as "1.3 to 2.7": only a minus is written."""
    return format_interval(low, high, points=True).replace("+", "")


@unless_missing
def format_relative(share: float) -> str:
    """Format a relative difference in percent; a huge one with its power of ten."""
    return f"{100 * share:{'.1f' if abs(share) < _HUGE else '.3g'}}%"


def change_of(log_ratio: float) -> float:
    """Return the change as a share, from the logarithm of a ratio; it is finite however large."""
    return math.expm1(min(log_ratio, 700))


def format_reduction(low: Any, high: Any) -> str:
    """Format the interval of a relative reduction, such as "1.3 to 2.7%"."""
    if pd.isna(low) or pd.isna(high):
        return MISSING
    ends = [format_relative(end).replace("-", "−").replace("−0.0%", "0.0%") for end in (low, high)]
    return f"{ends[0].removesuffix('%')} to {ends[1]}"


def format_ends(low: Any, high: Any) -> str:
    """Format an interval of numbers that are not shares."""
    if pd.isna(low) or pd.isna(high):
        return MISSING
    return f"{format_number(low)} to {format_number(high)}"


def format_range(low: Any, high: Any) -> str:
    return f"{low} and more" if pd.isna(high) else f"{low}–{high}"


def format_range_short(low: Any, high: Any) -> str:
    """Format a range short enough for an axis on a phone."""
    return f"{low}+" if pd.isna(high) else f"{low}–{high}"


def format_seeds(shares: Any) -> str:
    """Format the accuracy of each seed, in percent."""
    return " ".join(f"{100 * share:.1f}" for share in shares)


@unless_missing
def format_small(share: float) -> str:
    """Format a share that may be far below one percent."""
    return f"{share:.2g}" if share >= _SMALLEST_SHARE else f"under {_SMALLEST_SHARE:g}"


def format_reach(row: Any) -> str:
    """Format a row of reaches: "57 (48 to 66)", "beyond 800", "rises" or "has learnt nothing"."""
    if math.isnan(row.value):
        return LEARNT_NOTHING
    whole = getattr(row, "probe", None) == "context"
    return describe_reach(row, "whole text" if whole else f"beyond {row.furthest:.0f}")


def format_half_life(row: Any) -> str:
    """Format a half-life inside a network; "–" where no signal was found."""
    return MISSING if math.isnan(row.value) else format_reach(row)


def format_steps(row: Any) -> str:
    """Format the steps until the adding problem was solved, over the seeds that solved it."""
    if not row.ended:
        return MISSING
    if not row.solved:
        return "diverged" if row.diverged == row.ended else f"not in {format_count(row.max_steps)}"
    ends = f" ({format_count(row.steps_low)} to {format_count(row.steps_high)})" * (row.solved > 1)
    share = f", {row.solved} of {row.ended}" * (row.solved < row.ended)
    return f"{format_count(row.steps)}{ends}{share}"


def format_ratio(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:.0f}"


def capitalise(text: str) -> str:
    """Return text with its first letter upper-case and the others as they are."""
    return text[:1].upper() + text[1:]


def pluralise(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def join_names(names: Sequence[str], last: str = "and") -> str:
    *others, final = names
    return f"{', '.join(others)} {last} {final}" if others else final


def join_values(texts: Sequence[tuple[float, str]]) -> str:
    """Join (number, text) pairs into a phrase: a few one by one, more as lowest to highest.

    NaN has no place in an order: it is neither lowest nor highest, nor in between.
    """
    known = sorted(one for one in texts if not math.isnan(one[0]))
    if len(texts) <= _FEW or len(known) < 3:
        return join_names([text for _, text in texts])
    missing = [text for number, text in texts if math.isnan(number)]
    ends = f"{known[0][1]} to {known[-1][1]}, the others in between"
    return f"{ends}; {join_names(missing)}" if missing else ends


def all_or_each(names: Sequence[str], everybody: int) -> str:
    return "all" if len(names) == everybody > _FEW else join_names(names)
