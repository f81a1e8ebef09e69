"""Check that runs may be compared, and note what a reader must know of them."""

from __future__ import annotations

import pandas as pd

from pipeline.analysis.answers import name_run
from pipeline.analysis.baseline import Baseline
from pipeline.analysis.tracked import TrackedRuns
from pipeline.config.programs import as_started
from pipeline.errors import ReportError


def check_data(chosen: pd.DataFrame, allow_different: bool) -> list[str]:
    """Return a note if runs were trained on different data.

    Raises:
      ReportError: they were, and that is not allowed.
    """
    groups = chosen.groupby(chosen.data_fingerprint.astype("string").fillna("unknown"))
    if groups.ngroups < 2:
        return []
    which = "; ".join(
        f"data {str(key)[:12]}: {', '.join(name_run(run) for run in group.itertuples())}"
        for key, group in groups
    )
    if not allow_different:
        raise ReportError(f"runs trained on different data are not compared: {which}")
    return [f"Compared on request, although trained on different data: {which}."]


def note_versions(chosen: pd.DataFrame) -> list[str]:
    """Return a note if TensorFlow or Keras differ between the runs; other versions may differ."""
    versions = chosen.versions.astype("string").fillna("")
    found = versions.str.findall(r"(?:tensorflow|keras) [^, ]+").map(", ".join)
    groups = chosen.groupby(found.replace("", "unknown versions"))
    if groups.ngroups < 2:
        return []
    which = "; ".join(
        f"{key}: {', '.join(name_run(run) for run in group.itertuples())}" for key, group in groups
    )
    return [f"The runs were trained with different versions, which may change numbers: {which}."]


def note_baseline(tracked: TrackedRuns, baseline: Baseline | None) -> list[str]:
    """Return a note on why the baseline is not compared, if it is not."""
    if baseline is not None:
        return []
    why = "did not finish" if len(tracked.runs) else "is not tracked"
    why = "was tested on other reviews" if len(tracked.predictions) else why
    return [
        f"The order-free baseline {why}, so no figure shows what can be answered without memory. "
        + as_started("The program experiments.probe trains it.")
    ]
