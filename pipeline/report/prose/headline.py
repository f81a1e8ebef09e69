"""Write the headline of a sweep, which stands at the top of its page and at its end on the terminal."""

from __future__ import annotations

from pipeline.analysis.comparison import Comparison
from pipeline.report.prose import answer
from pipeline.report.prose.baseline import headline_of_baseline
from pipeline.report.prose.contrasts import headline_of_contrasts


def headline_of_sweep(comparison: Comparison) -> str:
    """Answer what the sweep asked, or say which architecture leads; and compare with the baseline."""
    answered = headline_of_contrasts(comparison) or answer.headline(comparison)
    return " ".join(part for part in (answered, headline_of_baseline(comparison)) if part)
