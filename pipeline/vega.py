"""Draw Vega-Lite specifications, and bundle the library that draws them, in processes of their own.

Both run an engine for JavaScript. It reserves terabytes of addresses and aborts its process where these
are limited (`ulimit -v`), and it holds the GIL for seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.processes import end_with_parent

_PNG_SCALE = 2  # pixels for a unit of the drawing
_UNWRITABLE = 74  # exit status: EX_IOERR of sysexits.h


class CannotDrawError(Exception):
    """Report why nothing can be drawn here, as half of a sentence."""


def draw(specs: Mapping[str, Any], folder: Path) -> None:
    """Draw each specification as `<name>.svg`, `.pdf` and `.png` in `folder`, which exists.

    Raises:
      CannotDrawError: the engine does not run here.
      OSError: a file cannot be written.
    """
    _run(json.dumps(specs).encode(), "draw", str(folder))


def bundle() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script, which takes seconds.

    Raises:
      CannotDrawError: the engine does not run here.
    """
    return _run(b"", "bundle").decode()


def _run(given: bytes, *arguments: str) -> bytes:
    command = [sys.executable, "-m", "pipeline.vega", *arguments]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    if done.returncode == _UNWRITABLE:
        raise OSError(done.stderr.decode(errors="replace").strip())
    if done.returncode:
        raise CannotDrawError(_reason(done.returncode))
    return done.stdout


def _reason(status: int) -> str:
    limit = _address_limit()
    if limit is not None:
        return (
            f"ulimit -v leaves a process {limit / 1e9:,.0f} GB of addresses, too few for what draws"
        )
    return f"what draws ended with status {status}"


def _address_limit() -> int | None:
    """Return how many bytes of addresses a process may have at most, or None without a limit."""
    with contextlib.suppress(ImportError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        return None if hard == resource.RLIM_INFINITY else hard
    return None


def _lift_soft_limit() -> None:
    """Allow this process all the addresses that the hard limit does."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # no Unix
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _draw(folder: Path) -> None:
    import vl_convert

    for name, spec in json.load(sys.stdin).items():
        svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
        (folder / f"{name}.pdf").write_bytes(vl_convert.svg_to_pdf(svg))
        (folder / f"{name}.png").write_bytes(vl_convert.svg_to_png(svg, scale=_PNG_SCALE))


def _bundle() -> None:
    import vl_convert

    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    sys.stdout.buffer.write(script.encode())


def main() -> None:
    """Run the command line: `bundle`, or `draw <folder>`, of specifications on standard input."""
    end_with_parent()
    _lift_soft_limit()
    what, *arguments = sys.argv[1:]
    try:
        _draw(Path(*arguments)) if what == "draw" else _bundle()
        sys.stdout.flush()
    except OSError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(_UNWRITABLE)


if __name__ == "__main__":
    main()
