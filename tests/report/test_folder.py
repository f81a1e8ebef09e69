"""The folder of a report: nothing of an earlier one stays in it, and nothing of a person goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ReportError
from pipeline.report.folder import staging_folder

PAGE = '<a href="old.csv">a</a> <a href="figures/old.svg">b</a> <a href="tables/old.tex">c</a>'
EARLIER = {"index.html": PAGE, "old.csv": "1", "figures/old.svg": "2", "tables/old.tex": "3"}
OWN = {"explain.html": "4", "figures/mine.svg": "5", "notes.csv": "6"}


def _write(folder: Path, files: dict[str, str]) -> None:
    with staging_folder(folder) as built:
        for name, text in files.items():
            (built / name).parent.mkdir(parents=True, exist_ok=True)
            (built / name).write_text(text)


def _names(folder: Path) -> set[str]:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return found - {".written.json"}


@pytest.mark.parametrize("manifest", ["whole", "missing", "damaged", "of another kind"])
def test_nothing_of_an_earlier_report_stays_and_nothing_of_a_person_goes(tmp_path, manifest):
    folder = tmp_path / "report"
    _write(folder, EARLIER)
    for name, text in OWN.items():
        (folder / name).write_text(text)
    if manifest == "missing":  # as in a clone
        (folder / ".written.json").unlink()
    elif manifest == "damaged":
        (folder / ".written.json").write_text('["index.html", "old')
    elif manifest == "of another kind":
        (folder / ".written.json").write_text('["index.html", "old.csv", 3, "../out", "figures"]')
        EARLIER_LEFT = {"figures/old.svg", "tables/old.tex"}  # as it names what it wrote
        _write(folder, {"index.html": "new"})
        assert _names(folder) == {"index.html", *OWN, *EARLIER_LEFT}
        return
    _write(folder, {"index.html": "new", "new.csv": "7"})
    assert _names(folder) == {"index.html", "new.csv", *OWN}


def test_a_page_that_links_out_of_its_folder_removes_nothing_there(tmp_path):
    (tmp_path / "out.csv").write_text("mine")
    folder = tmp_path / "report"
    _write(folder, {"index.html": '<a href="../out.csv">a</a><a href="/etc/x.csv">b</a>'})
    (folder / ".written.json").unlink()
    _write(folder, {"index.html": "new"})
    assert (tmp_path / "out.csv").read_text() == "mine"


def test_a_folder_that_cannot_be_written_keeps_its_page(tmp_path, monkeypatch):
    folder = tmp_path / "report"
    _write(folder, EARLIER)

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.report.folder.move_file", fail)
    with pytest.raises(ReportError, match="No space left on device"):
        _write(folder, {"index.html": "new"})
    assert (folder / "index.html").read_text() == PAGE
