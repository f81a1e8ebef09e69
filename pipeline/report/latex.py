"""Write a table as LaTeX, for papers: with the rules of the package booktabs."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.report.tables import Table

# What LaTeX reads as markup, and signs for which the fonts of pdfTeX have no text.
_ESCAPES = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "#$%&_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "[": "{[}",  # after the end of a row, it would be read as an option
        "*": "{*}",  # likewise
        "–": "--",
        "…": r"\ldots{}",
        "−": "$-$",
        "≥": r"$\geq$",
        "≤": r"$\leq$",
        "→": r"$\rightarrow$",
        "←": r"$\leftarrow$",
    }
)


def escape_latex(text: str) -> str:
    """Escape text so that LaTeX sets it as it is, on one line."""
    return " ".join(text.split()).translate(_ESCAPES)


def latex_of(table: Table, name: str) -> str:
    r"""Return the table as LaTeX with its caption and the label `tab:<name>`."""
    sides = "".join("l" if column.words else "r" for column in table.columns)
    rows = [_row(entry.full or entry.text for entry in row) for row in table.rows]
    lines = [
        r"% Needs \usepackage{booktabs}.",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_latex(table.caption)}}}",
        rf"\label{{tab:{name}}}",
        rf"\begin{{tabular}}{{{sides}}}",
        r"\toprule",
        _row(column.heading for column in table.columns),
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return " & ".join(map(escape_latex, cells)) + r" \\"
