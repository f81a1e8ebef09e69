"""Start a program, report its errors in one line, and end it with an exit status.

0: everything succeeded; 1: something failed; 2: the configuration is wrong.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import functools
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from pipeline.config.compose import register_schemas
from pipeline.config.composition_errors import explain_composition, explain_start
from pipeline.config.help import Program, describe_program
from pipeline.config.programs import as_started, say
from pipeline.config.schema import CONF
from pipeline.config.typed import read_arguments
from pipeline.errors import ConfigError, PipelineError
from pipeline.processes import stopping_output

# What the user can mend outside of the program: rights, room on the disk, the disk itself.
_OF_MACHINE = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.EMFILE, errno.ESTALE),
}
# Closed before the last lines are printed, however the program ends: restores the terminal, for one.
at_end = contextlib.ExitStack()
_running: list[Program] = []  # the program of this process, for what Hydra calls


def running_program() -> Program:
    return _running[-1]


def run_program(
    task: Callable[[DictConfig], int],
    program: Program,
    mode: str | None = None,
    stopped: Callable[[str], None] = lambda reason: None,
) -> None:
    """Compose the configuration, call `task` with it and exit with the status that it returns.

    Parameters:
      program: what --help says.
      mode: RUN for a program that never sweeps, whatever the experiment says.
      stopped: called with the reason when Ctrl-C, SIGTERM or an error ends the program.
    """
    _running.append(program)
    end_at_once()
    if asks_for_help(sys.argv[1:]):
        _print_help(program)
        return
    with stopping_output():
        _run(task, program, mode, stopped)


def _print_help(program: Program) -> None:
    try:
        print(as_started(describe_program(program)), flush=True)
        return
    except BrokenPipeError:  # who reads the beginning alone, as `head` does
        status = 0
    except OSError as error:
        status = report_error(error)
    os._exit(status)  # Python would complain of what it cannot write any more


def _run(
    task: Callable[[DictConfig], int],
    program: Program,
    mode: str | None,
    stopped: Callable[[str], None],
) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C does
    # Otherwise Hydra handles every error itself and exits with 1; a user who sets this wants tracebacks.
    wants_traceback = "HYDRA_FULL_ERROR" in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"
    register_schemas()
    statuses: list[int] = []
    started = False

    @functools.wraps(task)
    def record_status(tree: DictConfig) -> None:
        nonlocal started
        started = True
        statuses.append(task(tree))

    try:
        sys.argv[1:] = read_arguments(sys.argv[1:], sweeps=mode is None)
        if not any(one.startswith("-") for one in sys.argv[1:] if one not in ("-m", "--multirun")):
            say("Checking the configuration")  # flags such as --cfg print what others read
        if mode is not None:
            sys.argv.insert(1, f"hydra.mode={mode}")
        with at_end:
            hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(
                record_status
            )()
    except KeyboardInterrupt:
        stopped("stopped by hand")
        resumes = "; the next launch resumes from here" if program.trains else ""
        print(f"Stopped{resumes}", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        with contextlib.suppress(Exception):  # the store may be what failed
            stopped(" ".join(str(error).split())[:500])
        if wants_traceback:
            raise
        if not started:
            error = explain_start(error, sys.argv[1:])
        sys.exit(report_error(error))
    sys.exit(max(statuses, default=0))


def end_at_once() -> None:
    """Make Python end without a last search for cycles in all that was loaded, which takes a second."""
    atexit.register(gc.freeze)


def asks_for_help(arguments: list[str]) -> bool:
    return bool({"--help", "-h"} & {*arguments}) and "--hydra-help" not in arguments


def take_word(name: str) -> str | None:
    """Remove `name=value` from the command line and return the value, or None if it is not given.

    For arguments of a program that are not part of the configuration that Hydra composes.
    """
    given = [word for word in sys.argv[1:] if word.startswith(f"{name}=")]
    sys.argv[1:] = [word for word in sys.argv[1:] if word not in given]
    return given[-1].removeprefix(f"{name}=") if given else None


def report_error(error: Exception) -> int:
    """Print an expected error in one line, any other with its traceback, and return the exit status."""
    if isinstance(error, ConfigError):
        print(f"Configuration: {error}", file=sys.stderr)
        return 2
    if isinstance(error, HydraException | OmegaConfBaseException):
        print(f"Configuration: {explain_composition(error)}", file=sys.stderr)
        return 2
    if isinstance(error, OSError) and error.errno in _OF_MACHINE:
        which = f": {error.filename}" if error.filename else ""
        print(f"Failed: {error.strerror or error}{which}", file=sys.stderr)
        return 1
    if is_expected(error):
        print(f"Failed: {error}", file=sys.stderr)
        return 1
    traceback.print_exception(error)
    return 1


def is_expected(error: BaseException) -> bool:
    """Return whether the message of an error is meant for users."""
    return isinstance(error, PipelineError)
