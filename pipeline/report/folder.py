"""Write a report's folder: files appear complete, and none of an earlier report is left."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import ReportError
from pipeline.files import move_file, replacing

_MANIFEST = ".written.json"  # the files that the last report wrote
_LINK = re.compile(r'href="((?:figures/|tables/)?\w+\.(?:csv|svg|pdf|png|tex|html))"')


@contextmanager
def staging_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder whose files are moved into `folder` when the block ends.

    Files of an earlier report that this one lacks are removed. Files that no report wrote are kept.

    Raises:
      ReportError: `folder` cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as staging:
            yield Path(staging)
            _move_files(Path(staging), folder)
    except OSError as error:
        raise ReportError(f"the report cannot be written to {folder}: {error}") from error


def write_single_page(page: str, path: Path) -> Path:
    """Write a page that stands by itself, as a whole, and return its path.

    Raises:
      ReportError: it cannot be written.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"the page cannot be written to {path}: {error}") from error
    return path


def _move_files(staging: Path, folder: Path) -> None:
    """Rename each file over its predecessor, and remove files that have no successor."""
    files = [path for path in sorted(staging.rglob("*")) if path.is_file()]
    written = [path.relative_to(staging).as_posix() for path in files]
    earlier = _read_manifest(folder)
    # The manifest names old and new files until all are moved, so that an interruption loses none.
    _write_manifest(folder, sorted({*earlier, *written}))
    for path, name in zip(files, written, strict=True):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        move_file(path, target)
    for name in earlier - {*written}:
        if (folder / name).is_file():
            (folder / name).unlink()
    _write_manifest(folder, written)


def _read_manifest(folder: Path) -> set[str]:
    """Return the files of an earlier report; names that lead out of the folder are ignored.

    A report without its manifest, as in a clone, names its files by the links of its page.
    """
    try:
        found = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        found = _linked_files(folder / "index.html")
    inside = folder.resolve()
    names = [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
    return {name for name in names if (folder / name).resolve().is_relative_to(inside)}


def _linked_files(page: Path) -> list[str]:
    try:
        return _LINK.findall(page.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return []


def _write_manifest(folder: Path, names: list[str]) -> None:
    with replacing(folder / _MANIFEST) as temporary:
        temporary.write_text(json.dumps(names, indent=0), encoding="utf-8")
