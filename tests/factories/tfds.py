"""Data sets that the tests build with TFDS itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_NUMBERS = itertools.count()
Rows = Mapping[str, list[dict[str, Any]]]


def features(**kinds: Any) -> Any:
    """Return features of a data set: a list for classes, `str` for a text, a dict for a group."""
    import tensorflow_datasets as tfds

    def one(kind: Any) -> Any:
        if isinstance(kind, list):
            return tfds.features.ClassLabel(names=kind)
        if isinstance(kind, dict):
            return features(**kind)
        return tfds.features.Text() if kind is str else kind

    return tfds.features.FeaturesDict({name: one(kind) for name, kind in kinds.items()})


def rows(split: str, count: int, classes: int = 2) -> list[dict[str, Any]]:
    """Return so many different texts, with each class in turn."""
    return [
        {"text": f"{split} text number {row}<br />.", "label": row % classes}
        for row in range(count)
    ]


def build(
    folder: Path,
    splits: Rows,
    kinds: Any = None,
    declared: tuple[str, str] | None = None,
    shards: int = 1,
) -> str:
    """Prepare a data set in a folder of TFDS and return its name; its code is not installed then."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.registered import skip_registration

    made = kinds or features(text=str, label=["neg", "pos"])

    def _info(self: Any) -> Any:
        return tfds.core.DatasetInfo(builder=self, features=made, supervised_keys=declared)

    def _split_generators(self: Any, _: Any) -> Any:
        return {name: self._generate_examples(found) for name, found in splits.items()}

    def _generate_examples(_: Any, found: list[dict[str, Any]]) -> Iterator[Any]:
        yield from enumerate(found)

    body = {
        "__module__": __name__,
        "VERSION": tfds.core.Version("1.0.0"),
        "_info": _info,
        "_split_generators": _split_generators,
        "_generate_examples": _generate_examples,
    }
    tfds.display_progress_bar(enable=False)
    with skip_registration():
        kind = type(f"MadeUp{next(_NUMBERS)}", (tfds.core.GeneratorBasedBuilder,), body)
    builder = kind(data_dir=str(folder))
    settings = tfds.download.DownloadConfig(num_shards=shards)
    builder.download_and_prepare(download_config=settings)
    return builder.name
