"""Test the addresses of MLflow's pages and the view that they open with."""

import json

import pytest
from mlflow.utils.validation import MAX_EXPERIMENT_TAG_VAL_LENGTH

from pipeline.tracking.pages import VIEW_TAG, runs_address, view_of_runs


@pytest.mark.parametrize(
    ("data", "task", "rank", "ascending"),
    [
        ("clauses", "classify", "metrics.`test/accuracy`", False),
        ("imdb", "classify", "metrics.`test/accuracy`", False),
        ("imdb", "", "metrics.`test/accuracy`", False),  # of an earlier version
        ("adding", "classify", "metrics.`adding/steps_to_solve`", True),
        ("imdb", "language", "metrics.`test/perplexity`", True),
    ],
)
def test_a_view_ranks_the_runs_by_what_is_measured(
    data: str, task: str, rank: str, ascending: bool
) -> None:
    text = view_of_runs(data, task)
    view = json.loads(text)
    assert len(text) < MAX_EXPERIMENT_TAG_VAL_LENGTH
    assert (view["orderByKey"], view["orderByAsc"]) == (rank, ascending)
    assert rank in view["selectedColumns"]
    sections = [section["uuid"] for section in view["compareRunSections"]]
    kinds = [(sections.index(c["metricSectionId"]), c["type"]) for c in view["compareRunCharts"]]
    assert kinds == sorted(kinds, key=lambda one: one[0])
    assert {kind for place, kind in kinds if place == 0} == {"LINE"}
    names = [chart["uuid"] for chart in view["compareRunCharts"]]
    assert len(names) == len(set(names))


def test_an_address_names_the_view() -> None:
    address = runs_address("http://127.0.0.1:5000/", "7")
    assert address.startswith("http://127.0.0.1:5000/#/experiments/7/runs?")
    assert f"viewStateShareKey={VIEW_TAG.rsplit('.')[-1]}" in address
