"""What the page says of texts, classes and training, and that no text can act in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories.pages import HOSTILE, Page, report
from factories.tracked import make_tracked

from pipeline.analysis.comparison import Comparison, compare
from pipeline.analysis.excerpts import abridge
from pipeline.analysis.parting import ids_of
from pipeline.analysis.tracked import TrackedRuns
from pipeline.report.figures.classes import draw_classes
from pipeline.report.markdown import as_markdown
from pipeline.report.prose.advice import advise

TWO = ("simple_rnn", "lstm")


def _compare(tracked: TrackedRuns) -> Comparison:
    return compare(tracked, np.random.default_rng(0), replicates=30)


def _with_texts(tracked: TrackedRuns, text: str, evidence: str = "") -> TrackedRuns:
    ids = ids_of(_compare(tracked).parting)
    assert ids
    return replace(tracked, excerpts=dict.fromkeys(ids, abridge(text, evidence)))


def test_a_card_has_the_text_the_right_answer_and_what_each_said(tmp_path: Path) -> None:
    tracked = make_tracked(TWO, 2, 300, two_heads=True)
    text = " ".join(["filler"] * 100) + " I loved the score. " + " ".join(["filler"] * 100)
    _, page = report(_with_texts(tracked, text, "I loved the score."), tmp_path / "report")
    assert "h2 Texts they part on" in page.headings
    assert "… 76 words …" in page.text
    assert page.count("mark") >= 4
    assert "lstm 2/2" in page.text
    assert "simple_rnn 0/2: " in page.text
    assert "all runs of gated cells are right and all runs of simple cells are wrong" in page.text
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert "**I loved the score.**" in markdown
    assert "*… 76 words …*" in markdown


def test_without_texts_there_is_no_section(tmp_path: Path) -> None:
    tracked = make_tracked(TWO, 2, 200, two_heads=True)
    _, page = report(tracked, tmp_path / "report")
    assert not any("Texts they part on" in heading for heading in page.headings)


def test_a_hostile_text_stays_text(tmp_path: Path) -> None:
    tracked = make_tracked(TWO, 2, 300)
    predictions = tracked.predictions
    labels = {"pos": HOSTILE, "neg": f"{HOSTILE}\n# _neg_"}
    answers = {name: predictions[name].map(labels) for name in ("label", "predicted")}
    hostile = replace(tracked, predictions=predictions.assign(**answers))
    _, page = report(_with_texts(hostile, f"# {HOSTILE} end", "end"), tmp_path / "report")
    assert page.count("img") == 0
    assert page.count("script") == 5
    assert page.text.count(HOSTILE) >= 8
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert "<script" not in markdown
    assert "<img" not in markdown
    assert "> “# &lt;script" in markdown
    assert "\n# _neg_" not in markdown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("simple_rnn of x_1", "simple_rnn of x_1"),
        ("_very_ good", r"\_very\_ good"),
        ("__init__", r"\_\_init\_\_"),
        ("a _ b", r"a \_ b"),
        ("$x$ and ~~y~~", r"\$x\$ and \~\~y\~\~"),
        ("https://a.example or www.b.example", r"https\://a.example or www\.b.example"),
    ],
)
def test_markdown_acts_upon_no_text(text: str, shown: str) -> None:
    assert as_markdown(text) == shown


def _with_classes(number: int, name: str = "class {}") -> TrackedRuns:
    tracked = make_tracked(TWO, 2, 4_000)
    rng = np.random.default_rng(1)
    ids = tracked.predictions.review_id.unique()
    share = np.arange(number, 0, -1) / np.arange(number, 0, -1).sum()
    of = dict(zip(ids, rng.choice(number, len(ids), p=share), strict=True))
    names = np.array([name.format(place) for place in range(number)], dtype=object)
    labels = tracked.predictions.review_id.map(of).to_numpy()
    wrong = (labels + 1 + rng.integers(0, number - 1, len(labels))) % number
    said = np.where(tracked.predictions.correct, labels, wrong)
    table = tracked.predictions.assign(label=names[labels], predicted=names[said])
    return replace(tracked, predictions=table)


def test_classes_have_their_tables_figures_and_files(tmp_path: Path) -> None:
    comparison, page = report(_with_classes(5), tmp_path / "report")
    assert "h2 By class" in page.headings
    best, worst = (f"h3 What {name} takes each label for" for name in ("lstm", "simple_rnn"))
    assert best in page.headings
    assert worst in page.headings
    assert comparison.classes is not None
    scores = pd.read_csv(tmp_path / "report" / "classes.csv")
    confusion = pd.read_csv(tmp_path / "report" / "confusion.csv")
    columns = ["head", "architecture", "class", "texts", "precision", "recall", "f1"]
    assert list(scores.columns) == columns
    assert list(confusion.columns) == ["head", "architecture", "class", "predicted", "share"]


def test_two_classes_alike_in_number_have_no_such_section(tmp_path: Path) -> None:
    _, page = report(make_tracked(TWO, 2, 400), tmp_path / "report")
    assert "h2 By class" not in page.headings
    assert not (tmp_path / "report" / "classes.csv").exists()


@pytest.mark.parametrize(("number", "drawn"), [(3, 3), (12, 12), (15, 15), (40, 16)])
def test_many_classes_are_drawn_as_the_commonest_and_the_others(number: int, drawn: int) -> None:
    comparison = _compare(_with_classes(number))
    (best,), (worst,) = draw_classes(comparison, "best"), draw_classes(comparison, "worst")
    for figure in (best, worst):
        spec = figure.panels[0].chart.to_dict(validate=True)
        (rows,) = spec["datasets"].values()
        assert len({row["label"] for row in rows}) == drawn
        of_class: dict[str, float] = {}
        for row in rows:
            of_class[row["label"]] = of_class.get(row["label"], 0.0) + row["share"]
        assert list(of_class.values()) == pytest.approx([1.0] * drawn)
        assert len(spec["layer"]) == (2 if number <= 12 else 1)


def _unlearnt(experiment: str = "mine", **settings: Any) -> tuple[Comparison, TrackedRuns]:
    """A sweep of which no network learnt anything, and its training loss stood still."""
    tracked = make_tracked(TWO, 2, 400, experiment=experiment)
    right = np.random.default_rng(0).random(len(tracked.predictions)) < 0.5
    runs = tracked.runs.assign(patience=2, max_seconds=None, **settings)
    history = tracked.history.assign(train_loss=0.69, train_accuracy=0.5, val_accuracy=0.5)
    given = tracked.predictions.assign(correct=right)
    still = replace(tracked, predictions=given, runs=runs, history=history)
    return _compare(still), still


def test_advice_names_the_reason_and_what_to_type() -> None:
    (said,) = advise(*_unlearnt())
    assert said == (
        "No architecture has learnt to beat the commonest answer: the training loss hardly fell in 5 "
        "epochs. Let validation choose the learning rate (run the same command with "
        "'tuned=[learning_rate]' train.learning_rate=0.000333,0.001,0.003)."
    )


def test_advice_on_a_named_experiment_is_a_whole_command() -> None:
    (said,) = advise(*_unlearnt("quickstart", epochs=9))
    assert "Training stopped after 5 epochs, the last 2 without an improvement" in said
    assert said.endswith(
        "(run python -m experiments.compare experiment=quickstart train.patience=6)."
    )


def test_a_tuned_rate_is_not_advised_again() -> None:
    comparison, tracked = _unlearnt()
    tuned = replace(tracked, sweep=replace(tracked.sweep, tuned=("learning_rate",)))
    assert advise(comparison, tuned) == []


def test_one_label_for_nearly_all_and_few_texts_are_said() -> None:
    tracked = make_tracked(TWO, 2, 100)
    ids = tracked.predictions.review_id
    labels = np.where(ids.isin([f"test/{number}" for number in range(10)]), "neg", "pos")
    rare = replace(tracked, predictions=tracked.predictions.assign(label=labels))
    said = advise(_compare(rare), rare)
    assert said[0].startswith("90.0% of the texts have the same label, so accuracy says little")
    assert said[1].startswith(
        "There are only 100 test texts. An accuracy on them is known to about"
    )


@pytest.mark.parametrize(
    ("tokenizer", "way"),
    [("word", "(run the same command with tokenizer=bpe)."), ("bpe", "would teach them.")],
)
def test_many_unknown_tokens_are_said_with_the_way_out(tokenizer: str, way: str) -> None:
    tracked = make_tracked(TWO, 2, 400, experiment="mine")
    few = tracked.runs.assign(tokenizer=tokenizer, unknown_share_test=0.02, unspaced_share=0.0)
    nothing = advise(_compare(replace(tracked, runs=few)), tracked)
    older = few.assign(unknown_share_test=None, unspaced_share=None).convert_dtypes()
    assert advise(_compare(replace(tracked, runs=older)), tracked) == nothing
    many = few.assign(unknown_share_test=0.48, unspaced_share=0.9)
    words, unknown, *others = advise(_compare(replace(tracked, runs=many)), tracked)
    assert others == nothing
    assert "each character" in words
    assert unknown.startswith("48.0% of the test tokens are not in the vocabulary")
    assert unknown.endswith(way)


def test_the_advice_stands_at_the_top_of_the_page(tmp_path: Path) -> None:
    comparison, tracked = _unlearnt()
    _, page = report(tracked, tmp_path / "report")
    (said,) = advise(comparison, tracked)
    assert said in page.text
    assert Page.count(page, "blockquote") == 0
