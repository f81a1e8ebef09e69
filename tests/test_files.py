"""A file is whole or not there, whatever happens while it is written."""

from __future__ import annotations

import errno
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
from factories import small_run

from pipeline.files import cached, move_file, replacing
from pipeline.report.folder import _write_manifest
from pipeline.runs.status import JobState, update_status
from pipeline.sweeps.job import JobDescription, LauncherProcess
from pipeline.tracking import Store
from pipeline.training.checkpoints import Checkpoint, save_checkpoint


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_takes_the_place_of_another_as_a_whole(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "deep" / "file.txt"
    for text in ("old", "new"):
        with replacing(path, durable=durable) as temporary:
            temporary.write_text(text)
            assert not path.exists() or path.read_text() == "old"
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("code", [0, errno.EXDEV])
def test_a_file_moves_over_another_even_between_file_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    made, old = tmp_path / "made", tmp_path / "old"
    made.write_text("new")
    old.write_text("old")
    replace = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if code and path == made:
            raise OSError(code, "Invalid cross-device link")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    move_file(made, old)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert old.read_text() == "new"


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), replacing(path, durable=True) as temporary:  # noqa: PT012
        temporary.write_text("ne")
        raise OSError("the disk is full")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_the_place_of_another_and_a_failure_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("old", "new"):
        with replacing(path) as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    with pytest.raises(RuntimeError), replacing(path) as temporary:  # noqa: PT012
        temporary.mkdir()
        (temporary / "half").touch()
        raise RuntimeError
    assert [file.name for file in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_at_once_have_different_temporary_files(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with replacing(path) as first, replacing(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # renamed last


def test_a_writer_alone_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    (tmp_path / "file.txt.0.tmp").touch()
    (tmp_path / "file.txt.1.tmp").mkdir()
    (tmp_path / "file.txt.2.tmp-journal").touch()
    (tmp_path / "other.txt.0.tmp").touch()
    with replacing(path, alone=True) as temporary:
        temporary.write_text("new")
    assert {file.name for file in tmp_path.iterdir()} == {"file.txt", "other.txt.0.tmp"}


def _read(path: Path) -> int:
    return int(path.read_text())


def test_what_is_cached_is_made_once_and_again_when_it_is_damaged(tmp_path: Path, caplog) -> None:
    path = tmp_path / "cache" / "number.txt"
    made: list[Path] = []

    def write(place: Path) -> None:
        made.append(place)
        place.write_text(str(len(made)))

    assert [cached(path, _read, write) for _ in range(3)] == [1, 1, 1]
    path.write_text("no number")
    assert cached(path, _read, write) == 2
    assert "The cached number.txt is damaged" in caplog.text
    assert len(made) == 2


def _fill(path: Path, start) -> None:
    def write(place: Path) -> None:
        with (path.parent / "made").open("a") as file:
            file.write("made ")
        place.write_text("1")

    start.wait()
    cached(path, _read, write)


def test_processes_that_start_at_once_write_it_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    workers = [
        context.Process(target=_fill, args=(tmp_path / "number.txt", start)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert (tmp_path / "made").read_text() == "made "


def _update(folder: Path) -> None:
    update_status(folder, state=JobState.running)


def _describe(folder: Path) -> None:
    launcher = LauncherProcess.here()
    JobDescription(folder, small_run(folder), None, 1, launcher, False).write()


def _list(folder: Path) -> None:
    _write_manifest(folder, ["index.html"])


def _place(folder: Path) -> None:
    (folder / ".cache").mkdir(exist_ok=True)
    assert Store.of(small_run(folder)).place


def _keep(folder: Path) -> None:
    save_checkpoint(Checkpoint({}, {}), folder / "run.npz")


def _cache(folder: Path) -> None:
    assert cached(folder / "texts", Path.read_text, lambda path: path.write_text("kept")) == "kept"


@pytest.mark.parametrize("write", [_update, _describe, _place, _keep, _cache])
def test_what_a_killed_process_left_is_removed_when_its_file_is_next_written(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    write(tmp_path)
    written = {path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"}
    (whole,) = (path for path in written if path.name in WRITTEN)
    left = whole.rename(f"{whole}.0.tmp")  # some are written only where they are missing
    write(tmp_path)
    assert whole.exists()
    assert not left.exists()


WRITTEN = ("job.json", "progress.json", "place", "run.npz", "texts")


@pytest.mark.parametrize("write", [_update, _describe, _list, _place])
def test_a_process_that_is_stopped_while_it_writes_leaves_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None]
) -> None:
    def half(path: Path, text: str, *_: object, **__: object) -> None:
        path.write_bytes(text.encode()[:5])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", half)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path)
    assert [file for file in tmp_path.rglob("*") if file.stat().st_size == 5] == []
    write(tmp_path)
