"""The tables of many runs as one: every row as it was written, and small."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.tracking.tables import join_tables, read_table

REVIEWS = 1_000


def _join(files: Mapping[str, Path]) -> pd.DataFrame:
    return join_tables({run: read_table(file.read_bytes()) for run, file in files.items()})


def _write(folder: Path, run: str, **columns: object) -> Path:
    rng = np.random.default_rng(len(run))
    ids = [f"test-{number:05}" for number in rng.permutation(REVIEWS)]
    table = pd.DataFrame({"review_id": ids, "probability": rng.random(REVIEWS), **columns})
    table.to_parquet(folder / f"{run}.parquet", index=False)
    return folder / f"{run}.parquet"


def test_rows_are_those_of_the_files(tmp_path: Path) -> None:
    distance = pd.array([None, *range(REVIEWS - 1)], dtype="Int64")
    files = {
        "b": _write(tmp_path, "b", length=np.arange(REVIEWS), distance=distance),
        "aa": _write(tmp_path, "aa", length=np.arange(REVIEWS), kind="state"),
    }
    found = _join(files)
    parts = [pd.read_parquet(file).assign(run_id=run) for run, file in files.items()]
    expected = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(
        found.astype(dict.fromkeys(("review_id", "kind", "run_id"), object)),
        expected[list(found)].astype(
            {"review_id": object, "kind": object, "run_id": object, "distance": float}
        ),
        check_dtype=False,
    )


def test_a_label_and_what_was_predicted_can_be_compared(tmp_path: Path) -> None:
    """Although a network never predicts one class, and another class is the label of no text."""
    labels = np.where(np.arange(REVIEWS) % 2, "b", "a")
    files = {
        "x": _write(tmp_path, "x", label=labels, predicted="c", of_label="d", of_predicted="d")
    }
    found = _join(files)
    assert list(found.label.cat.categories) == ["a", "b", "c"]
    assert not (found.label == found.predicted).any()
    assert (found.of_label == found.of_predicted).all()


def test_a_row_takes_a_few_bytes_however_many_runs_there_are(tmp_path: Path) -> None:
    file = _write(tmp_path, "x", label="positive", predicted="negative", length=np.arange(REVIEWS))
    found = _join({f"{number:032}": file for number in range(20)})
    assert len(found) == 20 * REVIEWS
    texts = sum(found[name].cat.categories.memory_usage(deep=True) for name in ("review_id",))
    assert (found.memory_usage(deep=True).sum() - texts) / len(found) < 24


def test_no_table_is_an_empty_frame(tmp_path: Path) -> None:
    assert _join({}).empty
    pd.DataFrame({"review_id": []}).to_parquet(tmp_path / "none.parquet")
    assert _join({"x": tmp_path / "none.parquet"}).empty
