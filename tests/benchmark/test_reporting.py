"""What a report costs: measured on a simulated sweep, which is like a tracked one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.analysis.frames import rows_of
from pipeline.benchmark.reporting import benchmark_reports, measure_report
from pipeline.benchmark.simulated import list_configs
from pipeline.config.probes import ProbeConfig
from pipeline.errors import Failure

SMALL = ProbeConfig(
    context_reviews=40,
    context_lengths=[10, 50],
    distance_reviews=40,
    distances=[25, 100],
    retention_reviews=4,
)


@pytest.mark.slow
def test_a_report_of_a_simulated_sweep_is_measured(tmp_path: Path, capsys) -> None:
    table = benchmark_reports(tmp_path, [(3, 2)], 400, SMALL)
    (row,) = rows_of(table)
    assert (row.runs, row.architectures, row.seeds, row.reviews) == (6, 3, 2, 400)
    assert row.cpu_seconds > 0
    assert row.seconds > 0
    assert 100 < row.peak_memory_mb < 4_000
    assert 1 < row.page_mb < 5
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "report.csv"), table, rtol=1e-4)
    assert "A report, by runs of 400 test reviews" in capsys.readouterr().out


def test_a_report_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="there is no store"):
        measure_report(tmp_path, 3, 2, 400)


def test_a_simulated_sweep_varies_architectures_first_and_then_a_setting(tmp_path: Path) -> None:
    baseline, *networks = list_configs(tmp_path, 20, 3)
    assert baseline.baseline
    assert len(networks) == 60
    assert len({one.architecture.name for one in networks[:27]}) == 9
    assert len({(one.architecture.name, one.architecture.dropout) for one in networks}) == 20
