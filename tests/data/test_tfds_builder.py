"""A download that fails says what else can be done, and leaves nothing behind."""

from __future__ import annotations

import pytest

from pipeline.config.data import ImdbConfig
from pipeline.data.reviews import load_reviews
from pipeline.errors import DataError


def test_a_failed_download_names_the_alternatives_and_leaves_nothing(tmp_path, monkeypatch):
    import requests

    def unreachable(*_, **__):
        raise requests.ConnectionError("no route to the host")

    monkeypatch.setattr(requests, "head", unreachable)
    folder = tmp_path / "deep" / "tfds"
    with pytest.raises(DataError) as error:
        load_reviews(ImdbConfig(data_dir=str(folder)))
    for word in ("no route", str(folder), "data.data_dir", "TFDS_DATA_DIR", "data=clauses"):
        assert word in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_keeps_what_another_process_created(tmp_path, monkeypatch):
    import requests

    folder = tmp_path / "tfds"

    def unreachable(*_, **__):
        other = folder / "downloads"
        other.mkdir(parents=True)
        (other / "theirs").touch()
        raise requests.ConnectionError("no route to the host")

    monkeypatch.setattr(requests, "head", unreachable)
    with pytest.raises(DataError, match="no route"):
        load_reviews(ImdbConfig(data_dir=str(folder)))
    assert (folder / "downloads" / "theirs").exists()
