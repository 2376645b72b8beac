"""Names of the values in masks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from segbench.datasets.files.slices import select
from segbench.datasets.files.tables import read_columns
from segbench.datasets.task import DataError

MAX_LABELS = 64  # a file with more values and without a list of labels is a picture, not a mask
LEAST_WHITE = 128  # smallest value that a smoothed mask can have as its foreground
VALUE = re.compile(r"(\d{1,9})(?:\.0*)?(?:\s*-\s*(\d{1,9})(?:\.0*)?)?")

Values = tuple[int | range, ...]
"""Values in a mask that belong to one label; none means all above 0."""

Labels = Mapping[str, Values]


def is_number(text: str) -> bool:
    """Whether a text is a whole number that a mask can contain."""
    return text.isdecimal() and len(text) < 10


def contains(values: Values, value: int) -> bool:
    """Whether a value is one of some values and ranges."""
    return any(value in _span(each) for each in values)


def white_of(labels: Iterable[Labels]) -> int:
    """What white is in a mask of 1 bit a pixel: 255 if the labels have 255 and not 1, else 1."""
    named = [values for each in labels for values in each.values()]
    white, one = (any(contains(values, value) for values in named) for value in (255, 1))
    return 255 if white and not one else 1


def labels_by_value(masks: Iterable[Path], read: Callable[[Path], np.ndarray]) -> dict[str, int]:
    """Name labels by the values above 0 in masks, or ``foreground`` if there is only one value.

    `read` returns bool for a mask of 1 bit a pixel; its white is 255 if others have 255 and not 1, else 1.

    Raises
    ------
    DataError
        If values are not whole numbers, there are none or too many, they are those of smoothed masks, or some
        masks contain only 1 and others only 255, which may mean the same label.
    """
    found = _Found()
    for path in masks:
        found.add(path, read(path))
        if len(found.first) > MAX_LABELS:
            found.require_sharp()
            raise DataError(
                f"with {path} the masks have more than {MAX_LABELS} values; save one whole number per label, "
                "or name values or ranges (--labels 1=liver,128-255=spleen, or in dataset.toml)"
            )
    first = found.first
    if found.white is not None:
        first.setdefault(255 if 255 in first and 1 not in first else 1, found.white)
    if not first:
        raise DataError(f"{path.parent}: every mask is empty; give each label a whole number from 1")
    if found.most == 1 and first.keys() == {1, 255}:
        raise DataError(
            f"{first[1]} contains only 0 and 1, {first[255]} only 0 and 255; name both values: two names "
            "(--labels or dataset.toml) make two labels, --labels 1=x,255=x makes one"
        )
    found.require_sharp()
    return {"foreground" if len(first) == 1 else str(value): value for value in sorted(first)}


def unused_values(
    path: Path, numbers: np.ndarray, labels: Iterable[Labels], declared: Values | None = None
) -> tuple[int, ...]:
    """The values of a mask, besides 0, that belong to no label.

    Parameters
    ----------
    path : Path
        The mask, for errors.
    numbers : array of whole numbers
    labels : iterable of mappings of labels to values
    declared : values or None
        All values that the mask may contain; None if the data do not say.

    Raises
    ------
    DataError
        If a value is not declared, or the values are those of a smoothed mask of which a label takes the
        largest only.
    """
    named = [item for each in labels for item in each.items()]
    rest = numbers != 0
    for _, values in named:
        rest &= ~select(numbers, values)
    if not rest.any():
        return ()
    counts = count_values(numbers[rest])
    if declared is not None:
        counts = {value: count for value, count in counts.items() if not contains(declared, value)}
        if counts:
            raise DataError(
                f"{path} contains the value {min(counts)}, which dataset.json does not declare; correct one "
                "of them"
            )
    singles = {value: label for label, values in named for value in values if isinstance(value, int)}
    for top, label in singles.items():
        if _gathers(top, {**counts, top: int(np.count_nonzero(numbers == top))}):
            below = [_span(value)[-1] for _, values in named for value in values if _span(value)[-1] < top]
            raise _smoothed(path, top, max(below, default=0), label)
    return tuple(sorted(counts))


def count_values(numbers: np.ndarray) -> dict[int, int]:
    """Count each value of an array; much faster than `numpy.unique` for few small integers.

    ValueError if a value is infinite or has a fraction. NaN is not counted.
    """
    flat = np.ravel(numbers, order="K")
    if flat.size and flat.dtype.kind in "bui" and flat.min() >= 0 and flat.max() < 2**16:
        counts = np.zeros(2**16, np.int64)
        for start in range(0, flat.size, 2**16):  # what bincount copies stays in the processor's cache
            part = np.bincount(flat[start : start + 2**16].astype(np.intp, copy=False))
            counts[: len(part)] += part
        return {value: int(counts[value]) for value in np.flatnonzero(counts).tolist()}
    import pandas as pd

    native = flat.astype(flat.dtype.newbyteorder("="), copy=False)  # pandas requires this
    counted = pd.Series(native).value_counts(sort=False)
    values = counted.index.to_numpy()
    if not np.isfinite(values).all() or (values != np.rint(values)).any():
        raise ValueError("infinite values or fractions")
    return dict(zip(map(int, values.tolist()), counted.tolist(), strict=True))


def labels_from_pairs(pairs: Iterable[tuple[str, str]], source: str | Path) -> Labels:
    """Make labels from pairs of values and a name; the values of one name are one label.

    Values are a whole number from 1 on, also written as 255.0, or a range such as 128-255.

    Raises
    ------
    DataError
        If values are something else, are named twice or have no name.
    """
    labels: dict[str, Values] = {}
    for text, label in pairs:
        values = _parse(text.strip())
        if values is None or not label.strip():
            raise DataError(
                f"{source}: {text}={label} names no label; give each value from 1 on, or a range such as "
                "128-255, a name"
            )
        if "=" in label:
            raise DataError(
                f"{source}: {text}={label} has a further =; separate labels by commas, as in 1=liver,2=spleen"
            )
        taken = (other for others in labels.values() for other in others)
        if any(_overlap(_span(values), _span(other)) for other in taken):
            raise DataError(f"{source} names value {text} twice; keep one name")
        name = label.strip()
        labels[name] = (*labels.get(name, ()), values)
    if not labels:
        raise DataError(f"{source} names no label; give each value from 1 on a name")
    return labels


def read_labels(file: Path) -> Labels:
    """Read labels from a CSV file with the columns ``value`` and ``label``; as `labels_from_pairs`."""
    return labels_from_pairs(read_columns(file, "value", "label"), file)


class _Found:
    """The values above 0 in masks without a list of labels.

    Attributes
    ----------
    first : mapping of each value to the first mask with it
    white : Path or None
        The first mask of 1 bit a pixel that has white.
    most : int
        The largest number of values in one mask.
    """

    def __init__(self) -> None:
        self.first: dict[int, Path] = {}
        self.white: Path | None = None
        self.most = 0
        self._counts: Counter[int] = Counter()
        self._has_regions = False  # of values between 0 and a mask's largest

    def add(self, path: Path, numbers: np.ndarray) -> None:
        try:
            counts = count_values(numbers)
        except ValueError as error:
            raise DataError(f"{path} contains {error}; save whole numbers") from error
        values = [value for value in counts if value > 0]
        self.most = max(self.most, len(values))
        if numbers.dtype == bool:
            self.white = self.white or (path if values else None)
            return
        for value in values:
            self.first.setdefault(value, path)
            self._counts[value] += counts[value]
        if len(values) > 1 and not self._has_regions:
            self._has_regions = max(values) < LEAST_WHITE or _has_regions(numbers, max(values))

    def require_sharp(self) -> None:
        """DataError if the values are those of smoothed masks."""
        top = max(self._counts, default=0)
        between = {value: count for value, count in self._counts.items() if value < top}
        blurred = (
            top >= LEAST_WHITE
            and len(between) > 1
            and not self._has_regions
            and self._counts[top] > 2 * max(between.values())
        )
        if blurred or _gathers(top, self._counts):
            raise _smoothed(self.first[min(between)], top)


def _has_regions(numbers: np.ndarray, top: int) -> bool:
    """Whether a value between 0 and the largest covers 2 x 2 pixels; smoothed borders are thinner."""
    corner = numbers[:-1, :-1]
    same = (corner > 0) & (corner < top)
    for other in (numbers[1:, :-1], numbers[:-1, 1:], numbers[1:, 1:]):
        same &= corner == other
    return bool(same.any())


def _gathers(top: int, counts: Mapping[int, int]) -> bool:
    """Whether values gather at 0 and at `top`, which has most pixels, as in smoothed or compressed masks."""
    others = {value: count for value, count in counts.items() if value > 0 and value != top}
    near = top // 8
    return (
        top >= LEAST_WHITE
        and any(value <= near for value in others)
        and any(abs(value - top) <= near for value in others)
        and counts[top] > sum(others.values())
    )


def _smoothed(path: Path, top: int, below: int = 0, label: str = "foreground") -> DataError:
    return DataError(
        f"{path} has values between {below} and {top}, as smoothed or compressed masks have; name a range "
        f'(--labels "{(below + top) // 2 + 1}-{top}={label}", or in dataset.toml), or every value'
    )


def _parse(text: str) -> int | range | None:
    match = VALUE.fullmatch(text)
    if match is None or not int(match[1]):
        return None
    if match[2] is None:
        return int(match[1])
    return range(int(match[1]), int(match[2]) + 1) or None


def _span(value: int | range) -> range:
    return value if isinstance(value, range) else range(value, value + 1)


def _overlap(one: range, other: range) -> bool:
    return max(one.start, other.start) < min(one.stop, other.stop)
