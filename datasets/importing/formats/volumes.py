"""Examples of volumes and their label maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np

from segbench.datasets.examples import Example
from segbench.datasets.files.dicom import DICOM_SUFFIXES
from segbench.datasets.files.dicom_series import is_dicom_volume
from segbench.datasets.files.images import IMAGE_SUFFIXES
from segbench.datasets.files.labels import Labels, Values, unused_values
from segbench.datasets.files.segmentations import Segments, segmentation_file
from segbench.datasets.files.slices import AXES, Rule, cut_slices, select
from segbench.datasets.files.volumes import Volume, read_label_map, read_volume, reorient
from segbench.datasets.importing.formats.case import Case, MaskFile
from segbench.datasets.task import DataError

VOLUME_SUFFIXES = (".nii.gz", ".nii", ".mgz", ".mgh", ".hdr", ".mha", ".mhd", ".nrrd", ".nhdr")


def is_volume(path: Path) -> bool:
    """Whether a path is a volume: a file with its suffix or of a DICOM class of volumes, or a folder without
    2D images (a DICOM series)."""
    if path.is_dir():
        suffixes = {file.suffix.lower() for file in path.iterdir()}
        return suffixes.isdisjoint(IMAGE_SUFFIXES) or not suffixes.isdisjoint(DICOM_SUFFIXES)
    if path.suffix.lower() in DICOM_SUFFIXES:
        return is_dicom_volume(path)
    return path.name.lower().endswith(VOLUME_SUFFIXES)


def stem(path: Path) -> str:
    """A file's name without suffix; ``.nii.gz`` is one suffix."""
    lower = path.name.lower()
    suffix = next((suffix for suffix in VOLUME_SUFFIXES if lower.endswith(suffix)), path.suffix)
    return path.name if path.is_dir() else path.name[: len(path.name) - len(suffix)]


def named_by_file(mask: MaskFile) -> MaskFile:
    """Name the labels of a DICOM segmentation as it does, unless they are named already."""
    file = segmentation_file(mask.path) if mask.labels is None else None
    return mask if file is None else mask._replace(labels=Segments(file).labels())


def slices(case: Case, axes: Mapping[str, int] | None, rule: Rule | None) -> Iterator[Example]:
    """Cut the slices of a volume; a label without any is an example with an empty mask.

    A volume of one slice is one picture. Like that of a 2D image, its axis is ``0``, unless axes are named.
    """
    as_stored = axes is not None and not axes.items() <= AXES.items()
    stored = read_volume(case.image)
    image = stored if as_stored else reorient(stored)
    if 1 in image.values.shape:
        axes, rule = _only_axis(image, axes), "midslice"
    axes = axes or AXES
    for stored_labels, labels, unused in _label_maps(case.masks, stored):
        label_map = stored_labels if as_stored else reorient(stored_labels)
        cut = cut_slices(image, label_map, labels, case.subject, axes, rule or "maxslice", **case.fields())
        missing = {(axis, label) for axis in axes for label in labels}
        for example in cut:
            missing -= {(example.axis, label) for label in example.masks}
            yield example._replace(unused=unused)
            unused = ()
        empty = np.zeros((1, 1), bool)
        for axis, label in sorted(missing):  # an example without a picture: the label counts as empty
            fields = {**case.fields(), "axis": axis, "unused": unused}
            yield Example(case.image, case.subject, empty, {label: empty}, **fields)
            unused = ()


def _only_axis(image: Volume, axes: Mapping[str, int] | None) -> dict[str, int]:
    """The axis across which the only slice of a volume lies, by the name that the user gives it."""
    across = image.values.shape.index(1)
    if axes is None:
        return {"0": across}
    named = {name: axis for name, axis in axes.items() if axis == across}
    if not named:
        raise DataError(
            f"{image.file} has one slice, not across {' or '.join(axes)}; leave out --axes, or "
            "name its axis there"
        )
    return named


def _label_maps(masks: Sequence[MaskFile], image: Volume) -> Iterator[tuple[Volume, Labels, tuple[int, ...]]]:
    """Yield the label maps of a volume, their labels, and the values that belong to no label.

    A label in several files, without a value, or of a DICOM segmentation has its own map: the union of its
    files. Segments may overlap.
    """
    reader = _MaskFiles(masks, image)
    files = Counter(label for mask in masks for label in mask.labels or ())
    parts: dict[str, list[tuple[Path, Values]]] = {}
    for mask in masks:
        simple = {}
        for label, values in (mask.labels or {}).items():
            if values and files[label] == 1 and not reader.has_segments(mask.path):
                simple[label] = values
            else:
                parts.setdefault(label, []).append((mask.path, values))
        if simple:
            yield reader.label_map(mask.path), simple, reader.unused()
    for label, sources in parts.items():
        region = reduce(np.logical_or, (reader.region(path, values) for path, values in sources))
        yield replace(image, values=region), {label: (1,)}, reader.unused()


class _MaskFiles:
    """The mask files of a volume: opens segmentations once, and collects values that belong to no label."""

    def __init__(self, masks: Sequence[MaskFile], image: Volume) -> None:
        self._image = image
        self._masks: dict[Path, list[MaskFile]] = {}
        for mask in masks:
            self._masks.setdefault(mask.path, []).append(mask)
        files = {path: segmentation_file(path) for path in self._masks}
        self._segments = {path: Segments(file) for path, file in files.items() if file is not None}
        self._counted: set[Path] = set()
        self._unused: set[int] = set()

    def has_segments(self, path: Path) -> bool:
        return path in self._segments

    def label_map(self, path: Path) -> Volume:
        labels = read_label_map(path, self._image)
        if path not in self._counted:
            numbers = labels.values.ravel(order="K")
            masks = self._masks[path]
            named = [mask.labels or {} for mask in masks]
            self._unused.update(unused_values(path, numbers[numbers != 0], named, masks[0].declared))
            self._counted.add(path)
        return labels

    def region(self, path: Path, values: Values) -> np.ndarray:
        if not self.has_segments(path):
            return select(self.label_map(path).values, values)
        segments = self._segments[path]
        if path not in self._counted:
            self._unused.update(segments.unused(mask.labels or {} for mask in self._masks[path]))
            self._counted.add(path)
        return segments.region(values, self._image).values

    def unused(self) -> tuple[int, ...]:
        """The values without a label in the files read since the last call."""
        values, self._unused = tuple(sorted(self._unused)), set()
        return values
