"""Open the database of the local store: create it as a whole, upgrade it, or refuse it.

Nothing is renamed or begun anew: what this MLflow cannot read may hold the results of weeks.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shlex
import shutil
import sqlite3
import time
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock
from sqlalchemy import URL, make_url

from pipeline.errors import TrackingError
from pipeline.files import replacing
from pipeline.tracking.places import DATABASE, base_address, readdress

log = logging.getLogger(__name__)

# SQLite's messages for an intact file that cannot be used at the moment.
_TRANSIENT = ("locked", "unable to open")
_READ_ONLY = ("readonly", "read-only")
_FULL = ("is full", "No space left", "quota", "File too large", "disk I/O")
_DAMAGED = ("not a database", "malformed", "no such table", "no such column")


def address_of(database: Path) -> str:
    """Return the address by which MLflow opens a SQLite file.

    Raises:
      TrackingError: the path cannot stand in an address.
    """
    # With the name of the driver: of a plain sqlite:/// MLflow makes the quoted path as a folder.
    url = URL.create("sqlite+pysqlite", database=str(database))
    try:
        address = url.render_as_string()
        if make_url(address).database == str(database):
            return address
    except UnicodeError:
        pass
    raise TrackingError(
        f"the folder {str(database.parent)!r} has a character in its path that the address of a "
        "database cannot have: rename the folder, or choose another with root=..."
    )


def exists(root: Path) -> bool:
    """Return whether a folder holds a store. An empty file holds nothing."""
    database = root / DATABASE
    return database.is_file() and database.stat().st_size > 0


def open_database(root: Path, *, create: bool) -> None:
    """Prepare the database in `root` for this MLflow, under a lock.

    An older one is upgraded, and a moved one gets its new addresses. Where the folder cannot be written,
    both are left out.

    Raises:
      TrackingError: it cannot be read, was written by a newer MLflow, or there is none and `create` is
        False.
      OSError, sqlite3.Error: it cannot be written.
    """
    database = root / DATABASE
    if database.is_dir():
        raise TrackingError(f"{database} is a folder: choose another root=...")
    if not create and not exists(root):
        raise TrackingError(f"there is no store at {database}: run a comparison first")
    if not create and not _can_write(root):
        _check(database)
        return
    (root / ".cache").mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".cache" / "mlflow.lock"):
        if not exists(root):
            _create(root)
        elif _check(database) == "older":
            _upgrade(database)
        readdress(root)


def _can_write(root: Path) -> bool:
    return os.access(root, os.W_OK) and os.access(root / DATABASE, os.W_OK)


def _create(root: Path) -> None:
    """Create the store as a whole: a process that is killed meanwhile leaves none."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with replacing(root / DATABASE, alone=True) as temporary:  # under the lock
        store = SqlAlchemyStore(address_of(temporary), base_address(root))
        store.engine.dispose()


def _check(database: Path) -> str:
    """Return whether the store is "current" or "older" than this MLflow.

    Raises:
      TrackingError: it cannot be read, or is newer.
    """
    from alembic.script import ScriptDirectory
    from mlflow.store.db import utils

    script = ScriptDirectory.from_config(utils._get_alembic_config(db_url=""))
    known = {revision.revision for revision in script.walk_revisions()}
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=60)) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            connection.execute("SELECT count(*) FROM experiments").fetchone()
            newest = _versions(connection)
    except (sqlite3.Error, OSError) as error:
        raise TrackingError(describe(database, error)) from error
    if found is None or found[0] not in known:
        here = f" ({version('mlflow')})"
        by = "another MLflow" if newest == here else f"a newer MLflow{newest}"
        raise TrackingError(
            f"the store {database} was written by {by}; the one here{here} cannot read it: upgrade "
            "MLflow, or choose another folder with root=... Nothing was changed"
        )
    return "current" if found[0] in script.get_heads() else "older"


def _versions(connection: sqlite3.Connection) -> str:
    """Return the version of MLflow that the newest run names, as " (3.20.0)", or nothing."""
    query = (
        "SELECT value FROM tags JOIN runs USING (run_uuid) WHERE key = 'versions' "
        "ORDER BY start_time DESC LIMIT 1"
    )
    with contextlib.suppress(sqlite3.Error):
        for (value,) in connection.execute(query):
            named = re.search(r"mlflow ([\w.]+)", str(value))
            return f" ({named[1]})" if named else ""
    return ""


def _upgrade(database: Path) -> None:
    """Upgrade the store of an older MLflow, whose file is kept; if that fails, it is as it was."""
    from mlflow.store.db import utils

    kept = database.with_name(f"{database.name}.{time.strftime('%Y%m%d-%H%M%S')}.before-upgrade")
    with replacing(kept) as temporary:
        shutil.copy2(database, temporary)
    engine = utils.create_sqlalchemy_engine(address_of(database))
    try:
        utils._upgrade_db(engine)
    except Exception as error:
        kept.replace(database)
        raise TrackingError(
            f"the store {database} was written by an older MLflow and cannot be upgraded "
            f"({_first_line(error)}): choose another folder with root=... It is as it was"
        ) from error
    finally:
        engine.dispose()
    log.info("Upgraded the store %s to this MLflow; backup: %s", database.name, kept.name)


def describe(database: Path, error: BaseException) -> str:
    """Return in one line why the database, or a file beside it, cannot be used, and the way out."""
    reason = _first_line(error)
    if any(word in reason for word in _FULL):
        return (
            f"the store {database} cannot be written: {reason}; free some space, or lift the limit on "
            "the size of files (ulimit -f), and try again"
        )
    if any(word in reason for word in _READ_ONLY):
        return f"the store {database} cannot be written: {reason}; make it and its folder writable"
    if any(word in reason for word in _TRANSIENT):
        return f"the store {database} cannot be used at the moment: {reason}; try again later"
    if not any(word in reason for word in _DAMAGED):
        return f"the store {database} cannot be used: {reason}"
    aside = shlex.join(["mv", str(database), f"{database}.damaged"])
    return (
        f"the store {database} cannot be read: {reason}. Restore it from a backup, or begin a new one "
        f"after {aside}"
    )


def _first_line(error: BaseException) -> str:
    """Return the reason in one line: of SQLAlchemy's errors what SQLite says, without the statement."""
    text = str(error)
    by_sqlite = re.search(r"\(sqlite3\.\w+\) ([^\n\[]+)", text)
    lines = (by_sqlite[1] if by_sqlite else text).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
