"""Write files atomically, by renaming a temporary file, and cache files under a lock."""

from __future__ import annotations

import errno
import glob
import hashlib
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

log = logging.getLogger(__name__)

Content = TypeVar("Content")


@contextmanager
def replacing(path: Path, *, durable: bool = False, alone: bool = False) -> Iterator[Path]:
    """Yield a temporary path for a file or folder that replaces `path` when the block succeeds.

    The replacement is atomic for files. If the block fails, for example on a full disk, `path` is
    unchanged and the temporary file is removed. Of two concurrent writers the later one wins.

    Parameters:
      path: the final path; missing parent folders are created.
      durable: flush the content to disk before renaming, so that a power failure leaves either the
        old or the new file. Files only.
      alone: nobody else writes `path` meanwhile, for example because of a lock, so that temporary
        files beside it were left by writers that were killed: they are removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if alone:
        for left in path.parent.glob(f"{glob.escape(path.name)}.*.tmp*"):  # and SQLite's journals
            _remove(left)
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

    A digest beside it tells whether it is still what was written: a flipped bit in a text would be read
    as text. Only one process writes at a time; the others wait and then read.

    Parameters:
      read: takes the path and returns the content. OSError, ValueError, LookupError, TypeError or
        AttributeError mean that the cache is damaged.
      write: takes a temporary path and writes a file or folder there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = path.with_name(f"{path.name}.digest")
    with FileLock(path.with_suffix(".lock")):
        if path.exists() and digest.exists():  # earlier versions wrote none
            try:
                if digest.read_text("ascii") != _digest(path):
                    raise ValueError("it is not what was written")
                return read(path)
            except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
                reason = " ".join(str(error).split())[:120]
                log.warning("The cached %s is damaged (%s); rebuilding it", path.name, reason)
        with replacing(path, alone=True) as temporary:
            write(temporary)
            with replacing(digest) as place:  # first, so that no content is ever without its own
                place.write_text(_digest(temporary), "ascii")
        return read(path)


def content_digest(path: Path) -> str:
    """Return a digest of a file's content as 32 hexadecimal digits.

    A file that is read again is not digested again unless its size or its time has changed.
    """
    state = path.stat()
    return _known_digest(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _known_digest(path: Path, *_: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _digest(path: Path) -> str:
    """Return a digest of a file, or of the names and contents of all files in a folder."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{file.relative_to(path).as_posix()} {_digest(file)}" for file in files]
    return hashlib.blake2b("\n".join(lines).encode()).hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
