"""Draw how well language models predict, what that costs, and how they learn."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import pandas as pd

from pipeline.analysis.language import LanguageComparison
from pipeline.report.figures.drawing import (
    Figure,
    Style,
    looks_of,
)
from pipeline.report.figures.panels import explain_grey, height_of
from pipeline.report.figures.scores import (
    BITS,
    COST_HEIGHT,
    PERPLEXITY,
    Score,
    cost_chart,
    find_frontier,
    learning_chart,
    score_chart,
)
from pipeline.report.formats import format_perplexity
from pipeline.report.language_tables import (
    RUN_SCORES,
    history_table,
    perplexity_table,
    with_baseline,
)
from pipeline.report.prose import language, sweep
from pipeline.report.prose.answer import held_equal
from pipeline.report.run_tables import cost_by_run_table


def draw_perplexity(found: LanguageComparison) -> list[Figure]:
    return _scores(found, PERPLEXITY, "perplexity", language.describe_perplexity)


def draw_bits(found: LanguageComparison) -> list[Figure]:
    return _scores(found, BITS, "bits_per_character", language.describe_bits)


def _scores(found: LanguageComparison, score: Score, name: str, describe: Any) -> list[Figure]:
    """Draw a score of every architecture and the baseline, the best first."""
    if found.summary.empty:
        return []
    means = with_baseline(found)[["architecture", score.value, score.low, score.high]]
    means = means.sort_values(score.value, kind="stable").infer_objects()
    runs = found.runs[found.runs.compared][["architecture", "seed", score.by_run]]
    return [
        Figure(
            name=name,
            title=f"{score.name} on the test texts",
            sentence=describe(found),
            alternative=f"Mean {score.title.lower()} of each architecture with its interval.",
            table=perplexity_table(found),
            chart=score_chart(score, means, runs, Style(looks_of(found))),
            height=34 * len(means) + 20,
            labelled=True,
        )
    ]


def draw_cost(found: LanguageComparison) -> list[Figure]:
    """Draw perplexity against each cost that is known and that the sweep did not hold equal."""
    if found.summary.empty:
        return []
    equal = held_equal(found)
    style = Style(looks_of(found))
    figures = []
    for column, shared, name, unit in (
        ("train_seconds", "train_seconds", "training time", "seconds"),
        ("parameters", "recurrent_parameters", "parameters", "parameters"),
    ):
        if shared in equal or found.cost[column].isna().any():
            continue
        means = found.summary.merge(found.cost[["architecture", column]])
        frontier = find_frontier(PERPLEXITY, means, column)
        figures.append(
            Figure(
                name=f"perplexity_by_{column}",
                title=f"Perplexity against {name}",
                sentence=sweep.describe_frontier(
                    list(frontier.architecture),
                    name,
                    len(frontier) < len(means),
                    ("better at predicting", "perplexity falls"),
                ),
                alternative=f"Test perplexity of each architecture against its {name}.",
                table=cost_by_run_table(found, RUN_SCORES[0]),
                chart=cost_chart(
                    PERPLEXITY,
                    means[["architecture", "perplexity", "ci_low", "ci_high", column]],
                    *(style, column, name, unit),
                ),
                height=COST_HEIGHT,
                labelled=True,
            )
        )
    return figures


def draw_curves_of_learning(found: LanguageComparison, history: pd.DataFrame) -> list[Figure]:
    """Draw the validation perplexity of every run by the tokens that it has seen."""
    runs = found.runs[found.runs.chosen][["run_id", "architecture", "seed"]]
    if found.summary.empty or history.empty:
        return []
    of_runs = history.merge(runs, on="run_id").dropna(subset=["val_loss", "tokens"])
    of_runs = of_runs.assign(
        val_perplexity=of_runs.val_loss.astype(float).clip(upper=50).map(math.exp)
    )
    if of_runs.empty:
        return []
    style = Style(looks_of(found))
    height = height_of(style, 300)
    return [
        Figure(
            name="learning_curves",
            title="Learning curves",
            sentence=explain_grey(style, language.describe_curves(of_runs)),
            alternative="Validation perplexity of every run, by tokens seen.",
            table=history_table(of_runs),
            chart=learning_chart(
                of_runs,
                style,
                height,
                step="tokens",
                x=alt.X(
                    "tokens:Q",
                    axis=alt.Axis(title="Tokens seen", grid=False, format="~s", tickCount=6),
                ),
                value="val_perplexity",
                axis=alt.Axis(title="Validation perplexity", tickCount=6),
                show=format_perplexity,
                titles=("Tokens seen", "Validation perplexity"),
            ),
            height=height,
            labelled=True,
        )
    ]
