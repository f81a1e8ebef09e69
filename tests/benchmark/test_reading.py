"""What it costs to read a table: measured on a generated one, which is like a person's."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.analysis.frames import rows_of
from pipeline.benchmark.reading import benchmark_reading, write_table
from pipeline.config.tables import CsvConfig
from pipeline.data.reviews import load_reviews


@pytest.mark.slow
def test_the_reading_of_each_table_is_measured_and_nothing_of_it_is_kept(
    tmp_path: Path, capsys, monkeypatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    table = benchmark_reading(tmp_path, [200, 400])
    rows = [*rows_of(table)]
    assert [row.texts for row in rows] == [200, 400]
    for row in rows:
        assert 0.5e-3 < row.table_mb / row.texts < 2.5e-3
        assert min(row.seconds, row.encoding_seconds, row.cached_seconds) > 0
        assert 50 < row.cached_memory_mb < 4_000
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "reading.csv"), table, rtol=1e-4)
    assert "A table, by its texts" in capsys.readouterr().out
    assert list(scratch.iterdir()) == []


def test_a_generated_table_has_different_texts_of_two_labels(tmp_path: Path) -> None:
    write_table(tmp_path / "texts.csv", 200)
    splits = load_reviews(CsvConfig(path=str(tmp_path / "texts.csv")))
    assert sum(len(split) for _, split in splits.named()) == 200
    assert splits.heads[0].classes == ("neg", "pos")
