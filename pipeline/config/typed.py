"""Read what a person types on the command line, before Hydra does.

Free text, such as a path or the name of a column, is quoted for Hydra's grammar, so that it means what
it says. What Hydra would refuse in the words of its parser, or would misunderstand, is refused here with
what to type instead.
"""

from __future__ import annotations

import argparse
import os
import re
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString, ValueType
from hydra.errors import HydraException

from pipeline.config.compose import absolute_path
from pipeline.config.help import chosen_option, write_value
from pipeline.config.keys import (
    Key,
    abbreviate,
    closest_key,
    expected_value,
    explain_unknown,
    is_free,
    is_group,
    is_known,
    is_shared,
    known_keys,
    options,
)
from pipeline.errors import ConfigError

_SETTING = re.compile(r"(~|\+{0,2})([^=]*)(?:=(.*))?", re.DOTALL)
# What checks every configuration and runs every sweep: another value there would skip both.
_OWN = {
    "hydra": "leave it out",
    "hydra.sweeper": "write hydra/sweeper=plan",
    "hydra.launcher": "write hydra/launcher=cores",
    "hydra.callbacks": "leave it out",
    "hydra.callbacks.sweep": "leave it out",
}
_LONGEST_KEY = 200


def read_arguments(arguments: list[str], *, sweeps: bool) -> list[str]:
    """Return the arguments of a program as Hydra takes them: all settings, then the flags.

    sweeps: whether the program may run a sweep.

    Raises:
      ConfigError: a flag or a setting cannot be read.
    """
    settings = [one for one in arguments if re.match(r"~|[^-].*=|=", one, re.DOTALL)]
    flags = [one for one in arguments if one not in settings]
    parsed = _read_flags([*settings, *flags])
    if parsed.hydra_help:  # Hydra's own help does not know the settings of the program
        return flags
    if parsed.multirun and not sweeps:
        raise ConfigError("-m starts a sweep, which this program does not run; leave it out")
    for word in parsed.overrides[len(settings) :]:
        _refuse_bare(word)
    words = [_read_setting(word, sweeps=sweeps, multirun=parsed.multirun) for word in settings]
    return [*words, *flags]


def _read_flags(arguments: list[str]) -> argparse.Namespace:
    parser = get_args_parser()
    parser.error = _refuse_flag  # instead of a page about the usage of Hydra
    parsed = parser.parse_args(arguments)
    shown = {"--cfg": parsed.cfg, "--info": parsed.info, "-m": parsed.multirun, "--run": parsed.run}
    given = [flag for flag, value in shown.items() if value]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} exclude each other; leave {given[-1]} out")
    if parsed.resolve and not parsed.cfg:
        raise ConfigError("--resolve shows a configuration; write --cfg job --resolve")
    if parsed.experimental_rerun:
        raise ConfigError("--experimental-rerun has no use here; launch the same settings again")
    return parsed


def _refuse_flag(message: str) -> NoReturn:
    wrong = re.match(r"argument (-\S+?)(?:/-\S+)?: (.*)", message)
    if wrong is None:
        flag = re.sub(r"unrecognized arguments: ", "", message).split(" ")[0]
        name = flag.lstrip("-").split("=")[0]
        key = name if is_known(name) else closest_key(name)
        typed = f"{key}={flag.partition('=')[2]}" if key and "=" in flag else key and _example(key)
        hint = f"write {typed}, without dashes" if key else "--help lists what may be given"
        raise ConfigError(f"unknown flag {abbreviate(flag)}; {hint}")
    choice = re.match(r"invalid choice: (.*) \(choose from (.*)\)", wrong[2])
    if choice is None:
        raise ConfigError(f"{wrong[1]}: {wrong[2]}; --hydra-help lists the flags")
    raise ConfigError(
        f"{wrong[1]} is {choice[1]}; it must be one of {choice[2].replace(chr(39), '')}"
    )


def _refuse_bare(word: str) -> NoReturn:
    key = word.strip("=+ ")
    if is_known(key):
        raise ConfigError(f"{key} has no value; write {_example(key)}, without spaces around =")
    close = closest_key(key)
    hint = f", for example {_example(close)}" if close else ", for example seed=1"
    raise ConfigError(f"{_shown(word)} is no setting; write it as name=value{hint}")


def _read_setting(word: str, *, sweeps: bool, multirun: bool) -> str:
    """Return a setting as Hydra takes it.

    sweeps: whether the program may run a sweep. multirun: whether -m is given.
    """
    found = _SETTING.fullmatch(word)
    assert found is not None
    sign, key, value = found[1], found[2].strip(), found[3] or ""
    if not key:
        raise ConfigError(f"{_shown(word)} has no name; write it as name=value, for example seed=1")
    if sign == "~":
        _refuse_removal(key)
        return word
    _check_key(key, value)
    known = known_keys().get(key)
    # Hydra refuses to add what is there, and to set a free key that is not.
    sign = "++" if is_free(key) else "" if known else sign
    if known is not None and known.is_literal:
        return f"{sign}{key}={_literal(key, known, value, multirun=multirun)}"
    override = _parse(f"{sign}{key}={value}", key, value)
    if key in _OWN and not isinstance(override.value(), dict):
        raise ConfigError(f"{key} is {_shown(value)}; {_OWN[key]}")
    if is_group(key):
        _refuse_list(key, value, override)
    _refuse_several(key, value, override, sweeps=sweeps)
    if known is not None:
        _check_scalar(key, known, value, override)
    return f"{sign}{key}={value}"


def _check_key(key: str, value: str) -> None:
    """Raise `ConfigError` for a key that cannot be set at all, or not to nothing."""
    if len(key) > _LONGEST_KEY:  # Hydra would look for a file of that name
        raise ConfigError(explain_unknown(key))
    if re.search(r"[\udc80-\udcff]", value):
        raise ConfigError(f"{key} is {_shown(value)}, which is not UTF-8; rename what it names")
    if "@" in key:
        plain = key.split("@")[0]
        raise ConfigError(f"{key} has an @, which no setting here has; write {plain}=...")
    if key.startswith("hydra.sweeper.params."):
        own = key.removeprefix("hydra.sweeper.params.")
        raise ConfigError(f"{key} belongs into the file of an experiment; write -m {own}={value}")
    if value == "" and (is_known(key) or key.startswith("hydra")):
        hint = f"write {_example(key)}{_must_be(key)}" if is_known(key) else "leave it out"
        raise ConfigError(f"{key} has no value; {hint}")


def _check_scalar(key: str, known: Key, value: str, override: Override) -> None:
    """Raise `ConfigError` for a list where one value is meant, and for a number as true or false."""
    if known.kind in (bool, int, float, str) and isinstance(override.value(), list):
        many = value.strip("[]") or "..."
        raise ConfigError(
            f"{key} is {_shown(value)}, a list; for a run of each write -m {key}={many}"
        )
    if known.kind is bool and type(override.value()) in (int, float):
        raise ConfigError(f"{key} is {value}{_must_be(key)}")


def _parse(text: str, key: str, value: str) -> Override:
    try:
        return OverridesParser.create().parse_override(text)
    except (HydraException, RecursionError):
        if not is_known(key) and not key.startswith("hydra"):
            raise ConfigError(explain_unknown(key)) from None
        quoted = QuotedString(value, Quote.single).with_quotes()
        hint = f"; if it is a text, quote it: {key}={quoted}" if key.startswith("hydra") else ""
        raise ConfigError(
            f"{key} is {_shown(value)}, which cannot be read{_must_be(key) or hint}"
        ) from None


def _literal(key: str, known: Key, value: str, *, multirun: bool) -> str:
    """Return free text as Hydra reads it: the same text, quoted where it would mean something else.

    A text in quotes, as Hydra requires them, stands for the text without them, unless there is a file of
    that name with the quotes.
    """
    if value == "null":
        if known.may_be_null:
            return value
        raise ConfigError(f"{key} is null; write {_example(key)}{_must_be(key)}")
    if "${" in value:
        raise ConfigError(
            f"{key} is {_shown(value)}, and is taken as it is typed; let the shell put the value in, "
            f'as in {key}="$HOME"'
        )
    exists = known.is_path and os.path.exists(absolute_path(value))
    if multirun and known.is_path and "," in value and not exists:
        raise ConfigError(
            f"{key} is {_shown(value)}, and nothing is called so; a sweep has one {key}: launch one for "
            "each"
        )
    if not exists and re.fullmatch(r"'.*'|\".*\"", value, re.DOTALL):
        return _parse(f"{key}={value}", key, value) and value
    try:
        plain = OverridesParser.create().parse_override(f"{key}={value}").value()
    except (HydraException, RecursionError):
        plain = None
    return value if plain == value else QuotedString(value, Quote.single).with_quotes()


def _refuse_removal(key: str) -> None:
    name = key.split("=")[0]
    if name.replace("/", ".") in _OWN:
        raise ConfigError(f"~{name} takes away what runs a sweep; leave it out")
    if is_known(name):
        raise ConfigError(
            f"~{name} takes a setting away, and every run has all of them; leave it out for its "
            f"default, or write {_example(name)}"
        )


def refuse_interval(override: Override) -> None:
    """Raise `ConfigError` for a range of all numbers, which no sweep can try one by one."""
    if override.is_interval_sweep():
        key = override.key_or_group
        raise ConfigError(
            f"{override.input_line} is a range of all numbers; give {key} a list of values, such as "
            f"-m {key}=1,2"
        )


def _refuse_list(group: str, value: str, override: Override) -> None:
    """Raise `ConfigError` for null and for a list, of which Hydra would silently take the last."""
    given = _values(override)
    if any(isinstance(one, list | dict) for one in given):
        names = [name for name in re.findall(r"[\w-]+", value) if name in options(group)]
        one = f"choose one: {group}={names[0]}" if names else f"choose one: {_example(group)}"
        each = f"for a run of each write -m {group}={','.join(names or options(group)[:2])}"
        raise ConfigError(
            f"{group} is {_shown(value)}, a list; {one if is_shared(group) else each}"
        )
    if None in given:
        raise ConfigError(f"{group} is null{_must_be(group)}, or leave it out")


def _values(override: Override) -> list[object]:
    if not override.is_sweep_override():
        return [override.value()]
    # What a glob stands for is known to Hydra alone.
    simple = (ValueType.CHOICE_SWEEP, ValueType.SIMPLE_CHOICE_SWEEP)
    return list(override.sweep_iterator()) if override.value_type in simple else []


def _refuse_several(key: str, value: str, override: Override, *, sweeps: bool) -> None:
    """Raise `ConfigError` for several values of a setting that can have one only."""
    refuse_interval(override)
    if not override.is_sweep_override():
        return
    known = known_keys().get(key)
    if known is not None and known.is_list and re.fullmatch(r"[^()\[\]{}]*", value):
        raise ConfigError(f"{key} is {_shown(value)}; write it as a list: {key}=[{value}]")
    if not sweeps or key.startswith("hydra"):
        raise ConfigError(f"{key} has several values, {_shown(value)}; give it one")
    if is_shared(key):
        raise ConfigError(
            f"{key} has several values, {_shown(value)}; all runs of a sweep share one: launch a sweep "
            "for each"
        )


def _example(key: str) -> str:
    """Return a setting as it may be typed: with its default, or "..." where it has none."""
    if is_group(key):
        chosen = chosen_option(key)
        return f"{key}={options(key)[0] if chosen == 'null' else chosen}"
    known = known_keys().get(key)
    default = known.default if known else None
    return f"{key}={'...' if default is None else write_value(default)}"


def _must_be(key: str) -> str:
    expected = expected_value(key)
    return f"; it must be {expected}" if expected else ""


def _shown(text: str) -> str:
    return abbreviate(repr(text))
