"""Find the text and the label among the features of a data set of TFDS, and name its classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.data.label_names import sort_labels
from pipeline.errors import DataError

MOST_CLASSES = 1000
_SHOWN = 12  # features in a message


@dataclass(frozen=True)
class ClassNames:
    """Name the classes of a label. listed: in the order of the data set, or None if it does not say."""

    listed: list[str] | None

    def of(self, values: np.ndarray) -> list[str | None]:
        """Return the name of each value; None for -1, by which TFDS says that there is no label.

        Raises:
          ValueError: a value is none of the classes.
        """
        if self.listed is not None:
            names = [*self.listed, None]  # the last one is that of -1
            if values.size and not -1 <= values.min() <= values.max() < len(self.listed):
                raise ValueError(
                    f"a label is {values.max()}, but only {len(self.listed)} classes have names"
                )
            return [names[value] for value in values.tolist()]
        if values.dtype == object:
            return [" ".join(text.decode("utf-8", "replace").split()) or None for text in values]
        return [None if value == -1 else str(value) for value in values.tolist()]

    def used(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Return the names that occur among the labels, in order.

        Raises:
          DataError: they are too many for classes.
        """
        there = {*labels}
        if len(there) > MOST_CLASSES:
            raise DataError(
                f"data.label_feature holds {len(there):,} different values; at most {MOST_CLASSES:,} "
                "can be classes: choose another feature"
            )
        if self.listed is not None:
            return tuple(name for name in self.listed if name in there)
        return sort_labels(there)


def choose_features(
    info: Any, name: str, text: str | None, label: str | None
) -> tuple[str, str, ClassNames]:
    """Return the paths of the text and of the label, such as `data/review_body`, and the classes.

    Without a name a feature is the one that the data set declares, or the only one of its kind.

    Raises:
      DataError: there is no such feature, several could be meant, or it is of another kind.
    """
    features = dict(_walk(info.features))
    declared = info.supervised_keys or (None, None)
    texts = [path for path, feature in features.items() if _is_text(feature)]
    classes = [path for path, feature in features.items() if _is_class(feature)]
    text = text or _only("text", declared[0], texts, features, name)
    label = label or _only("label", declared[-1], classes, features, name)
    for key, path in (("text", text), ("label", label)):
        if path not in features:
            raise DataError(f"data.{key}_feature is {path}, but {_have(name, features)}")
    if not _is_text(features[text]):
        raise DataError(f"data.text_feature is {text}, which is no text: {_have(name, features)}")
    return text, label, _class_names(features[label], label, _have(name, features))


def has_media(info: Any) -> bool:
    """Return whether some feature is more than a number, a text or a class, such as a picture."""
    import tensorflow_datasets as tfds

    return not all(
        isinstance(feature, tfds.features.Tensor | tfds.features.ClassLabel)
        for _, feature in _walk(info.features)
    )


def pick(values: Any, path: str) -> Any:
    """Return what stands at a path of nested features."""
    for part in path.split("/"):
        values = values[part]
    return values


def _walk(features: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return the paths of all features that are no group of others, and the features, by name."""
    import tensorflow_datasets as tfds

    if not isinstance(features, tfds.features.FeaturesDict):
        return [(prefix.rstrip("/"), features)]
    return [pair for key in sorted(features) for pair in _walk(features[key], f"{prefix}{key}/")]


def _is_text(feature: Any) -> bool:
    return not _is_class(feature) and _kind(feature) == np.dtype(object)


def _kind(feature: Any) -> np.dtype | None:
    """Return what kind of value a feature is, or None if it is no single value."""
    import tensorflow_datasets as tfds

    single = isinstance(feature, tfds.features.Tensor) and feature.shape == ()
    return np.dtype(feature.np_dtype) if single else None  # type: ignore[arg-type]


def _is_class(feature: Any) -> bool:
    import tensorflow_datasets as tfds

    return isinstance(feature, tfds.features.ClassLabel)


def _only(kind: str, declared: Any, found: list[str], features: dict[str, Any], name: str) -> str:
    """Return the feature that the data set declares for this, or the only one of its kind."""
    if isinstance(declared, str) and declared in found:
        return declared
    if len(found) == 1:
        return found[0]
    what = "text" if kind == "text" else "label with named classes"
    which = f"several: {', '.join(found[:_SHOWN])}" if found else "none"
    raise DataError(
        f"name a {what} of {name} by data.{kind}_feature, as there are {which}; {_have(name, features)}"
    )


def _class_names(feature: Any, path: str, have: str) -> ClassNames:
    """Return the classes of a feature of labels, whole numbers, truth values or short texts."""
    if _is_class(feature):
        return ClassNames(list(feature.names))
    kind = _kind(feature)
    if kind and (kind.kind in "iub" or _is_text(feature)):
        return ClassNames(None)
    what = "numbers with a fraction" if kind and kind.kind == "f" else "no single value"
    raise DataError(f"data.label_feature is {path}, which holds {what}, not classes: {have}")


def _have(name: str, features: dict[str, Any]) -> str:
    listed = [f"{path} ({_describe(feature)})" for path, feature in features.items()]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return f"{name} has {', '.join(listed[:_SHOWN])}{more}"


def _describe(feature: Any) -> str:
    if _is_class(feature):
        return f"{feature.num_classes} classes"
    if _is_text(feature):
        return "text"
    kind = _kind(feature)
    return kind.name if kind else type(feature).__name__.lower()
