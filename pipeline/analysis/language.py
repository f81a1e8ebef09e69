"""Compare the language models of a sweep: their losses on the same test texts become a comparison.

Everything is computed on the mean loss, the logarithm of the perplexity, with the intervals and tests
of `pipeline.analysis.statistics`: texts are resampled for all runs together, and a difference of losses
is the logarithm of a ratio of perplexities. Of several seeds, a perplexity is the geometric mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline.analysis.comparable import check_data, note_versions
from pipeline.analysis.crowd import choose_shown, limit_to
from pipeline.analysis.fading import Fading, summarise_fading
from pipeline.analysis.language_baseline import (
    LanguageBaseline,
    compare_to_ngrams,
    find_baseline,
    note_ngrams,
)
from pipeline.analysis.language_memory import LanguageMemory, summarise_language_memory
from pipeline.analysis.language_scores import Losses, Scores, exp_of, negated, note_losses
from pipeline.analysis.pairwise import find_tiers, judge_pairs
from pipeline.analysis.quantities import cost_quantities, mean_costs
from pipeline.analysis.selection import LOSS, Tuning, select_runs
from pipeline.analysis.tracked import COSTS, SweepFacts, columns_of
from pipeline.analysis.verdicts import Contrasts, Quantity, answer_contrasts, members_of
from pipeline.config.schema import LANGUAGE_BASELINE
from pipeline.config.settings import settings_of
from pipeline.config.tasks import LanguageConfig
from pipeline.config.texts import DataConfig
from pipeline.errors import ReportError

PERPLEXITY = "log_perplexity"  # the quantity that contrasts are of
LANGUAGE_COLUMNS = (
    columns_of("run_id architecture seed status failure fingerprint data data_fingerprint")
    + tuple(one.column for one in settings_of(DataConfig, LanguageConfig) if one.names_a_variant)
    + COSTS
    + columns_of("test_loss test_perplexity bits_per_character val_loss best_step best_tokens")
    + columns_of("unknown_share_train unknown_share_validation unknown_share_test vocabulary")
    + columns_of("device threads concurrent_runs git_commit git_dirty versions started")
)
_ASKED_COSTS = ("train_seconds", "seconds_per_token", "parameters")
SUMMARY_COLUMNS = columns_of(
    "architecture perplexity ci_low ci_high seeds_counted bits bits_low bits_high unknown"
    " val_perplexity runs planned tier cell num_layers bidirectional units"
)
PAIR_COLUMNS = columns_of(
    "architecture_a architecture_b ratio ci_low ci_high p_value p_adjusted p_if_alike verdict"
    " detectable probability_a_wins runs_a runs_b"
)


@dataclass(frozen=True)
class LanguageRuns:
    """A sweep over language models, as tracked.

    runs: a row for each planned run, with `LANGUAGE_COLUMNS` (unknown ones may be absent).
    losses: a row for each finished run and test text: run_id, review_id, tokens (with the one that ends
      the text), characters, unknown (tokens), words, nats (the loss, summed over the tokens).
    history: run_id, step, tokens (read until then), train_loss, val_loss, seconds.
    probes: for each probe the joined tables of the finished runs that have one, with run_id.
    samples: run_id, prompt, sample (a number), text (the prompt written on).
    """

    experiment: str
    runs: pd.DataFrame
    losses: pd.DataFrame
    history: pd.DataFrame
    sweep: SweepFacts
    probes: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    samples: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class LanguageComparison:
    """The results that the page and the tables show.

    texts, tokens: how many of the test split were read; tokens as the first run counts them.
    unit: what a perplexity is of, `token` or, where tokenizers differ, `word`.
    margin: the smallest difference that matters, as a share of a perplexity.
    runs: the planned runs from `select_runs`; `compared` marks those that the statistics use, which have
      their `perplexity` and `bits` per character on the compared texts.
    tuning: the values tried for each architecture; None if nothing was tuned.
    summary: `SUMMARY_COLUMNS`, the lowest perplexity first; bits: per character; unknown: the share of
      unknown tokens in the test texts; no architecture is shown to be better than those in tier 1.
    pairwise: `PAIR_COLUMNS`; the ratio is the perplexity of a divided by that of b; the verdict is that
      of a against b.
    cost: architecture and the means of `COSTS` over its runs; `alone` if no other work ran.
    notes: what a reader must know before using a number.
    baseline: the n-gram baseline, which is not among the runs and architectures above.
    contrasts: what the sweep asks and the answers, None without results; the estimates of
      `log_perplexity` are logarithms of ratios.
    memory: the results of the probes for these architectures and the baseline.
    fading: how signals fade inside the architectures.
    shown: the architectures that the page shows.
    """

    experiment: str
    texts: int
    tokens: int
    unit: str
    margin: float
    runs: pd.DataFrame
    summary: pd.DataFrame
    pairwise: pd.DataFrame
    cost: pd.DataFrame
    notes: tuple[str, ...]
    tuning: Tuning | None = None
    baseline: LanguageBaseline | None = None
    contrasts: Contrasts | None = None
    memory: LanguageMemory | None = None
    fading: Fading | None = None
    shown: tuple[str, ...] = ()

    def limited_to_shown(self) -> LanguageComparison:
        """Return the results of the architectures that the page shows, and of the baseline."""
        if len(self.shown) == len(self.summary):
            return self
        return limit_to(self, {*self.shown, *([self.baseline.name] if self.baseline else [])})


# The matrices are small: on a busy machine BLAS would wait for its threads longer than they compute.
@threadpool_limits.wrap(limits=1, user_api="blas")
def compare_language(
    tracked: LanguageRuns, rng: np.random.Generator, *, replicates: int = 1000
) -> LanguageComparison:
    """Compare the language models of a sweep on the test texts that all of its finished runs read.

    Args:
      tracked: the sweep.
      rng: resamples the texts; the same state gives the same intervals.
      replicates: the number of resamples.

    Raises:
      ReportError: there are no runs, or the finished ones cannot be compared.
    """
    if tracked.runs.empty:
        raise ReportError(
            f"{tracked.experiment}: no runs are tracked, so there is nothing to report"
        )
    known = tracked.runs.reindex(
        columns=list(dict.fromkeys([*LANGUAGE_COLUMNS, *tracked.runs.columns]))
    )
    is_baseline = known.architecture == LANGUAGE_BASELINE
    networks, baselines = known[~is_baseline], known[is_baseline]
    if networks.empty:
        raise ReportError(f"{tracked.experiment}: only the n-gram baseline is tracked")
    runs, tuning, notes = select_runs(networks, tracked.losses, tracked.sweep.tuned, LOSS)
    chosen = runs[runs.compared].reset_index(drop=True)
    notes += [*check_data(chosen, False), *note_versions(chosen)]
    if chosen.empty:
        return _without_results(tracked, runs, tuning, notes)
    losses = Losses.of(tracked.losses, chosen)
    baseline = find_baseline(tracked.losses, baselines, losses)
    if baseline is None:
        notes.append(note_ngrams(baselines))
    else:
        losses = Losses.of(tracked.losses, pd.concat([chosen, baseline], ignore_index=True))
    scores = Scores.of(losses, rng, replicates)
    networks_only = scores.first(len(chosen))
    members = members_of(chosen)
    margin = math.log1p(tracked.sweep.margin)
    pairwise = _as_ratios(judge_pairs(negated(networks_only.loss), members, margin))
    probed = chosen if baseline is None else pd.concat([chosen, baseline])
    memory = summarise_language_memory(
        tracked.probes, probed[["run_id", "architecture"]], rng.spawn(1)[0]
    )
    fading = summarise_fading(tracked.probes, chosen, rng.spawn(1)[0])
    quantities = [
        Quantity(PERPLEXITY, networks_only.loss, members, margin),
        *cost_quantities(_with_time_by_token(chosen), _ASKED_COSTS),
    ]
    return LanguageComparison(
        experiment=tracked.experiment,
        texts=losses.nats.shape[1],
        tokens=int(losses.tokens[0].sum()),
        unit=losses.unit,
        margin=tracked.sweep.margin,
        runs=_with_scores(runs, chosen, networks_only),
        summary=_summarise(runs, chosen, networks_only, pairwise),
        pairwise=pairwise,
        cost=mean_costs(chosen),
        notes=(
            *notes,
            *note_losses(losses, probed.architecture),
            *(memory.notes if memory else ()),
            *(fading.notes if fading else ()),
        ),
        tuning=tuning,
        baseline=None if baseline is None else compare_to_ngrams(scores, members, baseline),
        contrasts=answer_contrasts(chosen, quantities, tracked.sweep),
        memory=memory,
        fading=fading,
        shown=choose_shown(chosen, -pd.to_numeric(chosen.val_loss, errors="coerce")),
    )


def _with_time_by_token(chosen: pd.DataFrame) -> pd.DataFrame:
    """Return runs with the seconds that training takes by token, however many tokens it took."""
    speed = pd.to_numeric(chosen.tokens_per_second).astype("Float64").astype(float)
    return chosen.assign(seconds_per_token=1 / speed)


def _as_ratios(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return ratios of perplexities in place of differences of scores."""

    def finite(logs: pd.Series) -> pd.Series:
        return logs.astype(float).clip(upper=700)

    return pairs.assign(
        ratio=np.exp(finite(-pairs.difference)),
        ci_low=np.exp(finite(-pairs.ci_high)),
        ci_high=np.exp(finite(-pairs.ci_low)),
        detectable=np.expm1(finite(pairs.detectable)),
    )[list(PAIR_COLUMNS)]


def _with_scores(runs: pd.DataFrame, chosen: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    perplexity = dict(zip(chosen.run_id, map(exp_of, scores.loss.values), strict=True))
    bits = dict(zip(chosen.run_id, scores.bits.values, strict=True))
    return runs.assign(
        perplexity=runs.run_id.map(perplexity).astype(float),
        bits=runs.run_id.map(bits).astype(float),
    )


def _summarise(
    runs: pd.DataFrame, chosen: pd.DataFrame, scores: Scores, pairwise: pd.DataFrame
) -> pd.DataFrame:
    members = members_of(chosen)
    planned = runs[runs.chosen].groupby("architecture").size()
    facts = chosen.drop_duplicates("architecture").set_index("architecture")
    val_loss = pd.to_numeric(chosen.val_loss, errors="coerce").astype(float)
    rows = [
        {
            "architecture": name,
            **scores.row(rows),
            "val_perplexity": exp_of(float(val_loss.iloc[rows].mean())),
            "runs": len(rows),
            "planned": planned[name],
            "tier": tier,
            **{one: facts.at[name, one] for one in SUMMARY_COLUMNS[-4:]},
        }
        for (name, rows), tier in zip(members.items(), find_tiers(members, pairwise), strict=True)
    ]
    table = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    return table.sort_values("perplexity", kind="stable", ignore_index=True)


def _without_results(
    tracked: LanguageRuns, runs: pd.DataFrame, tuning: Tuning | None, notes: list[str]
) -> LanguageComparison:
    """Return a comparison without results, so that the page can show what became of each run."""
    return LanguageComparison(
        experiment=tracked.experiment,
        texts=0,
        tokens=0,
        unit="token",
        margin=tracked.sweep.margin,
        runs=runs.assign(perplexity=np.nan, bits=np.nan),
        summary=pd.DataFrame(columns=list(SUMMARY_COLUMNS)),
        pairwise=pd.DataFrame(columns=list(PAIR_COLUMNS)),
        cost=pd.DataFrame(columns=["architecture", *COSTS, "alone"]),
        notes=tuple(notes),
        tuning=tuning,
    )
