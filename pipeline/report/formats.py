"""Values as a reader sees them: numbers, intervals, reaches, and lists of names in a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from pipeline.analysis.curves import describe_reach

MISSING = "–"
_FEW = 4  # that a sentence can name and still be read
_LEAST_SHARE = 1e-6  # a smaller share is not told from none


def unless_missing(write: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: MISSING if pd.isna(value) else write(value)


shown_share = unless_missing(lambda value: f"{100 * value:.1f}%")
shown_points = unless_missing(lambda points: f"{100 * points:+.1f}".replace("-", "−"))
shown_megabytes = unless_missing(lambda megabytes: f"{megabytes:,.0f} MB")
shown_count = unless_missing(lambda value: f"{value:,.0f}")
shown_text = unless_missing(str)
shown_p = unless_missing(lambda value: "< 0.0001" if value < 1e-4 else f"{value:.4f}")
shown_setting = unless_missing(lambda value: f"{value:g}")
shown_number = unless_missing(lambda value: f"{value:.2f}".replace("-", "−"))
shown_error = unless_missing(lambda value: f"{value:.5f}")


def shown_seconds(value: Any) -> str:
    if pd.isna(value):
        return MISSING
    if value < 120:
        return f"{value:.3g} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def shown_interval(low: Any, high: Any, points: bool = False) -> str:
    """Two ends of an interval of shares, in percent or, for a difference, in points."""
    if pd.isna(low) or pd.isna(high):
        return MISSING
    if points:
        return f"{shown_points(low)} to {shown_points(high)}"
    return f"{100 * low:.1f} to {100 * high:.1f}%"


def shown_ends(low: Any, high: Any) -> str:
    """Two ends of an interval of numbers that are no shares."""
    if pd.isna(low) or pd.isna(high):
        return MISSING
    return f"{shown_number(low)} to {shown_number(high)}"


def shown_range(low: Any, high: Any) -> str:
    return f"{low} and more" if pd.isna(high) else f"{low}–{high}"


def shown_range_short(low: Any, high: Any) -> str:
    """The same, short enough for the axis of a telephone's page."""
    return f"{low}+" if pd.isna(high) else f"{low}–{high}"


def shown_seeds(shares: Any) -> str:
    """The accuracy of each seed, in percent."""
    return " ".join(f"{100 * share:.1f}" for share in shares)


@unless_missing
def shown_small(share: float) -> str:
    """A share that may be far below one percent."""
    return f"{share:.2g}" if share >= _LEAST_SHARE else f"under {_LEAST_SHARE:g}"


def shown_reach(row: Any) -> str:
    """A row of reaches as text: 57 (48 to 66), "beyond 800", "rises" or "nothing to lose"."""
    whole = getattr(row, "probe", None) == "context"
    return describe_reach(row, "whole text" if whole else f"beyond {row.furthest:.0f}")


def shown_half_life(row: Any) -> str:
    """A half-life inside a network as text; "–" where no signal was found."""
    return MISSING if math.isnan(row.value) else shown_reach(row)


def shown_steps(row: Any) -> str:
    """The steps until the adding problem was solved, over the seeds that solved it."""
    if not row.ended:
        return MISSING
    if not row.solved:
        return "diverged" if row.diverged == row.ended else f"not in {shown_count(row.max_steps)}"
    ends = f" ({shown_count(row.steps_low)} to {shown_count(row.steps_high)})" * (row.solved > 1)
    share = f", {row.solved} of {row.ended}" * (row.solved < row.ended)
    return f"{shown_count(row.steps)}{ends}{share}"


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def listed(names: Sequence[str], last: str = "and") -> str:
    *others, final = names
    return f"{', '.join(others)} {last} {final}" if others else final


def spread(texts: Sequence[tuple[float, str]]) -> str:
    """What a sentence says of numbers, each with its text: each of a few; of more, the ends.

    NaN has no place in an order, so that it is no end and nothing that lies in between.
    """
    known = sorted(one for one in texts if not math.isnan(one[0]))
    if len(texts) <= _FEW or len(known) < 3:
        return listed([text for _, text in texts])
    missing = [text for number, text in texts if math.isnan(number)]
    ends = f"{known[0][1]} to {known[-1][1]}, the others in between"
    return f"{ends}; {listed(missing)}" if missing else ends


def all_or_each(names: Sequence[str], everybody: int) -> str:
    return "all" if len(names) == everybody > _FEW else listed(names)
