"""The shape of the code: no circle among modules, and programs that are thin."""

from __future__ import annotations

import grimp
import pytest
from factories import ROOT

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
