"""Examples of 2D image files and their mask files."""

from __future__ import annotations

import numpy as np

from segbench.datasets.examples import Example
from segbench.datasets.files.images import read_image, read_mask_of
from segbench.datasets.files.slices import select
from segbench.datasets.importing.formats.case import Case


def picture(case: Case) -> Example:
    """Read a 2D image and its masks."""
    image = read_image(case.image)
    masks: dict[str, np.ndarray] = {}
    for path, labels in case.masks:
        numbers = read_mask_of(path, case.image, image.shape[:2])
        for label, values in (labels or {}).items():
            mask = select(numbers, values)
            masks[label] = masks[label] | mask if label in masks else mask
    return Example(case.image, case.subject, image, masks, **case.fields())
