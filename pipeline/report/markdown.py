"""Write text and tables as Markdown that shows them as they are."""

from __future__ import annotations

import html
import re

from pipeline.report.tables import Table

# What Markdown acts upon. An underscore within a word, as in most names, is no emphasis.
_MARKS = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|(?<=http):|(?<=https):|(?<=www)\.")


def as_markdown(text: str) -> str:
    """Escape text so that Markdown shows it as it is: no element, link, emphasis or new cell."""
    plain = html.escape(" ".join(str(text).split()), quote=False)
    return _MARKS.sub(r"\\\g<0>", plain)


def table_as_markdown(table: Table) -> str:
    """Return a table, with numbers to the right."""
    rows = [
        [column.heading for column in table.columns],
        *([entry.text for entry in row] for row in table.rows),
    ]
    lines = [f"| {' | '.join(map(as_markdown, row))} |" for row in rows]
    rule = "|".join(" --- " if column.words else " ---: " for column in table.columns)
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])
