"""Explain in one line what Hydra and OmegaConf say of a wrong configuration.

Each explanation names the key and what it may hold.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from pipeline.config.keys import abbreviate, expected_value, explain_unknown, known_keys
from pipeline.errors import ConfigError, PipelineError


def explain_start(error: Exception, words: list[str]) -> Exception:
    """Return an error that ended a program before its own work began, in one line if Hydra caused it.

    What Hydra does itself before (its folders, its logging, its plugins) depends on settings `hydra...`
    alone, and fails with whatever error Python has for that.
    """
    if isinstance(error, PipelineError | HydraException | OmegaConfBaseException):
        return error
    own = [word for word in words if word.lstrip("+~").startswith(("hydra.", "hydra/"))]
    own = [word for word in own if not word.startswith("hydra.mode=")]
    if not own:
        return error
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ConfigError(f"{' or '.join(own)} cannot be used: {reason}; leave it out")


def explain_composition(error: BaseException) -> str:
    """Return an error of Hydra or OmegaConf as one line that names the key and the allowed values."""
    text = str(error)
    cause = str(error.__cause__ or error)
    rules: list[tuple[str, str, Callable[[re.Match[str]], str]]] = [
        (
            text,
            r"Could not find '((?:hydra/)?\w+)/([^']*)'"
            r"[\s\S]*?options in '[^']*':\s*([\w\s.-]*?)\n *(?:\n|[A-Z]|$)",
            _no_option,
        ),
        (text, r"Ambiguous value for argument '([^=]*)=(.*)'", _several),
        (text, r"Sweep parameters '([^=]*)=(.*)' requires", _several),
        (text, r"Could not (?:override|delete from config\.) '([^']+)'", _unknown_key),
        (text, r"Error merging override \+*([\w.]+)=(.*)", functools.partial(_wrong_value, cause)),
        (text, r"mandatory value(?: missing)?: '?([\w.]+)", _missing),
    ]
    for subject, pattern, explain in rules:
        found = re.search(pattern, subject)
        if found:
            return explain(found)
    key = getattr(error, "full_key", None) or getattr(error.__cause__, "full_key", None)
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    expected = expected_value(str(key)) if key else None
    must_be = f"; it must be {expected}" if expected else ""
    return f"{key}: {first}{must_be}" if key else first


def _no_option(found: re.Match[str]) -> str:
    group, value, options = found.groups()
    return f"{group} is {abbreviate(repr(value))}; it must be one of {', '.join(options.split())}"


def _unknown_key(found: re.Match[str]) -> str:
    return explain_unknown(found[1])


def _several(found: re.Match[str]) -> str:
    key, value = found[1].lstrip("+"), found[2]
    return f"{key} has several values; a run for each is -m {key}={value}"


def _wrong_value(cause: str, found: re.Match[str]) -> str:
    key, value = found[1], found[2].strip()
    if "not in struct" in cause or re.match(r"Key '.*' not in", cause):
        return _unknown_key(re.match(r"([\w.]+)", key) or found)
    known = known_keys().get(key)
    choices = re.search(r"expected one of \[([^\]]*)\]", cause)
    kind = re.search(r"could not be converted to (\w+)", cause)
    expected = (
        (choices and f"{'a list out' if known and known.is_list else 'one'} of {choices[1]}")
        or expected_value(key)
        or (key.startswith("contrasts.") and expected_value("contrasts"))  # its keys are free
        or (kind and f"a value of type {kind[1].lower()}")
    )
    if expected:
        return f"{key} is {abbreviate(repr(value))}; it must be {expected}"
    return f"{key} is {abbreviate(repr(value))}, which is not possible: {cause.splitlines()[0]}"


def _missing(found: re.Match[str]) -> str:
    return f"{found[1]} is not set; add {found[1]}=..."
