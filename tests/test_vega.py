"""What draws runs in a process of its own, whose end is not that of the program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from factories import ROOT

from pipeline import vega

BARS = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "data": {"values": [{"a": 1, "b": 2}]},
    "mark": "bar",
    "encoding": {"x": {"field": "a"}, "y": {"field": "b"}},
}


def test_each_figure_is_drawn_in_three_formats(tmp_path: Path) -> None:
    vega.draw({"one": BARS, "two": BARS}, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{kind}" for name in ("one", "two") for kind in ("svg", "pdf", "png")
    }
    assert (tmp_path / "one.svg").read_text().startswith("<svg")
    assert (tmp_path / "one.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_cannot_be_written_is_no_fault_of_the_drawing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        vega.draw({"one": BARS}, tmp_path / "missing")


_UNDER_A_LIMIT = """
import json, resource, sys
from pathlib import Path
from pipeline import vega
resource.setrlimit(resource.RLIMIT_AS, (20 * 10**9, {hard}))
try:
    vega.draw(json.loads(sys.argv[1]), Path(sys.argv[2]))
    print("drawn")
except vega.CannotDrawError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="macOS knows no such limit")
@pytest.mark.parametrize(
    ("hard", "said"),
    [
        ("20 * 10**9", "ulimit -v leaves a process 20 GB of addresses, too few for what draws"),
        ("resource.RLIM_INFINITY", "drawn"),  # only the soft limit is set, which can be lifted
    ],
)
def test_limited_addresses_end_the_drawing_and_not_the_program(
    tmp_path: Path, hard: str, said: str
) -> None:
    code = _UNDER_A_LIMIT.format(hard=hard)
    command = [sys.executable, "-c", code, json.dumps({"one": BARS}), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (said, "")
