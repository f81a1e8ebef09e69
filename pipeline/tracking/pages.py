"""Address MLflow's pages, and say what they show: the runs of an experiment, ranked and charted.

MLflow keeps a view that somebody shares in a tag of the experiment, and opens it by an address that
names the tag. So a view can be written before anybody has opened the page.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pipeline.config.tasks import LanguageConfig

_VIEW = "runs"
VIEW_TAG = f"mlflow.sharedViewState.{_VIEW}"


class _View(NamedTuple):
    """Name the metrics that are shown: what ranks the runs, curves, and results of one value."""

    rank: str
    more_is_better: bool
    curves: tuple[str, ...]
    results: tuple[str, ...]


_COSTS = ("time/train_seconds", "model/parameters")


def _of_texts(reach: str) -> _View:
    results = ("test/accuracy", reach, f"{reach}_is_bound", *_COSTS)
    return _View("test/accuracy", True, ("val/accuracy", "val/loss"), results)


_OTHERS = _of_texts("probe/distance/half_life_both")
_VIEWS = {
    "clauses": _of_texts("probe/quiz/under_75"),  # the distance of the evidence is known
    "adding": _View(
        *("adding/steps_to_solve", False, ("val/mse", "train/mse")),
        ("adding/steps_to_solve", "test/mse", *_COSTS),
    ),
}
_OF_LANGUAGE = _View(
    *("test/perplexity", False, ("val/perplexity", "train/loss")),
    ("test/perplexity", "test/bits_per_character", "probe/language_context/effective", *_COSTS),
)
_WIDTH = 180  # pixels of a column; MLflow's own cut the names of metrics


def runs_address(server: str, experiment_id: str) -> str:
    """Return the address of the runs of an experiment, ranked and charted, on a server's pages."""
    return (
        f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs"
        f"?workflowType=machine_learning&viewStateShareKey={_VIEW}&compareRunsMode=CHART"
    )


def artifact_address(experiment_id: str, run_id: str, path: str) -> str:
    """Return the address of an artifact, from within MLflow's pages."""
    run = f"#/experiments/{experiment_id}/runs/{run_id}"
    return f"{run}/artifacts/{path}?workflowType=machine_learning"


def view_of_runs(data: str, task: str) -> str:
    """Return the view as the value of its tag.

    Runs are grouped by architecture, with means over seeds, the best first. Curves come before the
    results that have a single value.

    data, task: their kinds, which decide what is measured.
    """
    is_language = task == LanguageConfig.kind
    view = _OF_LANGUAGE if is_language else _VIEWS.get(data, _OTHERS)
    columns = [f"metrics.`{name}`" for name in view.results]
    charts = [_chart("LINE", name, "curves") for name in view.curves]
    bars = [name for name in view.results if not name.endswith("_is_bound")]
    charts += [_chart("BAR", name, "results") for name in bars]
    sections = [_section("curves", "While training"), _section("results", "After training")]
    state = {
        "searchFilter": "tags.kind = 'run'",
        "orderByKey": f"metrics.`{view.rank}`",
        "orderByAsc": not view.more_is_better,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": dict.fromkeys(columns, _WIDTH),
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": charts,
        "compareRunSections": sections,
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": True,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "param", "groupByData": "architecture"}],
        },
        "groupsExpanded": {},
        "autoRefreshEnabled": True,
        "globalLineChartConfig": _X_AXIS,
    }
    return json.dumps(state)


_X_AXIS = {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""}


def _chart(kind: str, metric: str, section: str) -> dict[str, Any]:
    chart: dict[str, Any] = {
        "uuid": f"{section}-{metric}",
        "type": kind,
        "runsCountToCompare": 20,
        "metricSectionId": section,
        "deleted": False,
        "isGenerated": False,
        "metricKey": metric,
    }
    if kind == "LINE":
        chart |= _X_AXIS | {
            "selectedMetricKeys": [metric],
            "scaleType": "linear",
            "xAxisScaleType": "linear",
            "range": {"xMin": None, "xMax": None, "yMin": None, "yMax": None},
            "useGlobalXaxisKey": True,
            "useGlobalLineSmoothing": True,
        }
    return chart


def _section(uuid: str, name: str) -> dict[str, Any]:
    flags = {"display": True, "isReordered": True, "deleted": False, "isGenerated": False}
    return {"uuid": uuid, "name": name, **flags}
