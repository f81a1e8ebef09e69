"""Nothing outlives the program that started it: no process, and no temporary file for long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from factories import ROOT

from pipeline.errors import Failure
from pipeline.processes import use_scratch

# Holds the GIL in native code for an hour, so that no thread of it can watch anything.
_BUSY = "from pipeline.processes import end_with_parent; end_with_parent(); print(1, flush=True); "
_BUSY += "import re; re.match('(a*)*b', 'a' * 60)"


def _start(code: str, *arguments: str, errors: int | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=errors, text=True)


def _read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _wait_for_end(processes: list[psutil.Process]) -> None:
    _, left = psutil.wait_procs(processes, 30)
    for process in left:
        process.kill()
    assert not left


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel does this")
def test_a_process_that_computes_ends_with_its_parent() -> None:
    parent = _start(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(child.pid, flush=True); time.sleep(600)",
        _BUSY,
    )
    child = psutil.Process(int(_read(parent)))
    parent.kill()
    _wait_for_end([child])
    parent.communicate()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_guarded_command_ends_with_all_that_it_started(number: signal.Signals) -> None:
    # The command starts another process, and neither of them heeds a request to end.
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    inner = f"{deaf}print(1, flush=True); time.sleep(600)"
    outer = (
        f"{deaf}import subprocess, sys; "
        f"child = subprocess.Popen([sys.executable, '-c', {inner!r}], stdout=subprocess.PIPE); "
        "child.stdout.readline(); print(child.pid, flush=True); time.sleep(600)"
    )
    program = _start(
        "import sys; from pipeline.processes import start_guarded\n"
        "guard = start_guarded([sys.executable, '-c', sys.argv[1]])\n"
        "print(guard.pid, flush=True); guard.wait()",
        outer,
    )
    lines = {_read(program), _read(program)}
    tree = psutil.Process(program.pid).children(recursive=True)
    assert lines <= {str(one.pid) for one in tree}
    assert len(tree) == 3  # the guard, the command and what that started
    ended = program if number == signal.SIGKILL else tree[0]
    os.kill(ended.pid, number)
    _wait_for_end(tree)
    program.communicate()


def test_a_guarded_command_has_its_own_exit_status() -> None:
    program = _start(
        "import sys; from pipeline.processes import start_guarded\n"
        "sys.exit(start_guarded([sys.executable, '-c', 'raise SystemExit(7)']).wait())"
    )
    program.communicate()
    assert program.returncode == 7


def test_who_is_no_longer_read_stops_without_a_traceback() -> None:
    program = _start(
        "import signal, sys, time; from pipeline.processes import StoppingOutput\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "sys.stdout = StoppingOutput(sys.stdout)\n"
        "print('first', flush=True)\n"
        "while True: print('another', flush=True); time.sleep(0.01)",
        errors=subprocess.PIPE,
    )
    assert _read(program) == "first"
    assert program.stdout is not None
    program.stdout.close()
    assert program.stderr is not None
    assert program.stderr.read() == ""
    assert program.wait() == 5
    program.stderr.close()


def _scratch(root: Path) -> list[Path]:
    return [path for path in (root / ".cache" / "scratch").iterdir() if path.is_dir()]


_MAKE = (
    "import sys, tempfile, time; from pathlib import Path\n"
    "from pipeline.processes import use_scratch; use_scratch(Path(sys.argv[1]))\n"
    "print(tempfile.mkdtemp(), flush=True); time.sleep(float(sys.argv[2]))"
)


def test_temporary_files_go_with_their_process_or_with_the_next_start(tmp_path: Path) -> None:
    living, killed = (_start(_MAKE, str(tmp_path), "600") for _ in range(2))
    kept, left = Path(_read(living)), Path(_read(killed))
    assert {kept.parent, left.parent} == {*_scratch(tmp_path)}
    killed.kill()
    killed.communicate()
    ended = _start(_MAKE, str(tmp_path), "0")
    gone = Path(_read(ended))
    ended.communicate()
    assert _scratch(tmp_path) == [kept.parent]
    assert kept.exists()
    assert not any(path.exists() for path in (left, gone))
    living.kill()
    living.communicate()


def test_a_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / ".cache").write_text("a file")
    with pytest.raises(Failure, match=f"written below {tmp_path}"):
        use_scratch(tmp_path)
    assert not tempfile.gettempdir().startswith(str(tmp_path))
