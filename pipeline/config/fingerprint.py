"""Compute fingerprints of runs from their settings, their data and the code that decides their numbers.

Only what the code computes counts: comments, docstrings, formatting and the location of a file do not,
so that a file can be moved or a sentence corrected without invalidating tracked runs.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.cells import SHOWN, Cell
from pipeline.config.compose import as_plain, as_used
from pipeline.config.data import AddingConfig
from pipeline.config.probes import ProbeConfig
from pipeline.config.schema import SKIPGRAM, ArchitectureConfig, RunConfig
from pipeline.config.tasks import LanguageConfig
from pipeline.files import content_digest

_SOURCES = Path(__file__).resolve().parents[1]

# The entry modules of each kind of run; what they import counts too.
_NETWORK = (
    "pipeline.data.reviews",
    "pipeline.tokens.encoding",
    "pipeline.training.classify",
    "pipeline.training.evaluate",
)
# What starts a network, where it is not fresh.
_SKIPGRAM = ("pipeline.data.language_texts", "pipeline.tokens.skipgram", "pipeline.models.transfer")
_CONTINUED = ("pipeline.models.transfer",)
_LANGUAGE = (
    "pipeline.data.language_texts",
    "pipeline.tokens.language",
    "pipeline.training.perplexity",
    "pipeline.training.language",
    "pipeline.models.language_model",
)
_LANGUAGE_BASELINE = (*_LANGUAGE[:3], "pipeline.models.ngram_baseline")
_ADDING = ("pipeline.data.adding", "pipeline.training.adding")
_BASELINE = (
    "pipeline.data.reviews",
    "pipeline.models.bigram_baseline",
    "pipeline.training.evaluate",
)
_PROBES = ("pipeline.probes",)
_LANGUAGE_PROBES = ("pipeline.probes.language",)

# Settings count by their values; errors and the writing of files change no numbers.
_WITHOUT_NUMBERS = ("pipeline.config", "pipeline.errors", "pipeline.files")


def fingerprint(config: RunConfig) -> str:
    """Return a digest of all that determines the result of a run, as 16 hexadecimal digits.

    Device, tracking and experiment name do not count, nor do the location of the data and the length
    groups of the report. A user's own table counts by its content. Of the baseline nothing counts that
    only a network has.
    """
    plain = as_used(config)
    is_language = isinstance(config.task, LanguageConfig)
    sections = ["baseline"] if config.baseline else ["tokenizer", "architecture", "train", "seed"]
    sections += ["tokenizer", "task"] if is_language else []
    determining = {name: plain[name] for name in sections if name in plain}
    if is_language and config.baseline:
        for entry in dataclasses.fields(config.task):
            if "of_network" in entry.metadata:
                determining["task"].pop(entry.name, None)
    data = plain["data"]
    for entry in dataclasses.fields(config.data):
        name = entry.name
        if {"of_machine", "of_report"} & set(entry.metadata):
            data.pop(name, None)
        elif "by_content" in entry.metadata and data[name]:
            data[name] = content_digest(Path(data[name]))
    if config.baseline:
        return code_fingerprint([determining, data], _stages(config))
    return code_fingerprint([determining, data], _stages(config), cell=config.architecture.cell)


def _stages(config: RunConfig) -> tuple[str, ...]:
    if isinstance(config.task, LanguageConfig):
        return _LANGUAGE_BASELINE if config.baseline else _LANGUAGE
    if isinstance(config.data, AddingConfig):
        return _ADDING
    return _BASELINE if config.baseline else (*_NETWORK, *_start(config.architecture))


def _start(config: ArchitectureConfig) -> tuple[str, ...]:
    if config.continues:
        return _CONTINUED
    return _SKIPGRAM if config.init == SKIPGRAM else ()


def probe_fingerprint(config: ProbeConfig, run: RunConfig) -> str:
    """Return a digest of all that determines the probe tables of a trained run: settings and code."""
    cell = None if run.baseline else run.architecture.cell
    kinds, names = config.used_by(run.task.kind)
    settings = {name: value for name, value in as_plain(config).items() if name in names}
    settings["kinds"] = [kind.name for kind in kinds]
    is_language = isinstance(run.task, LanguageConfig)
    return code_fingerprint(settings, _LANGUAGE_PROBES if is_language else _PROBES, cell=cell)


def code_fingerprint(
    settings: Any, modules: Sequence[str], *, follow_imports: bool = True, cell: str | None = None
) -> str:
    """Return the fingerprint of settings and of the code that uses them.

    Parameters:
      settings: JSON values.
      modules: dotted names in this package. A package stands for its `__init__`.
      follow_imports: whether what they import, directly or not, counts too.
      cell: the recurrent cell that they use; no other cell counts.

    Raises:
      ValueError: there is no such module.
    """
    counted = [*(_with_imports(tuple(modules)) if follow_imports else modules)]
    digest = hashlib.blake2b(digest_size=8)
    digest.update(json.dumps(settings, sort_keys=True).encode())
    if cell is not None:
        counted.append(f"pipeline.cells.{cell}")
    for code in sorted(source_digest(_file_of(name).read_text("utf-8")) for name in counted):
        digest.update(code)
    return digest.hexdigest()


@cache
def source_digest(source: str) -> bytes:
    """Return a 16-byte digest of what Python code computes, independent of its location."""
    tree = _ComputationOnly().visit(ast.parse(source))
    return hashlib.blake2b(ast.unparse(tree).encode(), digest_size=16).digest()


class _ComputationOnly(ast.NodeTransformer):
    """Remove docstrings, the appearance of cells and the module paths of this package's imports."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return ast.Pass() if is_text else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == Cell.__name__:
            node.keywords = [one for one in node.keywords if one.arg not in SHOWN]
        return self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if (node.module or "").split(".")[0] == "pipeline":
            node.module = "pipeline"
        return node


@cache
def _with_imports(modules: tuple[str, ...]) -> tuple[str, ...]:
    """Return the modules and all modules of this package that they import, directly or not."""
    found: set[str] = set()
    pending = list(modules)
    while pending:
        name = pending.pop()
        if name not in found and not name.startswith(_WITHOUT_NUMBERS):
            found.add(name)
            pending.extend(_imported_by(name))
    return tuple(found)


def _imported_by(name: str) -> Iterator[str]:
    tree = ast.parse(_file_of(name).read_text("utf-8"))
    for node in _runtime_statements(tree.body):
        for one in ast.walk(node):
            if isinstance(one, ast.ImportFrom) and (one.module or "").startswith("pipeline"):
                assert one.module is not None
                below = [f"{one.module}.{alias.name}" for alias in one.names]
                modules = [other for other in below if _find_file(other)]
                yield from modules
                if len(modules) < len(below):
                    yield one.module
            elif isinstance(one, ast.Import):
                yield from (a.name for a in one.names if a.name.startswith("pipeline."))


def _runtime_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements without those under `if TYPE_CHECKING`."""
    for node in body:
        test = node.test if isinstance(node, ast.If) else None
        if not (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"):
            yield node


def _find_file(name: str) -> Path | None:
    place = _SOURCES.joinpath(*name.split(".")[1:])
    files = (place.with_suffix(".py"), place / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _file_of(name: str) -> Path:
    file = _find_file(name)
    if file is None:
        raise ValueError(f"cannot fingerprint {name}: there is no such module")
    return file
