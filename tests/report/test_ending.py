"""What a sweep prints when it ends: the page's answer and numbers, as wide as the terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from factories.adding import make_adding_runs
from factories.memory import make_probed
from factories.pages import HOSTILE
from factories.tracked import ARCHITECTURES, make_crowd, make_tracked
from rich.console import Console

from pipeline.analysis.adding import summarise
from pipeline.analysis.comparison import Comparison, compare
from pipeline.analysis.frames import rows_of
from pipeline.config.schema import BASELINE
from pipeline.report import describe_results, show_results
from pipeline.report.ending import results_table
from pipeline.report.prose import adding
from pipeline.report.prose.headline import headline_of_sweep


@pytest.fixture(scope="module")
def probed() -> Comparison:
    return compare(make_probed(), np.random.default_rng(0), replicates=100)


def _shown(comparison: Comparison, width: int = 80, **options: Any) -> str:
    file = io.StringIO()
    show_results(comparison, Console(file=file, width=width, highlight=False, **options))
    return file.getvalue()


def _rows(comparison: Comparison) -> dict[str, list[str]]:
    table = results_table(comparison)
    return {row[0].text: [entry.text for entry in row[1:]] for row in table.rows}


def test_the_numbers_are_those_of_the_comparison(probed: Comparison) -> None:
    rows = _rows(probed)
    assert [*rows] == [*probed.summary.architecture, BASELINE]
    assert probed.memory is not None
    reaches = probed.memory.reaches
    measure, head = probed.memory.main_reach
    for row in rows_of(probed.summary):
        accuracy, interval, half_life, training, seeds = rows[row.architecture]
        assert accuracy == f"{100 * row.accuracy:.1f}%"
        assert interval == f"{100 * row.ci_low:.1f} to {100 * row.ci_high:.1f}%"
        own = reaches[(reaches.architecture == row.architecture) & (reaches["head"] == head)]
        (value,) = own[own.measure == measure].value
        assert half_life.startswith(
            f"beyond {own.furthest.max():.0f}" if np.isinf(value) else f"{value:.0f}"
        )
        cost = probed.cost.set_index("architecture").train_seconds[row.architecture]
        assert training in (f"{cost:.3g} s", f"{cost / 60:.1f} min")
        assert seeds == "3"
    assert probed.baseline is not None
    (score,) = probed.baseline.scores[probed.baseline.scores.along == "all"].accuracy
    assert rows[BASELINE][0] == f"{100 * score:.1f}%"
    assert rows[BASELINE][-1] == "–"


def test_it_begins_with_the_sentence_of_the_page(probed: Comparison) -> None:
    said = " ".join(_shown(probed).split())
    assert said.startswith(headline_of_sweep(probed))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_the_terminal_and_a_reader(probed: Comparison, width: int) -> None:
    lines = _shown(probed, width).splitlines()
    assert max(map(len, lines)) <= min(width, 100)
    assert [line for line in lines if line != line.rstrip() and "  " not in line] == []


def test_the_longest_names_stay_whole_in_80_columns() -> None:
    sweep = make_tracked(tuple(ARCHITECTURES), reviews=300)
    shown = _shown(compare(sweep, np.random.default_rng(0), replicates=50))
    names = [line.split()[0] for line in shown.splitlines() if line.split()]
    assert set(ARCHITECTURES) <= set(names)


def test_a_pipe_gets_no_colour_and_a_terminal_some(probed: Comparison) -> None:
    assert "\x1b" not in _shown(probed)
    assert "\x1b[1m" in _shown(probed, force_terminal=True)


def test_what_is_missing_is_said() -> None:
    tracked = make_tracked(("lstm", "gru"), reviews=300)
    runs = tracked.runs.copy()
    runs.loc[runs.index[0], "status"] = "failed"
    runs.loc[runs.index[1:], "concurrent_runs"] = 2
    lost = tracked.predictions[tracked.predictions.run_id != runs.run_id[0]]
    found = compare(
        replace(tracked, runs=runs, predictions=lost), np.random.default_rng(0), replicates=50
    )
    rows = _rows(found)
    assert rows["lstm"][-1] == "2 of 3"
    assert rows["gru"][-1] == "3"
    assert rows["gru"][-2].endswith(" *")
    lines = _shown(found).splitlines()
    assert any("Times marked * were" in line for line in lines)


def test_numbers_stand_under_numbers_where_some_have_a_star(probed: Comparison) -> None:
    alone = probed.cost.assign(alone=probed.cost.architecture != "lstm")
    lines = _shown(replace(probed, cost=alone)).splitlines()
    names = [*probed.summary.architecture, BASELINE]
    rows = [line for line in lines if line.split()[:1] and line.split()[0] in names]
    units = {line.split()[0]: line.rfind(" min") for line in rows if " min" in line}
    assert [*units] == names
    assert len({*units.values()}) == 1


def test_nothing_finished_has_a_sentence_and_no_table() -> None:
    tracked = make_tracked(("lstm",), seeds=1, reviews=50)
    failed = tracked.runs.assign(status="failed", failure="out of memory")
    found = compare(
        replace(tracked, runs=failed, predictions=tracked.predictions[:0]), np.random.default_rng(0)
    )
    assert _shown(found).strip() == (
        "No run has finished with predictions, so there is nothing to compare yet."
    )


def test_of_a_crowd_it_shows_what_the_page_shows() -> None:
    found = compare(make_crowd(2), np.random.default_rng(0), replicates=20)
    assert len(found.summary) == 18
    shown = " ".join(_shown(found, 100).split())
    assert "Figures show 12 of 18 architectures" in shown
    assert len(_rows(found.limited_to_shown())) == 12


def test_a_name_of_anybody_moves_no_cursor() -> None:
    tracked = make_tracked(("lstm", "gru"), reviews=100)
    name = f"[red]{HOSTILE}\x1b[2J"
    runs = tracked.runs.assign(architecture=tracked.runs.architecture.replace("gru", name))
    found = compare(replace(tracked, runs=runs), np.random.default_rng(0), replicates=20)
    shown = _shown(found, 100)
    assert "\x1b" not in shown
    assert "[red]" in shown


def test_the_adding_problem_ends_with_its_steps() -> None:
    results = summarise(make_adding_runs())
    file = io.StringIO()
    show_results(results, Console(file=file, width=80, highlight=False))
    said = " ".join(file.getvalue().split())
    assert said.startswith(adding.headline(results))
    assert "length 50 length 200" in said
    for name in results.architectures.architecture:
        assert name in said


def test_a_note_begins_with_the_report_and_what_to_use() -> None:
    tracked = make_probed()
    names = tracked.runs.architecture.replace("gru", "g|ru*")
    renamed = replace(tracked, runs=tracked.runs.assign(architecture=names))
    found = compare(renamed, np.random.default_rng(0), replicates=100)
    text = describe_results(found, "#/experiments/1")
    first, headline, *rest = text.split("\n\n")
    assert first.startswith("[Read the report](#/experiments/1). Use ")
    assert headline
    table = next(part for part in rest if part.startswith("| architecture |"))
    lines = table.splitlines()
    assert len(lines) == 2 + len(found.summary) + 1
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
    assert cells == {len(lines[0].split("|")) - 1}
    assert r"g\|ru\*" in table
