"""How a program starts, and how it ends: one line for an error, and an exit status that tells.

0: all asked for is done; 1: something failed; 2: the configuration is wrong.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import fields

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.config.compose import known_keys, may_hold, register_schemas
from pipeline.config.programs import as_started
from pipeline.config.schema import CONF, DATA
from pipeline.errors import ConfigError, PipelineError

# What has to be put right, whatever ends the program, before its last lines: the terminal, for one.
at_end = contextlib.ExitStack()


def run_program(
    task: Callable[[DictConfig], int],
    mode: str | None = None,
    stopped: Callable[[str], None] = lambda reason: None,
    about: str | None = None,
) -> None:
    """Composes the configuration for `task`, calls it and leaves with its exit status.

    `mode`: RUN where a program never sweeps, whatever the experiment says. `stopped` is called, with
    the reason, when a person, or the system by SIGTERM, or an error stops the program. `about` is what
    --help says of the program, above the settings.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C does
    # Hydra would end every error itself, with status 1; a person who sets this wants tracebacks.
    wants_traceback = "HYDRA_FULL_ERROR" in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"
    register_schemas()
    text = as_started(about or "").strip() + "\n"
    OmegaConf.register_new_resolver("about_program", lambda: text, replace=True)
    given = [f"hydra.mode={mode}"] if mode is not None else []
    sys.argv[1:] = _settings_first([*given, *sys.argv[1:]])
    statuses: list[int] = []

    @functools.wraps(task)
    def noted(tree: DictConfig) -> None:
        statuses.append(task(tree))

    try:
        with at_end:
            hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(noted)()
    except KeyboardInterrupt:
        stopped("stopped by hand")
        print("Stopped; the next launch resumes from here", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        with contextlib.suppress(Exception):  # as when it is the store that does not answer
            stopped(" ".join(str(error).split())[:500])
        if wants_traceback:
            raise
        if "Config group override" in str(error):  # a group set to null
            groups = [word.split("=")[0] for word in sys.argv if word.endswith("=null")]
            which = " or ".join(groups)
            error = ConfigError(f"{which} is null; choose one of its options, or leave it out")
        sys.exit(report_error(error))
    sys.exit(max(statuses, default=0))


def _settings_first(words: list[str]) -> list[str]:
    """The words of a command line as Hydra's parser takes them: settings in one piece, then flags."""
    settings = [word for word in words if re.match(r"~|[^-][^=]*=", word)]
    flags = [word for word in words if word not in settings]
    # Hydra explains itself without the settings of a program, which it would not know there.
    return flags if "--hydra-help" in flags else [*settings, *flags]


def take_word(name: str) -> str | None:
    """The value of `name=value` on the command line, which it is taken from: it says what a program is
    to do, and is no part of the configuration that Hydra composes.
    """
    given = [word for word in sys.argv[1:] if word.startswith(f"{name}=")]
    sys.argv[1:] = [word for word in sys.argv[1:] if word not in given]
    return given[-1].removeprefix(f"{name}=") if given else None


def report_error(error: Exception) -> int:
    """Says an error in one line where it is a known kind, and gives the exit status."""
    if isinstance(error, ConfigError):
        print(f"Configuration: {error}", file=sys.stderr)
        return 2
    if isinstance(error, HydraException | OmegaConfBaseException):
        print(f"Configuration: {explain_composition(error)}", file=sys.stderr)
        return 2
    if is_expected(error):
        print(f"Failed: {error}", file=sys.stderr)
        return 1
    traceback.print_exception(error)
    return 1


def is_expected(error: BaseException) -> bool:
    """Whether the message of an error is written for a person."""
    return isinstance(error, PipelineError)


def explain_composition(error: BaseException) -> str:
    """What Hydra and OmegaConf say in many lines, as one that names the key and what it may hold."""
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
    return f"{group} is {value!r}; it may hold {', '.join(options.split())}"


def _unreadable(found: re.Match[str]) -> str:
    return f"cannot read {found[1]!r} ({found[2]}); write it as name=value, quoted for the shell"


def _unknown_key(found: re.Match[str]) -> str:
    key = found[1]
    if key in known_keys():
        kinds = [kind for kind in DATA if any(f.name == key[5:] for f in fields(DATA[kind]))]
        return f"{key} belongs to data={' or data='.join(kinds)}; choose that too"
    leaves = {known.split(".")[-1]: known for known in known_keys()}
    close = difflib.get_close_matches(key, known_keys(), 1, 0.7) or [
        leaves[leaf] for leaf in difflib.get_close_matches(key.split(".")[-1], list(leaves), 1, 0.7)
    ]
    shown = "hydra" if key.startswith("hydra.") else "job"
    hint = f"did you mean {close[0]}?" if close else f"see --cfg {shown} for those there are"
    return f"unknown key {key}; {hint}"


def _wrong_value(cause: str, found: re.Match[str]) -> str:
    key, value = found[1], found[2].strip()
    choices = re.search(r"expected one of \[([^\]]*)\]", cause)
    kind = re.search(r"could not be converted to (\w+)", cause)
    expected = (
        (choices and choices[1])
        or may_hold(key)
        or (kind and f"a value of type {kind[1].lower()}")
        or cause.splitlines()[0]
    )
    if "not in struct" in cause or re.match(r"Key '.*' not in", cause):
        return _unknown_key(re.match(r"([\w.]+)", key) or found)
    return f"{key} is {value!r}; it may hold {expected}"


def _missing(found: re.Match[str]) -> str:
    return f"{found[1]} is not set; give it as {found[1]}=..."
