"""Find a data set of TensorFlow Datasets, download and prepare it, or say what is wrong with it.

What is prepared opens without a network, also where the code that made it is not installed.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from filelock import FileLock

from pipeline.errors import DataError

log = logging.getLogger(__name__)

_MOST_HOSTS = 3  # that are asked before a download
_DESCRIBED = ("dataset_info.json", "features.json")  # what TFDS needs beside the records


def open_builder(name: str, data_dir: str | None, locks: Path | None) -> Any:
    """Return TFDS's builder of a prepared data set; it is downloaded and prepared if necessary.

    name: as TFDS writes it: `name`, `name/configuration` or either with `:version`; locks: a folder for
    the lock of processes that start at the same time, of which the first prepares it for all.

    Raises:
      DataError: there is no such data set, its files are damaged or it cannot be downloaded.
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.read_only_builder import builder_from_files

    tfds.display_progress_bar(enable=False)
    builder = _find(name, data_dir)
    if _is_prepared(builder):
        return builder
    folder = Path(builder.data_dir)
    if any(folder.glob("*.tfrecord*")):
        raise _damaged(folder, None)
    with suppress(Exception):  # of another version than the code that is installed
        return builder_from_files(name, data_dir=data_dir)
    with _lock(folder, locks):
        builder = _find(name, data_dir)
        if not _is_prepared(builder):
            _prepare(builder, name)
    return builder


def _lock(folder: Path, locks: Path | None) -> AbstractContextManager[object]:
    if locks is None:
        return nullcontext()
    locks.mkdir(parents=True, exist_ok=True)
    place = hashlib.blake2b(str(folder).encode(), digest_size=8).hexdigest()
    return FileLock(locks / f"tfds-{place}.lock")


def _is_prepared(builder: Any) -> bool:
    # TFDS warns of a folder that it does not find.
    return (builder.data_path / "dataset_info.json").exists() and builder.is_prepared()


@contextmanager
def naming_damage(folder: Path) -> Iterator[None]:
    """Turn whatever TFDS and TensorFlow raise over the files of a data set into a `DataError`."""
    try:
        yield
    except (DataError, MemoryError):
        raise
    except Exception as error:
        raise _damaged(folder, error) from error


def _find(name: str, data_dir: str | None) -> Any:
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import constants

    root = Path(data_dir or constants.DATA_DIR).expanduser()
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError:
        raise _unknown(name, root) from None
    except Exception as error:
        base, config = re.match(r"([^/:]*)/?([^:]*)", name).groups()  # type: ignore[union-attr]
        known = _configurations(base)
        if config and known and config not in known:
            raise DataError(
                f"data.name is {name}, but {base} has no configuration {config!r}: it has "
                f"{_some(known, config)}"
            ) from None
        folders = _prepared_folders(name, root)
        if folders and not isinstance(error, AssertionError):  # those are of an unknown version
            raise _damaged(folders[-1], error) from error
        raise DataError(f"TFDS cannot open data.name={name}: {_in_short(error)}") from error


def _unknown(name: str, root: Path) -> DataError:
    """Return the error for a name that TFDS does not know and that is not prepared in `root` either."""
    import tensorflow_datasets as tfds

    base = re.split(r"[/:]", name)[0]
    if folders := _prepared_folders(name, root):
        return _damaged(folders[-1], None)
    there = [path.parent.parent.name for path in root.glob("*/**/dataset_info.json")]
    names = sorted({*tfds.list_builders(with_community_datasets=False), *there})
    return DataError(
        f"data.name is {name}, which TFDS does not know and which is not prepared in {root}: "
        f"{_some(names, base)}"
    )


def _some(names: Iterable[str], wanted: str) -> str:
    """Return the names that are most like the wanted one, or the first few."""
    names = list(names)
    alike = difflib.get_close_matches(wanted, names, 2, 0.7)
    longer = [name for name in names if wanted.startswith(name) or name.startswith(wanted)]
    if close := [*dict.fromkeys([*alike, *longer])][:3]:
        return f"did you mean {' or '.join(close)}?"
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{', '.join(names[:8])}{more}"


def _configurations(base: str) -> list[str]:
    import tensorflow_datasets as tfds

    with suppress(Exception):
        return list(tfds.builder_cls(base).builder_configs)
    return []


def _prepared_folders(name: str, root: Path) -> list[Path]:
    """Return the folders of versions of a data set, the newest last."""
    base, *rest = re.split(r"[/:]", name)
    found = [path for path in sorted((root / base).glob("**/*.*.*")) if path.is_dir()]
    return [path for path in found if all(part in path.parts for part in rest)]


def _damaged(folder: Path, error: Exception | None) -> DataError:
    """Return the error for files that cannot be read, with the file that is to blame if one is found."""
    if "permission" in f"{type(error).__name__} {error}".lower():
        return DataError(f"{folder} may not be read: {_in_short(error)}")
    way_out = f"delete the folder {folder} and let TFDS prepare it again"
    if blamed := _blame(folder, error):
        return DataError(f"{folder / blamed[0]} is damaged ({blamed[1]}): {way_out}")
    return DataError(f"{folder} cannot be read by TFDS ({_in_short(error)}): {way_out}")


def _blame(folder: Path, error: Exception | None) -> tuple[str, str] | None:
    """Return the name of a damaged file and what is wrong with it, found by reading all of them."""
    for name in _DESCRIBED:
        try:
            json.loads((folder / name).read_text("utf-8"))
        except FileNotFoundError:
            return name, "it is missing"
        except ValueError as wrong:
            return name, _in_short(wrong)
    for path in folder.glob("*.labels.txt"):
        if not path.stat().st_size:
            return path.name, "it is empty"
    for name, records in _recorded_shards(folder):
        if wrong := _wrong_with(folder / name, records):
            return name, wrong
    named = [path.name for path in folder.iterdir() if path.name in str(error)]
    return (named[0], _in_short(error)) if named else None


def _recorded_shards(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the name of each file of records and how many it holds, as the description says."""
    with suppress(LookupError, TypeError, ValueError):  # the description has lost its form
        described = json.loads((folder / "dataset_info.json").read_text("utf-8"))
        for split in described["splits"]:
            lengths = [int(length) for length in split["shardLengths"]]
            for number, length in enumerate(lengths):
                ending = f"tfrecord-{number:05d}-of-{len(lengths):05d}"
                yield f"{described['name']}-{split['name']}.{ending}", length


def _wrong_with(path: Path, records: int) -> str | None:
    """Return what is wrong with a file of so many records, or None."""
    from tensorflow_datasets.core.utils.lazy_imports_utils import tensorflow as tf

    if not path.exists():
        return "it is missing"
    try:
        found = sum(1 for _ in tf.data.TFRecordDataset(str(path)))
    except Exception as error:
        return _in_short(error)
    return None if found == records else f"it holds {found:,} of {records:,} texts"


def _prepare(builder: Any, name: str) -> None:
    """Download and prepare the data set; remove incomplete files after a failure."""
    folder = Path(builder.data_dir)
    missing = [path for path in folder.parents if not path.exists()]
    there = folder.exists()
    try:
        # TFDS retries an unreachable host for minutes; a short request fails at once.
        _ask_hosts(builder.url_infos or {})
        log.info("Downloading %s with TFDS and preparing it in %s", name, folder)
        builder.download_and_prepare()
    except BaseException as error:
        _remove_own(folder, missing, keep=there)
        if not isinstance(error, Exception):  # interrupted
            raise
        raise DataError(
            f"{name} is not prepared at {folder}, and its download failed "
            f"({type(error).__name__}: {_in_short(error, 160)}). Connect this machine to "
            "the internet, set data.data_dir or TFDS_DATA_DIR to a folder where TFDS has prepared "
            f"{name}, or use the generated texts with data=clauses"
        ) from error


def _ask_hosts(urls: Iterable[str]) -> None:
    """Raise the error of the last host if none of the first few answers."""
    by_host = {urlsplit(url).netloc: url for url in urls}
    failed = None
    for url in list(by_host.values())[:_MOST_HOSTS]:
        try:
            requests.head(url, timeout=10, allow_redirects=True)
            return
        except requests.RequestException as error:
            failed = error
    if failed is not None:
        raise failed


def _remove_own(folder: Path, missing: list[Path], *, keep: bool) -> None:
    """Remove what a failed preparation left, but nothing that another process may have created.

    TFDS writes into a folder `<version>.incomplete_<random>` beside the final one and removes it, and
    keeps downloads for the next attempt. Only this process, which holds the lock, uses `folder`.

    Parameters:
      missing: the parent folders that did not exist before, innermost first.
      keep: whether `folder` existed before.
    """
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    for path in missing:
        with suppress(OSError):  # not empty, or removed already
            path.rmdir()


def _in_short(error: object, most: int = 120) -> str:
    """Return an error in one line, without the calls and operations that TFDS and TensorFlow name."""
    text = " ".join(str(error).split())
    text = re.sub(
        r"\{\{function_node [^}]*\}\} | ?\[Op:\w+\].*|^Failed to construct .*?\}\": ", "", text
    )
    return text if len(text) <= most else f"{text[:most]}…"
