"""Read the artifacts of one run, and name the run where one is missing, damaged or another's.

A run notes digests of its files in a tag, together with its outcome. Runs of earlier versions did not.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import pyarrow as pa
from mlflow.entities import Run

from pipeline.errors import PipelineError, TrackingError
from pipeline.tracking.store import Store
from pipeline.tracking.tables import read_table

DIGESTS_TAG = "digests"
MODEL = "model"  # the folder of a run's network
AGAIN = "launch it again, which computes this run anew (rerun=true: every run)"


class DamagedRun(TrackingError):
    """Report a run whose result is incomplete or altered.

    what: is wrong, after a colon; way_out: what the user can do.
    """

    def __init__(self, run: Run, what: str, way_out: str = AGAIN) -> None:
        self.run_id = run.info.run_id
        self.architecture = run.data.tags.get("architecture")
        self.name = f"{run.info.run_name or 'a run'} (run {self.run_id})"
        self.what = what
        super().__init__(f"{self.name}: {what}; {way_out}")


def digest_of(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


class Artifacts:
    """Read the artifacts of a run. Whatever is wrong with one raises `DamagedRun`."""

    def __init__(self, store: Store, run: Run, way_out: str = AGAIN) -> None:
        self.store = store
        self.run = run
        self.way_out = way_out

    @contextmanager
    def reading(self, what: str, way_out: str | None = None) -> Iterator[None]:
        """Name the run and `what` was read where the block fails, as libraries may in any way."""
        try:
            yield
        except (PipelineError, MemoryError):
            raise
        except Exception as error:
            reason = (" ".join(str(error).split()) or type(error).__name__)[:100]
            raise self.damaged(f"its {what} cannot be read ({reason})", way_out) from error

    def damaged(self, what: str, way_out: str | None = None) -> DamagedRun:
        return DamagedRun(self.run, what, way_out or self.way_out)

    @cached_property
    def digests(self) -> dict[str, str]:
        """Return the digests by name; none of a running run, or of one of an earlier version."""
        with self.reading(f"tag {DIGESTS_TAG}"):
            found: dict[str, str] = json.loads(self.run.data.tags.get(DIGESTS_TAG, "{}"))
            return {name: digest for name, digest in found.items() if isinstance(digest, str)}

    def content(self, name: str) -> bytes | None:
        """Return an artifact, or None if the run has none of this name and had none when it ended."""
        path = self.store.fetch(self.run, name)
        if path is None:
            if name in self.digests:
                raise self.damaged(f"its {name} is missing")
            return None
        with self.reading(name):
            content = path.read_bytes()
        if self.digests.get(name, found := digest_of(content)) != found:
            raise self.damaged(f"its {name} was altered or is damaged")
        return content

    def needed(self, name: str) -> bytes:
        """Return an artifact that every finished run has."""
        content = self.content(name)
        if content is None:
            raise self.damaged(f"its {name} is missing")
        return content

    def text(self, name: str) -> str | None:
        content = self.content(name)
        if content is None:
            return None
        with self.reading(name):
            return content.decode("utf-8")

    def table(self, name: str) -> pa.Table | None:
        """Return a table, or None if the run has none of this name."""
        content = self.content(name)
        if content is None:
            return None
        with self.reading(name):
            return read_table(content)

    def tables(self, folder: str) -> dict[str, pa.Table]:
        """Return the tables in a folder by their names; nothing where there is no such folder."""
        path = self.store.fetch(self.run, folder)
        with self.reading(folder):
            if path is not None and not path.is_dir():
                raise NotADirectoryError("it is no folder")
            held = {file.name for file in path.glob("*.parquet")} if path is not None else set()
        noted = {name.removeprefix(f"{folder}/") for name in self.digests if f"{folder}/" in name}
        found = {}
        for name in sorted(held | noted):
            table = self.table(f"{folder}/{name}")
            if table is not None:
                found[name.removesuffix(".parquet")] = table
        return found

    def check_model(self) -> None:
        """Check the files of its network, and what its archives say of their content.

        Keras does not, and a run of an earlier version noted no digests.
        """
        folder = self.store.fetch(self.run, MODEL)
        if folder is None:
            raise self.damaged(f"its {MODEL} is missing")
        for name in self.digests:
            if name.startswith(f"{MODEL}/"):
                self.content(name)
        with self.reading(MODEL):
            archives = sorted(folder.rglob("*.keras"))
            if not archives:
                raise FileNotFoundError("it has no .keras file")
            for path in archives:
                with zipfile.ZipFile(path) as archive:
                    if (damaged := archive.testzip()) is not None:
                        raise zipfile.BadZipFile(f"{damaged} is damaged")
