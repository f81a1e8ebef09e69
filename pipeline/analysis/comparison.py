"""Compare the architectures of a sweep: runs and their predictions become a Comparison, in frames.

`compare` checks that the runs of `TrackedRuns` may be compared, aligns their predictions on the same
reviews and computes intervals and tests with `pipeline.analysis.statistics`. Accuracies and differences
are shares from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline.analysis.above_simple import Yardstick, choose_yardstick
from pipeline.analysis.answers import (
    AlignedAnswers,
    align_answers,
    distance_groups,
    length_groups,
)
from pipeline.analysis.baseline import Baseline
from pipeline.analysis.classes import Classes, count_classes
from pipeline.analysis.comparable import check_data, note_baseline, note_versions
from pipeline.analysis.crowd import choose_shown, limit_to
from pipeline.analysis.fading import Fading, summarise_fading
from pipeline.analysis.groups import Group
from pipeline.analysis.ladder import climb
from pipeline.analysis.learnt import (
    find_unlearnt,
    without_reaches,
    without_shares,
    without_signals,
)
from pipeline.analysis.memory import Memory, summarise_memory
from pipeline.analysis.pairwise import PAIR_COLUMNS, Breakdown, Evaluator
from pipeline.analysis.parting import Parting, find_parting
from pipeline.analysis.quantities import change_quantities, cost_quantities, mean_costs
from pipeline.analysis.selection import Tuning, select_runs
from pipeline.analysis.slow_units import SlowUnits, summarise_slow_units
from pipeline.analysis.tracked import COSTS, RUN_COLUMNS, TrackedRuns, columns_of
from pipeline.analysis.verdicts import Contrasts, answer_contrasts
from pipeline.config.schema import BASELINE
from pipeline.errors import ReportError

SUMMARY_COLUMNS = columns_of(
    "architecture accuracy ci_low ci_high seeds_counted runs planned tier cell num_layers"
    " bidirectional units val_accuracy"
)


@dataclass(frozen=True)
class Comparison:
    """The results that the page and the tables show.

    heads: the names of the heads; of several, preceded by `both` or `all` for all heads right.
    chance: for each head, the share of the commonest answer, which needs no model.
    runs: the planned runs from `select_runs`; `compared` marks those that the statistics use.
    tuning: the values tried for each architecture; None if nothing was tuned.
    summary: `SUMMARY_COLUMNS`, the most accurate first; no architecture is shown to be better than
      those in tier 1; and an accuracy with its interval for each further head.
    margin: the smallest difference of accuracies that matters; a tie is within it.
    pairwise: `PAIR_COLUMNS`; the verdict is that of a against b.
    cost: architecture and the means of `COSTS` over its runs; `alone` if no other work ran.
    notes: what a reader must know before using a number.
    baseline: the order-free baseline, which is not among the runs and architectures above.
    memory: the results of the probes for these architectures and the baseline.
    fading: how signals fade inside the architectures.
    slow_units: what the slowest units carry.
    unlearnt: the architectures that are not shown to have learnt anything: of these neither half-lives
      nor what fades is told.
    contrasts: what the sweep asks and the answers, None without results.
    parting: the texts that the sides of its first contrast part on.
    classes: which classes of the heads are told apart, None where two are about equally frequent.
    shown: the architectures that the page shows.
    ladder: what each recipe of training adds on validation, as `climb` returns it.
    """

    experiment: str
    heads: tuple[str, ...]
    reviews: int
    chance: tuple[float, ...]
    margin: float
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
    slow_units: SlowUnits | None = None
    unlearnt: tuple[str, ...] = ()
    contrasts: Contrasts | None = None
    parting: Parting | None = None
    classes: Classes | None = None
    shown: tuple[str, ...] = ()
    ladder: pd.DataFrame | None = None

    def limited_to_shown(self) -> Comparison:
        """Return the results of the architectures that the page shows, and of the baseline."""
        if len(self.shown) == len(self.summary):
            return self
        return limit_to(self, {*self.shown, *([self.baseline.name] if self.baseline else [])})


# The matrices are small: on a busy machine BLAS would wait for its threads longer than they compute.
@threadpool_limits.wrap(limits=1, user_api="blas")
def compare(
    tracked: TrackedRuns,
    rng: np.random.Generator,
    *,
    replicates: int = 1000,
    allow_different_data: bool = False,
) -> Comparison:
    """Compare the architectures of a sweep on the reviews that all of its finished runs predicted.

    Args:
      tracked: the sweep.
      rng: resamples the reviews; the same state gives the same intervals.
      replicates: the number of resamples.
      allow_different_data: compare runs trained on different data, on the reviews they share, and add
        a note.

    Raises:
      ReportError: there are no runs, or the finished ones cannot be compared.
    """
    if tracked.runs.empty:
        raise ReportError(
            f"{tracked.experiment}: no runs are tracked, so there is nothing to report"
        )
    tracked, tracked_baseline = _separate_baseline(tracked)
    if tracked.runs.empty:
        raise ReportError(f"{tracked.experiment}: only the order-free baseline is tracked")
    known = tracked.runs.reindex(columns=list(dict.fromkeys([*RUN_COLUMNS, *tracked.runs.columns])))
    runs, tuning, notes = select_runs(known, tracked.predictions, tracked.sweep.tuned)
    notes += check_data(runs[runs.compared], allow_different_data)
    chosen = runs[runs.compared]
    notes += note_versions(chosen)
    if chosen.empty:
        return _without_results(tracked, runs, tuning, notes)
    answers = align_answers(tracked.predictions, chosen, shared_only=allow_different_data)
    margin = tracked.sweep.margin
    main = answers.heads[0]
    evaluator = Evaluator(chosen, answers, rng, replicates, margin)
    lengths = length_groups(answers.traits.length, tracked.sweep.length_edges)
    pairwise = evaluator.pairwise(evaluator.overall[main], main)
    baseline = _compare_baseline(evaluator, answers, tracked_baseline, lengths)
    shown = choose_shown(chosen)
    memory = summarise_memory(
        tracked.probes,
        _probed_runs(chosen, baseline),
        rng.spawn(1)[0],
        unpaired=set(chosen.architecture) - set(shown),
    )
    fading = summarise_fading(tracked.probes, chosen, rng.spawn(1)[0])
    slow_units = summarise_slow_units(tracked.probes, chosen, rng.spawn(1)[0])
    summary = evaluator.summary(runs[runs.chosen], pairwise)
    unlearnt = find_unlearnt(summary, answers.chance[0], memory)
    yardstick = choose_yardstick(chosen, tracked.sweep.tuned)
    by_length = evaluator.break_down(answers.traits.length, lengths, (main,), yardstick)
    by_distance = _by_distance(evaluator, answers, yardstick)
    quantities = [
        *evaluator.accuracies(lengths, margin),
        *change_quantities(by_length, by_distance, memory, margin),
        *([memory.half_lives] if memory and memory.half_lives else []),
        *cost_quantities(chosen),
    ]
    contrasts = answer_contrasts(chosen, quantities, tracked.sweep)
    return Comparison(
        experiment=tracked.experiment,
        heads=answers.heads,
        reviews=len(answers.traits),
        chance=answers.chance,
        margin=margin,
        runs=runs,
        tuning=tuning,
        summary=summary,
        by_length=by_length,
        by_distance=by_distance,
        pairwise=pairwise,
        cost=mean_costs(chosen),
        notes=(
            *notes,
            *note_baseline(tracked_baseline, baseline),
            *(memory.notes if memory else ()),
            *(fading.notes if fading else ()),
            *(slow_units.notes if slow_units else ()),
        ),
        baseline=baseline,
        memory=memory and without_reaches(memory, unlearnt),
        fading=fading and without_signals(fading, unlearnt),
        slow_units=slow_units and without_shares(slow_units, unlearnt),
        unlearnt=unlearnt,
        contrasts=contrasts,
        parting=_parting(contrasts, answers, tracked.predictions, chosen),
        classes=count_classes(tracked.predictions, chosen, answers.heads),
        shown=shown,
        ladder=climb(runs, tracked.sweep.recipes),
    )


def _parting(
    contrasts: Contrasts, answers: AlignedAnswers, predictions: pd.DataFrame, chosen: pd.DataFrame
) -> Parting | None:
    """Return the texts that part the sides of the first contrast that these runs answer."""
    key = chosen.variant if contrasts.declared else chosen.architecture
    members = chosen.reset_index(drop=True).groupby(key.to_numpy(), sort=False).indices
    rows = {str(name): np.asarray(places) for name, places in members.items()}
    asked = next((one for one in contrasts.asked if one.terms(rows)), None)
    return asked and find_parting(asked, rows, answers, predictions, chosen)


def _separate_baseline(tracked: TrackedRuns) -> tuple[TrackedRuns, TrackedRuns]:
    """Split tracked runs into the networks and the order-free baseline.

    The networks keep all predictions: without the few of the baseline they would be a second copy.
    """
    is_baseline = tracked.runs.architecture == BASELINE
    baseline, own = tracked.runs[is_baseline], tracked.predictions
    if not own.empty:
        own = own[own.run_id.isin(baseline.run_id)]
    return (
        replace(tracked, runs=tracked.runs[~is_baseline]),
        replace(tracked, runs=baseline, predictions=own),
    )


def _compare_baseline(
    evaluator: Evaluator, answers: AlignedAnswers, tracked: TrackedRuns, lengths: list[Group]
) -> Baseline | None:
    """Compare the baseline on the same reviews; None if it was not tested on exactly these."""
    finished = tracked.runs[tracked.runs.run_id.isin(tracked.predictions.get("run_id", []))]
    if finished.empty:
        return None
    runs = finished.reindex(columns=list(dict.fromkeys([*RUN_COLUMNS, *finished.columns])))
    own = align_answers(tracked.predictions, runs, shared_only=False)
    if not own.traits.index.equals(answers.traits.index) or own.heads != answers.heads:
        return None
    everything = np.ones(len(answers.traits), dtype=bool)
    groups = [Group("all", 0, None, everything), *lengths, *distance_groups(answers)]
    correct = {head: rows[0] for head, rows in own.correct.items()}
    return evaluator.compare_to_baseline(correct, runs, groups)


def _probed_runs(chosen: pd.DataFrame, baseline: Baseline | None) -> pd.DataFrame:
    runs = chosen[["run_id", "architecture"]]
    return runs if baseline is None else pd.concat([runs, baseline.run[["run_id", "architecture"]]])


def _by_distance(
    evaluator: Evaluator, answers: AlignedAnswers, yardstick: Yardstick
) -> Breakdown | None:
    groups = distance_groups(answers)
    if not groups:
        return None
    return evaluator.break_down(answers.traits.distance, groups, answers.heads, yardstick)


def _without_results(
    tracked: TrackedRuns,
    runs: pd.DataFrame,
    tuning: Tuning | None,
    notes: list[str],
) -> Comparison:
    """Return a Comparison without results, so that the page can show what became of each run."""
    return Comparison(
        experiment=tracked.experiment,
        heads=(),
        reviews=0,
        chance=(),
        margin=tracked.sweep.margin,
        runs=runs,
        tuning=tuning,
        summary=pd.DataFrame(columns=SUMMARY_COLUMNS),
        by_length=None,
        by_distance=None,
        pairwise=pd.DataFrame(columns=PAIR_COLUMNS),
        cost=pd.DataFrame(columns=["architecture", *COSTS, "alone"]),
        notes=tuple(notes),
    )
