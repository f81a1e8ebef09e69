"""Name the programs of this project, in hints, the way they are started here."""

from __future__ import annotations

import logging
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.config.data import AddingConfig
from pipeline.config.schema import CONF, IN_CLONE, ROOT, RunConfig
from pipeline.config.tasks import LanguageConfig

_STARTS = re.compile(
    r"(?:(?:python -m )?experiments\.|make )(compare|report|probe|explain|generate|benchmark|ui)\b"
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


def open_store(root: Path) -> str:
    """Return the command that opens MLflow's pages on the local store in a folder."""
    if root == ROOT:
        return as_started("make ui")
    return as_started(f"python -m experiments.ui --root {shlex.quote(str(root))}")


def steps_after(config: RunConfig, outcome: str) -> list[tuple[str, str]]:
    """Return what may follow a single run, each with its command.

    outcome: of the run, "finished" or "diverged".
    """
    found = []
    own = [f"architecture={config.architecture.name}", f"seed={config.seed}"]
    if not config.baseline:
        found.append(("Write its report", _with_words("report", _words_of(config))))
    if not config.baseline and outcome == "finished" and not isinstance(config.data, AddingConfig):
        if not isinstance(config.task, LanguageConfig):
            command = find_with("explain", config, own)
            found.append(("See how it reads a text", f'{command} text="..."'))
        elif not config.task.is_backward:
            own = [own[0], f"trained_seed={config.seed}"]
            found.append(("Have it write", f'{find_with("generate", config, own)} prompt="..."'))
    where = open_store(Path(config.root)) if config.tracking.uri is None else config.tracking.uri
    return [*found, ("Compare runs in MLflow", where)]


def find_with(program: str, config: RunConfig, words: list[str]) -> str:
    """Return the command that starts a program on an experiment, with further words."""
    return _with_words(program, [*_words_of(config), *words])


def _words_of(config: RunConfig) -> list[str]:
    """Return the settings by which a program finds the runs of an experiment again."""
    named = (CONF / "experiment" / f"{config.name}.yaml").exists()
    words = [f"experiment={config.name}" if named else f"name={config.name}"]
    words += [f"root={config.root}"] * (Path(config.root) != ROOT)
    words += [f"tracking.uri={config.tracking.uri}"] * (config.tracking.uri is not None)
    return words


def _with_words(program: str, words: list[str]) -> str:
    return as_started(f"python -m experiments.{program} {shlex.join(words)}")


def describe_install(extra: str) -> str:
    """Return the command that installs the packages of an extra."""
    if not IN_CLONE:
        return f"pip install 'rnn-vs-lstm[{extra}]'"
    return "make bench TORCH=1" if extra == "bench" else f"pip install -e '.[{extra}]'"


def say(stage: str) -> None:
    """Say at once what begins now, as the next line may be seconds away."""
    print(stage, flush=True)


@contextmanager
def quiet(package: str) -> Iterator[None]:
    """Keep the log of a package from the terminal, but not from its cache, which holds it too."""
    log, unheard = logging.getLogger(package), logging.NullHandler()
    was_heard, log.propagate = log.propagate, False
    log.addHandler(unheard)
    try:
        yield
    finally:
        log.propagate = was_heard
        log.removeHandler(unheard)
