"""Name the programs of this project, in hints, the way they are started here."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pipeline.config.schema import CONF, IN_CLONE

_STARTS = re.compile(
    r"(?:(?:python -m )?experiments\.|make )(compare|report|probe|explain|benchmark|ui)\b"
)


def as_started(text: str) -> str:
    """Return a text with its programs named as console scripts, if this program was started as one.

    Without a clone there is no other way; otherwise the text is returned as it is.
    """
    by_script = not IN_CLONE or Path(sys.argv[0]).name.startswith("rnn-vs-lstm-")
    return _STARTS.sub(r"rnn-vs-lstm-\1", text) if by_script else text


def again_with(experiment: str, settings: str) -> str:
    """Return the command that runs an experiment with other settings; a sweep by hand is only named."""
    if (CONF / "experiment" / f"{experiment}.yaml").exists():
        return as_started(f"python -m experiments.compare experiment={experiment} {settings}")
    return f"the same command with {settings}"


def describe_install(extra: str) -> str:
    """Return the command that installs the packages of an extra."""
    if not IN_CLONE:
        return f"pip install 'rnn-vs-lstm[{extra}]'"
    return "make bench TORCH=1" if extra == "bench" else f"pip install -e '.[{extra}]'"


def say(stage: str) -> None:
    """Say at once what begins now, as the next line may be seconds away."""
    print(stage, flush=True)
