"""Test which networks of a sweep are played, and what is said of the others."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from factories import read_preset
from factories.playable import draw_playable
from factories.tracked import make_tracked

from pipeline.analysis.comparison import Comparison, compare
from pipeline.analysis.frames import rows_of
from pipeline.analysis.playable import Playable, rank_seeds
from pipeline.analysis.selection import ACCURACY
from pipeline.data.lexicon import LESSON, SENTIMENT_WORDS, SUBJECT_NOUNS
from pipeline.errors import TrackingError
from pipeline.sweeps import playground
from pipeline.sweeps.playground import make_playground
from pipeline.words import count_words

NAMES = ("lstm", "gru", "simple_rnn")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    tracked = make_tracked(NAMES, 3, 200)
    return compare(tracked, np.random.default_rng(0), replicates=20)


def _networks(comparison: Comparison) -> dict[str, Playable]:
    return {
        run.run_id: draw_playable(
            read_preset(run.architecture, units=4, embedding_dim=4),
            ["good", "bad"],
            seed=int(run.seed),
        )
        for run in rows_of(comparison.runs)
    }


def _make(
    found: Comparison, networks: dict[str, Playable], patch: pytest.MonkeyPatch
) -> dict[str, Any] | None:
    """Return the bundle of a page of networks that a store would hold."""

    def read(_: Any, run_id: str) -> Playable:
        if run_id not in networks:
            raise TrackingError("its model is missing")
        return networks[run_id]

    patch.setattr(playground, "read_playable", read)
    store: Any = None  # of which nothing else is asked
    page = make_playground(found, store)
    if page is None:
        return None
    bundle = re.search(r'<script type="application/json" id="bundle">(.*?)</script>', page)
    assert bundle is not None
    return json.loads(bundle[1])


def test_every_architecture_is_played_by_its_median_seed(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = _make(comparison, _networks(comparison), monkeypatch)
    assert bundle is not None
    assert {one["name"] for one in bundle["networks"]} == {*NAMES}
    assert bundle["left_out"] == []
    for one in bundle["networks"]:
        runs = comparison.runs[comparison.runs.architecture == one["name"]].set_index("seed")
        assert one["score"] == pytest.approx(runs.test_accuracy[one["seed"]])
        in_order = runs.val_accuracy.astype(float).sort_values(kind="stable")
        assert in_order[one["seed"]] == in_order.iloc[1]
        assert one["is_median"]
        assert not any(other["is_median"] for other in one["alternatives"])
        assert sorted([one["seed"], *(other["seed"] for other in one["alternatives"])]) == [0, 1, 2]


def test_texts_to_begin_with_are_the_lessons_and_generated_ones(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = _make(comparison, _networks(comparison), monkeypatch)
    assert bundle is not None
    lesson, plain, short, long = (one["text"] for one in bundle["texts"])
    assert lesson == LESSON
    assert re.fullmatch(r"I (\w+ ){1,8}\w+\.", plain)
    assert count_words(short) < 40 < 200 <= count_words(long)
    assert len(bundle["neutral"]) > 20


@pytest.mark.parametrize("data", ["clauses", "imdb"])
def test_right_answers_are_those_of_the_generated_corpus(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch, data: str
) -> None:
    found = replace(comparison, runs=comparison.runs.assign(data=data))
    bundle = _make(found, _networks(comparison), monkeypatch)
    assert bundle is not None
    answers = [one["answers"] for one in bundle["texts"]]
    if data == "imdb":
        assert answers == [{}] * 4
        assert bundle["rule"] == ""
        return
    assert answers[0] == {"sentiment": "negative", "subject": "film"}
    assert "narrator" in bundle["rule"]
    for example, right in zip(bundle["texts"], answers, strict=True):
        words = {*re.findall(r"\w+", example["text"])}
        assert words & {*SUBJECT_NOUNS[right["subject"]]}
        assert words & {*itertools.chain(*SENTIMENT_WORDS[right["sentiment"]].values())}


def test_networks_that_cannot_be_played_are_named(
    comparison: Comparison,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    networks = _networks(comparison)
    lost = comparison.runs[(comparison.runs.architecture == "lstm") & (comparison.runs.seed != 1)]
    for run_id in lost.run_id:
        del networks[run_id]
    monkeypatch.setattr(playground, "can_play", lambda cell: cell != "gru")
    bundle = _make(comparison, networks, monkeypatch)
    assert bundle is not None
    said = bundle["left_out"]
    assert sorted(said) == [
        f"Left out, as the page cannot compute the cell gru: {_seeds(comparison, 'gru')}.",
        "Left out, as the store has no network that can be read: "
        f"{_seeds(comparison, 'lstm', without=1)}.",
    ]
    assert all(sentence in caplog.text for sentence in said)
    assert {one["name"] for one in bundle["networks"]} == {"lstm", "simple_rnn"}


def _seeds(comparison: Comparison, name: str, without: int | None = None) -> str:
    """Name the seeds, the median first and then the others in order."""
    ranked = rank_seeds(comparison.runs, ACCURACY)[name]
    *others, last = [f"{name} seed {run.seed}" for run in ranked if run.seed != without]
    return f"{', '.join(others)} and {last}"


def test_a_sweep_without_networks_has_no_playground(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _make(comparison, {}, monkeypatch) is None
