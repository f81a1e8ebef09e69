"""Report the benchmark's numbers on the terminal and as CSV, Markdown and SVG."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline import vega
from pipeline.analysis.frames import rows_of
from pipeline.config.programs import describe_install
from pipeline.files import replacing
from pipeline.report import look

VARIANTS, ARCHITECTURES, LIMITS = "variant", "architecture", "limit"
BY_REVIEWS, BY_LENGTH, BY_EPOCH = "reviews", "length", "epoch"
TUTORIAL = "TensorFlow tutorial"

TITLES = {
    VARIANTS: "The same bi_lstm in several variants, useful tokens per second",
    ARCHITECTURES: "Every architecture in this project, useful tokens per second",
    LIMITS: "Matrix products of a recurrent step in one thread, GFLOP/s",
    BY_REVIEWS: "bi_lstm by the number of training reviews, useful tokens per second",
    BY_LENGTH: "bi_lstm by the tokens per row, useful tokens per second",
    BY_EPOCH: "bi_lstm, first epoch against second, useful tokens per second",
}
HEADER = (
    "name",
    "processes",
    "threads each",
    "median",
    "range over turns",
    "× tutorial",
    "× PyTorch",
    "of limit",
    "µs/token",
    "logits off by",
)
_WIDTH = 420


def describe_run(
    seconds: float, rounds: int, load: tuple[float, ...], with_torch: bool
) -> list[str]:
    """Describe how the benchmark measures, and with which versions, a line each."""
    packages = ["tensorflow", "keras", "numpy"] + ["torch"] * with_torch
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    lines = [
        f"Load before the start (1, 5, 15 minutes): {', '.join(f'{part:.2f}' for part in load)}",
        f"Versions: Python {platform.python_version()}, {', '.join(versions)}",
        f"{rounds} rounds of turns, up to {seconds:g} s each",
        "The tutorial's recipe reads whole reviews in unsorted batches, padded to the longest of each "
        "batch; all others read truncated reviews in batches of similar length",
        "× tutorial is relative to one unmodified job of its recipe with as many threads as cores in "
        "use; two of its jobs at a time have their own row. × PyTorch is relative to PyTorch in as many "
        "processes",
    ]
    if not with_torch:
        how = describe_install("bench")
        lines.append(f"PyTorch is left out, as it is not installed ({how} installs it)")
    return lines


def summarise(turns: pd.DataFrame) -> pd.DataFrame:
    """Summarise the turns of each measurement as their median, lowest and highest.

    Further columns: against_tutorial, the ratio of medians to one job of the tutorial's recipe on as
    many cores; against_torch, the ratio to as many processes of PyTorch; limit_share, the share of the
    machine's rate of matrix products, for one core; microseconds, per useful token on one core. Each
    epoch is one turn.
    """
    by_epoch = (turns.part == BY_EPOCH).to_numpy(bool)
    ordinals = turns["round"].map({1: "first epoch ", 2: "second epoch "})
    named = turns.assign(name=(ordinals + turns.name).where(by_epoch, turns.name))
    keys = ["part", "name", "cell", "flops", "logits_apart", "processes", "threads"]
    rates = named.groupby(keys, sort=False, dropna=False).rate
    table = rates.agg(median="median", low="min", high="max", rounds="count")
    table = table.reset_index()
    compared = table[table.part == VARIANTS]
    jobs = compared[(compared.name == TUTORIAL) & (compared.processes == 1)]
    tutorial = jobs.set_index("threads")["median"]
    torch = compared[compared.name == "PyTorch"].set_index("processes")["median"]
    limits = table[table.part == LIMITS].set_index("cell")["median"]
    cores = table.processes * table.threads
    among = table["median"].where(table.part == VARIANTS)
    table["against_tutorial"] = among / cores.map(tutorial)
    table["against_torch"] = among / cores.map(torch)
    share = table["median"] * table.flops / table.cell.map(limits)
    alone = (cores == 1) & (table.part != LIMITS)
    table["limit_share"] = share.where(alone)
    table["microseconds"] = (1e6 / table["median"]).where(alone)
    return table


def table_rows(table: pd.DataFrame, part: str) -> list[tuple[str, ...]]:
    """Format the rows of a part of what `summarise` returns: a cell for each of `HEADER`."""
    unit = 1e9 if part == LIMITS else 1e3
    digits = 1 if part == LIMITS else 0

    def shown(value: float, form: str) -> str:
        return "" if pd.isna(value) else format(value, form)

    return [
        (
            row.name,
            str(row.processes),
            str(row.threads),
            f"{row.median / unit:,.{digits}f}" + ("" if part == LIMITS else " k"),
            f"{row.low / unit:,.{digits}f} to {row.high / unit:,.{digits}f}",
            shown(row.against_tutorial, ".2f"),
            shown(row.against_torch, ".2f"),
            shown(row.limit_share, ".0%"),
            shown(row.microseconds, ".1f"),
            shown(row.logits_apart, ".0e"),
        )
        for row in rows_of(table[table.part == part])
    ]


def columns_of(table: pd.DataFrame, part: str) -> list[tuple[str, ...]]:
    """Return the columns of a part that are not empty, each with its name first."""
    columns = zip(HEADER, *table_rows(table, part), strict=True)
    return [column for column in columns if any(column[1:])]


def show(table: pd.DataFrame) -> None:
    console = Console(width=None if Console().is_terminal else 120)
    for part in table.part.unique():
        columns = columns_of(table, part)
        shown = Table(title=TITLES[part], title_justify="left")
        for place, (name, *_) in enumerate(columns):
            shown.add_column(name, justify="right" if place else "left", no_wrap=True)
        for cells in zip(*(column[1:] for column in columns), strict=True):
            shown.add_row(*cells)
        console.print(shown)


def write(table: pd.DataFrame, facts: Sequence[str], folder: Path) -> Path:
    """Write `benchmark.csv`, `.md` and, if it can be drawn, `.svg`, atomically; return the folder."""
    contents = {
        "benchmark.csv": table.to_csv(index=False, float_format="%.6g"),
        "benchmark.md": as_markdown(table, facts),
    }
    with contextlib.suppress(vega.CannotDrawError):
        contents["benchmark.svg"] = as_svg(table)
    for name, text in contents.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return folder


def as_markdown(table: pd.DataFrame, facts: Sequence[str]) -> str:
    lines = ["# Benchmark", "", *(f"- {fact}" for fact in facts)]
    for part in table.part.unique():
        names, *rows = zip(*columns_of(table, part), strict=True)
        lines += ["", f"## {TITLES[part]}", "", _line(names), _line(["---"] * len(names))]
        lines += [_line(cells) for cells in rows]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def as_svg(table: pd.DataFrame) -> str:
    """Return the figure.

    Raises:
      CannotDrawError: it cannot be drawn here.
    """
    with tempfile.TemporaryDirectory() as folder:
        vega.draw({"benchmark": draw(table).to_dict(validate=False)}, Path(folder))
        return Path(folder, "benchmark.svg").read_text(encoding="utf-8")


def draw(table: pd.DataFrame) -> alt.VConcatChart:
    """Draw throughput with the range over turns, and the cost of a token by length and by reviews."""
    charts = [_bars(table[table.part == part], TITLES[part]) for part in (VARIANTS, ARCHITECTURES)]
    costs = [
        _costs(table[table.part == part], title)
        for part, title in ((BY_LENGTH, "Tokens per row"), (BY_REVIEWS, "Training reviews"))
    ]
    return (
        alt.vconcat(*charts, alt.hconcat(*costs))
        .configure(
            font="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif", background=look.PAPER
        )
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=look.MUTED,
            titleColor=look.INK,
            titleFontWeight="normal",
            gridColor=look.RULE,
            domainColor=look.RULE,
            tickColor=look.RULE,
        )
        .configure_title(color=look.INK, anchor="start", fontSize=13)
    )


def _bars(table: pd.DataFrame, title: str) -> Any:
    labels = {(1, 1): "1 process", (2, 1): "2 processes", (1, 2): "1 process of 2 threads"}
    used = [labels[key] for key in zip(table.processes, table.threads, strict=True)]
    values = table.assign(processes=used)[["name", "processes", "median", "low", "high"]]
    base = alt.Chart(_values(values)).encode(
        y=alt.Y("name:N", sort=list(table.name.unique()), title=None, axis=_labels()),
        yOffset=alt.YOffset("processes:N"),
    )
    colour = alt.Color(
        "processes:N",
        scale=alt.Scale(domain=list(labels.values()), range=[look.TIED, look.BETTER, look.WORSE]),
        legend=alt.Legend(title=None, orient="bottom"),
    )
    x = alt.X("median:Q", axis=alt.Axis(title="Useful tokens per second", format="~s", tickCount=6))
    bar = base.mark_bar().encode(x=x, color=colour)
    spread = base.mark_rule(color=look.INK).encode(x="low:Q", x2="high:Q")
    rows = int(table.groupby("name").size().max()) * table.name.nunique()
    return alt.layer(bar, spread).properties(title=title, width=_WIDTH, height=17 * rows)


def _costs(table: pd.DataFrame, title: str) -> Any:
    values = pd.DataFrame(
        {
            "size": table.name.str.replace(",", "").astype(int),
            "cost": 1e6 / table["median"],
            "low": 1e6 / table.high,
            "high": 1e6 / table.low,
        }
    )
    axis = alt.Axis(title=title, values=list(values["size"]), format=",d", grid=False)
    base = alt.Chart(_values(values)).encode(
        x=alt.X("size:Q", scale=alt.Scale(type="log", nice=False), axis=axis)
    )
    y = alt.Y(
        "cost:Q", scale=alt.Scale(zero=True), axis=alt.Axis(title="µs per token", tickCount=5)
    )
    line = base.mark_line(color=look.BETTER, point={"color": look.BETTER}).encode(y=y)
    spread = base.mark_rule(color=look.INK).encode(y="low:Q", y2="high:Q")
    return alt.layer(line, spread).properties(width=_WIDTH / 2, height=150)


def _labels() -> alt.Axis:
    return alt.Axis(labelLimit=220, ticks=False, domain=False)


def _values(frame: pd.DataFrame) -> Any:
    return alt.Data(values=frame.to_dict(orient="records"))
