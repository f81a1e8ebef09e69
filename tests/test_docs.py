"""The guide names only what exists: pages, figures, modules and programs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from factories import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_to_files(page: Path):
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    relative = [target.split("#")[0] for target in targets if "://" not in target]
    assert [target for target in relative if target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_programs_exist(page: Path):
    programs = re.findall(r"python -m experiments\.(\w+)", page.read_text("utf-8"))
    assert [name for name in programs if not (ROOT / "experiments" / f"{name}.py").exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_of_the_code_exist(page: Path):
    code = r"`((?:pipeline|experiments|conf|tests|hydra_plugins|rnn_vs_lstm)/[\w/.]*)`"
    named = re.findall(code, page.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_readme_fits_on_a_few_screens():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 130


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    pages = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md"]
    assert [name for name in pages if f"({name})" not in index] == []
