"""Write files atomically, by renaming a temporary file, and cache files under a lock."""

from __future__ import annotations

import errno
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
    """Yield a temporary path for a file or folder that replaces `path` when the block succeeds.

    The replacement is atomic for files. If the block fails, for example on a full disk, `path` is
    unchanged and the temporary file is removed. Of two concurrent writers the later one wins.

    Parameters:
      path: the final path; missing parent folders are created.
      durable: flush the content to disk before renaming, so that a power failure leaves either the
        old or the new file. Files only.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the process id: two machines that share a disk may use the same one.
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        if durable:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        if temporary.is_dir():  # a folder can only replace an empty one
            _remove(path)
        temporary.replace(path)
    finally:
        _remove(temporary)


def move_file(path: Path, target: Path) -> None:
    """Move a file over another, which is seen whole at any time: also from another file system."""
    try:
        path.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with replacing(target) as temporary:
            shutil.copyfile(path, temporary)
        path.unlink()


def cached(path: Path, read: Callable[[Path], Content], write: Callable[[Path], object]) -> Content:
    """Return the content of the cache at `path`, creating it if it is missing or damaged.

    Only one process writes at a time; the others wait and then read.

    Parameters:
      read: takes the path and returns the content. OSError, ValueError, LookupError, TypeError or
        AttributeError mean that the cache is damaged.
      write: takes a temporary path and writes a file or folder there.
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
