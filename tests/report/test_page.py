"""The page: whole, opened with no network, careful with its words, and safe with others' text."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
from factories.pages import HOSTILE, Page, fold_figures, report
from factories.tracked import ARCHITECTURES, make_tracked

from pipeline import vega
from pipeline.analysis.comparison import Comparison, compare
from pipeline.analysis.frames import rows_of
from pipeline.analysis.selection import ACCURACY, Tuning
from pipeline.analysis.verdicts import NO
from pipeline.errors import ReportError
from pipeline.report import look, write_report
from pipeline.report.blocks import Content, figures_of
from pipeline.report.prose import answer, sweep
from pipeline.report.prose.recommendation import choose, in_words, recommend
from pipeline.report.sections import build
from pipeline.report.tables import cost_table


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison, Page]:
    folder = tmp_path_factory.mktemp("reports") / "quickstart"
    tracked = make_tracked(two_heads=True, reviews=600, experiment="quickstart")
    return folder, *report(tracked, folder)


def test_the_contracts_files_and_columns(quickstart: tuple[Path, Comparison, Page]) -> None:
    folder, _, _ = quickstart
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"index.html", "report.md", "runs.csv", "by_length.csv", "pairwise.csv"} <= names
    assert {"figures/by_distance.svg", "figures/by_length.svg"} <= names
    runs = pd.read_csv(folder / "runs.csv")
    assert {
        *("run_id", "architecture", "seed", "status", "parameters", "units", "test_accuracy"),
        *("val_accuracy", "best_epoch", "train_seconds", "tokens_per_second", "padded_share"),
    } <= set(runs.columns)
    by_length = pd.read_csv(folder / "by_length.csv")
    assert list(by_length.columns[:7]) == [
        *("architecture", "length_low", "length_high", "reviews", "accuracy", "ci_low", "ci_high")
    ]
    pairs = pd.read_csv(folder / "pairwise.csv")
    assert list(pairs.columns[:9]) == [
        *("architecture_a", "architecture_b", "difference", "ci_low", "ci_high", "p_value"),
        *("p_adjusted", "p_if_alike", "verdict"),
    ]


def test_the_cost_says_how_much_is_padding_where_it_is_known(
    quickstart: tuple[Path, Comparison, Page],
) -> None:
    _, comparison, _ = quickstart
    table = cost_table(comparison)
    place = [column.heading for column in table.columns].index("padding")
    assert {row[place].text for row in table.rows} == {"2.1%"}
    unknown = replace(comparison, cost=comparison.cost.assign(padded_share=np.nan))
    assert "padding" not in [column.heading for column in cost_table(unknown).columns]


def test_the_page_fetches_nothing(quickstart: tuple[Path, Comparison, Page]) -> None:
    _, _, page = quickstart
    for tag, attributes in page.elements:
        for name in ("src", "srcset", "poster", "data", "action"):
            assert name not in attributes, (tag, attributes)
        if tag in {"link", "iframe", "object", "embed", "img", "base"}:
            pytest.fail(f"<{tag}> may fetch something")


def test_the_page_can_be_read_by_its_headings(quickstart: tuple[Path, Comparison, Page]) -> None:
    _, _, page = quickstart
    levels = [int(heading[1]) for heading in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_figure_has_words_and_numbers(quickstart: tuple[Path, Comparison, Page]) -> None:
    folder, _, page = quickstart
    figures = page.count("figure")
    assert figures == len(list((folder / "figures").glob("*.svg"))) >= 6
    labelled = [a for tag, a in page.elements if a.get("role") == "img" and a.get("aria-label")]
    assert len(labelled) == figures
    assert page.count("figcaption") == figures
    assert page.count("summary") == page.count("details") > figures


def test_figures_may_be_folded_under_a_line_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked = make_tracked(two_heads=True, reviews=300)
    _, before = report(tracked, tmp_path / "before")
    fold_figures(monkeypatch)
    _, page = report(tracked, tmp_path / "after")
    assert {tag for tag, a in page.elements if a.get("class") == "further"} == {"details"}
    assert page.count("figure") == before.count("figure")
    assert "More figures: The sentiment alone; The subject alone" in page.text
    markdown = (tmp_path / "after" / "report.md").read_text()
    assert markdown.count("![") == page.count("figure")


def test_the_contents_list_every_section_and_every_figure(
    quickstart: tuple[Path, Comparison, Page],
) -> None:
    _, _, page = quickstart
    ids = [a["id"] for tag, a in page.elements if "id" in a]
    links = [a["href"] for tag, a in page.elements if tag == "a"]
    parts = [id for id in ids if id and id.startswith("section-")]
    assert len(parts) > 8
    for id in parts:
        assert links.count(f"#{id}") == 2  # in the contents, and beside the heading
    figures = [a["id"] for tag, a in page.elements if tag == "figure"]
    assert all(links.count(f"#{id}") == 2 for id in figures if id != "contrasts")
    headings = [tag for tag, _ in page.elements if tag in ("h2", "h3")]
    assert len([a for tag, a in page.elements if a.get("class") == "anchor"]) == len(headings)


def test_the_glossary_has_the_terms_that_the_page_uses(
    quickstart: tuple[Path, Comparison, Page],
) -> None:
    folder, _, page = quickstart
    links = {a["href"] for tag, a in page.elements if a.get("class") == "term"}
    defined = {f"#{a['id']}" for _, a in page.elements if (a.get("id") or "").startswith("term-")}
    assert links == defined
    assert {"#term-95-interval", "#term-seed", "#term-tier"} <= links
    assert "#term-half-life" not in links
    markdown = (folder / "report.md").read_text()
    assert markdown.index("## Glossary") < markdown.index("- **95% interval**")


def test_every_seed_is_shown(quickstart: tuple[Path, Comparison, Page]) -> None:
    _, comparison, page = quickstart
    for run in rows_of(comparison.runs):
        assert f"{100 * run.test_accuracy:.1f}" in page.text
        assert str(run.run_id)[:8] in page.text


def test_numbers_in_the_answer_are_those_of_the_summary(
    quickstart: tuple[Path, Comparison, Page],
) -> None:
    _, comparison, page = quickstart
    chosen = comparison.summary.set_index("architecture").loc[choose(comparison)]
    words = f"Use {in_words(chosen, comparison)}: it is right on {100 * chosen.accuracy:.1f}%"
    assert words in page.text
    assert comparison.contrasts is not None
    asked = comparison.contrasts.table.set_index(["contrast", "quantity"])
    gates: Any = asked.loc[("gated_vs_simple", "accuracy")]
    assert f"Gates are worth {100 * gates.estimate:.1f} points of accuracy" in page.text


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    tracked = make_tracked(seeds=2, reviews=300)
    name = f"lstm {HOSTILE}"
    runs = tracked.runs.assign(versions=HOSTILE, device=HOSTILE, git_commit=HOSTILE, data=HOSTILE)
    runs["architecture"] = runs.architecture.replace("lstm", name)
    runs["cell"] = HOSTILE
    runs.loc[runs.architecture == "gru", ["status", "failure"]] = ["failed", HOSTILE]
    predictions = tracked.predictions.assign(label=HOSTILE, predicted=HOSTILE)
    predictions = predictions[predictions.run_id.isin(runs.run_id[runs.status == "finished"])]
    sweep = replace(tracked.sweep, tracking_uri=HOSTILE, provenance=((HOSTILE, HOSTILE),))
    hostile = replace(tracked, experiment=HOSTILE, runs=runs, predictions=predictions, sweep=sweep)
    _, page = report(hostile, tmp_path / "report")
    assert page.count("img") == 0
    assert page.count("script") == 5
    assert not any("alert(1)" in text and "<" in text for text in page.scripts[:2])
    assert HOSTILE in page.text
    buttons = [a["value"] for tag, a in page.elements if tag == "button"]
    assert name in buttons
    specs = json.loads(page.scripts[0])
    assert name in json.dumps(specs).encode().decode("unicode_escape")
    for svg in (tmp_path / "report" / "figures").glob("*.svg"):
        assert "<script" not in svg.read_text()
        assert "<img" not in svg.read_text()
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert "<script" not in markdown
    assert "<img" not in markdown


@pytest.mark.parametrize("seeds", [1, 2])
def test_words_are_careful_with_few_seeds(seeds: int, tmp_path: Path) -> None:
    comparison, page = report(make_tracked(("lstm", "gru"), seeds, 400), tmp_path / "report")
    verdicts = set(comparison.pairwise.verdict)
    assert verdicts == {"not enough runs"}
    assert ("One seed decides nothing" if seeds == 1 else "is not decided") in page.text
    assert "is better than gru" not in page.text
    assert "is better than lstm" not in page.text


def test_a_small_budget_does_not_buy_what_merely_could_not_be_judged() -> None:
    comparison = compare(make_tracked(seeds=1), np.random.default_rng(0), replicates=50)
    quickest = comparison.cost.train_seconds.where(
        comparison.cost.architecture != "simple_rnn", 1.0
    )
    comparison = replace(comparison, cost=comparison.cost.assign(train_seconds=quickest))
    assert choose(comparison) not in (None, "simple_rnn")
    assert "One seed cannot confirm it." in recommend(comparison)


def test_what_is_shown_to_be_worse_is_not_recommended_for_its_price() -> None:
    comparison = compare(make_tracked(("lstm", "gru")), np.random.default_rng(0), replicates=50)
    contrasts = comparison.contrasts
    assert contrasts is not None
    alike = contrasts.table.assign(
        verdict=NO,
        estimate=contrasts.table.estimate.where(contrasts.table.quantity == "accuracy", 1),
    )
    equal = replace(comparison, contrasts=replace(contrasts, table=alike))
    assert choose(equal) == "gru"  # the cheaper of equals
    first, second = ("lstm", "gru")
    pair = {"architecture_a": first, "architecture_b": second, "verdict": "better"}
    ahead = comparison.summary.assign(
        accuracy=comparison.summary.architecture.map({first: 0.9, second: 0.895})
    )
    worse = replace(
        equal,
        summary=ahead.sort_values("accuracy", ascending=False, ignore_index=True),
        pairwise=comparison.pairwise.assign(**pair),
    )
    assert choose(worse) == "lstm"
    assert "not shown to be better" not in recommend(worse)


def test_one_architecture_has_nobody_to_beat(tmp_path: Path) -> None:
    _, page = report(make_tracked(("lstm",), 1, 200), tmp_path / "report")
    assert "no other architecture" in page.text


def test_nothing_finished_gives_a_page_that_says_why(tmp_path: Path) -> None:
    tracked = make_tracked(("lstm", "gru"), 2, 200)
    runs = tracked.runs.assign(status="failed", failure="no memory left")
    empty = pd.DataFrame()
    _, page = report(
        replace(tracked, runs=runs, predictions=empty, history=empty), tmp_path / "report"
    )
    assert "nothing to compare yet" in page.text
    assert page.text.count("no memory left") >= 4
    assert "a later run" not in page.text
    assert page.count("figure") == 0


def test_a_few_texts_that_all_have_right_make_nobody_better() -> None:
    tracked = make_tracked(reviews=30)
    right = tracked.predictions.assign(correct=True)
    comparison = compare(replace(tracked, predictions=right), np.random.default_rng(0))
    assert set(comparison.pairwise.verdict) == {"not enough runs"}
    assert "the joint highest" in answer.headline(comparison)


def test_who_has_learnt_nothing_is_not_recommended() -> None:
    tracked = make_tracked(("lstm", "gru"), 2, 300)
    wrong = np.random.default_rng(0).random(len(tracked.predictions)) < 0.5
    given = tracked.predictions.assign(correct=wrong)
    comparison = compare(replace(tracked, predictions=given), np.random.default_rng(0))
    assert "no network is shown to have learnt the task." in answer.headline(comparison)
    assert recommend(comparison) == ""


def test_a_leader_with_a_single_seed_left_says_so() -> None:
    tracked = make_tracked(seeds=2, reviews=300)
    lost = (tracked.runs.architecture == "lstm") & (tracked.runs.seed == 0)
    runs = tracked.runs.assign(status=tracked.runs.status.mask(lost, "diverged"))
    kept = tracked.predictions[~tracked.predictions.run_id.isin(runs[lost].run_id)]
    comparison = compare(
        replace(tracked, runs=runs, predictions=kept), np.random.default_rng(0), replicates=50
    )
    assert answer.headline(comparison).startswith("lstm is right")
    assert "the highest, with a single seed." in answer.headline(comparison)
    (_, own), (_, beside) = answer.describe_leagues([comparison, replace(comparison)])
    assert "diverged" not in own  # its page says so elsewhere
    assert "1 run diverged: lstm seed 0." in beside


def test_a_diverged_run_is_named_before_the_figures(tmp_path: Path) -> None:
    tracked = make_tracked(seeds=2, reviews=300)
    runs = tracked.runs.copy()
    lost = (runs.architecture == "simple_rnn") & (runs.seed == 0)
    runs.loc[lost, ["status", "failure"]] = ["diverged", "loss is not finite in epoch 2"]
    kept = tracked.predictions[~tracked.predictions.run_id.isin(runs[lost].run_id)]
    _, page = report(replace(tracked, runs=runs, predictions=kept), tmp_path / "report")
    assert "1 run diverged: simple_rnn seed 0" in page.text
    assert page.text.index("1 run diverged") < page.text.index("Accuracy on the test")
    assert "loss is not finite in epoch 2" in page.text


def test_missing_numbers_do_not_break_the_page(tmp_path: Path) -> None:
    tracked = make_tracked(seeds=2, reviews=300)
    wanted = ["run_id", "architecture", "seed", "status", "data_fingerprint", "test_accuracy"]
    bare = replace(tracked, runs=tracked.runs[wanted], history=pd.DataFrame())
    _, page = report(bare, tmp_path / "report")
    assert "learning" not in " ".join(page.headings).lower()


def test_nothing_is_lost_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "report"
    tracked = make_tracked(("lstm",), 1, 100)
    comparison, _ = report(tracked, folder)
    before = (folder / "index.html").read_bytes()
    (folder / "mine.txt").write_text("kept")
    monkeypatch.setattr("pipeline.report.page.render_page", _fail)
    with pytest.raises(ReportError, match="No space left"):
        write_report(comparison, tracked, folder)
    assert (folder / "index.html").read_bytes() == before
    assert (folder / "mine.txt").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_seeds_that_are_equally_accurate_are_not_apart() -> None:
    comparison = compare(make_tracked(("lstm", "gru"), 2, 100), np.random.default_rng(0))
    assert "furthest apart, from" in sweep.describe_accuracy(comparison)
    alike = replace(comparison, runs=comparison.runs.assign(test_accuracy=0.5))
    assert sweep.describe_accuracy(alike).endswith("each architecture are equally accurate.")


def test_tables_stand_in_for_figures_that_cannot_be_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked = make_tracked(("lstm", "gru"), 2, 100)
    _, drawn = report(tracked, tmp_path / "drawn")

    def fail(*_: object) -> None:
        raise vega.CannotDrawError("ulimit -v leaves too little")

    monkeypatch.setattr("pipeline.report.exports.vega.draw", fail)
    _, page = report(tracked, tmp_path / "report")
    said = (
        "The figures could not be drawn: ulimit -v leaves too little. Their tables stand in their"
    )
    assert said in page.text
    assert said in (tmp_path / "report" / "report.md").read_text()
    assert page.headings == drawn.headings
    assert not (tmp_path / "report" / "figures").exists()
    markup = (tmp_path / "report" / "index.html").read_text()
    assert "vegaEmbed" not in markup
    assert 'class="chart' not in markup
    assert "figures/" not in (tmp_path / "report" / "report.md").read_text()


def test_no_file_of_an_earlier_report_stays_and_every_file_of_a_person_does(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    report(make_tracked(("lstm", "gru"), 2, 100), folder)
    assert (folder / "pairwise.csv").exists()
    assert (folder / "figures" / "pairwise.svg").exists()
    (folder / "mine.csv").write_text("kept")
    report(make_tracked(("lstm",), 2, 100), folder)
    assert not (folder / "figures" / "pairwise.svg").exists()
    fresh = tmp_path / "fresh"
    report(make_tracked(("lstm",), 2, 100), fresh)
    names = {path.relative_to(folder) for path in folder.rglob("*")}
    assert names - {Path("mine.csv")} == {path.relative_to(fresh) for path in fresh.rglob("*")}


def _fail(*_: object) -> str:
    raise OSError(28, "No space left on device")


def test_published_results_compare_to_baseline_imdb_only(
    tmp_path: Path, quickstart: tuple[Path, Comparison, Page]
) -> None:
    _, page = report(make_tracked(("lstm",), 1, 100), tmp_path / "report")
    assert len(page.away) == 1
    assert "Skip RNN" in page.text
    assert "secondary" in page.text
    assert "Skip RNN" not in quickstart[2].text


def test_leagues_stand_side_by_side(tmp_path: Path) -> None:
    tracked = make_tracked(("lstm", "gru"), 2, 200)
    other = replace(tracked, experiment="equal_parameters")
    league = compare(other, np.random.default_rng(0), replicates=50)
    comparison = compare(tracked, np.random.default_rng(0), replicates=50)
    path = write_report(comparison, tracked, tmp_path / "report", leagues=[league])
    assert "equal_parameters" in Page(path.read_text(encoding="utf-8")).text
    strange = replace(league, runs=league.runs.assign(data_fingerprint="another"))
    with pytest.raises(ReportError, match="imdb and equal_parameters were trained on different"):
        write_report(comparison, tracked, tmp_path / "report", leagues=[strange])


def test_what_a_tuned_league_shows_is_said_above_a_sweep_without_tuning() -> None:
    comparison = compare(make_tracked(("lstm", "gru"), 2, 200), np.random.default_rng(0))
    grid = pd.DataFrame({"architecture": ["lstm", "gru"], "learning_rate": 1e-3, "chosen": True})
    tuning = Tuning(("learning_rate",), grid, ACCURACY)
    first, second = comparison.summary.architecture
    pair = {"architecture_a": first, "architecture_b": second, "verdict": "better"}
    better = comparison.pairwise.assign(**pair)
    league = replace(comparison, experiment="equal_units", tuning=tuning, pairwise=better)
    (said,) = answer.where_tuning_matters(comparison, [league])
    assert f"In equal_units, where learning_rate is chosen on validation, {first} (" in said
    assert said.endswith(f"is shown to be better than {second}.")
    assert answer.where_tuning_matters(league, [league]) == []
    assert answer.where_tuning_matters(comparison, [replace(league, tuning=None)]) == []


@pytest.mark.parametrize("address", ["javascript:alert(1)//", None])
def test_only_web_addresses_become_links(address: str | None, tmp_path: Path) -> None:
    tracked = make_tracked(("lstm",), 1, 100)
    tracked = replace(tracked, sweep=replace(tracked.sweep, run_url=address))
    _, page = report(tracked, tmp_path / "report")
    assert page.away == []


@pytest.mark.parametrize("architectures", [("simple_rnn", "lstm", "gru"), tuple(ARCHITECTURES)])
def test_charts_are_valid_vega_lite(architectures: tuple[str, ...]) -> None:
    tracked = make_tracked(architectures, two_heads=True, reviews=200)
    comparison = compare(tracked, np.random.default_rng(0), replicates=50)
    for figure in figures_of(build(Content(comparison, tracked))):
        for panel in (*figure.for_page(), figure.for_paper()):
            # As it stands in the page: a tuple is no array yet.
            written = json.loads(json.dumps(panel))
            chart = alt.ConcatChart if "concat" in written else alt.LayerChart
            chart.from_dict(written, validate=True)


# Machado, Oliveira and Fernandes 2009, IEEE TVCG 15:1291, severity 1, on linear RGB.
VISION = {
    "all cones": np.eye(3),
    "no red cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def _linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def _oklab(linear: np.ndarray) -> np.ndarray:
    """Ottosson 2020: a distance of 0.02 is about the least that can be seen."""
    cones = np.clip(linear, 0, 1) @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    return np.cbrt(cones) @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_colours_can_be_told_apart(vision: str, dark: bool) -> None:
    comparison = compare(make_tracked(tuple(ARCHITECTURES), 1, 100), np.random.default_rng(0))
    looks = look.assign_looks(comparison.summary)
    colours = [one.dark_colour if dark else one.colour for one in looks]
    seen = _oklab(np.stack([_linear(c) for c in colours]) @ np.transpose(VISION[vision]))
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + np.eye(len(colours))
    assert apart.min() > 0.05
    paper = _linear(look.ON_DARK[look.PAPER] if dark else look.PAPER)
    luminance = np.stack([_linear(c) for c in colours]) @ [0.2126, 0.7152, 0.0722] + 0.05
    beside = paper @ [0.2126, 0.7152, 0.0722] + 0.05
    assert (np.maximum(luminance / beside, beside / luminance) >= 3).all()


def test_an_architecture_always_looks_the_same() -> None:
    few = compare(make_tracked(("lstm", "gru"), 1, 100), np.random.default_rng(0))
    many = compare(make_tracked(tuple(ARCHITECTURES), 1, 100), np.random.default_rng(0))
    looks = {one.architecture: one for one in look.assign_looks(many.summary)}
    assert all(looks[one.architecture] == one for one in look.assign_looks(few.summary))
    assert len({one.colour for one in looks.values()}) == len(ARCHITECTURES)


def test_a_standing_reads_both_sides_of_a_pair() -> None:
    accuracy = pd.DataFrame(
        {
            "architecture": list("abcd"),
            "accuracy": [0.7, 0.9, 0.89, 0.88],
            "ci_low": 0,
            "ci_high": 1,
        }
    )
    pairs = pd.DataFrame(
        [("a", "b", "worse"), ("b", "c", "tied"), ("d", "b", "not enough runs")],
        columns=["architecture_a", "architecture_b", "verdict"],
    )
    found = answer.find_leader(accuracy, pairs)
    assert found.leader == "b"
    assert (found.worse, found.tied, found.unclear) == (("a",), ("c",), ("d",))
    assert found.rank == "the highest"
    # The same share of right answers, met on another way through the decimals.
    again = answer.find_leader(accuracy.assign(accuracy=[0.7, 0.9, 0.9 - 1e-16, 0.88]), pairs)
    assert again.rank == "the joint highest"


def test_networks_that_are_equal_are_not_called_highest_and_lowest() -> None:
    tracked = make_tracked(("lstm", "gru"), 1, 200)
    right = tracked.predictions.groupby("review_id").correct.transform("first")
    answered = tracked.predictions.groupby("review_id").predicted.transform("first")
    equal = tracked.predictions.assign(correct=right, predicted=answered)
    comparison = compare(
        replace(tracked, predictions=equal), np.random.default_rng(0), replicates=50
    )
    short, long = answer.answers_by_length(comparison)
    for reader in (short, long):
        assert reader.conclusion == "no difference"
        assert reader.reason.startswith("All score ")
