"""Names of the values in masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from segbench.datasets.files.tables import read_columns
from segbench.datasets.task import DataError

MAX_LABELS = 64  # a file with more values and without a list of labels is a picture, not a mask

Labels = Mapping[str, tuple[int, ...]]
"""Values in a mask that belong to each label; no value means all but 0."""


def is_number(text: str) -> bool:
    """Whether a text is a whole number that a mask can contain."""
    return text.isdecimal() and len(text) < 10


def labels_by_value(masks: Iterable[Path], read: Callable[[Path], np.ndarray]) -> dict[str, int]:
    """Name labels by the values above 0 in masks, or ``foreground`` if there is only one value.

    DataError if values are not whole numbers, there are none or too many, or some masks contain only 1 and
    others only 255, which may mean the same label.
    """
    import pandas as pd

    first: dict[int, Path] = {}  # the first mask with each value
    most = 0
    for path in masks:
        numbers = np.ravel(read(path), order="K")
        native = numbers.astype(numbers.dtype.newbyteorder("="), copy=False)  # pandas requires this
        values = pd.unique(native)
        values = values[values > 0]
        if np.isinf(values).any() or (values != np.rint(values)).any():
            raise DataError(f"{path} contains infinite values or fractions; save whole numbers")
        for value in values.tolist():
            first.setdefault(int(value), path)
        most = max(most, len(values))
        if len(first) > MAX_LABELS:
            raise DataError(
                f"with {path} the masks have more than {MAX_LABELS} values; save one whole number per label, "
                "or name the labels in dataset.toml or with --labels"
            )
    if not first:
        raise DataError(f"{path.parent}: every mask is empty; give each label a whole number from 1")
    if most == 1 and first.keys() == {1, 255}:
        raise DataError(
            f"{first[1]} contains only 0 and 1, {first[255]} only 0 and 255; name both values: two names "
            "(--labels or dataset.toml) make two labels, --labels 1=x,255=x makes one"
        )
    return {"foreground" if len(first) == 1 else str(value): value for value in sorted(first)}


def labels_from_pairs(pairs: Iterable[tuple[str, str]], source: str | Path) -> Labels:
    """Make labels from pairs of a value and a name; values of one name are one label.

    DataError if a value is not a whole number above 0, occurs twice or has no name.
    """
    labels: dict[str, tuple[int, ...]] = {}
    for value, label in pairs:
        if not is_number(value.strip()) or not int(value) or not label.strip():
            raise DataError(f"{source}: {value}={label} names no label; give each value from 1 on a name")
        if any(int(value) in values for values in labels.values()):
            raise DataError(f"{source} names value {value} twice; keep one name")
        name = label.strip()
        labels[name] = (*labels.get(name, ()), int(value))
    if not labels:
        raise DataError(f"{source} names no label; give each value from 1 on a name")
    return labels


def read_labels(file: Path) -> Labels:
    """Read labels from a CSV file with the columns ``value`` and ``label``; as `labels_from_pairs`."""
    return labels_from_pairs(read_columns(file, "value", "label"), file)
