"""Find the test texts that a report shows: in the parent run, or by loading the data again.

Only what the page shows is kept: the excerpts of a few texts. Where the data cannot be loaded, or are no
longer those that the runs were tested on, the page has no texts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.excerpts import Excerpt, abridge, as_json
from pipeline.analysis.parting import ids_of
from pipeline.analysis.tracked import TrackedRuns
from pipeline.config.programs import say
from pipeline.config.texts import DataConfig, ShownTexts
from pipeline.data.reviews import load_reviews
from pipeline.errors import PipelineError
from pipeline.tracking import RunRecorder, Store, finished_runs
from pipeline.tracking.load import EXCERPTS

log = logging.getLogger(__name__)


def with_excerpts(tracked: TrackedRuns, comparison: Comparison, store: Store) -> TrackedRuns:
    """Return the sweep with excerpts of the texts that the page shows, and of no other."""
    wanted = ids_of(comparison.parting) if tracked.sweep.show_texts else []
    if not set(wanted) <= set(tracked.excerpts):
        return replace(tracked, excerpts=_load(wanted, comparison, store))
    return replace(tracked, excerpts={key: tracked.excerpts[key] for key in wanted})


def keep_excerpts(tracked: TrackedRuns, store: Store, parent: RunRecorder) -> None:
    """Keep the excerpts with the parent run; those of an earlier launch are overwritten."""
    known = store.fetch(store.client.get_run(parent.run_id), EXCERPTS)
    if tracked.excerpts or known is not None:
        parent.text(as_json(tracked.excerpts), EXCERPTS)


def _load(wanted: Iterable[str], comparison: Comparison, store: Store) -> dict[str, Excerpt]:
    run = comparison.runs[comparison.runs.compared].iloc[0]
    try:
        (trained,), _ = finished_runs(store, run.run_id)
        if not isinstance(trained.config.data, ShownTexts):
            return {}
        return _excerpts(trained.config.data, wanted, run.data_fingerprint, store.root / ".cache")
    except (PipelineError, OSError, ValueError) as error:
        log.warning("The report shows no texts: %s", " ".join(str(error).split()))
        return {}


def _excerpts(
    data: DataConfig, wanted: Iterable[str], fingerprint: str, cache: Path
) -> dict[str, Excerpt]:
    say("Loading the texts that the report shows")
    reviews = load_reviews(data, cache)
    if reviews.fingerprint != fingerprint:
        log.warning("The report shows no texts: the data are no longer those of the runs")
        return {}
    test, traits = reviews.test, reviews.test.traits
    rows = [int(np.flatnonzero(test.ids == name)[0]) for name in wanted]
    known = {} if traits is None else traits.get("evidence", {})  # of generated texts
    evidence = {row: str(known[row]) if row in known else "" for row in rows}
    return {str(test.ids[row]): abridge(test.texts[row], evidence[row]) for row in rows}
