"""Keep processes and temporary files from outliving the program that made them, even a killed one."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TextIO

import psutil
from filelock import FileLock, Timeout

from pipeline.errors import Failure

_PR_SET_PDEATHSIG = 1  # of Linux's prctl.h
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 1.0  # between asking processes to end and killing them
ABANDONED = 4  # exit status of a process whose parent has ended


def end_with_parent() -> None:
    """Make this process end when its parent does, whatever it is computing by then.

    Linux kills it at once. Elsewhere a thread watches, which may have to wait for native code. The
    kernel counts the thread that started this process as its parent: that has to outlive it.
    """
    parent = os.getppid()
    _signal_at_parents_end(signal.SIGKILL)
    if os.getppid() != parent:  # it ended in between
        os._exit(ABANDONED)
    exit_when(lambda: os.getppid() != parent)


def exit_when(is_over: Callable[[], bool]) -> None:
    """Exit this process within a fraction of a second after `is_over` returns True, from any thread."""

    def watch() -> None:
        while not is_over():
            time.sleep(_POLL_SECONDS)
        os._exit(ABANDONED)

    threading.Thread(target=watch, daemon=True).start()


def _signal_at_parents_end(number: signal.Signals) -> None:
    with contextlib.suppress(AttributeError, OSError):  # no Linux
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def start_guarded(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    output: IO[Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command that ends when this process does, with all processes that it has started.

    The process returned stands for the command: it has its exit status, and ending it ends all of them.

    Parameters:
      environment, output: of the command; None: those of this process.
    """
    guard = [sys.executable, "-m", "pipeline.processes", str(os.getpid()), *command]
    return subprocess.Popen(guard, env=environment, stdout=output, stderr=output)


def _guard(parent: int, command: Sequence[str]) -> int:
    """Run a command until it ends, the parent ends or a signal asks for it; return its exit status."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: asked.set())
    _signal_at_parents_end(signal.SIGTERM)
    process = psutil.Popen(command)
    while process.poll() is None and not asked.is_set() and os.getppid() == parent:
        asked.wait(_POLL_SECONDS)
    _end_tree(process)
    return max(process.wait(), 0)


def _end_tree(process: psutil.Process) -> None:
    """End a process and its descendants: first ask, then kill."""
    with contextlib.suppress(psutil.NoSuchProcess):
        tree = [*process.children(recursive=True), process]
        for end in (psutil.Process.terminate, psutil.Process.kill):
            for one in tree:
                with contextlib.suppress(psutil.NoSuchProcess):
                    end(one)
            _, tree = psutil.wait_procs(tree, _GRACE_SECONDS)


class StoppingOutput:
    """Pass text on to a stream; if nobody reads that any more (`| head`), stop this program by SIGTERM.

    What is written until it has stopped is dropped. A broken pipe would otherwise look like a failure of
    whatever was being done, in any thread.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._until_closed():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._until_closed():
            self._stream.flush()

    @contextlib.contextmanager
    def _until_closed(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            os.kill(os.getpid(), signal.SIGTERM)


def stopping_output() -> contextlib.AbstractContextManager[object]:
    """Return a context in which this program stops when nobody reads its output any more.

    Without any output, as of a service, what is written is dropped.
    """
    if sys.stdout is None:
        return contextlib.redirect_stdout(open(os.devnull, "w"))
    return contextlib.redirect_stdout(StoppingOutput(sys.stdout))


def use_scratch(root: Path) -> Path:
    """Make a folder under `root` the place of all temporary files of this process and its children.

    It is removed when this process ends. If that is killed, the next process that calls this removes it:
    the lock beside the folder is then free.

    Raises:
      Failure: nothing can be written below `root`.
    """
    place = root / ".cache" / "scratch"
    try:
        place.mkdir(parents=True, exist_ok=True)
        with FileLock(place.with_suffix(".lock")):
            _remove_abandoned(place)
            folder = place / uuid.uuid4().hex[:12]
            lock = FileLock(folder.with_suffix(".lock"))
            lock.acquire()
            folder.mkdir()
    except OSError as error:
        raise Failure(f"nothing can be written below {root}: {error.strerror}") from error
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    atexit.register(_remove, folder, lock)
    return folder


def _remove_abandoned(place: Path) -> None:
    """Remove the scratch folders in `place` whose processes are gone."""
    for held in place.glob("*.lock"):
        lock = FileLock(held, timeout=0)
        with contextlib.suppress(Timeout, OSError):
            lock.acquire()
            _remove(held.with_suffix(""), lock)


def _remove(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


if __name__ == "__main__":
    sys.exit(_guard(int(sys.argv[1]), sys.argv[2:]))
