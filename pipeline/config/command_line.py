"""Start a program, report its errors in one line, and end it with an exit status.

0: everything succeeded; 1: something failed; 2: the configuration is wrong.
"""

from __future__ import annotations

import atexit
import contextlib
import difflib
import errno
import functools
import gc
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import fields

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from pipeline.config.compose import expected_value, known_keys, register_schemas
from pipeline.config.data import DATA
from pipeline.config.help import Program, describe_program
from pipeline.config.programs import as_started, say
from pipeline.config.schema import CONF
from pipeline.errors import ConfigError, PipelineError

# What the user can mend outside of the program: rights, room on the disk, the disk itself.
_OF_MACHINE = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.EMFILE, errno.ESTALE),
}
# Closed before the last lines are printed, however the program ends: restores the terminal, for one.
at_end = contextlib.ExitStack()


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
    end_at_once()
    if asks_for_help(sys.argv[1:]):
        print(as_started(describe_program(program)))
        return
    if not _flags(sys.argv[1:]):  # which print what others read, such as --cfg
        say("Checking the configuration")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C does
    # Otherwise Hydra handles every error itself and exits with 1; a user who sets this wants tracebacks.
    wants_traceback = "HYDRA_FULL_ERROR" in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"
    register_schemas()
    given = [f"hydra.mode={mode}"] if mode is not None else []
    sys.argv[1:] = _settings_first([*given, *sys.argv[1:]])
    statuses: list[int] = []

    @functools.wraps(task)
    def record_status(tree: DictConfig) -> None:
        statuses.append(task(tree))

    try:
        with at_end:
            hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(
                record_status
            )()
    except KeyboardInterrupt:
        stopped("stopped by hand")
        print("Stopped; the next launch resumes from here", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        with contextlib.suppress(Exception):  # the store may be what failed
            stopped(" ".join(str(error).split())[:500])
        if wants_traceback:
            raise
        if "Config group override" in str(error):  # a group set to null
            groups = [word.split("=")[0] for word in sys.argv if word.endswith("=null")]
            which = " or ".join(groups)
            error = ConfigError(f"{which} is null; choose one of its options or leave it out")
        sys.exit(report_error(error))
    sys.exit(max(statuses, default=0))


def end_at_once() -> None:
    """Make Python end without a last search for cycles in all that was loaded, which takes a second."""
    atexit.register(gc.freeze)


def asks_for_help(arguments: list[str]) -> bool:
    return bool({"--help", "-h"} & {*arguments}) and "--hydra-help" not in arguments


def _flags(arguments: list[str]) -> list[str]:
    """Return the arguments that show something in place of a run."""
    return [one for one in arguments if one.startswith("-") and one not in ("-m", "--multirun")]


def _settings_first(arguments: list[str]) -> list[str]:
    """Reorder command-line arguments for Hydra's parser: all settings together, then the flags."""
    settings = [one for one in arguments if re.match(r"~|[^-][^=]*=", one)]
    flags = [one for one in arguments if one not in settings]
    # Hydra's own help does not know the settings of the program and would refuse them.
    return flags if "--hydra-help" in flags else [*settings, *flags]


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


def explain_composition(error: BaseException) -> str:
    """Return an error of Hydra or OmegaConf as one line that names the key and the allowed values."""
    text = str(error)
    cause = str(error.__cause__ or error)
    rules: list[tuple[str, str, Callable[[re.Match[str]], str]]] = [
        (
            text,
            r"Could not find '([\w/]+)/([^'/]*)'"
            r"[\s\S]*?options in '[^']*':\s*([\w\s.-]*?)\n *(?:\n|[A-Z]|$)",
            _no_option,
        ),
        (text, r"Error parsing override '(.*)'\s*(.*)", _unreadable),
        (text, r"Could not override '([^']+)'", _unknown_key),
        (text, r"Error merging override \+*([\w.]+)=(.*)", functools.partial(_wrong_value, cause)),
        (text, r"mandatory value(?: missing)?: '?([\w.]+)", _missing),
    ]
    for subject, pattern, explain in rules:
        found = re.search(pattern, subject)
        if found:
            return explain(found)
    key = getattr(error, "full_key", None) or getattr(error.__cause__, "full_key", None)
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return f"{key}: {first}" if key else first


def _no_option(found: re.Match[str]) -> str:
    group, value, options = found.groups()
    return f"{group} is {value!r}; it must be one of {', '.join(options.split())}"


def _unreadable(found: re.Match[str]) -> str:
    return f"cannot read {found[1]!r} ({found[2]}); write it as name=value, quoted for the shell"


def _unknown_key(found: re.Match[str]) -> str:
    key = found[1]
    if key in known_keys():
        kinds = [kind for kind in DATA if any(f.name == key[5:] for f in fields(DATA[kind]))]
        return f"{key} is a setting of data={' or data='.join(kinds)}; add that"
    leaves = {known.split(".")[-1]: known for known in known_keys()}
    close = difflib.get_close_matches(key, known_keys(), 1, 0.7) or [
        leaves[leaf] for leaf in difflib.get_close_matches(key.split(".")[-1], list(leaves), 1, 0.7)
    ]
    shown = "hydra" if key.startswith("hydra.") else "job"
    hint = f"did you mean {close[0]}?" if close else f"--cfg {shown} lists all keys"
    return f"unknown key {key}; {hint}"


def _wrong_value(cause: str, found: re.Match[str]) -> str:
    key, value = found[1], found[2].strip()
    choices = re.search(r"expected one of \[([^\]]*)\]", cause)
    kind = re.search(r"could not be converted to (\w+)", cause)
    expected = (
        (choices and f"one of {choices[1]}")
        or expected_value(key)
        or (kind and f"a value of type {kind[1].lower()}")
        or cause.splitlines()[0]
    )
    if "not in struct" in cause or re.match(r"Key '.*' not in", cause):
        return _unknown_key(re.match(r"([\w.]+)", key) or found)
    return f"{key} is {value!r}; it must be {expected}"


def _missing(found: re.Match[str]) -> str:
    return f"{found[1]} is not set; add {found[1]}=..."
