"""MLflow's own pages on a finished sweep: the parent, its nested runs, their comparison, the report.

Skipped where Chromium is not installed (Debian: apt-get install chromium).
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from factories import ROOT, small_run

pytest.importorskip("playwright", reason="Playwright is not installed (pip install '.[dev]')")

from chromium import Visit, open_chromium, visit
from factories.tracked import make_tracked
from playwright.sync_api import Browser, Page, expect

from pipeline.analysis.frames import rows_of
from pipeline.analysis.tracked import TrackedRuns
from pipeline.sweeps.finish import end_sweep
from pipeline.tracking import Store, SweepPlan, track_run, track_sweep


def in_browser(test: Any) -> Any:
    """Marks a test that needs Chromium, and MLflow's server for it to look at."""
    return pytest.mark.browser(pytest.mark.server(test))


class Sweep(NamedTuple):
    """address: of the server; opened: the printed one; accuracy: of each nested run, by its name."""

    address: str
    opened: str
    experiment_id: str
    run_id: str
    accuracy: dict[str, float]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_chromium() as opened:
        expect.set_options(timeout=600_000)
        yield opened


@pytest.fixture(scope="module")
def sweep(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    """A sweep that ended in `root`, and `make ui` on it."""
    root = tmp_path_factory.mktemp("root")
    tracked = make_tracked(("lstm", "gru"), 2, 200, two_heads=True, experiment="small")
    store = Store(None, root, "small")
    run_id = _track(tracked, store)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "experiments.ui", "--port", str(port), "--root", str(root)]
    with (root / "ui.log").open("w") as log:
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        opened = _wait_for_address(server, root / "ui.log")
        accuracy = {
            f"{run.architecture} seed {run.seed}": run.test_accuracy
            for run in rows_of(tracked.runs)
        }
        yield Sweep(address, opened, store.experiment_id, run_id, accuracy)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _track(tracked: TrackedRuns, store: Store) -> str:
    """What a sweep of these runs leaves in the store when it has come to its end -> the parent's id."""
    configs = {
        run.run_id: small_run(
            store.root,
            seed=int(run.seed),
            architecture__name=run.architecture,
            architecture__cell=run.cell,
        )
        for run in rows_of(tracked.runs)
    }
    with track_sweep(store, SweepPlan.of(list(configs.values()))) as parent:
        for run in rows_of(tracked.runs):
            history = tracked.history[tracked.history.run_id == run.run_id]
            answers = tracked.predictions[tracked.predictions.run_id == run.run_id]
            with track_run(store, configs[run.run_id], parent.run_id) as recorder:
                recorder.data_set("clauses", "abc123", {"train": 200}, "generated")
                for row in rows_of(history):
                    recorder.metrics(
                        {"val/accuracy": row.val_accuracy, "train/loss": row.train_loss}, row.epoch
                    )
                recorder.metrics({"best/epoch": 3, "test/accuracy": run.test_accuracy})
                recorder.metrics({"best/val_accuracy": run.val_accuracy})
                recorder.metrics({"model/parameters": run.parameters})
                recorder.metrics({"time/train_seconds": run.train_seconds})
                recorder.table(answers.drop(columns="run_id"), "predictions.parquet")
        assert end_sweep(store, parent) == 0
    return parent.run_id


def _wait_for_address(server: subprocess.Popen[bytes], log: Path) -> str:
    """The address that `make ui` prints when MLflow answers."""
    for _ in range(1200):
        assert server.poll() is None, log.read_text()[-2000:]
        found = re.search(r"^MLflow: (\S+)$", log.read_text(), re.MULTILINE)
        if found:
            return found[1]
        time.sleep(0.5)
    raise AssertionError("MLflow did not come up")


@pytest.fixture
def seen(sweep: Sweep, browser: Browser) -> Iterator[Visit]:
    with visit(browser, width=1600) as opened:
        yield opened
        outside = [
            url for url in opened.asked if not url.startswith((sweep.address, "data:", "blob:"))
        ]
        # Its own pages may ask for more; this project's report, which is shown in them, may not.
        assert not [url for url in outside if "report" in url]


@in_browser
def test_the_printed_address_opens_at_the_ranked_runs(sweep: Sweep, seen: Visit) -> None:
    page = seen.page
    page.goto(sweep.opened)
    # Curves come first, then the results of one value.
    for title in ("While training", "After training", "val/accuracy", "test/accuracy"):
        expect(page.get_by_text(title, exact=False).first).to_be_visible()
    groups = page.get_by_text(re.compile("^Group: "))
    expect(groups).to_have_count(2)
    means: dict[str, list[float]] = {}
    for name, accuracy in sweep.accuracy.items():
        means.setdefault(name.split(" seed")[0], []).append(accuracy)
    ranked = sorted(means, key=lambda name: -sum(means[name]) / len(means[name]))
    assert groups.all_text_contents() == [f"Group: {name}" for name in ranked]
    expect(page.get_by_text("Traces", exact=True)).not_to_have_attribute("aria-current", "page")
    # As a table, which shows the metrics, and from there to the comparison of all runs.
    _show_as_table(page)
    for column in ("test/accuracy", "time/train_seconds", "model/parameters"):
        expect(page.get_by_role("columnheader", name=column).first).to_be_visible()
    for name, accuracies in means.items():
        mean = sum(accuracies) / len(accuracies)
        row = f"[role=row][row-id='param.architecture.{name}']"
        expect(page.locator(f"{row} [col-id='metrics.`test/accuracy`']")).to_contain_text(
            f"{mean:.6f}"[:5]
        )
    page.locator(".ag-header-select-all input").first.check()
    page.get_by_test_id("runs-compare-button").click()
    expect(page.get_by_text("Comparing 4 Runs from 1 Experiment")).to_be_visible()
    plotted = page.get_by_text("Metrics:").locator("xpath=following::*[1]")
    expect(plotted).to_contain_text("val/accuracy")


def _show_as_table(page: Page) -> None:
    page.goto(page.url.replace("compareRunsMode=CHART", "compareRunsMode=TABLE"))


@in_browser
def test_the_sweep_and_the_experiment_say_what_came_of_it(sweep: Sweep, seen: Visit) -> None:
    page = seen.page
    page.goto(f"{sweep.address}/#/experiments/{sweep.experiment_id}/runs/{sweep.run_id}")
    description = page.get_by_text("Description", exact=True).locator("xpath=ancestor::div[2]")
    expect(description.locator("table")).to_contain_text("gru")
    expect(page.get_by_text("experiments.compare")).to_be_visible()  # the source
    with page.context.expect_page() as opening:  # a tab of its own
        description.get_by_role("link", name="Read the report").click()
    heading = opening.value.frame_locator("iframe").get_by_role("heading", level=1)
    expect(heading).to_have_text("small: recurrent networks compared")
    page.goto(sweep.opened)
    expect(page.get_by_text(re.compile("points higher than")).first).to_be_visible()


@in_browser
def test_the_runs_are_nested_and_compared_by_their_metrics(sweep: Sweep, seen: Visit) -> None:
    page = seen.page
    page.goto(f"{sweep.address}/#/experiments/{sweep.experiment_id}/runs")
    parent = page.get_by_role("gridcell").filter(
        has=page.get_by_role("link", name=re.compile("^sweep "))
    )
    expect(parent).to_be_visible()
    runs = {name: page.get_by_role("link", name=name, exact=True) for name in sweep.accuracy}
    for link in runs.values():
        expect(link).to_have_count(0)
    parent.get_by_role("button").click()
    for link in runs.values():
        expect(link).to_be_visible()
    for name in sweep.accuracy:
        row = page.locator("[role=row]").filter(has=page.get_by_role("link", name=name, exact=True))
        number = row.first.get_attribute("row-id")
        page.locator(f"[role=row][row-id='{number}'] .ag-selection-checkbox input").first.click()
    page.get_by_test_id("runs-compare-button").click()
    expect(page.get_by_text("Comparing 4 Runs from 1 Experiment")).to_be_visible()
    for metric in ("test/accuracy", "val/accuracy", "best/epoch", "model/parameters"):
        expect(page.get_by_role("link", name=metric).first).to_be_visible()
    for accuracy in sweep.accuracy.values():
        shown = f"{accuracy:.3f}".rstrip("0")
        expect(page.get_by_text(shown, exact=True).first).to_be_visible()
    for name in sweep.accuracy:
        expect(page.locator("body")).to_contain_text(name)


@in_browser
def test_the_parent_names_its_runs_and_carries_their_means(sweep: Sweep, seen: Visit) -> None:
    page = seen.page
    page.goto(f"{sweep.address}/#/experiments/{sweep.experiment_id}/runs/{sweep.run_id}")
    for name in sweep.accuracy:
        expect(page.get_by_role("link", name=re.compile(f"^{name}"))).to_be_visible()
    for metric in ("mean/lstm", "spread/lstm", "best/gru"):
        expect(page.get_by_text(metric, exact=True)).to_be_visible()


@in_browser
def test_the_report_opens_inside_mlflow(sweep: Sweep, seen: Visit) -> None:
    page = seen.page
    page.goto(f"{sweep.address}/#/experiments/{sweep.experiment_id}/runs/{sweep.run_id}/artifacts")
    page.get_by_test_id("artifact-tree-node").get_by_text("report", exact=True).click()
    page.get_by_text("index.html", exact=True).click()
    report = page.frame_locator("iframe")
    expect(report.get_by_role("heading", level=1)).to_have_text(
        "small: recurrent networks compared"
    )
    figures = report.locator("html[data-drawn] .chart svg")
    expect(figures.first).to_be_visible()
    assert figures.count() == report.locator("figure").count() >= 6


def test_a_port_that_cannot_be_had_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for asked, status, said in (
            (port, 1, "is in use"),
            (99999, 2, "1 to 65535"),
            (5060, 2, "browsers open no page"),
        ):
            done = subprocess.run(
                [sys.executable, "-m", "experiments.ui", "--port", str(asked), "--root", tmp_path],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == status
            assert said in done.stderr.splitlines()[-1]
