"""Probe tables with known answers -> Memory, and what the page makes of them."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories.fading import make_runs
from factories.memory import (
    CONTEXTS,
    REVIEWS,
    make_distance,
    make_probed,
    make_probes,
    make_quiz,
)
from factories.pages import HOSTILE, Page, report
from factories.tracked import make_tracked

from pipeline.analysis.comparison import Comparison, compare
from pipeline.analysis.curves import half_life, half_lives, resample_curves
from pipeline.analysis.frames import rows_of
from pipeline.analysis.memory import Memory, summarise_memory
from pipeline.config.schema import BASELINE
from pipeline.report.figures import breakdowns, inside, lesson, memory
from pipeline.report.formats import LEARNT_NOTHING, MISSING, format_reach, format_small, join_values
from pipeline.report.probe_tables import reach_table, trend_tables
from pipeline.report.prose.inside import describe_fading, describe_measures
from pipeline.report.prose.memory import answer_how_far_back, describe_quiz
from pipeline.report.prose.recommendation import recommend
from pipeline.report.prose.sweep import describe_gaps


def _remember(runs: pd.DataFrame, probes: dict[str, pd.DataFrame]) -> Memory:
    found = summarise_memory(probes, runs, np.random.default_rng(0))
    assert found is not None
    return found


def _reach(found: Memory, architecture: str, measure: str) -> Any:
    rows = found.reaches
    rows = rows[(rows.architecture == architecture) & (rows.measure == measure)]
    assert len(rows) == 1
    return next(rows_of(rows))


@pytest.fixture(scope="module")
def found() -> Memory:
    runs = make_runs(lstm=3, gru=3, simple_rnn=3)
    return _remember(runs, make_probes(runs))


@pytest.mark.parametrize("side", ["after", "before", "both"])
def test_a_half_life_is_the_one_that_was_made(found: Memory, side: str) -> None:
    gru = _reach(found, "gru", f"half_life_{side}")
    # Between 100 and 200 the curve is taken as straight: a little beyond the exponential's 150.
    assert 145 < gru.value < 160
    assert gru.low <= gru.value <= gru.high
    assert 25 < _reach(found, "simple_rnn", f"half_life_{side}").value < 35
    lstm = _reach(found, "lstm", f"half_life_{side}")
    assert np.isinf(lstm.value)
    assert not lstm.rises


def test_half_lives_of_runs_are_compared_up_to_the_furthest_distance(found: Memory) -> None:
    halves = found.half_lives
    assert halves is not None
    by_name = {
        name: np.exp(halves.estimates.values[np.asarray(rows)])
        for name, rows in halves.rows.items()
    }
    assert by_name["gru"] == pytest.approx([153] * 3, rel=0.05)
    assert by_name["simple_rnn"] == pytest.approx([30] * 3, rel=0.1)
    assert by_name["lstm"].tolist() == pytest.approx([800] * 3)  # the furthest that was read
    assert halves.longest == pytest.approx(np.log(800))
    assert np.isfinite(halves.estimates.covariance).all()


def test_the_half_life_of_each_run_is_that_of_an_architecture_of_one() -> None:
    rng = np.random.default_rng(3)
    levels = rng.normal(0, 0.4, (12, 6)).cumsum(axis=1)
    scores = rng.normal(1 + levels[:, :, None], 1, (12, 6, 200))
    scores[0] -= 3  # has learnt nothing
    places = np.array([0.0, 25, 50, 100, 200, 400])
    curves = resample_curves(scores, rng, replicates=100)
    found = half_lives(places, curves).values
    for run in range(12):
        value = half_life(places, curves, [run]).value
        expected = min(max(value, 1.0), 400.0) if np.isfinite(value) or value > 0 else np.nan
        assert np.exp(found[run]) == pytest.approx(expected, nan_ok=True)
    assert np.isnan(found[0])
    assert len(set(found[1:])) > 5


@pytest.mark.parametrize("end", ["tail", "head"])
def test_an_effective_context_is_the_one_that_was_made(found: Memory, end: str) -> None:
    for name in ("lstm", "gru", "simple_rnn"):
        assert _reach(found, name, f"effective_{end}").value == CONTEXTS[name]


def test_what_is_no_better_than_chance_has_nothing_to_lose() -> None:
    runs = make_runs(gru=2)
    probes = make_probes(runs)
    rng = np.random.default_rng(1)
    for table in probes.values():
        table["margin"] = rng.permutation(np.where(np.arange(len(table)) % 2, 1.0, -1.0))
        table["correct"] = table.margin > 0
    found = _remember(runs, probes)
    assert found.reaches.value.isna().all()
    shown = [format_reach(row) for row in rows_of(found.reaches)]
    assert set(shown) == {LEARNT_NOTHING}


def test_seeds_that_disagree_widen_the_interval() -> None:
    runs = make_runs(gru=3)
    alike = make_probes(runs)
    rng = np.random.default_rng(0)
    lives = zip(runs.run_id, (80.0, 150.0, 280.0), strict=True)
    apart = {"distance": pd.concat([make_distance(run, life, rng) for run, life in lives])}
    narrow, wide = (
        _reach(_remember(runs, probes), "gru", "half_life_after") for probes in (alike, apart)
    )
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_runs_that_were_asked_something_else_are_left_out_and_named() -> None:
    runs = make_runs(gru=3)
    probes = make_probes(runs)
    distance = probes["distance"]
    other = (distance.run_id == "run2") & (distance.condition == "after")
    probes["distance"] = distance[~other]
    found = _remember(runs, probes)
    curves = found.curves[found.curves.probe == "distance"]
    assert set(curves.runs) == {2}
    assert set(found.curves[found.curves.probe == "context"].runs) == {3}
    assert any("run2" in note and "distance probe" in note for note in found.notes)


def _quiz_of(distractors: str | int) -> Memory:
    """Make a quiz in which the nearer texts have no distractors, or all have so many."""
    runs = make_runs(lstm=2)
    quiz = pd.concat([make_quiz(run, 200, np.random.default_rng(0)) for run in runs.run_id])
    if distractors == "far":
        quiz["distractors"] = (quiz.distance >= 300).astype(int)
    else:
        quiz["distractors"] = distractors
    return _remember(runs, {"quiz": quiz})


def test_the_quiz_cuts_texts_with_and_without_distractors_at_the_same_distances() -> None:
    quiz = _quiz_of("far").quiz
    quiz = quiz[quiz["head"] == "both"]
    cut = {
        texts: list(zip(part.low, part.high, strict=True)) for texts, part in quiz.groupby("texts")
    }
    whole, *ranges = cut["all"]
    assert whole == (0, 796)
    assert ranges[:3] == [(0, 99), (100, 199), (200, 299)]
    assert cut["without distractors"] == [whole, *ranges[:3]]
    assert cut["with distractors"] == [whole, *ranges[3:]]
    counts = quiz.groupby(["texts", "low", "high"]).reviews.first()
    assert counts["without distractors", 0, 796] == 75
    assert counts["with distractors", 300, 399] == counts["all", 300, 399] == 25


def test_the_page_says_of_the_quiz_what_distractors_are_where_there_are_some() -> None:
    said = describe_quiz(_quiz_of("far"))
    assert "Distractors are sentences that hold other subjects or opinions" in said
    assert "contradicted texts" in said
    assert "at like distances" in said
    assert "at like distances" not in describe_quiz(_quiz_of(1))
    assert "istractors" not in describe_quiz(_quiz_of(0))


def test_no_probes_no_memory() -> None:
    assert summarise_memory({}, make_runs(gru=1), np.random.default_rng(0)) is None


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison, Page]:
    folder = tmp_path_factory.mktemp("probed") / "imdb"
    return folder, *report(make_probed(), folder)


def test_every_probe_has_its_figures(probed: tuple[Path, Comparison, Page]) -> None:
    folder, _, page = probed
    drawn = {path.stem for path in (folder / "figures").glob("*.svg")}
    assert {
        *("distance_after", "distance_before", "distance_both", "context_tail", "context_head"),
        *("above_baseline", "quiz", "retention_logit", "retention_state", "time_constants"),
        *("lesson_answer", "lesson_gates", "slow_units"),
    } <= drawn
    assert page.count("figure") == len(drawn)


def test_the_page_says_the_half_lives(probed: tuple[Path, Comparison, Page]) -> None:
    _, comparison, page = probed
    assert comparison.memory is not None
    row = _reach(comparison.memory, "gru", "half_life_after")
    assert format_reach(row) in page.text
    shortest = _reach(comparison.memory, "simple_rnn", "half_life_after")
    said = f"(a cross) is left after {shortest.value:.0f} words in simple_rnn and after"
    assert f"{said} {row.value:.0f} in gru. More than half of it is left after 800" in page.text
    alone = comparison.memory.curves.query("condition == 'alone'")
    assert alone.commonest.between(0.5, 0.6).all()  # answers that follow a coin
    assert f"get the same answer in {100 * alone.commonest.min():.1f}% of readings" in page.text
    (reader,) = answer_how_far_back(_without_quiz(comparison))
    assert reader.conclusion == "Beyond 800 words: lstm"
    assert format_reach(row) in reader.reason
    assert BASELINE not in reader.conclusion + reader.reason
    reach = pd.read_csv(probed[0] / "reach.csv")
    assert len(reach) == len(comparison.memory.reaches)


def _without_quiz(comparison: Comparison) -> Comparison:
    """Return what remains where the place of the evidence is not known."""
    assert comparison.memory is not None
    reaches = comparison.memory.reaches[comparison.memory.reaches.measure != "under_75"]
    return replace(comparison, memory=replace(comparison.memory, reaches=reaches))


def test_where_the_evidence_is_known_its_distance_answers_how_far_back(
    probed: tuple[Path, Comparison, Page],
) -> None:
    _, comparison, _ = probed
    assert comparison.memory is not None
    reaches = comparison.memory.reaches.copy()
    quiz = (reaches.measure == "under_75") & (reaches["head"] == "both")
    halves = (reaches.measure == "half_life_both") & (reaches["head"] == "")
    for name, reach in (("lstm", np.inf), ("gru", np.inf), ("simple_rnn", 21.0)):
        own = reaches.architecture == name
        reaches.loc[own & quiz, ["value", "low", "high", "furthest"]] = [reach, reach, reach, 200.0]
        reaches.loc[own & halves, ["value", "low", "high", "furthest"]] = [np.inf] * 3 + [800.0]
    changed = replace(comparison, memory=replace(comparison.memory, reaches=reaches))
    (reader,) = answer_how_far_back(changed)
    assert reader.conclusion == "Beyond 200 words: gru and lstm"
    assert "21 words for simple_rnn; more than 200 words for gru and lstm" in reader.reason
    assert "simple_rnn has more than half of the margin left after 800" in reader.reason


def test_a_gap_that_grows_with_the_distance_is_found_and_said() -> None:
    """One network errs more the more words there are; the others' answers do not depend on them."""
    tracked = make_probed()
    distance = tracked.probes["distance"].reset_index(drop=True)
    rng = np.random.default_rng(0)
    doublings = np.log2(distance.distance.to_numpy(dtype=float) + 1)
    simple = distance.run_id.isin(tracked.runs.run_id[tracked.runs.architecture == "simple_rnn"])
    distance["correct"] = rng.random(len(distance)) < np.where(simple, 0.95 - 0.03 * doublings, 0.9)
    probed = replace(tracked, probes={**tracked.probes, "distance": distance})
    comparison = compare(probed, np.random.default_rng(0), replicates=100)
    assert comparison.memory is not None
    trends = comparison.memory.trends["after"]
    slopes = trends.slopes.set_index("architecture")
    assert (trends.short, trends.long) == (0, 800)
    assert slopes.slope_high["simple_rnn"] < 0
    assert slopes.slope_low["lstm"] < 0 < slopes.slope_high["lstm"]
    assert slopes.at_long["simple_rnn"] == pytest.approx(0.95 - 0.03 * np.log2(801), abs=0.06)
    gaps = trends.gaps.set_index(["architecture_a", "architecture_b"]).p_holm
    assert gaps["lstm", "simple_rnn"] < 0.05 < gaps["gru", "lstm"]
    assert " gains most on simple_rnn: " in describe_gaps(trends)
    titles = [title for title, _ in trend_tables(comparison)]
    assert "As the neutral words after double" in titles
    assert "As the number of last tokens read doubles" in titles


def test_a_slope_that_nothing_gives_is_missing_with_its_interval() -> None:
    """Those of the fixture are right at every distance."""
    comparison = compare(make_probed(), np.random.default_rng(0), replicates=100)
    (table,) = [t for title, t in trend_tables(comparison) if "words after" in title]
    assert {cell.text for cell in table.rows[0][1:]} == {MISSING}


def test_a_review_read_under_many_conditions_counts_once() -> None:
    """Answers that depend on the review alone are as uncertain as over one reading of each."""
    tracked = make_probed()
    distance = tracked.probes["distance"].reset_index(drop=True)
    right = np.random.default_rng(0).random(REVIEWS) < 0.8
    distance["correct"] = right[distance.review_id.str.removeprefix("test/").astype(int)]
    found = _remember(
        tracked.runs[["run_id", "architecture"]], {**tracked.probes, "distance": distance}
    )
    slopes = found.trends["after"].slopes
    slope = next(rows_of(slopes[slopes.architecture == "lstm"]))
    share = right.mean()
    width = 2 * 1.96 * np.sqrt(share * (1 - share) / REVIEWS)
    assert slope.slope == pytest.approx(0, abs=1e-6)
    assert slope.at_long_high - slope.at_long_low == pytest.approx(width, rel=0.05)


def test_a_network_that_answers_by_chance_is_not_said_to_remember() -> None:
    tracked = make_probed()
    distance = tracked.probes["distance"].copy()
    simple = tracked.runs.run_id[tracked.runs.architecture == "simple_rnn"]
    guessing = distance.run_id.isin(simple)
    coin = np.random.default_rng(3).permutation(np.where(np.arange(guessing.sum()) % 2, 1.0, -1.0))
    distance.loc[guessing, "margin"] = coin
    still = distance.run_id.isin(tracked.runs.run_id[tracked.runs.architecture == "gru"])
    distance.loc[still, "margin"] = 2.0
    probed = replace(tracked, probes={**tracked.probes, "distance": distance})
    comparison = compare(probed, np.random.default_rng(0), replicates=100)
    (reader,) = answer_how_far_back(_without_quiz(comparison))
    assert "every network" not in reader.conclusion
    assert "simple_rnn" not in reader.conclusion
    assert "simple_rnn has learnt nothing that could fade" in reader.reason


def test_the_words_it_takes_are_by_the_architecture_only_where_intervals_part(
    probed: tuple[Path, Comparison, Page],
) -> None:
    _, comparison, _ = probed
    assert comparison.memory is not None
    reaches = comparison.memory.reaches.assign(value=[60.0] * len(comparison.memory.reaches))
    ours = (reaches.measure == "half_life_both") & (reaches["head"] == "")
    for high, said in ((90.0, "depending on the architecture"), (200.0, "in an uncertain order")):
        reaches.loc[ours, ["value", "low", "high"]] = [200.0, 150.0, 300.0]
        reaches.loc[ours & (reaches.architecture == "gru"), ["value", "low", "high"]] = [
            60,
            40,
            high,
        ]
        changed = replace(comparison, memory=replace(comparison.memory, reaches=reaches))
        (reader,) = answer_how_far_back(_without_quiz(changed))
        assert reader.conclusion == f"60 to 200 words, {said}"


def test_the_cheapest_is_held_against_the_baseline(probed: tuple[Path, Comparison, Page]) -> None:
    _, comparison, _ = probed
    assert comparison.baseline is not None
    for seconds, lead, said in ((0.1, -0.1, True), (1e6, -0.1, False), (0.1, 0.1, False)):
        run = comparison.baseline.run.assign(train_seconds=seconds)
        leads = comparison.baseline.leads.assign(ci_low=lead)
        baseline = replace(comparison.baseline, run=run, leads=leads)
        text = recommend(replace(comparison, baseline=baseline))
        assert text.startswith("Use ")
        assert text.startswith("Use the baseline: it does ") == said
        assert ("after 0.1 s of training" in text) == said
    missing = pd.array([pd.NA], dtype="Float64")
    run = comparison.baseline.run.assign(train_seconds=missing)
    leads = comparison.baseline.leads.assign(ci_low=-0.1)
    unknown = replace(comparison.baseline, run=run, leads=leads)
    assert recommend(replace(comparison, baseline=unknown)).startswith("Use a")


def test_the_baseline_is_beside_the_networks_and_none_of_them(
    probed: tuple[Path, Comparison, Page],
) -> None:
    _, comparison, page = probed
    assert BASELINE not in set(comparison.summary.architecture)
    assert comparison.baseline is not None
    own = next(rows_of(comparison.baseline.scores[comparison.baseline.scores.along == "all"]))
    assert own.accuracy == pytest.approx(0.8, abs=0.05)
    lead = comparison.baseline.leads
    lead = next(rows_of(lead[(lead.along == "all") & (lead.architecture == "lstm")]))
    lstm = comparison.summary.accuracy[comparison.summary.architecture == "lstm"].item()
    assert lead.difference == pytest.approx(lstm - own.accuracy)
    assert lead.ci_low < lead.difference < lead.ci_high
    buttons = [a["value"] for tag, a in page.elements if tag == "button"]
    assert buttons[-1] == BASELINE
    words = "The baseline, which knows no order but that of neighbouring words"
    assert f"{words}, is right on {100 * own.accuracy:.1f}%" in page.text


def test_without_probes_and_baseline_the_page_says_what_is_missing(tmp_path: Path) -> None:
    comparison, page = report(make_tracked(seeds=2, reviews=200), tmp_path / "report")
    assert comparison.memory is comparison.fading is comparison.baseline is None
    assert "The order-free baseline is not tracked" in page.text
    assert answer_how_far_back(comparison) == []
    assert not (tmp_path / "report" / "reach.csv").exists()


def test_charts_of_probes_are_valid_vega_lite(probed: tuple[Path, Comparison, Page]) -> None:
    _, comparison, _ = probed
    for figure in [
        *memory.draw_distances(comparison, "both", "after", "before"),
        *memory.draw_contexts(comparison),
        *breakdowns.draw_quiz(comparison),
        *breakdowns.draw_leads(comparison),
        *inside.draw_slow_units(comparison),
        *inside.draw_derivatives_and_gates(comparison),
        *lesson.draw_lesson(comparison),
    ]:
        for panel in figure.panels:
            panel.chart.to_dict(validate=True)


def test_what_is_no_number_is_no_end_of_an_order() -> None:
    texts = [(4.0, "4"), (math.nan, "none"), (9.0, "9"), (1.0, "1"), (math.inf, "beyond 9")]
    for turn in range(len(texts)):
        said = join_values([*texts[turn:], *texts[:turn]])
        assert said == "1 to beyond 9, the others in between; none"
    assert join_values([*[(math.nan, "none")] * 4, (1.0, "1")]) == "none, none, none, none and 1"
    assert format_small(math.nan) == MISSING


def test_a_signal_without_a_half_life_is_named_apart() -> None:
    lives = {"a": 20.0, "b": math.nan, "c": 5.0, "d": 9.0, "e": math.inf, "f": 7.0, "g": math.inf}
    halves = pd.DataFrame({"architecture": list(lives), "value": list(lives.values())})
    halves = halves.assign(low=halves.value, high=halves.value, furthest=400.0)
    said = describe_fading(halves.assign(rises=halves.architecture == "g"))
    assert "is left after 5 steps in c and after 20 in a, the others in between." in said
    assert "More than half is left after 400 steps in e." in said
    assert "It grows with the steps in g." in said
    assert said.endswith("None that could fade is shown in b.")


def test_the_page_says_once_why_the_measures_part(probed: tuple[Path, Comparison, Page]) -> None:
    folder, comparison, page = probed
    name, said = describe_measures(comparison)
    assert name == "lstm"  # its margin lasts longest
    assert [measure for measure, _ in said] == [
        "The margin",
        "A gate",
        "The slowest units",
        "A derivative",
    ]
    text = " ".join(sentences for _, sentences in said)
    assert "more than half of it is left after 800 neutral words" in text
    assert "the median unit for 5 steps, the slowest for 40" in text.replace("5.0", "5")
    assert "brings 70% of the answer over 50 neutral words. A random tenth brings 10%." in text
    assert "half of that is left after 20 steps" in text
    for sentences in text.split(". "):
        assert page.text.count(sentences.removesuffix(".")) == 1
    assert page.count("figure") == len(list((folder / "figures").glob("*.svg")))
    drawings = [
        a for tag, a in page.elements if tag == "svg" and "bars" in (a.get("aria-label") or "")
    ]
    assert len(drawings) == 2
    markdown = (folder / "report.md").read_text()
    assert markdown.count("No evidence is lost") == 1


def test_what_each_measure_says_follows_the_numbers(probed: tuple[Path, Comparison, Page]) -> None:
    _, comparison, _ = probed
    assert comparison.slow_units is not None
    assert comparison.memory is not None
    shares = comparison.slow_units.shares.assign(more_low=-0.1)
    reaches = comparison.memory.reaches
    short = (reaches.measure == "half_life_both") & (reaches.architecture != "simple_rnn")
    changed = replace(
        comparison,
        slow_units=replace(comparison.slow_units, shares=shares),
        memory=replace(comparison.memory, reaches=reaches.mask(short, math.nan)),
    )
    name, said = describe_measures(changed)
    assert name == "simple_rnn"  # it has no gate
    assert [measure for measure, _ in said] == ["The margin", "The slowest units", "A derivative"]
    assert "the difference is not shown" in said[1][1]
    assert describe_measures(replace(comparison, memory=None)) == ("", [])
    (figure,) = inside.draw_slow_units(changed)
    assert "That the slowest bring more is not shown." in figure.sentence
    (figure,) = inside.draw_slow_units(comparison)
    assert "In every network the slowest bring more." in figure.sentence


def test_what_has_learnt_nothing_is_said_once(tmp_path: Path) -> None:
    tracked = make_probed()
    simple = tracked.runs.run_id[tracked.runs.architecture == "simple_rnn"]
    distance = tracked.probes["distance"].reset_index(drop=True)
    guessing = distance.run_id.isin(simple)
    distance.loc[guessing, "margin"] = np.random.default_rng(3).permutation(
        np.where(np.arange(guessing.sum()) % 2, 1.0, -1.0)
    )
    probed = replace(tracked, probes={**tracked.probes, "distance": distance})
    comparison, page = report(probed, tmp_path / "report")
    table = reach_table(comparison)
    assert table is not None
    (row,) = [cells for cells in table.rows if cells[0].text == "simple_rnn"]
    assert [cell.text for cell in row].count(LEARNT_NOTHING) == 1
    assert page.text.count("simple_rnn has learnt nothing that could fade") == 2  # also at the top
    lives = pd.read_csv(tmp_path / "report" / "half_lives.csv")
    assert "simple_rnn" not in set(lives.architecture)


def test_units_that_forget_nothing_are_said_to(probed: tuple[Path, Comparison, Page]) -> None:
    _, comparison, _ = probed
    assert comparison.fading is not None
    constants = comparison.fading.time_constants.assign(upper=math.inf)
    constants.loc[constants.architecture == "gru", "median"] = math.inf
    fading = replace(comparison.fading, time_constants=constants)
    *_, figure = inside.draw_derivatives_and_gates(replace(comparison, fading=fading))
    assert "The median unit of gru forgets nothing." in figure.sentence
    shown = json.dumps(figure.for_paper()) + str(figure.table)
    assert "to forgets nothing" in shown
    assert not re.search(r"\binf\b|NaN|Infinity", shown)


def test_hostile_text_in_probes_stays_text(tmp_path: Path) -> None:
    tracked = make_probed()
    lesson = tracked.probes["lesson"].assign(head=HOSTILE)
    answers = lesson.measure == "answer"
    lesson.loc[answers, "name"] = HOSTILE
    runs = tracked.runs.assign(architecture=tracked.runs.architecture.replace("gru", HOSTILE))
    hostile = replace(tracked, runs=runs, probes={**tracked.probes, "lesson": lesson})
    _, page = report(hostile, tmp_path / "report")
    assert page.count("img") == 0
    assert page.count("script") == 5
    assert HOSTILE in page.text
    names = {path.name for path in (tmp_path / "report" / "figures").iterdir()}
    assert "lesson_answer.svg" in names
