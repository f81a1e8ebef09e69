"""Runs and their predictions -> Comparison: what may be said of the architectures, in frames.

`TrackedRuns` is what tracking hands over; `compare` checks that its runs may be compared at all,
lays their predictions side by side on the same reviews and asks `pipeline.statistics`. Nothing here
knows of MLflow, of figures or of the page. Accuracies and differences are shares from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pipeline import statistics
from pipeline.config import CONTROL
from pipeline.control import Control, Group, stand_beside
from pipeline.curves import even_ranges
from pipeline.fading import Fading, fade
from pipeline.memory import Memory, remember
from pipeline.selection import SETTINGS, Tuning, describe_run, select_runs
from pipeline.trends import Trends, find_trends, with_holm


def _columns(names: str) -> tuple[str, ...]:
    return tuple(names.split())


COSTS = _columns(
    "parameters recurrent_parameters train_seconds epoch_seconds tokens_per_second peak_memory_mb"
)
RUN_COLUMNS = (
    _columns("run_id architecture seed status failure fingerprint data data_fingerprint cell")
    + SETTINGS
    + COSTS
    + _columns("test_accuracy test_loss test_roc_auc val_accuracy best_epoch")
    + _columns("device threads concurrent_runs git_commit git_dirty versions started")
)
SUMMARY_COLUMNS = _columns(
    "architecture accuracy ci_low ci_high seeds_counted runs planned tier cell num_layers"
    " bidirectional units val_accuracy"
)
PAIR_COLUMNS = _columns(
    "architecture_a architecture_b difference ci_low ci_high p_value p_holm verdict detectable"
    " effect_size probability_a_wins mcnemar_p runs_a runs_b"
)
SIGNIFICANCE = 0.05


class ReportError(ValueError):
    """These runs cannot be compared or shown; the message says in a line what is missing."""


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
      data with several questions, `test_accuracy_<question>`.
    predictions: a row for each finished run and test review: run_id, review_id, label, predicted,
      `<question>_label` and `<question>_predicted` of further questions, correct (all right),
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
class Breakdown:
    """Accuracy within groups of reviews that rise along something: length, or distance.

    accuracy: question, architecture, low, high (NA: no end), reviews, accuracy, ci_low, ci_high,
      seeds_counted.
    by_run: question, run_id, architecture, seed, low, high, accuracy.
    pairwise: the columns of `Comparison.pairwise` after low and high; all questions right.
    trends: how the first question's accuracy goes with what the groups rise along.
    """

    accuracy: pd.DataFrame
    by_run: pd.DataFrame
    pairwise: pd.DataFrame
    trends: Trends


@dataclass(frozen=True)
class Comparison:
    """What the page shows and the tables hold.

    runs: the planned runs as `select_runs` gives them: `compared` says which of them the statistics
      rest on.
    tuning: what was tried for each architecture before, None where nothing was tuned.
    summary: `SUMMARY_COLUMNS`, the most accurate first; tier 1 is what nothing is better than; an
      accuracy with its interval for each further question.
    pairwise: `PAIR_COLUMNS`; the verdict is that of a against b.
    cost: architecture and the means of `COSTS` over its runs; `alone` where nothing else ran.
    chance: for each question the share of the commonest answer, which needs no model.
    control: the order-free control beside them, which is none of the runs and architectures above.
    memory: what the probes say of those architectures and the control.
    fading: how signals fade inside the architectures.
    notes: what a reader must know before believing a number.
    """

    experiment: str
    questions: tuple[str, ...]
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
    control: Control | None = None
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
    tracked, control = _set_control_apart(tracked)
    if tracked.runs.empty:
        raise ReportError(f"{tracked.experiment}: nothing but the order-free control is tracked")
    known = tracked.runs.reindex(columns=list(dict.fromkeys([*RUN_COLUMNS, *tracked.runs.columns])))
    runs, tuning, notes = select_runs(known, tracked.predictions, tracked.sweep.tuned)
    notes += _check_data(runs[runs.compared], allow_different_data)
    chosen = runs[runs.compared]
    if chosen.empty:
        return _without_results(tracked.experiment, runs, tuning, tie_margin, notes)
    answers = _lay_out(tracked.predictions, chosen, shared_only=allow_different_data)
    main = answers.questions[0]
    judge = _Judge(chosen, answers, rng, replicates, tie_margin)
    lengths = _rising_groups(answers.traits.length, tracked.sweep.length_edges)
    pairwise = judge.pairwise(judge.overall[main], main)
    beside = _stand_beside(judge, answers, control, lengths)
    memory = remember(tracked.probes, _to_remember(chosen, beside), rng.spawn(1)[0])
    fading = fade(tracked.probes, chosen, rng.spawn(1)[0])
    return Comparison(
        experiment=tracked.experiment,
        questions=answers.questions,
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
            *_notes_on_control(control, beside),
            *(memory.notes if memory else ()),
            *(fading.notes if fading else ()),
        ),
        control=beside,
        memory=memory,
        fading=fading,
    )


def _set_control_apart(tracked: TrackedRuns) -> tuple[TrackedRuns, TrackedRuns]:
    """The networks, and the order-free control."""

    def part(runs: pd.DataFrame) -> TrackedRuns:
        if tracked.predictions.empty:
            return replace(tracked, runs=runs)
        kept = tracked.predictions.run_id.isin(runs.run_id)
        return replace(tracked, runs=runs, predictions=tracked.predictions[kept])

    is_control = tracked.runs.architecture == CONTROL
    return part(tracked.runs[~is_control]), part(tracked.runs[is_control])


def _stand_beside(
    judge: _Judge, answers: _Answers, control: TrackedRuns, lengths: list[_Group]
) -> Control | None:
    """The control on the reviews that are compared; None where it has no answers to all of them."""
    finished = control.runs[control.runs.run_id.isin(control.predictions.get("run_id", []))]
    if finished.empty:
        return None
    runs = finished.reindex(columns=list(dict.fromkeys([*RUN_COLUMNS, *finished.columns])))
    its = _lay_out(control.predictions, runs, shared_only=False)
    if not its.traits.index.equals(answers.traits.index) or its.questions != answers.questions:
        return None
    everything = np.ones(len(answers.traits), dtype=bool)
    groups = [Group("all", 0, None, everything)]
    groups += [Group("length", group.low, group.high, group.members) for group in lengths]
    groups += [Group("distance", g.low, g.high, g.members) for g in _distance_groups(answers)]
    return judge.against({name: rows[0] for name, rows in its.correct.items()}, runs, groups)


def _to_remember(chosen: pd.DataFrame, control: Control | None) -> pd.DataFrame:
    runs = chosen[["run_id", "architecture"]]
    return runs if control is None else pd.concat([runs, control.run[["run_id", "architecture"]]])


def _notes_on_control(control: TrackedRuns, beside: Control | None) -> list[str]:
    if beside is not None:
        return []
    why = "did not finish" if len(control.runs) else "is not tracked"
    why = "was tested on other reviews" if len(control.predictions) else why
    return [
        f"The order-free control {why}, so no figure says what can be answered without any memory. "
        "The program experiments.probe trains it."
    ]


def _name(run) -> str:
    """A row of runs, for a person who must find it."""
    return f"{describe_run(run)} ({run.run_id})"


def _check_data(chosen: pd.DataFrame, allow_different: bool) -> list[str]:
    groups = chosen.groupby(chosen.data_fingerprint.astype("string").fillna("unknown"))
    if groups.ngroups < 2:
        return []
    which = "; ".join(
        f"data {str(key)[:12]}: {', '.join(_name(run) for run in group.itertuples())}"
        for key, group in groups
    )
    if not allow_different:
        raise ReportError(f"runs trained on different data are not compared: {which}")
    return [f"Compared because it was asked for, though trained on different data: {which}."]


@dataclass(frozen=True)
class _Answers:
    """Who had what right: `correct` is <bool>[runs, reviews] by question, the first over all."""

    correct: dict[str, NDArray[np.bool_]]
    traits: pd.DataFrame
    chance: tuple[float, ...]

    @property
    def questions(self) -> tuple[str, ...]:
        return tuple(self.correct)


def _lay_out(predictions: pd.DataFrame, chosen: pd.DataFrame, *, shared_only: bool) -> _Answers:
    """Predictions as a row for each run and a column for each review, the same for all."""
    tables = dict(iter(predictions.groupby("run_id", sort=False)))
    by_run = [tables[run].set_index("review_id").sort_index() for run in chosen.run_id]
    index = by_run[0].index
    for run, table in zip(chosen.itertuples(), by_run, strict=True):
        if table.index.has_duplicates:
            raise ReportError(f"{_name(run)} predicts a review twice")
        if shared_only:
            index = index.intersection(table.index)
        elif not index.equals(table.index):
            pair = f"{_name(chosen.iloc[0])} and {_name(run)}"
            raise ReportError(f"{pair} were tested on different reviews")
    if index.empty:
        raise ReportError("the finished runs share no test review")
    by_run = [table.loc[index] for table in by_run]
    heads = [c.removesuffix("_label") for c in by_run[0].columns if c.endswith("_label")]
    labels = by_run[0][["label", *(f"{head}_label" for head in heads)]]
    commonest = [labels.value_counts().iloc[0]]
    commonest += [labels[c].value_counts().iloc[0] for c in labels if heads]
    correct = {("label", "both", "all")[min(len(heads), 2)]: _stack(by_run, "correct")}
    if heads:
        prefix = "test_accuracy_"
        scored = [c.removeprefix(prefix) for c in chosen.columns if c.startswith(prefix)]
        first = next((name for name in scored if name not in heads), "label")
        correct[first] = _stack(by_run, "label") == _stack(by_run, "predicted")
        for head in heads:
            correct[head] = _stack(by_run, f"{head}_label") == _stack(by_run, f"{head}_predicted")
    traits = by_run[0][[c for c in ("length", "distance") if c in by_run[0]]]
    return _Answers(correct, traits, tuple(float(n / len(labels)) for n in commonest))


def _stack(tables: list[pd.DataFrame], column: str) -> NDArray:
    return np.stack([table[column].to_numpy() for table in tables])


@dataclass(frozen=True)
class _Group:
    """Reviews from `low` up to and with `high`, an open end being NA."""

    low: int
    high: int | None
    members: NDArray[np.bool_]


def _rising_groups(values: pd.Series, edges: Iterable[int], end: int | None = None) -> list[_Group]:
    """Groups that begin at 0 and at each edge; the last is open, or goes up to `end`."""
    starts = [0, *edges]
    ends = [*(edge - 1 for edge in starts[1:]), end]
    groups = [
        _Group(low, high, ((values >= low) & (high is None or values <= high)).to_numpy())
        for low, high in zip(starts, ends, strict=True)
    ]
    return [group for group in groups if group.members.any()]


def _by_distance(judge: _Judge, answers: _Answers) -> Breakdown | None:
    groups = _distance_groups(answers)
    return judge.break_down(answers.traits.distance, groups, answers.questions) if groups else None


def _distance_groups(answers: _Answers) -> list[_Group]:
    """In about eight groups with round edges; none where distances are not known."""
    if "distance" not in answers.traits or answers.traits.distance.isna().any():
        return []
    distances = answers.traits.distance
    furthest = int(distances.max())
    edges = [low for low, _ in even_ranges(furthest)[1:]]
    return _rising_groups(distances, edges, furthest)


class _Judge:
    """Asks the statistics, for every architecture or pair, about one layout of answers."""

    def __init__(
        self,
        chosen: pd.DataFrame,
        answers: _Answers,
        rng: np.random.Generator,
        replicates: int,
        tie_margin: float,
    ) -> None:
        self._chosen, self._answers = chosen, answers
        self._rng, self._replicates, self._tie_margin = rng, replicates, tie_margin
        rows = chosen.reset_index(drop=True).groupby("architecture", sort=False).indices
        self._members = {str(name): np.asarray(index) for name, index in rows.items()}
        self._pairs = list(combinations(self._members, 2))
        everything = np.ones((1, len(answers.traits)), dtype=bool)
        self.overall = {
            question: self._resample(question, everything)[0] for question in answers.questions
        }

    def _resample(self, question: str, groups: NDArray[np.bool_]) -> list[statistics.RunEstimates]:
        return statistics.resample_reviews(
            self._answers.correct[question], groups, self._rng, self._replicates
        )

    def against(
        self, correct: dict[str, NDArray[np.bool_]], run: pd.DataFrame, groups: list[Group]
    ) -> Control:
        """The order-free control, of whose answers `correct` are right, beside every architecture."""
        networks = self._answers.correct
        return stand_beside(run, correct, networks, self._members, groups, self._rng.spawn(1)[0])

    def summary(self, runs: pd.DataFrame, pairwise: pd.DataFrame) -> pd.DataFrame:
        planned = runs.groupby("architecture").size()
        main, *further = self._answers.questions
        accuracy = self._accuracies(self.overall[main], len(self._answers.traits))
        facts = self._chosen.groupby("architecture", sort=False).agg(
            {
                "cell": "first",
                "num_layers": "first",
                "bidirectional": "first",
                "units": "first",
                "val_accuracy": "mean",
            }
        )
        table = accuracy.drop(columns="reviews").merge(facts, on="architecture")
        table["runs"] = [len(self._members[name]) for name in table.architecture]
        table["planned"] = planned[table.architecture].to_numpy()
        table["tier"] = self._tiers(pairwise)
        for question in further:
            part = self._accuracies(self.overall[question], len(self._answers.traits))
            for column in ("accuracy", "ci_low", "ci_high"):
                table[f"{column}_{question}"] = part[column]
        return table.sort_values("accuracy", ascending=False, ignore_index=True)

    def _tiers(self, pairwise: pd.DataFrame) -> list[int | None]:
        """1 where nothing is better, 2 where only those of tier 1 are, and so on."""
        a, b = pairwise.architecture_a, pairwise.architecture_b
        won, lost = pairwise.verdict == "better", pairwise.verdict == "worse"
        tiers: dict[str, int] = {}
        while len(tiers) < len(self._members):
            rest = [name for name in self._members if name not in tiers]
            beaten = {*b[won & a.isin(rest)], *a[lost & b.isin(rest)]}
            level = max(tiers.values(), default=0) + 1
            tiers |= dict.fromkeys([name for name in rest if name not in beaten] or rest, level)
        return [tiers[name] if len(rows) > 1 else None for name, rows in self._members.items()]

    def _accuracies(self, estimates: statistics.RunEstimates, reviews: int) -> pd.DataFrame:
        found = {
            n: statistics.accuracy_interval(estimates, rows, reviews)
            for n, rows in self._members.items()
        }
        return pd.DataFrame(
            [
                {
                    "architecture": name,
                    "reviews": reviews,
                    "accuracy": interval.value,
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                    "seeds_counted": interval.seeds_counted,
                }
                for name, interval in found.items()
            ]
        )

    def pairwise(
        self,
        estimates: statistics.RunEstimates,
        question: str,
        members: NDArray[np.bool_] | None = None,
    ) -> pd.DataFrame:
        """Every two architectures on some reviews; the p values corrected over these pairs."""
        correct = self._answers.correct[question]
        correct = correct if members is None else correct[:, members]
        rows = [self._pair(a, b, estimates, correct) for a, b in self._pairs]
        table = with_holm(pd.DataFrame(rows, columns=list(PAIR_COLUMNS)))
        table["verdict"] = [self._verdict(pair) for pair in table.itertuples()]
        return table

    def _pair(
        self, a: str, b: str, estimates: statistics.RunEstimates, correct: NDArray[np.bool_]
    ) -> dict[str, object]:
        first, second = self._members[a], self._members[b]
        gap = statistics.contrast(estimates, [(1.0, first), (-1.0, second)], len(self._pairs))
        means = estimates.values[first], estimates.values[second]
        return {
            "architecture_a": a,
            "architecture_b": b,
            "difference": gap.value,
            "ci_low": gap.low,
            "ci_high": gap.high,
            "p_value": gap.p_value if gap.seeds_counted else np.nan,
            "detectable": gap.detectable,
            "effect_size": statistics.effect_size(float(means[0].mean()), float(means[1].mean())),
            "probability_a_wins": statistics.probability_of_winning(*means),
            "mcnemar_p": statistics.mcnemar_over_seeds(correct, first, second),
            "runs_a": len(first),
            "runs_b": len(second),
        }

    def _verdict(self, pair) -> str:
        """A difference is shown, or that there is none to speak of; else more runs are needed."""
        if np.isfinite(pair.p_holm) and pair.p_holm < SIGNIFICANCE:
            return "better" if pair.difference > 0 else "worse"
        shown_small = max(-pair.ci_low, pair.ci_high) < self._tie_margin
        return "tied" if np.isfinite(pair.p_holm) and shown_small else "not enough runs"

    def break_down(
        self, values: pd.Series, groups: list[_Group], questions: tuple[str, ...]
    ) -> Breakdown:
        """Accuracy, verdicts and trends along `values`; trends for the first question alone."""
        accuracy, by_run, pairwise = [], [], []
        for question in questions:
            estimates = self._resample(question, np.stack([group.members for group in groups]))
            for group, estimate in zip(groups, estimates, strict=True):
                place = {"question": question, "low": group.low, "high": group.high}
                accuracy.append(
                    self._accuracies(estimate, int(group.members.sum())).assign(**place)
                )
                by_run.append(
                    self._chosen[["run_id", "architecture", "seed"]].assign(
                        accuracy=estimate.values, **place
                    )
                )
                if question == questions[0]:
                    pairs = self.pairwise(estimate, question, group.members)
                    pairwise.append(pairs.assign(low=group.low, high=group.high))
        return Breakdown(
            accuracy=_ranged(accuracy),
            by_run=_ranged(by_run),
            pairwise=_ranged(pairwise),
            trends=find_trends(
                self._answers.correct[questions[0]], values.to_numpy(), self._members
            ),
        )


def _ranged(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Parts joined, the place first; an open end is NA in a column of whole numbers."""
    table = pd.concat(parts, ignore_index=True)
    table = table.astype({"low": "Int64", "high": "Int64"})
    ahead = [column for column in ("question", "architecture", "low", "high") if column in table]
    return table[[*ahead, *(column for column in table if column not in ahead)]]


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
        questions=(),
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
