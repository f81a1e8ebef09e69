"""Texts on the page of a sweep: loaded, kept, taken away on request, and never those of IMDB."""

from __future__ import annotations

import csv
import json
import logging
from pathlib import Path

import numpy as np
import pytest
from factories import SMALL, small_run
from factories.programs import run_program

from pipeline.config.data import ClausesConfig, ImdbConfig, may_show_texts
from pipeline.config.fingerprint import fingerprint
from pipeline.data.reviews import load_reviews
from pipeline.sweeps.texts import _excerpts
from pipeline.tracking import Store, SweepPlan

DATA = ClausesConfig(train_size=100, validation_size=100, test_size=100, max_distance=40)


def test_texts_are_those_of_the_test_split_with_their_evidence():
    test = load_reviews(DATA).test
    assert test.traits is not None
    found = _excerpts(DATA, ["test-00007", "test-00003"], load_reviews(DATA).fingerprint, Path())
    assert list(found) == ["test-00007", "test-00003"]
    pieces = found["test-00007"]
    assert [piece.text for piece in pieces if piece.kind == "evidence"] == [test.traits.evidence[7]]
    assert " ".join(piece.text for piece in pieces) == test.texts[7]


def test_other_data_than_those_of_the_runs_are_not_shown(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        assert _excerpts(DATA, ["test-00007"], "another", Path()) == {}
    assert "no longer those of the runs" in caplog.text


def test_imdb_is_never_shown_and_the_setting_changes_no_run(tmp_path: Path):
    shown = small_run(tmp_path)
    hidden = small_run(tmp_path, data__show_texts=False)
    assert fingerprint(shown) == fingerprint(hidden)
    assert SweepPlan.of([shown]).show_texts
    assert not SweepPlan.of([hidden]).show_texts
    assert not may_show_texts(ImdbConfig())


@pytest.mark.slow
def test_imdb_refuses_the_setting(tmp_path: Path):
    done = run_program(tmp_path, "data=imdb", "data.show_texts=true")
    assert done.returncode == 2
    assert "data.show_texts is a setting of data=tfds or data=csv or data=clauses" in done.stderr


def _write_table(path: Path) -> None:
    """Write texts that a network of two epochs has half right: the word that decides is rare."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for number in range(400):
            filler = " ".join(rng.choice(["tram", "rain", "door", "lamp"], 12))
            label = ("good", "bad")[number % 2]
            rows.writerow([f"secret{number} {filler} {label if number % 3 else 'so'}", label])


@pytest.mark.slow
def test_texts_of_a_table_are_kept_shown_again_and_taken_away(tmp_path: Path):
    table = tmp_path / "mine.csv"
    _write_table(table)
    settings = [one for one in SMALL if not one.startswith("data.")]
    sweep = ("-m", "data=csv", f"data.path={table}", "architecture=simple_rnn,lstm", *settings)
    assert run_program(tmp_path, *sweep, "train.learning_rate=0.03").returncode == 0
    store = Store(None, tmp_path, "small")
    page, markdown = (tmp_path / "reports" / "small" / name for name in ("index.html", "report.md"))

    def kept() -> dict[str, object]:
        path = store.fetch(store.runs("tags.kind = 'sweep'")[0], "excerpts.json")
        assert path is not None
        return json.loads(path.read_text())

    assert 1 <= len(kept()) <= 6
    assert "Texts they part on" in page.read_text()
    shown = markdown.read_text()
    assert "secret" in shown

    table.rename(tmp_path / "moved.csv")  # the report needs the table no more
    assert run_program(tmp_path, "name=small", program="report").returncode == 0
    assert markdown.read_text() == shown
    (tmp_path / "moved.csv").rename(table)

    again = run_program(tmp_path, *sweep, "train.learning_rate=0.03", "data.show_texts=false")
    assert again.returncode == 0
    assert "already finished" in again.stdout  # nothing was trained again
    assert kept() == {}
    assert "secret" not in page.read_text() + markdown.read_text()
