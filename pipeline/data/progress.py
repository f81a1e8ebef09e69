"""Show how far slow work on many texts is: a bar on a terminal, else a line every few seconds."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

# Not below that of the data, whose lines are about the texts and are said again from the cache.
log = logging.getLogger("pipeline.progress")

Item = TypeVar("Item")
_SILENT, _BETWEEN_LINES = 2.0, 10.0  # seconds before the first sign, and from one line to the next
_STEP = 500


def watched(
    items: Iterable[Item], total: int | None, doing: str, step: int = _STEP
) -> Iterator[Item]:
    """Yield the items, and show how many are done once that has taken a few seconds.

    total: how many there are, if that is known; doing: what is done, such as "Cleaning the texts";
    step: items from one look at the clock to the next.
    """
    started = said = time.monotonic()
    bar: Progress | None = None
    try:
        for done, item in enumerate(items):
            if done % step == 0:
                now = time.monotonic()
                if now - started > _SILENT and sys.stdout.isatty():
                    bar = bar or _start_bar(doing, total)
                    bar.update(bar.task_ids[0], completed=done)
                elif now - said > (_BETWEEN_LINES if said > started else _SILENT):
                    share = f"{100 * done / total:.0f} %" if total else f"{done:,} so far"
                    log.info("%s: %s", doing, share)
                    said = now
            yield item
    finally:
        if bar is not None:
            bar.stop()


def _start_bar(doing: str, total: int | None) -> Progress:
    columns = [TextColumn("{task.description}"), BarColumn()]
    if total:
        columns += [TaskProgressColumn(), TimeRemainingColumn()]
    else:
        columns.append(TextColumn("{task.completed:,} so far"))
    bar = Progress(*columns, transient=True)
    bar.add_task(doing, total=total)
    bar.start()
    return bar
