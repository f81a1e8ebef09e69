"""Find what a run that is done lacks of its result, before it is taken for done."""

from __future__ import annotations

from mlflow.entities import Run

from pipeline.tracking.artifacts import Artifacts, DamagedRun
from pipeline.tracking.language_rows import read_language_result
from pipeline.tracking.rows import check_adding, kind_of, read_result, status_of
from pipeline.tracking.store import Store, is_done


def find_damage(store: Store, run: Run) -> DamagedRun | None:
    """Return what a done run lacks of its result, or None. On a server that is asked at the end."""
    if not (store.is_local and is_done(run) and status_of(run) == "finished"):
        return None
    artifacts = Artifacts(store, run)
    try:
        artifacts.needed("config.yaml")
        for name in artifacts.digests:
            artifacts.content(name)
        if kind_of(run) == "adding":
            check_adding(run)
        elif kind_of(run) == "language":
            read_language_result(store, run)
        else:
            read_result(store, run)
    except DamagedRun as error:
        return error
    return None
