"""Files that are whole or not there: written under another name and renamed, and cached under a lock."""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

log = logging.getLogger(__name__)

Content = TypeVar("Content")


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield the temporary path of a file or a folder that takes the place of `path` after the block.

    Nobody meets half of it: where the block fails, as on a full disk, `path` stays as it was and the
    temporary one is removed. Two writers at once do not meet either; the later one stays.

    Parameters:
      path: the final place; its folder is made where it is missing.
      durable: whether the content must be on the disk before the name is, so that a power failure
        leaves the old file or the new one. Only for a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the id of the process: two machines that share a disk may have the same one.
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        if durable:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        if temporary.is_dir():  # a folder replaces only an empty one
            _remove(path)
        temporary.replace(path)
    finally:
        _remove(temporary)


def cached(path: Path, read: Callable[[Path], Content], write: Callable[[Path], object]) -> Content:
    """Return what `read` finds at `path`, which `write` makes first where it is missing or damaged.

    Processes that start at once wait for the first to write it.

    Parameters:
      read: takes the path; its OSError, ValueError, LookupError, TypeError or AttributeError says
        that what lies there cannot be used.
      write: takes a temporary path, at which it leaves a file or a folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            try:
                return read(path)
            except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
                log.warning("The cached %s is damaged (%s); rebuilding it", path.name, error)
        with replacing(path) as temporary:
            write(temporary)
        return read(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
