"""Print what networks wrote: beside each other where the terminal is wide enough."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.analysis.writing import BEGINS, END_OF_TEXT, NetworkWriting, Writing, split_prompt
from pipeline.report.look import looks_of_networks
from pipeline.report.terminal import make_tag, plain

_NARROWEST = 32  # the fewest characters of a column
_GAP = 3
_UNKNOWN = "(?)"


def show_writing(writing: Writing, console: Console | None = None) -> None:
    """Print every text after its prompt; in a pipe a text is a line."""
    console = console or Console(highlight=False)
    looks = looks_of_networks(writing.networks)
    tags = [make_tag(*one) for one in zip(writing.labels(), looks, strict=True)]
    count = len(writing.networks)
    beside = console.is_terminal and console.width >= count * _NARROWEST + (count - 1) * _GAP
    for place, prompt in enumerate(writing.prompts):
        texts = [_texts(prompt, network, place) for network in writing.networks]
        if beside:
            _show_beside(tags, texts, console)
        else:
            _show_below(tags, texts, console)
    if writing.has_unknown:
        note = f"{_UNKNOWN} is not in the vocabulary of that network, which knows only that it is there"
        console.print(Text(note, style="dim"))
    console.print(Text(writing.sampling.describe(), style="dim"))


def _texts(prompt: str, network: NetworkWriting, place: int) -> list[Text]:
    """Return the samples of a network, each with the prompt before it."""
    shown = []
    for written in network.texts[place]:
        text = Text()
        for part, is_unknown in split_prompt(prompt, network.unknown[place]):
            text.append_text(_dim(part, "underline" if is_unknown else ""))
            text.append(_UNKNOWN * is_unknown, style="dim")
        text.append_text(plain(str(written) if prompt else str(written).lstrip()))
        text.append(f" {END_OF_TEXT}" if written.has_ended else " …", style="dim")
        if not prompt and not str(written):
            text = Text(f"{BEGINS} {END_OF_TEXT}", style="dim")
        shown.append(text)
    return shown


def _dim(text: str, style: str) -> Text:
    shown = plain(text)
    shown.stylize(f"dim {style}".strip())
    return shown


def _show_beside(tags: list[Text], texts: list[list[Text]], console: Console) -> None:
    table = Table.grid(padding=(0, _GAP, 0, 0), expand=True)
    for _ in tags:
        table.add_column(ratio=1, overflow="fold")
    table.add_row(*(Text().append_text(tag) for tag in tags))
    for samples in zip(*texts, strict=True):
        table.add_row(*samples)
        table.add_row()
    console.print(table)


def _show_below(tags: list[Text], texts: list[list[Text]], console: Console) -> None:
    for tag, samples in zip(tags, texts, strict=True):
        console.print(tag)
        for text in samples:
            console.print(text, soft_wrap=not console.is_terminal)
        console.print()
