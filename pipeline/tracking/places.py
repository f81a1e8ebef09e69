"""Say where the artifacts of a local store lie: below its root, wherever the folder stands now.

MLflow keeps the absolute address of every experiment and run in its database. After the folder was moved
or copied, or is mounted at another path, these lead elsewhere. Here only their last part counts, and
MLflow's own programs find the artifacts again because `readdress` corrects what the database says.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow.utils.file_utils import local_file_uri_to_path

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"

# An experiment, a run of it, or a model of MLflow's registry: all that this project's roots hold.
_BELOW_ROOT = re.compile(rf"(?:^|/){ARTIFACTS}/([^/]+(?:/(?:models/)?[^/]+/artifacts(?:/.*)?)?)/?$")
_COLUMNS = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}


def base_address(root: Path) -> str:
    """Return the address of the artifacts of a root; one folder has one, under whatever name."""
    return (root.resolve() / ARTIFACTS).as_uri()


def folder_of(address: str, root: Path) -> Path | None:
    """Return the folder of an address that the store in `root` holds, or None if it is on a server.

    An experiment whose location was set by hand, outside any `mlartifacts`, stays where it is.
    """
    scheme = urlsplit(address).scheme
    if scheme == "mlflow-artifacts":  # of an experiment made on MLflow's pages
        return root / ARTIFACTS / unquote(urlsplit(address).path).lstrip("/")
    if len(scheme) > 1 and scheme != "file":  # one letter is a drive of Windows
        return None
    below = _BELOW_ROOT.search(address.replace("\\", "/"))
    if below is None:  # the database may be edited by hand, so that a run has no address
        return Path(local_file_uri_to_path(address) or root / ARTIFACTS / "unknown")
    return root / ARTIFACTS / (unquote(below[1]) if scheme == "file" else below[1])


def readdress(root: Path) -> None:
    """Correct the addresses in the database of a folder that was moved or copied, all or none.

    Raises:
      sqlite3.Error: the database cannot be written.
    """
    base = base_address(root)
    with (
        contextlib.closing(sqlite3.connect(root / DATABASE, timeout=60)) as connection,
        connection,  # one transaction
    ):
        for table, column in [(table, one) for table, names in _COLUMNS.items() for one in names]:
            elsewhere = connection.execute(
                f"SELECT rowid, {column} FROM {table} WHERE substr({column}, 1, ?) <> ?",
                (len(base) + 1, f"{base}/"),
            )
            found = [(_readdressed(address, base), row) for row, address in elsewhere]
            changed = [(address, row) for address, row in found if address is not None]
            connection.executemany(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", changed)


def _readdressed(address: str, base: str) -> str | None:
    """Return the address below `base`, or None if it does not lie below a root."""
    scheme = urlsplit(address).scheme
    below = _BELOW_ROOT.search(address.replace("\\", "/"))
    if below is None or (len(scheme) > 1 and scheme != "file"):
        return None
    return f"{base}/{below[1]}"
