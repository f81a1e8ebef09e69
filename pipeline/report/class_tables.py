"""Tables of the classes of a head: how well each is told from the others."""

from __future__ import annotations

from pipeline.analysis.classes import Classes
from pipeline.report.formats import format_count, format_share
from pipeline.report.tables import ARCHITECTURE, Column, Table, make_table

READING = (
    "Balanced accuracy is the mean over the classes of the share of their texts that is answered right: "
    "a rare class counts as much as a frequent one."
)
READING_SCORES = (
    "Precision is how many of the texts that were given a class belong to it, recall how many of its "
    "texts were given it, and F1 their harmonic mean."
)


def describe_commonest(classes: Classes, head: str) -> str:
    """Say what always answering the commonest label reaches; nothing where none is much commoner."""
    found = classes.commonest(head)
    if found is None:
        return ""
    return (
        f"Always answering “{found.label}”, the commonest {head}, would be right for "
        f"{format_share(found.accuracy)} of the test texts, with a balanced accuracy of "
        f"{format_share(found.balanced_accuracy)} and a mean F1 of {format_share(found.macro_f1)}."
    )


def summary_table(classes: Classes, head: str) -> Table:
    """Show how well every architecture tells the classes of a head apart."""
    frame = classes.summary[classes.summary["head"] == head]
    columns = [
        ARCHITECTURE,
        Column("balanced accuracy", "balanced_accuracy", format_share),
        Column("mean F1", "macro_f1", format_share),
        *_rarer(classes, head),
        Column(
            "hardest class",
            lambda row: f"{row.worst_class}: {format_share(row.worst_recall)} right",
            words=True,
        ),
    ]
    return make_table(f"The classes of {head}, mean over seeds", columns, frame)


def _rarer(classes: Classes, head: str) -> list[Column]:
    """Make the column of the F1 of the rarer of two classes, which is what is looked for."""
    texts = classes.texts(head)
    if len(texts) != 2:
        return []
    rarer = texts.idxmin()
    scores = classes.scores[(classes.scores["head"] == head) & (classes.scores["class"] == rarer)]
    f1 = scores.set_index("architecture").f1
    return [Column(f"F1 of {rarer}", lambda row: f1[row.architecture], format_share)]


def scores_table(classes: Classes, head: str) -> Table:
    """Show the scores of every class, with the architectures under each other."""
    frame = classes.scores[classes.scores["head"] == head]
    frame = frame.rename(columns={"class": "label"}).sort_values("label", kind="stable")
    columns = [
        Column("class", "label", words=True),
        ARCHITECTURE,
        Column("texts", "texts", format_count),
        Column("precision", "precision", format_share),
        Column("recall", "recall", format_share),
        Column("F1", "f1", format_share),
    ]
    return make_table(f"Every class of {head}, mean over seeds", columns, frame)


def confusion_table(classes: Classes, head: str, architecture: str) -> Table:
    """Show what an architecture takes the texts of each class for: the commonest mistake first."""
    found = classes.confusion
    found = found[
        (found["head"] == head) & (found.architecture == architecture) & (found.share > 0)
    ]
    frame = found.rename(columns={"class": "label"})
    frame = frame.assign(wrong=frame.label != frame.predicted).sort_values(
        ["wrong", "share"], ascending=[False, False], kind="stable"
    )
    columns = [
        Column("true class", "label", words=True),
        Column("taken for", "predicted", words=True),
        Column("share of its texts", "share", format_share),
    ]
    return make_table(f"What {architecture} takes each {head} for", columns, frame)
