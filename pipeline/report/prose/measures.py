"""Say how a contrast of accuracies is written, and how one of perplexities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.analysis.compared import Compared
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.contrasts import Contrast
from pipeline.report.formats import (
    change_of,
    format_lead,
    format_margin,
    format_reduction,
    format_relative,
)


@dataclass(frozen=True)
class Measure:
    """What the contrasts of a sweep are of, and the sentences that say so.

    quantity: in the table of contrasts. rises: whether more is better. share: makes an estimate, of
    the first group against the second, a share. interval: formats two shares. unit: of a size or a
    margin. gates, ahead, same, undecided, single (with one seed), lead: sentences with the fields
    size, change, interval, cost, better, other, first, second and margin. dots: what a figure of them
    shows.
    """

    quantity: str
    rises: bool
    share: Callable[[float], float]
    interval: Callable[[float, float], str]
    unit: str
    gates: str
    ahead: str
    same: str
    undecided: str
    single: str
    lead: str
    dots: str

    def leads(self, asked: Contrast, row: Any) -> tuple[str, str]:
        """Return the side that is ahead, then the other."""
        first = (row.estimate > 0) == self.rises
        return (asked.first, asked.second) if first else (asked.second, asked.first)

    def size(self, row: Any) -> str:
        return format_relative(abs(self.share(row.estimate))).removesuffix("%") + self.unit

    def interval_of_lead(self, row: Any) -> str:
        """Format the interval of the difference, in favour of the side that leads."""
        low, high = self.share(row.ci_low), self.share(row.ci_high)
        return self.interval(*((low, high) if row.estimate >= 0 else (-high, -low)))

    def change(self, row: Any) -> str:
        """Say how the first group differs from the second, with the number of the figure."""
        return f"{self.size(row)} {'higher' if row.estimate > 0 else 'lower'}"

    def margin(self, share: float) -> str:
        return format_margin(share) if self.rises else f"{100 * share:g}{self.unit}"


ACCURACY = Measure(
    quantity="accuracy",
    rises=True,
    share=float,
    interval=format_lead,
    unit=" points",
    gates="Gates are worth {size} of accuracy on these texts ({interval}){cost}.",
    ahead="{better} score {size} higher than {other} ({interval}).",
    same="{first} and {second} differ by less than {margin} of accuracy ({interval}).",
    undecided="Whether {first} beat {second} is not decided: {better} lead by {size} ({interval}).",
    single="Whether {first} beat {second} is not decided: {better} lead by {size} ({interval}).",
    lead="{size} in favour of {better} ({interval}).",
    dots="A dot is a difference in accuracy between groups that are alike in all else, and its line the "
    "95% interval. In the grey band it is too small to matter.",
)
PERPLEXITY = Measure(
    quantity="log_perplexity",
    rises=False,
    share=change_of,
    interval=format_reduction,
    unit="%",
    gates="Gates lower the perplexity on these texts by {size} ({interval}){cost}.",
    ahead="{first} have a perplexity {change} than {second} ({interval}).",
    same="The perplexities of {first} and {second} differ by less than {margin} ({interval}).",
    undecided="Whether {first} predict better than {second} is not decided: {first} have a perplexity "
    "{change} ({interval}).",
    single="{first} have a perplexity {change} than {second} here ({interval} over the texts alone), "
    "but one seed decides nothing about others.",
    lead="A perplexity {change} with {first} ({interval}).",
    dots="A dot is by how much the perplexity differs between groups that are alike in all else, and "
    "its line the 95% interval. Left of zero the first group predicts better; in the grey band the "
    "difference is too small to matter.",
)


def measure_of(comparison: Compared) -> Measure:
    return ACCURACY if isinstance(comparison, Comparison) else PERPLEXITY
