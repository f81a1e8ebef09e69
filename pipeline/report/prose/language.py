"""Write the text about language models: how well they predict, and what they use of the context."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from pipeline.analysis.frames import rows_of
from pipeline.analysis.language import LanguageComparison, LanguageRuns
from pipeline.analysis.language_memory import CUT, ERASED, TOLERANCE, LanguageMemory
from pipeline.analysis.pairwise import SIGNIFICANCE
from pipeline.config.programs import again_with
from pipeline.report.formats import (
    format_bits,
    format_ends,
    format_number,
    format_perplexity,
    join_names,
    join_values,
)
from pipeline.report.language_tables import format_context
from pipeline.report.prose.answer import ShortAnswer
from pipeline.report.prose.contrasts import answers_of_contrasts, headline_of_contrasts
from pipeline.report.prose.sweep import describe_runs

_MANY_UNKNOWN = 0.05  # the share with which a perplexity flatters
READING = "A perplexity depends on how texts are cut into tokens; bits per character hardly do."
READING_TIERS = "No architecture is shown to be better than those in tier 1."
READING_CONTEXT = (
    "The same tokens of the test texts are predicted with only the last tokens before them read. A "
    "network that uses more of the context loses more when it is cut."
)
READING_SAMPLES = (
    "What the first seed of each network writes on the same prompts (bold), with the same settings."
)


def describe_sweep(found: LanguageComparison, tracked: LanguageRuns) -> str:
    """Say in one line what was compared."""
    texts = f"{found.tokens:,} tokens of {found.texts:,} test texts"
    return describe_runs(found, texts, tracked.sweep.started)


def describe_reading(found: LanguageComparison) -> str:
    """Say how to read the table of perplexities."""
    return f"{READING} {READING_TIERS}" if found.summary.tier.notna().any() else READING


def headline(found: LanguageComparison) -> str:
    """Answer what the sweep asked, or say which network predicts best; and compare with n-grams."""
    if found.summary.empty:
        return "No run has finished, so there is nothing to compare yet."
    parts = (headline_of_contrasts(found) or _best(found), _headline_of_baseline(found))
    return " ".join(part for part in parts if part)


def _best(found: LanguageComparison) -> str:
    best = next(rows_of(found.summary))
    interval = f"{format_perplexity(best.ci_low)} to {format_perplexity(best.ci_high)}"
    rank = ", the lowest" if len(found.summary) > 1 else ""
    return (
        f"{best.architecture} has a perplexity of {format_perplexity(best.perplexity)} a {found.unit} "
        f"on the test texts (95% interval {interval}){rank}."
    )


def _headline_of_baseline(found: LanguageComparison) -> str:
    baseline = found.baseline
    if baseline is None:
        return ""
    own = format_perplexity(baseline.score.perplexity.iloc[0])
    text = f"The n-gram baseline, which sees only the last few tokens, has a perplexity of {own}"
    leads = baseline.leads
    ahead = list(leads.architecture[leads.ci_high < 1])
    behind = list(leads.architecture[leads.ci_low > 1])
    if len(ahead) == len(leads):
        who = "every network" if len(ahead) > 1 else ahead[0]
        return f"{text}: {who} predicts better."
    if len(behind) == len(leads):
        return f"{text}: better than every network here."
    parts = [f"better than {join_names(behind)}"] * bool(behind)
    parts += [f"worse than {join_names(ahead)}"] * bool(ahead)
    return f"{text}, {' and '.join(parts) or 'and no network is shown to differ from it'}."


def short_answers(found: LanguageComparison) -> list[ShortAnswer]:
    """Answer the other questions of the sweep, and how much of the context is used."""
    return [*answers_of_contrasts(found), *_answer_how_far_back(found), *_answer_who_recalls(found)]


def _answer_how_far_back(found: LanguageComparison) -> list[ShortAnswer]:
    rows = _effective(found, CUT)
    if not rows:
        return []
    values = [row.value for row in rows]
    low, high = (_tokens(end) for end in (min(values), max(values)))
    conclusion = _with_unit(low) if low == high else f"{low} to {_with_unit(high)}"
    said = [(row.value, f"{format_context(row)} for {row.architecture}") for row in rows]
    reason = (
        f"Tokens from which the loss stays within {TOLERANCE:.0%} of that with all of the text before: "
        f"{join_values(said)}."
    )
    return [ShortAnswer("How much of the context?", conclusion, reason)]


def _answer_who_recalls(found: LanguageComparison) -> list[ShortAnswer]:
    """Name the networks to which the right subject is likelier than all others together."""
    if found.memory is None or found.memory.subjects.empty:
        return []
    overall = _overall(found, found.memory.subjects)
    networks = [
        row for row in rows_of(overall) if row.architecture in set(found.summary.architecture)
    ]
    able = [row.architecture for row in networks if row.ci_low > 0.5]
    conclusion = f"By {join_names(able)}" if able else "By no network"
    said = [(row.probability, f"{row.probability:.0%} for {row.architecture}") for row in networks]
    reason = (
        "Where a text names its subject again, the right one has a probability of "
        f"{join_values(said)}; guessing gives {found.memory.chance:.0%}."
    )
    return [ShortAnswer("Is the subject remembered?", conclusion, reason)]


def _effective(found: LanguageComparison, condition: str) -> list[Any]:
    """Return the effective contexts of the networks, in the order of the summary."""
    if found.memory is None:
        return []
    rows = found.memory.effective[found.memory.effective.condition == condition]
    known = {row.architecture: row for row in rows_of(rows)}
    return [known[name] for name in found.summary.architecture if name in known]


def _tokens(value: float) -> str:
    return "all" if math.isinf(value) else f"{value:.0f}"


def _with_unit(tokens: str) -> str:
    return "all tokens" if tokens == "all" else "1 token" if tokens == "1" else f"{tokens} tokens"


def describe_context(found: LanguageComparison, condition: str) -> str:
    """Say from how many tokens on more context brings next to nothing."""
    rows = _effective(found, condition)
    if not rows:
        return ""
    said = join_values(
        [(row.value, f"{format_context(row)} in {row.architecture}") for row in rows]
    )
    if condition == CUT:
        line = f"The dotted line is {TOLERANCE:.0%}."
        return f"{line} The loss stays below it from so many tokens on: {said}."
    return f"The loss stays within {TOLERANCE:.0%} (dotted) from so many tokens on: {said}."


def describe_recall(found: LanguageComparison, against: str) -> str:
    """Say which networks profit from having read a rare word."""
    assert found.memory is not None
    rows = found.memory.recall[found.memory.recall.against == against]
    overall = _overall(found, rows)
    what = (
        "A rare word is predicted a second time. The gain is how many nats more it costs when the "
        "earlier ones are replaced by another rare word."
        if against == ERASED
        else "The gain is how many nats more the same words cost at their first occurrence in other "
        "texts, where nothing has announced them."
    )
    gains = [
        (
            row.gain,
            f"{format_number(row.gain)} ({format_ends(row.gain_low, row.gain_high)}) for "
            f"{row.architecture}",
        )
        for row in rows_of(overall)
    ]
    return f"{what} Over all distances it is {join_values(gains)}."


def _overall(found: LanguageComparison, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows over all distances, the first of each architecture, in the page's order."""
    order = {name: place for place, name in enumerate(found.summary.architecture)}
    first = rows.drop_duplicates("architecture")
    return first.sort_values("architecture", key=lambda names: names.map(order), kind="stable")


def describe_subjects(found: LanguageComparison, memory: LanguageMemory) -> str:
    overall = _overall(found, memory.subjects)
    said = [
        (row.probability, f"{row.probability:.0%} for {row.architecture}")
        for row in rows_of(overall)
    ]
    return (
        "A text names its subject, and later names it again. The right one of the subjects gets a "
        f"probability of {join_values(said)}; guessing gives {memory.chance:.0%} (dotted)."
    )


def describe_perplexity(found: LanguageComparison) -> str:
    several = (found.summary.runs > 1).any()
    chance = "seeds and texts" if several else "texts only, as there is one seed"
    return (
        "Each mark is a mean with its 95% interval, and each vertical line is a seed; the lowest, which "
        f"is the best, stands first. The intervals cover the chance of {chance}."
    )


def describe_curves(history: pd.DataFrame) -> str:
    last = history.loc[history.groupby("run_id").tokens.idxmax()]
    seen = [f"{float(f'{count:.3g}'):,.0f}" for count in (last.tokens.min(), last.tokens.max())]
    return (
        f"Each line is a run, which has seen {' to '.join(dict.fromkeys(seen))} tokens by its end."
    )


def cautions(found: LanguageComparison, tracked: LanguageRuns) -> list[str]:
    """List what a reader must know of the tokens and of the training before using a number."""
    said = []
    unknown = found.summary.unknown.max() if len(found.summary) else 0.0
    if unknown > _MANY_UNKNOWN:
        said.append(
            f"{unknown:.0%} of the test tokens are unknown words, which are easy to predict as such: "
            "perplexities are lower than they would be with a larger vocabulary."
        )
    return said + _caution_of_epochs(found, tracked)


def _caution_of_epochs(found: LanguageComparison, tracked: LanguageRuns) -> list[str]:
    """Name the networks whose epochs ended at their best: more may teach them, memory included."""
    runs = found.runs[found.runs.compared]
    if tracked.history.empty or not {"training_ended", "budget_epochs"} <= {*runs}:
        return []
    last = runs.run_id.map(tracked.history.groupby("run_id").step.max())
    ran_out = runs.training_ended.astype("string").str.contains("epoch").fillna(False)
    at_best = runs.best_step.eq(last).fillna(False) & ran_out
    names = [
        name
        for name in found.summary.architecture
        if at_best[runs.architecture == name].mean() >= 0.5
    ]
    if not names:
        return []
    epochs = 2 * int(runs.budget_epochs[at_best].max())
    were = "was" if len(names) == 1 else "were"
    return [
        f"{join_names(names)} {were} still improving when training ended, and may learn to remember "
        f"more. Train longer (run {again_with(found.experiment, f'train.epochs={epochs}')})."
    ]


def describe_method(found: LanguageComparison) -> str:
    return (
        "Every run reads the same test texts once, each from a state of zeros, and is scored on all "
        "tokens, the one that ends a text included, with the softmax over the whole vocabulary. A "
        "perplexity is the exponential of the mean loss; that of several seeds is their geometric mean. "
        "An interval combines Student's t over the seeds with a bootstrap over the texts, with the same "
        "resampled texts for all runs, so that differences are paired by text. “Better” and “worse” "
        f"require a p value below {SIGNIFICANCE:g} after a correction for all pairs. “Tied” means that "
        f"the whole interval lies within {100 * found.margin:g}% of perplexity, the smallest difference "
        "that matters here."
    )


def describe_bits(found: LanguageComparison) -> str:
    best = next(rows_of(found.summary))
    return (
        f"Bits per character are comparable over tokenizers: {format_bits(best.bits)} with "
        f"{best.architecture}, which predicts best."
    )
