"""Write the text about the order-free baseline: what order is worth on these texts."""

from __future__ import annotations

import pandas as pd

from pipeline.analysis.baseline import Baseline
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.frames import rows_of
from pipeline.report.formats import format_share, join_names, pluralise

_FEW = 3  # the most networks that the headline names


def describe_leads(baseline: Baseline, overall: pd.DataFrame) -> str:
    own = baseline.scores[baseline.scores.along == "all"].iloc[0]
    text = (
        f"{baseline.name} sees words and pairs of neighbouring words, and no other order; it is right "
        f"on {format_share(own.accuracy)}."
    )
    above, below = int((overall.ci_low > 0).sum()), int((overall.ci_high < 0).sum())
    parts = [f"{above} {_is(above)} shown to be better"] * (above > 0)
    parts += [f"{below} {_is(below)} worse"] * (below > 0)
    if parts:
        return (
            f"{text} Of {pluralise(len(overall), 'network')}, {join_names(parts)} over all texts."
        )
    return f"{text} Over all texts, no network is shown to differ from it."


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def headline_of_baseline(comparison: Comparison) -> str:
    """Compare the networks with the baseline in one sentence for the top of the page."""
    baseline = comparison.baseline
    if baseline is None or comparison.summary.empty:
        return ""
    leads = baseline.leads[baseline.leads["head"] == comparison.heads[0]]
    overall = leads[leads.along == "all"]
    own = next(rows_of(baseline.scores[baseline.scores.along == "all"]))
    right = format_share(own.accuracy)
    text = f"The baseline, which knows no order but that of neighbouring words, is right on {right}"
    ahead = [row.architecture for row in rows_of(overall[overall.ci_low > 0])]
    behind = [row.architecture for row in rows_of(overall[overall.ci_high < 0])]
    if len(behind) == len(overall):
        return f"{text}, more than every network here."
    if len(ahead) == len(overall):
        return f"{text}, less than every network here."
    parts = [f"less than {_name(ahead, len(overall))}"] if ahead else []
    parts += [f"more than {_name(behind, len(overall))}"] if behind else []
    return f"{text}, {' and '.join(parts) or 'and no network is shown to differ from it'}."


def _name(architectures: list[str], everybody: int) -> str:
    if len(architectures) > _FEW:
        return f"{len(architectures)} of {everybody} networks"
    return join_names(architectures)
