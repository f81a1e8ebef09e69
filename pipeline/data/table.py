"""Read a person's own table as labelled texts, or say in one line what is wrong with it and where."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.tables import CsvConfig, NullLabels, OnBadRows
from pipeline.data.cleaned import LabelledTexts
from pipeline.data.cleaning import clean_text
from pipeline.data.columns import explain_encoding, open_table
from pipeline.data.containers import shorten, shorten_list
from pipeline.data.delimited import Delimited
from pipeline.data.encoding import NotInEncoding
from pipeline.data.faults import Fault, Faults
from pipeline.data.label_names import as_label, look_of, means_none, sort_labels
from pipeline.data.progress import watched
from pipeline.data.suspicions import (
    point_out_labels,
    point_out_sheets,
    repeats_header,
    suspect_empty,
    suspect_labels,
)
from pipeline.errors import DataError

log = logging.getLogger(__name__)

_MOST_LABELS = 10_000
_RARE, _UNKNOWN = "with a label that is too rare", "with a label that train lacks"
_FEW = 3  # rows, and below a tenth of all, that may be left out without a second look
_NULL = "\\N"  # as MySQL and PostgreSQL write that there is no value


def read_table(config: CsvConfig) -> LabelledTexts:
    """Return the rows of `config.path` that can be used, and say how many there are.

    Raises:
      DataError: the file cannot be used; with `on_bad_rows=error` also for a row that cannot.
    """
    reading = _Reading(Path(config.path), config)
    # A label has to be in train, in validation and, if that is cut off too, in test.
    reading.refuse_rare(2 if config.test_path else 3)
    found = reading.finish()
    if len(set(found.labels)) < 2:
        raise DataError(
            f"{config.path}, column {shorten(config.label_column)}: every row holds "
            f"{shorten(found.labels[0])}; at least two label values are needed"
        )
    return found


def read_test_table(config: CsvConfig, classes: Sequence[str]) -> LabelledTexts:
    """Return the rows of `config.test_path` that can be used. classes: the labels of `config.path`.

    Raises:
      DataError: as for `read_table`; a label that is no class is a row that cannot be used.
    """
    assert config.test_path is not None
    reading = _Reading(Path(config.test_path), config)
    reading.refuse_unknown(classes, Path(config.path))
    return reading.finish()


class _Reading:
    """Read the rows of one file, and collect what is wrong with some of them.

    labels: sorted; codes: <int32>[n], indices into labels; kept: <bool>[n], which rows can be used.
    """

    def __init__(self, path: Path, config: CsvConfig) -> None:
        self.path, self.config = path, config
        self.faults = Faults()
        self.texts: list[str] = []
        self.rows, self.lines, self._cells = array("q"), array("q"), array("i")
        self._known: dict[str, int] = {}  # the cells of labels, numbered
        self.has_long_rows = False
        self.seen = 0  # rows, those that cannot be used among them
        self.table, *self.places = open_table(path, config)
        point_out_sheets(self.table, config)
        try:
            self._read(*self.places)
        except NotInEncoding as error:
            raise explain_encoding(error, path, config) from None
        if not self.rows and not self.faults:
            raise DataError(f"{path}: no rows below the header: add texts")
        self._name_labels()

    def _read(self, text: int, label: int) -> None:
        """Read every row once, keeping of a row only its cleaned text and the number of its label."""
        nul = Fault("", "texts")
        names = [clean_text(name).casefold() for name in self.table.columns]
        head = [names[text], names[label]]
        rows = self.table.rows((text, label))
        for row, line, cells in watched(rows, None, f"Reading the rows of {self.path.name}"):
            self.seen += 1
            if isinstance(cells, int):
                self._fault_in_width(row, line, cells)
                continue
            if isinstance(cells, str):
                what = f"{self._where(row, line)}: {cells}"
                self.faults.note(cells, row, what, f"with {cells}")
                continue
            if self.config.header and repeats_header(names, head, cells):
                self._fault_in_header(
                    row, line, in_order=clean_text(cells[1]).casefold() == head[1]
                )
                continue
            original = self._plain(cells[0], row, self.config.text_column)
            cleaned = clean_text(original)
            if not cleaned:
                self._fault_in(row, line, "text")
                continue
            if "\0" in original:
                nul.add(row)
            name = self._plain(cells[1], row, self.config.label_column)
            cell = self._known.setdefault(name, len(self._known))
            if cell > _MOST_LABELS:
                raise DataError(
                    f"{self.path}, column {shorten(self.config.label_column)}: more than "
                    f"{_MOST_LABELS:,} different labels; is it the column with the labels?"
                )
            self.texts.append(cleaned)
            self.rows.append(row)
            self.lines.append(line)
            self._cells.append(cell)
        if nul.count:
            log.warning("%s: left NUL bytes out of texts: %s", self.path.name, nul)

    def _plain(self, cell: Any, row: int, column: str) -> str:
        """Return a cell as the text that a CSV would contain; a missing one is empty."""
        if type(cell) is str:
            return "" if cell == _NULL else cell
        if isinstance(cell, list | dict | tuple | bytes):
            kind = {dict: "an object", bytes: "bytes"}.get(type(cell), "a list")
            raise DataError(
                f"{self.path}, row {row}, column {shorten(column)}: {kind}, neither a text nor a "
                "number: write it as a text"
            )
        if cell is None or cell != cell:  # NaN
            return ""
        if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
            return str(int(cell))
        return str(cell)

    def _name_labels(self) -> None:
        """Give every row its label, and leave out those without."""
        names = [as_label(cell) for cell in self._known]
        self.labels = sort_labels(names)
        number = {name: at for at, name in enumerate(self.labels)}
        renumbered = np.array([number[name] for name in names], dtype=np.int32)
        cells = np.frombuffer(self._cells, dtype=np.int32)
        self.codes = renumbered[cells] if len(cells) else cells
        self.kept = np.full(len(self.codes), True)
        if "" in number:
            empty = self.codes == number[""]
            for index in np.flatnonzero(empty):
                self._fault_in(self.rows[index], self.lines[index], "label")
            self.kept &= ~empty
        column = f"{self.path.name}, column {shorten(self.config.label_column)}"
        counts = np.bincount(cells, minlength=len(names)).tolist()
        point_out_labels(column, zip(self._known, names, counts, strict=True))
        self._consider_nulls()

    def _consider_nulls(self) -> None:
        """Leave out rows whose label says that there is none, or warn of them."""
        nulls = [at for at, label in enumerate(self.labels) if means_none(label)]
        found = np.flatnonzero(self.kept & np.isin(self.codes, nulls))
        if not len(found):
            return
        fault = Fault("", "with a label that likely means none")
        for at in found:
            fault.add(self.rows[at], self.labels[self.codes[at]])
        if self.config.null_labels == NullLabels.drop:
            self.kept[found] = False
            log.warning("Left out of %s: %s", self.path.name, fault)
        else:
            log.warning(
                "%s: %s, read as any label: data.null_labels=drop leaves such rows out",
                *(self.path.name, fault),
            )

    def refuse_rare(self, least: int) -> None:
        """Collect the rows of labels that have fewer rows than there are splits."""
        counts = np.bincount(self.codes[self.kept], minlength=len(self.labels))
        rare = np.flatnonzero((counts > 0) & (counts < least))
        times = {1: "once", 2: "twice"}
        said = {
            int(at): f"occurs {times[counts[at]]}, and every split needs a text of it"
            for at in rare
        }
        self._refuse_labels(said, _RARE)

    def refuse_unknown(self, classes: Sequence[str], train: Path) -> None:
        """Collect the rows whose label is not one of these classes, those of the file `train`."""
        known = {*classes, ""}
        unknown = [at for at, label in enumerate(self.labels) if label not in known]
        alike = {look_of(one): one for one in classes}
        said = {}
        for at in unknown:
            twin = alike.get(look_of(self.labels[at]))
            said[at] = (
                f"is not in {train}, which has {shorten_list(classes)}"
                if twin is None
                else f"is written {shorten(twin, 40)} in {train}"
            )
        self._refuse_labels(said, _UNKNOWN)

    def _refuse_labels(self, said: Mapping[int, str], each: str) -> None:
        """Collect the rows of some labels, given by number with what is wrong with each."""
        refused = self.kept & np.isin(self.codes, list(said))
        for at in np.flatnonzero(refused):
            code = int(self.codes[at])
            where = self._where(self.rows[at], self.lines[at], self.config.label_column)
            what = f"{where}: the label {shorten(self.labels[code], 40)} {said[code]}"
            self.faults.note(each, self.rows[at], what, each, self.labels[code])
        self.kept &= ~refused

    def _fault_in(self, row: int, line: int, name: str) -> None:
        column = self.config.text_column if name == "text" else self.config.label_column
        what = f"{self._where(row, line, column)}: the {name} is empty"
        self.faults.note(name, row, what, f"with an empty {name}")

    def _fault_in_header(self, row: int, line: int, *, in_order: bool) -> None:
        where = self._where(row, line)
        if not in_order:
            raise DataError(
                f"{self.path}, {where}: the header again, its columns in another order, so that the "
                "rows below are another table's: put their columns in one order"
            )
        self.faults.note("header", row, f"{where}: repeats the header", "that repeat the header")

    def _fault_in_width(self, row: int, line: int, cells: int) -> None:
        width = len(self.table.columns)
        plural = "s" * (cells != 1)
        what = f"{self._where(row, line)}: {cells} cell{plural} where there are {width} columns"
        self.has_long_rows |= cells > width
        self.faults.note("cells", row, what, "with too many or too few cells")

    def _where(self, row: int, line: int, column: str | None = None) -> str:
        place = f"row {row}" + f" (line {line})" * (line != row)
        return place if column is None else f"{place}, column {shorten(column)}"

    def finish(self) -> LabelledTexts:
        """Return the rows that can be used, and say how many there are and how many were left out.

        Raises:
          DataError: some rows cannot be used and are not to be dropped, or none can.
        """
        if self.faults and self.config.on_bad_rows == OnBadRows.error:
            raise DataError(self._describe_faults())
        kept = np.flatnonzero(self.kept)
        if not len(kept):
            raise DataError(f"{self.path}: no row can be used: {self.faults or 'all are left out'}")
        log.info("Read %s rows of %s, %s", f"{len(kept):,}", self.path.name, self.table)
        if self.faults:
            log.warning("Left out of %s: %s", self.path.name, self.faults)
        texts = self.texts if len(kept) == len(self.texts) else [self.texts[at] for at in kept]
        rows = np.array(self.rows, dtype=np.int64)[kept]
        return LabelledTexts(rows, texts, [self.labels[code] for code in self.codes[kept]])

    def _describe_faults(self) -> str:
        first, total = next(iter(self.faults.values())), self.faults.total
        many = total > max(_FEW, self.seen / 10) or total > self.seen / 2
        rows = f" ({total:,} such rows)" if total > 1 else ""
        if len(self.faults) > 1:
            rows = f"; in all: {self.faults}"
        hint, share = self._suspect(many), f"{total:,} of {self.seen:,} rows"
        if not many:
            ending = "Mend the file, or leave such rows out with data.on_bad_rows=drop"
        elif hint is None and total <= self.seen / 2:
            ending = f"Mend the file; data.on_bad_rows=drop would leave out {share}"
        else:
            ending = "" if hint else f"That is {share}: mend the file"
        return f"{self.path}, {first.what}{rows}. " + ". ".join(filter(None, (hint, ending)))

    def _suspect(self, many: bool) -> str | None:
        """Return what may be wrong with the file as a whole. many: whether much of it is at fault."""
        if self.has_long_rows and isinstance(self.table, Delimited):
            return self.table.hint_on_cells()
        if not many:
            return None
        kind = max(self.faults, key=lambda one: self.faults[one].count)
        if kind == _RARE:
            names = [self.labels[code] for code in np.unique(self.codes)]
            return suspect_labels(self.config.label_column, [name for name in names if name])
        if kind == _UNKNOWN:
            return "Write the labels alike in both files"
        if kind in ("text", "label"):
            return suspect_empty(self.table, self.places[kind == "label"])
        return None
