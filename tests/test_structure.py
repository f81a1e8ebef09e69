"""The shape of the code: no circle among modules, programs that are thin, tests that stand alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from factories import ROOT

TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
PROGRAMS = sorted((ROOT / "experiments").glob("[a-z]*.py"))


def test_no_module_imports_itself_over_others():
    """Imports inside functions count; those that only a type checker reads do not."""
    graph = grimp.build_graph("pipeline", "experiments", exclude_type_checking_imports=True)
    left = {name: set(graph.find_modules_directly_imported_by(name)) for name in graph.modules}
    while ends := {name for name, imported in left.items() if not imported}:
        left = {name: imported - ends for name, imported in left.items() if name not in ends}
    assert left == {}  # what is left imports one another in a circle, or what does


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_is_a_screenful(program):
    assert len(program.read_text().splitlines()) <= 100


def _imported(file: Path) -> Iterator[str]:
    """Yields every name that a file may import a module by, wherever in it the import stands."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def test_no_test_module_imports_another():
    """What several need stands in `factories` or another helper, which holds no tests."""
    names = {file.stem for file in TESTS}
    found = {(file.stem, name) for file in TESTS for name in _imported(file)}
    assert [(test, name) for test, name in sorted(found) if names & set(name.split("."))] == []
