"""The texts that two sides part on: scored by hand, chosen without anybody's choice, and cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories.tracked import make_tracked

from pipeline.analysis.comparison import compare
from pipeline.analysis.excerpts import Piece, abridge, as_json, from_json
from pipeline.analysis.frames import rows_of
from pipeline.analysis.parting import Parting, ids_of
from pipeline.analysis.tracked import TrackedRuns


def _answered(
    right: dict[str, tuple[list[int], list[int]]], two_heads: bool = False
) -> TrackedRuns:
    """A sweep of simple_rnn and lstm, two seeds each, in which all are right but for the texts given.

    right: for a text the seeds of simple_rnn, and those of lstm, that have it right.
    """
    tracked = make_tracked(("simple_rnn", "lstm"), 2, 60, two_heads=two_heads)
    ids = {f"test/{number}": f"test/{number:05d}" for number in range(60)}
    table = tracked.predictions.assign(review_id=tracked.predictions.review_id.map(ids))
    runs = tracked.runs.set_index("run_id")
    correct = [
        text not in right or seed in right[text][int(name == "lstm")]
        for text, name, seed in zip(
            table.review_id,
            table.run_id.map(runs.architecture),
            table.run_id.map(runs.seed),
            strict=True,
        )
    ]
    answers = {"correct": correct, "label": "pos", "predicted": np.where(correct, "pos", "neg")}
    lengths = table.review_id.str[-2:].astype(int) + 10
    return replace(tracked, predictions=table.assign(**answers, length=lengths))


def _parting(tracked: TrackedRuns) -> Parting:
    found = compare(tracked, np.random.default_rng(0), replicates=20).parting
    assert found is not None
    return found


RIGHT: dict[str, tuple[list[int], list[int]]] = {
    "test/00003": ([], [0, 1]),
    "test/00002": ([], [0, 1]),
    "test/00001": ([0], [0, 1]),
    "test/00004": ([], [0, 1]),
    "test/00055": ([], [0, 1]),
    "test/00030": ([], [0, 1]),
    "test/00040": ([0, 1], []),
    "test/00041": ([0, 1], [1]),
    "test/00042": ([1], [0]),
}


def test_texts_are_chosen_by_score_and_then_by_number():
    parting = _parting(_answered(RIGHT))
    chosen = [(row.group, row.review_id, row.score) for row in rows_of(parting.texts)]
    assert chosen == [
        ("short", "test/00002", 1.0),
        ("short", "test/00003", 1.0),
        ("long", "test/00055", 1.0),
        ("reversed", "test/00040", -1.0),
        ("reversed", "test/00041", -0.5),
    ]
    assert (parting.leads, parting.along, parting.wholly) == (1, "length", (5, 1))


def test_the_choice_does_not_depend_on_the_order_of_rows():
    tracked = _answered(RIGHT)
    mixed = tracked.predictions.sample(frac=1, random_state=3)
    assert ids_of(_parting(replace(tracked, predictions=mixed))) == ids_of(_parting(tracked))


def test_the_side_with_more_right_leads_whichever_it_is():
    swapped = {text: (lstm, simple) for text, (simple, lstm) in RIGHT.items()}
    parting = _parting(_answered(swapped))
    assert (parting.leads, parting.wholly) == (-1, (5, 1))
    assert ids_of(parting) == ids_of(_parting(_answered(RIGHT)))


def test_every_architecture_is_shown_with_its_seeds_and_its_mistake():
    parting = _parting(_answered(RIGHT))
    answers = parting.answers.set_index(["review_id", "architecture"])
    simple: Any = answers.loc[("test/00002", "simple_rnn")]
    gated: Any = answers.loc[("test/00002", "lstm")]
    half: Any = answers.loc[("test/00041", "lstm")]
    assert (simple.side, simple.runs, simple.right, simple.wrong) == (-1, 2, 0, "neg")
    assert (gated.side, gated.runs, gated.right, gated.wrong) == (1, 2, 2, "")
    assert (half.right, half.wrong) == (1, "neg")


def test_nothing_is_shown_where_nothing_parts_them_or_nothing_is_asked():
    assert compare(_answered({}), np.random.default_rng(0), replicates=20).parting is None
    alone = make_tracked(("lstm",), 2, 60)
    assert compare(alone, np.random.default_rng(0), replicates=20).parting is None


def test_generated_texts_are_grouped_by_distance_and_named_by_both_heads():
    tracked = make_tracked(("simple_rnn", "lstm"), 2, 300, two_heads=True)
    parting = _parting(tracked)
    assert parting.along == "distance"
    assert set(parting.texts.group) >= {"short", "long"}
    short = parting.texts[parting.texts.group == "short"]
    assert (short.distance <= short.high).all()
    assert parting.texts.label.str.contains(", ").all()


def _words(count: int) -> str:
    return " ".join(f"w{number}" for number in range(count))


def test_a_short_text_is_shown_whole():
    assert abridge(_words(80)) == (Piece("text", _words(80)),)
    text = f"{_words(30)} It was fine. {_words(30)}"
    assert abridge(text, "It was fine.") == (
        Piece("text", _words(30)),
        Piece("evidence", "It was fine."),
        Piece("text", _words(30)),
    )


def test_a_long_text_loses_its_middle_and_says_how_much():
    head, cut, tail = abridge(_words(210))
    assert head.text.split() == _words(210).split()[:35]
    assert tail.text.split() == _words(210).split()[-35:]
    assert (cut.kind, cut.text) == ("cut", "140 words")


def test_the_evidence_stays_whole_wherever_it_stands():
    evidence = "I thought the acting a disgrace and said so."
    for before, after in ((0, 200), (200, 0), (200, 200)):
        pieces = abridge(f"{_words(before)} {evidence} {_words(after)}".strip(), evidence)
        assert [piece.text for piece in pieces if piece.kind == "evidence"] == [evidence]
        shown = sum(len(piece.text.split()) for piece in pieces if piece.kind == "text")
        cut = sum(int(piece.text.split()[0]) for piece in pieces if piece.kind == "cut")
        assert shown + cut == before + after
        assert shown <= 50


@pytest.mark.parametrize("text", ["好" * 5_000, "好" * 600, f"a {'x' * 90_000} b", _words(90_000)])
def test_no_text_takes_more_room_than_a_card_has(text: str):
    pieces = abridge(text)
    assert [piece.kind for piece in pieces] == ["text", "cut", "text"]
    assert sum(len(piece.text) for piece in pieces) < 1_500


def test_one_endless_word_among_short_ones_is_cut_too():
    text = f"{'x' * 1_900} {_words(150)}"
    assert sum(len(piece.text) for piece in abridge(text)) < 1_500


def test_a_text_cannot_turn_the_page_around():
    assert abridge("\u202egood\u2066 film") == (Piece("text", "good film"),)


def test_excerpts_come_back_as_they_were_kept():
    excerpts = {"test-1": abridge(_words(300)), "test-2": abridge('a "b" \u2028 好', "好")}
    assert from_json(as_json(excerpts)) == excerpts


def test_runs_of_declared_contrasts_are_found_by_their_variants():
    tracked = _answered(RIGHT)
    derived = compare(tracked, np.random.default_rng(0), replicates=20)
    assert derived.contrasts is not None
    renamed = {"lstm": "first", "simple_rnn": "second"}
    (asked,) = derived.contrasts.asked
    strata = tuple(
        tuple(tuple(renamed[name] for name in side) for side in stratum) for stratum in asked.strata
    )
    declared = (replace(asked, strata=strata),)
    runs = tracked.runs.assign(variant=tracked.runs.architecture.map(renamed))
    again = replace(tracked, runs=runs, sweep=replace(tracked.sweep, contrasts=declared))
    found = _parting(again)
    assert derived.parting is not None
    pd.testing.assert_frame_equal(found.texts, derived.parting.texts)
