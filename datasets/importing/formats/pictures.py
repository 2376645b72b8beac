"""Examples of 2D image files and their mask files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segbench.datasets.examples import Example
from segbench.datasets.files.images import MaskReader, open_image
from segbench.datasets.files.labels import Labels, unused_values
from segbench.datasets.files.slices import select
from segbench.datasets.importing.formats.case import Case, MaskFile


def picture(case: Case, reader: MaskReader) -> Example:
    """Read a 2D image and its masks."""
    image = open_image(case.image)
    files: dict[Path, list[MaskFile]] = {}
    for file in case.masks:
        files.setdefault(file.path, []).append(file)
    masks: dict[str, np.ndarray] = {}
    unused: set[int] = set()
    for path, parts in files.items():
        labels: list[Labels] = [part.labels or {} for part in parts]
        numbers = reader.read_of(path, image, labels)
        for label, values in (item for each in labels for item in each.items()):
            mask = select(numbers, values)
            masks[label] = masks[label] | mask if label in masks else mask
        unused.update(unused_values(path, numbers, labels, parts[0].declared))
    return Example(
        case.image, case.subject, image.pixels, masks, **case.fields(), unused=tuple(sorted(unused))
    )
