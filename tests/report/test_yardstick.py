"""Who solves the adding problem, in how many steps: counted, said, and shown on a page."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories.adding import STEPS, make_adding_runs
from factories.pages import HOSTILE, Page

from pipeline.analysis.adding import AddingRuns, summarise
from pipeline.analysis.frames import rows_of
from pipeline.data.adding import SOLVED_BELOW
from pipeline.report import write_adding_report
from pipeline.report.adding_tables import describe_steps
from pipeline.report.prose.adding import headline


def _changed(place: int, **changes: Any) -> AddingRuns:
    """The runs, one of them otherwise."""
    tracked = make_adding_runs()
    runs = tracked.runs.astype(object)
    for column, value in changes.items():
        runs.loc[place, column] = value
    return replace(tracked, runs=runs.convert_dtypes())


def _row(summary: pd.DataFrame, architecture: str, length: int) -> Any:
    (row,) = rows_of(summary[(summary.architecture == architecture) & (summary.length == length)])
    return row


def test_steps_are_counted_over_the_seeds_that_solve_it():
    summary = summarise(make_adding_runs()).summary
    gru = _row(summary, "gru", 200)
    assert (gru.planned, gru.ended, gru.solved) == (2, 2, 2)
    assert (gru.steps, gru.steps_low, gru.steps_high) == (2_700, 2_500, 2_900)
    assert _row(summary, "simple_rnn", 50).steps == 4_000
    assert np.isnan(_row(summary, "simple_rnn", 200).steps)


def test_the_table_says_not_solved_in_how_many_steps():
    rows = describe_steps(summarise(make_adding_runs()))
    assert rows == [
        ("gru", "1,000 (900 to 1,100)", "2,700 (2,500 to 2,900)"),
        ("simple_rnn", "4,000, 1 of 2", "not in 5,000"),
    ]


def test_a_diverged_run_counts_as_not_solved_and_is_called_so():
    one_seed = {key: None if key[0] == "simple_rnn" else 900 for key in STEPS if key[2] == 0}
    tracked = make_adding_runs(one_seed)
    runs = tracked.runs.assign(
        status=tracked.runs.status.where(tracked.runs.cell == "gru", "diverged")
    )
    rows = describe_steps(summarise(replace(tracked, runs=runs)))
    assert rows == [("gru", "900", "900"), ("simple_rnn", "diverged", "diverged")]


def test_a_run_that_did_not_come_to_its_end_counts_neither_way():
    tracked = _changed(2, status="failed", failure="stopped", steps_to_solve=None)
    yardstick = summarise(tracked)
    gru = _row(yardstick.summary, "gru", 200)
    assert (gru.planned, gru.ended) == (2, 1)
    assert describe_steps(yardstick)[0] == ("gru", "1,000 (900 to 1,100)", "2,500")


def test_what_never_began_has_a_row():
    tracked = make_adding_runs({("gru", 50, 0): 900})
    missing = {"architecture": "lstm", "length": 50, "seed": 0, "status": "missing"}
    runs = pd.concat([tracked.runs, pd.DataFrame([missing])], ignore_index=True)
    yardstick = summarise(replace(tracked, runs=runs))
    assert describe_steps(yardstick) == [("gru", "900"), ("lstm", "–")]


def test_two_sizes_of_a_cell_are_two_architectures_and_a_run_made_again_counts_once():
    tracked = _changed(1, units=128, seed=0)
    tracked = replace(tracked, runs=tracked.runs.fillna({"units": 64}))
    again = tracked.runs.iloc[:1].assign(
        run_id="again", steps_to_solve=700, started=pd.Timestamp("2026-01-02", tz="UTC")
    )
    runs = pd.concat([tracked.runs, again], ignore_index=True)
    steps = {row[0]: row[1] for row in describe_steps(summarise(replace(tracked, runs=runs)))}
    assert steps["gru, units 64"] == "700"
    assert steps["gru, units 128"] == "1,100"


def test_the_headline_says_who_solves_what():
    assert headline(summarise(make_adding_runs())) == (
        "In at most 5,000 steps, with every seed, gru solves every length (50 and 200); simple_rnn "
        "solves no length."
    )
    one = {key: steps for key, steps in STEPS.items() if key[2] == 0}
    assert headline(summarise(make_adding_runs(one))) == (
        "In at most 5,000 steps gru solves every length (50 and 200); simple_rnn solves length 50."
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Page]:
    folder = tmp_path_factory.mktemp("reports") / "adding"
    tracked = make_adding_runs()
    path = write_adding_report(summarise(tracked), tracked, folder)
    return folder, Page(path.read_text(encoding="utf-8"))


def test_the_page_says_the_answer_the_criterion_and_every_run(written):
    folder, page = written
    assert headline(summarise(make_adding_runs())) in page.text
    assert "not in 5,000" in page.text
    assert f"{SOLVED_BELOW:.5f}" in page.text
    for place in range(len(STEPS)):
        assert f"{place:032x}"[:8] in page.text
    figures = {path.name for path in (folder / "figures").glob("*.svg")}
    assert figures == {"steps_to_solve.svg", "error_length_50.svg", "error_length_200.svg"}
    assert page.count("figure") == 3


def test_the_tables_beside_the_page_hold_the_numbers(written):
    folder, _ = written
    steps = pd.read_csv(folder / "steps_to_solve.csv")
    assert {"architecture", "length", "solved", "steps", "max_steps", "best_mse"} <= set(steps)
    assert len(steps) == 4
    runs = pd.read_csv(folder / "runs.csv")
    assert runs.steps_to_solve.notna().sum() == 5


def test_the_page_fetches_nothing_and_is_read_by_its_headings(written):
    _, page = written
    assert not {"link", "iframe", "object", "embed", "img"} & {tag for tag, _ in page.elements}
    assert not any("src" in attributes for _, attributes in page.elements)
    levels = [int(heading[1]) for heading in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_a_figure_draws_what_was_not_solved_on_the_line_of_the_budget(written):
    _, page = written
    specs = json.loads(next(text for text in page.scripts if '"steps_to_solve"' in text))
    values = list(specs["steps_to_solve"][0]["datasets"].values())
    marks = next(rows for rows in values if "is_solved" in rows[0])
    unsolved = [mark for mark in marks if not mark["is_solved"]]
    assert {mark["steps"] for mark in unsolved} == {5_000}
    assert len(unsolved) == 3


def test_hostile_text_stays_text(tmp_path):
    tracked = make_adding_runs(failure=HOSTILE, versions=HOSTILE, device=HOSTILE)
    runs = tracked.runs.assign(architecture=tracked.runs.architecture + HOSTILE)
    tracked = replace(tracked, runs=runs)
    path = write_adding_report(summarise(tracked), tracked, tmp_path / "adding")
    page = Page(path.read_text(encoding="utf-8"))
    assert page.count("img") == 0
    assert not any("alert(1)</script>" in script for script in page.scripts)
    assert HOSTILE in page.text


def test_a_sweep_of_which_nothing_is_solved_has_a_page_with_all_its_marks(tmp_path):
    tracked = make_adding_runs(dict.fromkeys(STEPS))
    path = write_adding_report(summarise(tracked), tracked, tmp_path / "adding")
    page = Page(path.read_text(encoding="utf-8"))
    assert "gru and simple_rnn solve no length" in page.text
    assert page.count("figure") == 3


def test_a_sweep_without_a_result_still_has_a_page(tmp_path):
    tracked = make_adding_runs(status="failed", failure="no memory", steps_to_solve=None)
    path = write_adding_report(summarise(tracked), tracked, tmp_path / "adding")
    assert "No run has ended" in path.read_text()
