"""Draw what language models use of the context, how well they predict, and how they learn."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import pandas as pd

from pipeline.analysis.frames import rows_of
from pipeline.analysis.language import LanguageComparison
from pipeline.analysis.language_memory import CUT, ERASED, FIRST, REPLACED, SHUFFLED, TOLERANCE
from pipeline.report.figures.drawing import (
    Figure,
    Style,
    axis_of_groups,
    draw_rule,
    hover_of,
    looks_of,
    share_axis,
)
from pipeline.report.figures.panels import draw_curves, explain_grey, height_of
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
from pipeline.report.formats import format_change, format_number, format_percent, format_perplexity
from pipeline.report.language_tables import (
    RUN_SCORES,
    format_tokens,
    history_table,
    losses_table,
    perplexity_table,
    recall_table,
    subjects_table,
    with_baseline,
)
from pipeline.report.prose import language, sweep
from pipeline.report.prose.answer import held_equal
from pipeline.report.run_tables import cost_by_run_table

_CONTEXTS = {
    CUT: (
        "loss_by_context",
        "Loss when only the last tokens are read",
        "Tokens read before the predicted one",
    ),
    SHUFFLED: (
        "loss_shuffled",
        "Loss when all but the last tokens are shuffled",
        "Last tokens left in their order",
    ),
    REPLACED: (
        "loss_replaced",
        "Loss when all but the last tokens are another text's",
        "Last tokens left as they are",
    ),
}


def draw_contexts(found: LanguageComparison, *conditions: str) -> list[Figure]:
    """Draw the loss with less and less of the context, relative to that with all of it."""
    if found.memory is None or found.summary.empty:
        return []
    style = Style(looks_of(found))
    known = set(found.memory.losses.condition)
    return [_context(found, style, one) for one in conditions if one in known]


def _context(found: LanguageComparison, style: Style, condition: str) -> Figure:
    assert found.memory is not None
    name, title, along = _CONTEXTS[condition]
    losses = found.memory.losses[found.memory.losses.condition == condition]
    contexts = sorted({int(one) for one in losses.context} - {0})
    whole = 2 * contexts[-1]
    frame = losses.assign(
        place=losses.context.replace(0, whole).astype(float),
        read=losses.context.map(format_tokens),
        shown=[_describe_loss(row) for row in rows_of(losses)],
        **{one: losses[f"relative{end}"] - 1 for one, end in _EXCESS.items()},
    ).sort_values("place")
    x = alt.X(
        "place:Q",
        scale=alt.Scale(type="log"),
        axis=alt.Axis(
            values=[*contexts, whole] if condition == CUT else contexts,
            labelExpr=f"datum.value === {whole} ? 'all' : format(datum.value, ',d')",
            grid=False,
            title=along,
        ),
    )
    rule = draw_rule(TOLERANCE, field="excess")
    height = height_of(style, 340 if condition == CUT else 260)
    return Figure(
        name=name,
        title=title,
        sentence=explain_grey(style, language.describe_context(found, condition)),
        alternative=f"{title}, relative to that with the whole text, by the number of these tokens.",
        table=losses_table(losses),
        chart=draw_curves(
            frame,
            style,
            x,
            alt.Axis(format="+.0%", title="Loss above that with all of the text", tickCount=7),
            hover_of(
                ("architecture", "Architecture"),
                ("read", "Tokens"),
                ("shown", "Above that with all (95% interval)"),
                ("reviews", "Texts"),
            ),
            height=height,
            value="excess",
            low="excess_low",
            high="excess_high",
            reaching=(0.0,),
            behind=lambda names: [rule],
            band=True,
        ),
        height=height,
        labelled=True,
    )


_EXCESS = {"excess": "", "excess_low": "_low", "excess_high": "_high"}


def _describe_loss(row: Any) -> str:
    change, low, high = (
        format_change(math.log(ratio))
        for ratio in (row.relative, row.relative_low, row.relative_high)
    )
    return f"{change} ({low} to {high}), {format_number(row.loss)} nats"


def draw_recall(found: LanguageComparison, *against: str) -> list[Figure]:
    """Draw what having read a rare word brings, by the distance to it."""
    if found.memory is None or found.memory.recall.empty or found.summary.empty:
        return []
    style = Style(looks_of(found))
    return [_recall(found, style, one) for one in against]


def _recall(found: LanguageComparison, style: Style, against: str) -> Figure:
    assert found.memory is not None
    rows = found.memory.recall[found.memory.recall.against == against]
    frame = _ranges(rows)
    frame["shown"] = [
        f"{format_number(row.gain)} ({format_number(row.gain_low)} to {format_number(row.gain_high)})"
        for row in rows_of(frame)
    ]
    titles = {
        ERASED: ("recall", "What having read a rare word brings", "word replaced"),
        FIRST: ("recall_first", "Rare words read before, and new ones", "word new"),
    }
    name, title, other = titles[against]
    return _by_distance(
        *(frame, style, name, title, "gain", "Nats gained"),
        sentence=language.describe_recall(found, against),
        along="Tokens since the word was read",
        axis=alt.Axis(title="Nats gained", tickCount=6),
        table=recall_table(rows, other),
        rule=0.0,
    )


def draw_subjects(found: LanguageComparison) -> list[Figure]:
    """Draw how likely the right subject is where a generated text names it again."""
    if found.memory is None or found.memory.subjects.empty or found.summary.empty:
        return []
    frame = _ranges(found.memory.subjects).rename(
        columns={"ci_low": "probability_low", "ci_high": "probability_high"}
    )
    frame["shown"] = [
        f"{format_percent(row.probability)} ({format_percent(row.probability_low)} to "
        f"{format_percent(row.probability_high)})"
        for row in rows_of(frame)
    ]
    style = Style(looks_of(found))
    figure = _by_distance(
        *(frame, style, "subject_recall", "The subject, named again", "probability", "Probability"),
        sentence=language.describe_subjects(found, found.memory),
        along="Words since the subject was named",
        axis=share_axis("Probability of the right subject"),
        table=subjects_table(found.memory.subjects),
        rule=found.memory.chance,
    )
    return [figure]


def _ranges(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of single ranges; the first row of each architecture is over all of them."""
    return rows[rows.duplicated("architecture")].copy()


def _by_distance(
    frame: pd.DataFrame,
    style: Style,
    name: str,
    title: str,
    value: str,
    hover: str,
    *,
    sentence: str,
    along: str,
    axis: alt.Axis,
    table: Any,
    rule: float,
) -> Figure:
    """Draw values by ranges of distances, side by side."""
    ranges = frame.drop_duplicates("low").sort_values("low")
    labels = {row.low: f"{row.low}–{row.high}" for row in rows_of(ranges)}
    places = {low: place for place, low in enumerate(labels)}
    placed = frame.assign(
        x=frame.low.map(places).astype(float) + style.offsets(frame.architecture, 0.4),
        place=frame.low.map(labels),
    ).sort_values("low")
    height = height_of(style, 280)
    line = draw_rule(rule, field=value)
    return Figure(
        name=name,
        title=title,
        sentence=explain_grey(style, sentence),
        alternative=f"{title}: {hover.lower()} of each architecture by distance.",
        table=table,
        chart=draw_curves(
            placed,
            style,
            axis_of_groups(list(labels.values()), along, narrow=True),
            axis,
            hover_of(
                ("architecture", "Architecture"),
                ("place", "At"),
                ("shown", f"{hover} (95% interval)"),
                ("reviews", "Texts"),
            ),
            height=height,
            value=value,
            low=f"{value}_low",
            high=f"{value}_high",
            reaching=(rule,),
            behind=lambda names: [line],
        ),
        height=height,
        labelled=True,
    )


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
