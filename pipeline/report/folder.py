"""A report's folder: each file is whole before it is seen, and none is left of an earlier report."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import ReportError
from pipeline.files import replacing

_MANIFEST = ".written.json"  # the names of the files that the last report wrote


@contextmanager
def built_beside(folder: Path) -> Iterator[Path]:
    """A folder to write into, whose files take their places in `folder` when the block has ended.

    Files that an earlier report wrote and this one does not are removed; a person's files stay.

    Raises:
      ReportError: it cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
            yield Path(beside)
            _take_places(Path(beside), folder)
    except OSError as error:
        raise ReportError(f"the report cannot be written to {folder}: {error}") from error


def _take_places(built: Path, folder: Path) -> None:
    """Renames each file over its predecessor, and removes what has no successor."""
    files = [path for path in sorted(built.rglob("*")) if path.is_file()]
    written = [path.relative_to(built).as_posix() for path in files]
    earlier = _read_manifest(folder)
    # Both, until the last file has its place: a report that is interrupted here leaves nothing unknown.
    _write_manifest(folder, sorted({*earlier, *written}))
    for path, name in zip(files, written, strict=True):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
    for name in earlier - {*written}:
        (folder / name).unlink(missing_ok=True)
    _write_manifest(folder, written)


def _read_manifest(folder: Path) -> set[str]:
    """What an earlier report wrote; nothing that lies elsewhere, whatever stands in the file."""
    try:
        names = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return set()
    inside = folder.resolve()
    names = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return {name for name in names if (folder / name).resolve().is_relative_to(inside)}


def _write_manifest(folder: Path, names: list[str]) -> None:
    with replacing(folder / _MANIFEST) as temporary:
        temporary.write_text(json.dumps(names, indent=0), encoding="utf-8")
