"""Test that a table that cannot be used fails once, before anything is tracked."""

from __future__ import annotations

import os

import pytest
from factories import small_run
from factories.programs import run_program
from factories.tables import rows, write_table

from pipeline.config.tables import OnBadRows
from pipeline.data.reviews import load_reviews
from pipeline.sweeps.check import check_texts


@pytest.mark.parametrize("sweep", [["-m", "architecture=lstm,gru"], ["architecture=lstm"]])
def test_a_bad_table_fails_in_one_line_before_any_run(tmp_path, sweep):
    data = write_table(tmp_path, "text,label\n" + rows() + '"never closed,a\n')
    done = run_program(
        tmp_path / "root",
        *sweep,
        "data=csv",
        f"data.path={data.path}",
        env=os.environ | {"PYTHONPROFILEIMPORTTIME": "1"},
    )
    lines = done.stderr.splitlines()
    imported = {
        line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")
    }
    (message,) = [line for line in lines if not line.startswith("import time:")]
    assert done.returncode == 1
    assert message.startswith(f"Failed: {data.path}, line 14: a quote that never closes")
    assert "pandas" in imported
    assert not {"tensorflow", "mlflow"} & imported
    assert not (tmp_path / "root" / "mlflow.db").exists()


def test_the_first_run_says_what_the_check_found(tmp_path, caplog, capsys):
    caplog.set_level("INFO")
    data = write_table(tmp_path, "text,label\n" + rows(60) + " ,a\n", on_bad_rows=OnBadRows.drop)
    check_texts(small_run(tmp_path, data=data))
    assert caplog.messages == []
    assert capsys.readouterr().out == "Checking my.csv\n"
    load_reviews(data)
    assert "Left out of my.csv: 1 with an empty text (row 62)" in caplog.messages


def test_generated_texts_need_no_check(tmp_path, capsys):
    check_texts(small_run(tmp_path))
    assert capsys.readouterr().out == ""
