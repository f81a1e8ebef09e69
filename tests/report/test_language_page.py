"""The page of a sweep over language models: what it says, holds and leaves beside it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories.language_sweep import make_language_runs, make_tuned_language, without_results
from factories.pages import HOSTILE, Page

from pipeline.analysis.language import LanguageRuns, compare_language
from pipeline.report import describe_results, write_language_report
from pipeline.report.figures.language import draw_curves_of_learning
from pipeline.report.glossary import terms_of_language
from pipeline.report.language_page import CSV_FILES, LanguageContent, build
from pipeline.report.language_tables import perplexity_table
from pipeline.report.prose import language, sweep
from pipeline.report.prose.contrasts import answers_of_contrasts
from pipeline.report.prose.samples import make_cards


def _content(tracked: LanguageRuns) -> LanguageContent:
    found = compare_language(tracked, np.random.default_rng(0), replicates=100)
    return LanguageContent(found, tracked)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    content = _content(make_language_runs())
    return write_language_report(content.whole, content.tracked, folder / "language_imdb").parent


def _page(folder: Path) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def test_the_headline_answers_whether_gates_are_worth_it(written: Path) -> None:
    text = _page(written).text
    assert re.search(
        r"Gates lower the perplexity on these texts by 17\.7% \(17\.\d to 18\.\d%\)", text
    )
    assert "has a perplexity of 156.0: every network predicts better" in text
    assert "200 for lstm, 100 for gru and 10 for simple_rnn" in text


def test_the_page_has_its_sections_and_the_main_figure_first(written: Path) -> None:
    page = _page(written)
    headings = [heading.removeprefix("h2 ") for heading in page.headings if heading[:2] == "h2"]
    assert headings[:8] == [
        "What was asked",
        "What they use of the context",
        "Perplexity",
        "What they write",
        "Inside the networks",
        "Cost",
        "Learning",
        "Runs",
    ]
    content = _content(make_language_runs())
    assert build(content)[1].figures[0].name == "loss_by_context"
    assert page.away == []
    assert (written / "index.html").stat().st_size < 5e6


def test_everything_lies_beside_the_page(written: Path) -> None:
    figures = {path.name for path in (written / "figures").iterdir()}
    for name in ("loss_by_context", "recall", "subject_recall", "perplexity", "learning_curves"):
        assert {f"{name}.svg", f"{name}.pdf", f"{name}.png"} <= figures
        assert (written / "tables" / f"{name}.tex").exists()
    context = pd.read_csv(written / "effective_context.csv")
    assert {"value", "value_is_infinite"} <= {*context.columns}
    losses = pd.read_csv(written / "loss_by_context.csv")
    assert {"cut", "shuffled", "replaced"} == {*losses.condition}
    summary = pd.read_csv(written / "summary.csv")
    assert summary.perplexity.iloc[0] == pytest.approx(121.51, abs=0.01)


def test_markdown_says_the_same(written: Path) -> None:
    text = (written / "report.md").read_text(encoding="utf-8")
    assert "Gates lower the perplexity" in text
    assert "![" in text
    assert "**The plot of this film** " in text


def test_terms_are_those_of_language_models(written: Path) -> None:
    text = _page(written).text
    assert "Kneser-Ney smoothing" in text
    assert "naive Bayes" not in text
    names = [term.name for term in terms_of_language()]
    assert len(names) == len(set(names))


def test_one_seed_says_so(tmp_path: Path) -> None:
    content = _content(make_language_runs(seeds=1))
    said = language.headline(content.whole)
    assert said.startswith("Gated cells have a perplexity 17.7% lower than simple cells here (17.")
    assert "over the texts alone), but one seed decides nothing about others." in said
    answers = answers_of_contrasts(content.whole)
    assert {answer.conclusion for answer in answers} == {"Not decided"}


def test_a_sweep_without_probes_samples_and_baseline_has_a_page(tmp_path: Path) -> None:
    tracked = make_language_runs(("lstm", "gru"), seeds=2, probes=False)
    content = _content(replace(tracked, samples=pd.DataFrame()))
    ids = [section.id for section in build(content)]
    assert ids == ["questions", "results", "cost", "learning", "runs", "method", "provenance"]
    assert "n-gram baseline is not tracked" in " ".join(content.whole.notes)
    assert CSV_FILES["tuning.csv"](content.whole) is None
    assert "chosen on validation" not in describe_results(content.whole, "report")


def test_a_sweep_without_results_has_a_page(tmp_path: Path) -> None:
    tracked = make_language_runs(("lstm",), seeds=1, probes=False, status="failed")
    content = _content(replace(tracked, losses=tracked.losses.iloc[:0]))
    path = write_language_report(content.whole, content.tracked, tmp_path / "report")
    assert "No run has finished" in Page(path.read_text(encoding="utf-8")).text


def test_hostile_samples_stay_text(tmp_path: Path) -> None:
    tracked = make_language_runs(("lstm",), seeds=1, probes=False)
    hostile = tracked.samples.assign(prompt=HOSTILE, text=f"{HOSTILE} and on")
    content = _content(replace(tracked, samples=hostile))
    path = write_language_report(content.whole, content.tracked, tmp_path / "report")
    page = Page(path.read_text(encoding="utf-8"))
    assert page.count("img") == 0
    assert f"{HOSTILE} and on" in page.text
    assert not any("alert(1)" in script for script in page.scripts)


def test_cards_have_the_first_seed_of_each_network_and_no_prompt_twice() -> None:
    tracked = make_language_runs(("lstm", "gru"), seeds=2, probes=False)
    cards = make_cards(tracked.samples, tracked.runs[["run_id", "architecture"]])
    assert [card.prompt for card in cards] == ["The plot of this film", "I loved the acting, but"]
    (name, texts), _ = cards[0].written
    assert name == "lstm"
    assert texts == (" of lstm was number 0.", " of lstm was number 1.")


def test_a_text_that_does_not_repeat_its_prompt_is_set_off() -> None:
    samples = pd.DataFrame({"run_id": ["a"], "prompt": ["It"], "sample": [0], "text": ["was good"]})
    runs = pd.DataFrame({"run_id": ["a"], "architecture": ["lstm"]})
    (card,) = make_cards(samples, runs)
    assert card.written == (("lstm", (" was good",)),)


def test_figures_draw_what_the_tables_have(written: Path) -> None:
    text = (written / "index.html").read_text(encoding="utf-8")
    found = re.search(r'id="specs">(.*?)</script>', text, re.S)
    assert found is not None
    specs = json.loads(found.group(1))
    rows = [
        row for one in specs["loss_by_context"] for data in one["datasets"].values() for row in data
    ]
    lstm = [row for row in rows if row.get("architecture") == "lstm" and "excess" in row]
    at_one = [row for row in lstm if row.get("read") == "1"]
    assert at_one
    assert at_one[0]["excess"] == pytest.approx(0.5, abs=0.01)


def test_mlflow_says_perplexity() -> None:
    note = describe_results(_content(make_language_runs()).whole, "report/index.html")
    assert note.startswith("[Read the report](report/index.html)")
    assert "| lstm | 121.5 |" in note


def test_a_network_whose_perplexity_is_beyond_all_numbers_has_its_page(tmp_path: Path) -> None:
    """A learning rate far too high gives losses of thousands of nats."""
    tracked = make_language_runs(seeds=2, texts=60, probes=False)
    own = tracked.losses.run_id.isin(tracked.runs.run_id[tracked.runs.architecture == "gru"])
    nats = tracked.losses.nats * np.where(own, 500 - 200 * (np.arange(len(own)) % 2), 1)
    content = _content(replace(tracked, losses=tracked.losses.assign(nats=nats)))
    page = write_language_report(content.whole, content.tracked, tmp_path / "report")
    text = _page(page.parent).text
    assert "e+304" in text
    assert not re.search(r"[\d,]{50}", text)
    assert np.isfinite(content.whole.pairwise.ratio.astype(float)).all()


def test_networks_that_were_still_improving_are_named() -> None:
    tracked = make_language_runs()
    ended = tracked.runs.architecture.map(
        {"lstm": "after all 5 epochs", "gru": "no better validation loss for 5 validations"}
    )
    runs = tracked.runs.assign(training_ended=ended, budget_epochs=5)
    content = _content(replace(tracked, runs=runs))
    (said,) = language.cautions(content.whole, content.tracked)
    assert said.startswith("lstm was still improving when training ended")
    assert "train.epochs=10" in said
    assert language.cautions(_content(tracked).whole, tracked) == []


def test_training_that_ended_after_different_numbers_of_tokens_is_compared_by_token() -> None:
    """The LSTM reads as fast as the GRU, and a SimpleRNN twice as fast."""
    tracked = make_language_runs(seeds=2, texts=60, probes=False)
    names, speed = tracked.runs.architecture, tracked.runs.tokens_per_second
    faster = tracked.runs.assign(tokens_per_second=speed.where(names != "simple_rnn", 68_000.0))

    def said(read: dict[str, float]) -> str:
        """Return the headline where every network has read so many million tokens."""
        seconds = names.map(read) * 1e6 / faster.tokens_per_second
        runs = faster.assign(train_seconds=seconds.fillna(40.0))
        content = _content(replace(tracked, runs=runs))
        return f"{language.headline(content.whole)} {answers_of_contrasts(content.whole)}"

    alike = said({"lstm": 20, "gru": 20, "simple_rnn": 20})
    assert ", for 2.0 times the training time." in alike
    assert "by token" not in alike
    longer = said({"lstm": 20, "gru": 20, "simple_rnn": 60})
    assert ", for 2.0 times the training time by token." in longer
    assert "Both train in the same time by token." in said(
        {"lstm": 20, "gru": 30, "simple_rnn": 20}
    )


def test_text_and_figure_say_the_same_of_a_first_group_that_predicts_worse() -> None:
    found = _content(make_language_runs(seeds=1)).whole
    assert found.contrasts is not None
    row = found.contrasts.table.quantity == "log_perplexity"
    table = found.contrasts.table.copy()
    ends = ["estimate", "ci_low", "ci_high"]
    table.loc[row, ends] = np.log([1.25, 1.2, 1.3])
    worse = replace(found, contrasts=replace(found.contrasts, table=table))
    (answer, *_) = answers_of_contrasts(worse)
    assert "A perplexity 25.0% higher with gated cells (20.0 to 30.0%)." in answer.reason
    said = "Gated cells have a perplexity 25.0% higher than simple cells here (20.0 to 30.0% over"
    assert language.headline(worse).startswith(said)


def test_tiers_are_explained_only_where_there_are_some() -> None:
    found = _content(make_language_runs()).whole
    assert "tier 1" in language.describe_reading(found)
    summary = found.summary.copy()
    summary["tier"] = pd.NA
    single = replace(found, summary=summary)
    assert "tier" not in language.describe_reading(single)


def test_the_networks_to_which_the_right_subject_is_likeliest_are_named() -> None:
    found = _content(make_language_runs()).whole
    held = found.memory
    assert held is not None

    def answer(lowest: dict[str, float]) -> str:
        subjects = held.subjects.assign(ci_low=held.subjects.architecture.map(lowest))
        memory = replace(held, subjects=subjects)
        (one,) = [
            said
            for said in language.short_answers(replace(found, memory=memory))
            if said.topic == "Is the subject remembered?"
        ]
        assert "guessing gives" in one.reason
        assert "kneser_ney" not in one.reason
        return one.conclusion

    names = list(found.summary.architecture)
    assert answer(dict.fromkeys(names, 0.2)) == "By no network"
    assert answer(dict.fromkeys(names, 0.2) | {names[0]: 0.9}) == f"By {names[0]}"
    assert answer(dict.fromkeys(names, 0.9)).startswith("By ")


def test_the_page_of_a_tuned_sweep_has_every_value_and_rests_on_the_chosen_ones() -> None:
    tried = {"lstm": {1e-3: 5.0, 5e-3: 4.8}, "simple_rnn": {1e-3: 4.9, 5e-3: 5.3}}
    tracked = make_tuned_language(tried)
    # Only runs whose rate was not chosen ended while they still improved.
    worse = tracked.runs.architecture.map({"lstm": 1e-3, "simple_rnn": 5e-3})
    lost = tracked.runs.learning_rate.eq(worse).fillna(False)
    ended = np.where(lost, "after all 5 epochs", "no better validation loss")
    runs = tracked.runs.assign(training_ended=ended, budget_epochs=5)
    lost &= runs.architecture == "simple_rnn"
    tracked = without_results(replace(tracked, runs=runs), lost & (runs.seed == 1), "diverged")
    content = _content(tracked)
    assert language.cautions(content.whole, tracked) == []
    (curves,) = draw_curves_of_learning(content.whole, tracked.history)
    assert len(curves.table.rows) == 2 * 2 * 10
    (tried,) = [
        block.table
        for section in build(content)
        for block in section.blocks
        if block.name == "tuning"
    ]
    assert tried is not None
    assert tried.caption == "Tuning of learning_rate: mean validation loss of every value"
    rows = [" ".join(entry.text for entry in row).strip() for row in tried.rows]
    assert "lstm 0.005 4.850 127.7 2 2 0 chosen" in rows
    assert "simple_rnn 0.005 5.300 200.3 2 1 1" in rows
    table = perplexity_table(content.whole)
    place = [column.heading for column in table.columns].index("learning_rate")
    rates = {row[0].text: row[place].text for row in table.rows}
    assert rates == {"lstm": "0.005", "simple_rnn": "0.001", "kneser_ney": "–"}
    grid = CSV_FILES["tuning.csv"](content.whole)
    assert grid[grid.chosen].learning_rate.tolist() == [5e-3, 1e-3]
    said = sweep.cautions(content.whole)
    assert said[0].startswith("learning_rate: tuned on validation, never on the test texts")
    assert said[1] == "1 run diverged: simple_rnn seed 1, learning_rate 0.005."
    note = describe_results(content.whole, "report")
    assert "learning_rate chosen on validation: 0.005 for lstm; 0.001 for simple_rnn." in note
