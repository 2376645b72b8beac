"""Examples of volumes and their label maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np

from segbench.datasets.examples import Example
from segbench.datasets.files.images import IMAGE_SUFFIXES
from segbench.datasets.files.labels import Labels
from segbench.datasets.files.slices import AXES, Rule, cut_slices, select
from segbench.datasets.files.volumes import Volume, read_label_map, read_volume, reorient
from segbench.datasets.importing.formats.case import Case, MaskFile

VOLUME_SUFFIXES = (".nii.gz", ".nii", ".mgz", ".mgh", ".hdr", ".mha", ".mhd", ".nrrd", ".nhdr")


def is_volume(path: Path) -> bool:
    """Whether a path is a volume: a file with its suffix, or a folder without 2D images (a DICOM series)."""
    if not path.is_dir():
        return path.name.lower().endswith(VOLUME_SUFFIXES)
    return not any(file.suffix.lower() in IMAGE_SUFFIXES for file in path.iterdir())


def stem(path: Path) -> str:
    """A file's name without suffix; ``.nii.gz`` is one suffix."""
    lower = path.name.lower()
    suffix = next((suffix for suffix in VOLUME_SUFFIXES if lower.endswith(suffix)), path.suffix)
    return path.name if path.is_dir() else path.name[: len(path.name) - len(suffix)]


def slices(case: Case, axes: Mapping[str, int], rule: Rule) -> Iterator[Example]:
    """Cut the slices of a volume; a label without any is an example with an empty mask."""
    as_stored = not axes.items() <= AXES.items()
    stored = read_volume(case.image)
    image = stored if as_stored else reorient(stored)
    for stored_labels, values in _label_maps(case.masks, stored):
        labels = stored_labels if as_stored else reorient(stored_labels)
        missing = {(axis, label) for axis in axes for label in values}
        for example in cut_slices(image, labels, values, case.subject, axes, rule, **case.fields()):
            missing -= {(example.axis, label) for label in example.masks}
            yield example
        empty = np.zeros((1, 1), bool)
        for axis, label in sorted(missing):  # an example without a picture: the label counts as empty
            yield Example(case.image, case.subject, empty, {label: empty}, axis=axis, **case.fields())


def _label_maps(masks: Sequence[MaskFile], image: Volume) -> Iterator[tuple[Volume, Labels]]:
    """Yield the label maps of a volume and their labels.

    A label in several files, or without a value, has its own map: the union of its files.
    """
    files = Counter(label for mask in masks for label in mask.labels or ())
    parts: dict[str, list[tuple[Path, tuple[int, ...]]]] = {}
    for path, labels in masks:
        simple = {}
        for label, values in (labels or {}).items():
            if values and files[label] == 1:
                simple[label] = values
            else:
                parts.setdefault(label, []).append((path, values))
        if simple:
            yield read_label_map(path, image), simple
    for label, sources in parts.items():
        selected = (select(read_label_map(path, image).values, values) for path, values in sources)
        yield replace(image, values=reduce(np.logical_or, selected)), {label: (1,)}
