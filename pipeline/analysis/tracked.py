"""Hold a sweep as it was tracked: its runs, their predictions, curves and probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from pipeline.analysis.contrasts import Contrast
from pipeline.analysis.excerpts import Excerpt
from pipeline.config.settings import settings_of
from pipeline.config.texts import DataConfig


def columns_of(names: str) -> tuple[str, ...]:
    return tuple(names.split())


MARGIN = 0.01  # the smallest difference of accuracies that matters, where nothing else is set
COSTS = columns_of(
    "parameters recurrent_parameters train_seconds epoch_seconds tokens_per_second padded_share "
    "peak_memory_mb"
)
RUN_COLUMNS = (
    columns_of("run_id architecture seed status failure fingerprint data data_fingerprint")
    + tuple(one.column for one in settings_of(DataConfig) if one.names_a_variant)
    + COSTS
    + columns_of("test_accuracy test_loss test_roc_auc val_accuracy best_epoch")
    + columns_of("unknown_share_test unspaced_share")
    + columns_of("device threads concurrent_runs git_commit git_dirty versions started")
)


@dataclass(frozen=True)
class SweepFacts:
    """Facts about a sweep as a whole.

    length_edges: the lengths at which groups begin, in words of the uncut text, rising.
    tuned: the settings whose best values are chosen on validation.
    run_url: the address to which a run id is appended, or None if the tracking UI is unknown.
    provenance: (name, value) pairs that the page shows as they are.
    contrasts: declared before the sweep, over the column `variant` of its runs; None if none were, as in
      version 0.1. known_before: how many of the compared networks had begun to train by then, in a sweep
      that did not ask the same. margin: the smallest difference that matters, as a share.
    show_texts: whether the report may show test texts. sizes: how many texts each split has, by name;
      nothing where unknown. recipes: of training, in the order of the sweep, if it has several.
    """

    parent_run_id: str | None
    started: str
    length_edges: tuple[int, ...]
    tracking_uri: str
    tuned: tuple[str, ...] = ()
    run_url: str | None = None
    provenance: tuple[tuple[str, str], ...] = ()
    contrasts: tuple[Contrast, ...] | None = None
    margin: float = MARGIN
    show_texts: bool = False
    sizes: Mapping[str, int] = field(default_factory=dict)
    known_before: int = 0
    recipes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrackedRuns:
    """A sweep, as tracked.

    runs: a row for each planned run, with `RUN_COLUMNS` (unknown ones may be absent) and, for data
      with several heads, `test_accuracy_<head>`.
    predictions: a row for each finished run and test review: run_id, review_id, label and predicted
      (of the first head), `<head>_label` and `<head>_predicted` of further heads, correct (all heads
      right), length (words of the uncut text), kept_length and, for generated texts, distance.
    history: run_id, epoch, train_loss, train_accuracy, val_loss, val_accuracy, seconds.
    probes: for each probe the joined tables of the finished runs that have one, with run_id.
    excerpts: of the test texts that the report shows, by review id.
    """

    experiment: str
    runs: pd.DataFrame
    predictions: pd.DataFrame
    history: pd.DataFrame
    sweep: SweepFacts
    probes: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)
