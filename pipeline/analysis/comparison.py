"""Runs and their predictions -> Comparison: what may be said of the architectures, in frames.

`TrackedRuns` is what tracking hands over; `compare` checks that its runs may be compared at all,
lays their predictions side by side on the same reviews and asks `pipeline.analysis.statistics`. Nothing
here knows of MLflow, of figures or of the page. Accuracies and differences are shares from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline.analysis.answers import (
    AlignedAnswers,
    Group,
    align_answers,
    distance_groups,
    name_run,
    rising_groups,
)
from pipeline.analysis.baseline import Baseline
from pipeline.analysis.fading import Fading, summarise_fading
from pipeline.analysis.memory import Memory, summarise_memory
from pipeline.analysis.pairwise import PAIR_COLUMNS, Breakdown, Judge
from pipeline.analysis.selection import Tuning, select_runs
from pipeline.config.schema import BASELINE, DataConfig
from pipeline.config.settings import settings_of
from pipeline.errors import ReportError


def _columns(names: str) -> tuple[str, ...]:
    return tuple(names.split())


COSTS = _columns(
    "parameters recurrent_parameters train_seconds epoch_seconds tokens_per_second peak_memory_mb"
)
# Settings of the texts themselves stand behind these, where a run has them.
RUN_COLUMNS = (
    _columns("run_id architecture seed status failure fingerprint data data_fingerprint")
    + tuple(one.column for one in settings_of(DataConfig) if one.names_a_variant)
    + COSTS
    + _columns("test_accuracy test_loss test_roc_auc val_accuracy best_epoch")
    + _columns("device threads concurrent_runs git_commit git_dirty versions started")
)
SUMMARY_COLUMNS = _columns(
    "architecture accuracy ci_low ci_high seeds_counted runs planned tier cell num_layers"
    " bidirectional units val_accuracy"
)


@dataclass(frozen=True)
class SweepFacts:
    """What is known of a sweep beside its runs.

    length_edges: where accuracy by length is cut, in words of the uncut text, rising.
    tuned: the settings that it varied to choose their best value on validation.
    run_url: an address that a run id is appended to, or None where the tracking UI is not known.
    provenance: (what, value) pairs that the page shows as they are.
    """

    parent_run_id: str | None
    started: str
    length_edges: tuple[int, ...]
    tracking_uri: str
    tuned: tuple[str, ...] = ()
    run_url: str | None = None
    provenance: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class TrackedRuns:
    """A sweep as tracking has it.

    runs: a row for each planned run, with `RUN_COLUMNS` (those not known may be absent) and, for
      data with several heads, `test_accuracy_<head>`.
    predictions: a row for each finished run and test review: run_id, review_id, label, predicted,
      `<head>_label` and `<head>_predicted` of further heads, correct (all right),
      length (words of the uncut text), kept_length, and for the generated corpus distance.
    history: run_id, epoch, train_loss, train_accuracy, val_loss, val_accuracy, seconds.
    probes: for each probe its tables of the finished runs that have one, with run_id.
    """

    experiment: str
    runs: pd.DataFrame
    predictions: pd.DataFrame
    history: pd.DataFrame
    sweep: SweepFacts
    probes: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """What the page shows and the tables hold.

    runs: the planned runs as `select_runs` gives them: `compared` says which of them the statistics
      rest on.
    tuning: what was tried for each architecture before, None where nothing was tuned.
    summary: `SUMMARY_COLUMNS`, the most accurate first; tier 1 is what nothing is better than; an
      accuracy with its interval for each further head.
    pairwise: `PAIR_COLUMNS`; the verdict is that of a against b.
    cost: architecture and the means of `COSTS` over its runs; `alone` where nothing else ran.
    chance: for each head the share of the commonest answer, which needs no model.
    baseline: the order-free baseline beside them, which is none of the runs and architectures above.
    memory: what the probes say of those architectures and the baseline.
    fading: how signals fade inside the architectures.
    notes: what a reader must know before believing a number.
    """

    experiment: str
    heads: tuple[str, ...]
    reviews: int
    chance: tuple[float, ...]
    tie_margin: float
    runs: pd.DataFrame
    tuning: Tuning | None
    summary: pd.DataFrame
    by_length: Breakdown | None
    by_distance: Breakdown | None
    pairwise: pd.DataFrame
    cost: pd.DataFrame
    notes: tuple[str, ...]
    baseline: Baseline | None = None
    memory: Memory | None = None
    fading: Fading | None = None


# These matrices are small, and on a busy machine BLAS waits longer for its threads than they compute.
@threadpool_limits.wrap(limits=1, user_api="blas")
def compare(
    tracked: TrackedRuns,
    rng: np.random.Generator,
    *,
    replicates: int = 1000,
    tie_margin: float = 0.02,
    allow_different_data: bool = False,
) -> Comparison:
    """Compares the architectures of a sweep on the reviews that all of its finished runs predicted.

    Args:
      tracked: the sweep.
      rng: the reviews are resampled with it; the same state gives the same intervals.
      replicates: how often.
      tie_margin: two architectures are tied where the difference is known to be smaller than this.
      allow_different_data: compare runs that were trained on different data all the same, on the
        reviews they share, with a note.

    Raises:
      ReportError: there are no runs, or the finished ones cannot be compared.
    """
    if tracked.runs.empty:
        raise ReportError(
            f"{tracked.experiment}: no runs are tracked, so there is nothing to report"
        )
    tracked, baseline = _set_baseline_apart(tracked)
    if tracked.runs.empty:
        raise ReportError(f"{tracked.experiment}: nothing but the order-free baseline is tracked")
    known = tracked.runs.reindex(columns=list(dict.fromkeys([*RUN_COLUMNS, *tracked.runs.columns])))
    runs, tuning, notes = select_runs(known, tracked.predictions, tracked.sweep.tuned)
    notes += _check_data(runs[runs.compared], allow_different_data)
    chosen = runs[runs.compared]
    notes += _note_versions(chosen)
    if chosen.empty:
        return _without_results(tracked.experiment, runs, tuning, tie_margin, notes)
    answers = align_answers(tracked.predictions, chosen, shared_only=allow_different_data)
    main = answers.heads[0]
    judge = Judge(chosen, answers, rng, replicates, tie_margin)
    lengths = rising_groups(answers.traits.length, tracked.sweep.length_edges)
    pairwise = judge.pairwise(judge.overall[main], main)
    beside = _stand_beside(judge, answers, baseline, lengths)
    memory = summarise_memory(tracked.probes, _to_remember(chosen, beside), rng.spawn(1)[0])
    fading = summarise_fading(tracked.probes, chosen, rng.spawn(1)[0])
    return Comparison(
        experiment=tracked.experiment,
        heads=answers.heads,
        reviews=len(answers.traits),
        chance=answers.chance,
        tie_margin=tie_margin,
        runs=runs,
        tuning=tuning,
        summary=judge.summary(runs[runs.chosen], pairwise),
        by_length=judge.break_down(answers.traits.length, lengths, (main,)),
        by_distance=_by_distance(judge, answers),
        pairwise=pairwise,
        cost=_cost(chosen),
        notes=(
            *notes,
            *_notes_on_baseline(baseline, beside),
            *(memory.notes if memory else ()),
            *(fading.notes if fading else ()),
        ),
        baseline=beside,
        memory=memory,
        fading=fading,
    )


def _set_baseline_apart(tracked: TrackedRuns) -> tuple[TrackedRuns, TrackedRuns]:
    """The networks, and the order-free baseline."""

    def part(runs: pd.DataFrame) -> TrackedRuns:
        if tracked.predictions.empty:
            return replace(tracked, runs=runs)
        kept = tracked.predictions.run_id.isin(runs.run_id)
        return replace(tracked, runs=runs, predictions=tracked.predictions[kept])

    is_baseline = tracked.runs.architecture == BASELINE
    return part(tracked.runs[~is_baseline]), part(tracked.runs[is_baseline])


def _stand_beside(
    judge: Judge, answers: AlignedAnswers, baseline: TrackedRuns, lengths: list[Group]
) -> Baseline | None:
    """The baseline on the reviews that are compared; None where it has no answers to all of them."""
    finished = baseline.runs[baseline.runs.run_id.isin(baseline.predictions.get("run_id", []))]
    if finished.empty:
        return None
    runs = finished.reindex(columns=list(dict.fromkeys([*RUN_COLUMNS, *finished.columns])))
    its = align_answers(baseline.predictions, runs, shared_only=False)
    if not its.traits.index.equals(answers.traits.index) or its.heads != answers.heads:
        return None
    everything = np.ones(len(answers.traits), dtype=bool)
    groups = [Group("all", 0, None, everything), *lengths, *distance_groups(answers)]
    return judge.against({name: rows[0] for name, rows in its.correct.items()}, runs, groups)


def _to_remember(chosen: pd.DataFrame, baseline: Baseline | None) -> pd.DataFrame:
    runs = chosen[["run_id", "architecture"]]
    return runs if baseline is None else pd.concat([runs, baseline.run[["run_id", "architecture"]]])


def _notes_on_baseline(baseline: TrackedRuns, beside: Baseline | None) -> list[str]:
    if beside is not None:
        return []
    why = "did not finish" if len(baseline.runs) else "is not tracked"
    why = "was tested on other reviews" if len(baseline.predictions) else why
    return [
        f"The order-free baseline {why}, so no figure says what can be answered without any memory. "
        "The program experiments.probe trains it."
    ]


def _check_data(chosen: pd.DataFrame, allow_different: bool) -> list[str]:
    groups = chosen.groupby(chosen.data_fingerprint.astype("string").fillna("unknown"))
    if groups.ngroups < 2:
        return []
    which = "; ".join(
        f"data {str(key)[:12]}: {', '.join(name_run(run) for run in group.itertuples())}"
        for key, group in groups
    )
    if not allow_different:
        raise ReportError(f"runs trained on different data are not compared: {which}")
    return [f"Compared because it was asked for, though trained on different data: {which}."]


def _note_versions(chosen: pd.DataFrame) -> list[str]:
    """Return a note where tensorflow or keras differ between the runs; what else is recorded may."""
    versions = chosen.versions.astype("string").fillna("")
    found = versions.str.findall(r"(?:tensorflow|keras) [^, ]+").map(", ".join)
    groups = chosen.groupby(found.replace("", "unknown versions"))
    if groups.ngroups < 2:
        return []
    which = "; ".join(
        f"{key}: {', '.join(name_run(run) for run in group.itertuples())}" for key, group in groups
    )
    return [f"The runs were trained with different versions, which may change numbers: {which}."]


def _by_distance(judge: Judge, answers: AlignedAnswers) -> Breakdown | None:
    groups = distance_groups(answers)
    return judge.break_down(answers.traits.distance, groups, answers.heads) if groups else None


def _cost(chosen: pd.DataFrame) -> pd.DataFrame:
    numbers = chosen[[*COSTS, "concurrent_runs"]].apply(pd.to_numeric, errors="coerce")
    groups = numbers.groupby(chosen.architecture, sort=False)
    table = groups[list(COSTS)].mean().reset_index()
    table["alone"] = (groups.concurrent_runs.max().fillna(np.inf) <= 1).to_numpy()
    return table


def _without_results(
    experiment: str,
    runs: pd.DataFrame,
    tuning: Tuning | None,
    tie_margin: float,
    notes: list[str],
) -> Comparison:
    """A sweep of which no run can be compared is still shown, with what became of each run."""
    return Comparison(
        experiment=experiment,
        heads=(),
        reviews=0,
        chance=(),
        tie_margin=tie_margin,
        runs=runs,
        tuning=tuning,
        summary=pd.DataFrame(columns=SUMMARY_COLUMNS),
        by_length=None,
        by_distance=None,
        pairwise=pd.DataFrame(columns=PAIR_COLUMNS),
        cost=pd.DataFrame(columns=["architecture", *COSTS, "alone"]),
        notes=tuple(notes),
    )
