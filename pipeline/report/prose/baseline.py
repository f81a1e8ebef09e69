"""The sentences about the order-free baseline: what order is worth on these texts."""

from __future__ import annotations

import pandas as pd

from pipeline.analysis.baseline import Baseline
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.report.formats import all_or_each, listed, shown_interval, shown_share


def describe_leads(baseline: Baseline, overall: pd.DataFrame) -> str:
    own = baseline.scores[baseline.scores.along == "all"].iloc[0]
    said = (
        f"{baseline.name} is a logistic regression over words and pairs of words, which remembers all "
        f"of them and no order beyond: it is right on {shown_share(own.accuracy)} "
        f"({shown_interval(own.ci_low, own.ci_high)})."
    )
    above = [row.architecture for row in rows_of(overall[overall.ci_low > 0])]
    below = [row.architecture for row in rows_of(overall[overall.ci_high < 0])]
    if above:
        said += f" Shown to be better over all texts: {all_or_each(above, len(overall))}."
    if below:
        said += f" Shown to be worse: {all_or_each(below, len(overall))}."
    if above or below:
        return f"{said} Each by its own 95% interval."
    return f"{said} Over all texts no network is shown to differ from it."


def headline_of_baseline(comparison: Comparison) -> str:
    """How the networks stand to what sees no order, in a sentence for the top of the page."""
    baseline = comparison.baseline
    if baseline is None or comparison.summary.empty:
        return ""
    asked = baseline.leads[baseline.leads.question == comparison.questions[0]]
    overall = asked[asked.along == "all"]
    own = next(rows_of(baseline.scores[baseline.scores.along == "all"]))
    said = f"The order-free baseline, {baseline.name}, is right on {shown_share(own.accuracy)}"
    ahead = [row.architecture for row in rows_of(overall[overall.ci_low > 0])]
    behind = [row.architecture for row in rows_of(overall[overall.ci_high < 0])]
    if len(behind) == len(overall):
        return (
            f"{said}: no network here does as well, and of order it knows only neighbouring words."
        )
    if len(ahead) == len(overall):
        return f"{said}, less than every network."
    parts = [f"{listed(ahead)} {_verb(ahead)} shown to be better"] if ahead else []
    parts += [f"{listed(behind)} {_verb(behind)} worse"] if behind else []
    return f"{said}; {'; '.join(parts) or 'no network is shown to differ from it'}."


def _verb(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
