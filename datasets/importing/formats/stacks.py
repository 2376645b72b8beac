"""Slices of a subject as 2D files, of which a rule takes one, as of a volume (MultiverSeg, appendix B.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segbench.datasets.examples import Example
from segbench.datasets.files.images import MaskReader
from segbench.datasets.files.slices import Rule
from segbench.datasets.importing.formats.case import Case
from segbench.datasets.importing.formats.pictures import picture
from segbench.datasets.importing.formats.volumes import is_volume, stem

SLICE_WORDS = "slices?|slc|sl|s|z|frame|img|image|im|ax|axial|cor|coronal|sag|sagittal"
NUMBERED = re.compile(rf"(.+?)[\W_]+(?:(?:{SLICE_WORDS})[\W_]*)?\d+", re.IGNORECASE)
"""Names of a subject and the number of a slice, such as ``p07_slice_012`` or ``p07-12``."""


class Stack(NamedTuple):
    """The slices of a subject in one folder, in the order of the numbers in their names."""

    slices: tuple[Case, ...]


def named_subjects(cases: Iterable[Case]) -> list[Case]:
    """Take the names of images without the number of the slice as their subjects."""
    matches = [(case, NUMBERED.fullmatch(stem(case.image))) for case in cases]
    return [case if match is None else case._replace(subject=match[1]) for case, match in matches]


def stacks(cases: Iterable[Case]) -> list[Case | Stack]:
    """Gather the 2D images of a subject in one folder, in the order of the first of each; volumes stay."""
    found: list[Case | Stack] = []
    groups: dict[tuple[object, ...], list[Case]] = {}
    for case in cases:
        if is_volume(case.image):
            found.append(case)
        else:
            key = case.image.parent, case.subject, *case.fields().values()
            groups.setdefault(key, []).append(case)
    return found + [Stack(tuple(sorted(group, key=lambda c: _numbers(c.image)))) for group in groups.values()]


def select_slices(stack: Stack, rule: Rule, reader: MaskReader) -> Iterator[Example]:
    """Read the middle slice, or the slice with the largest area of each label, the first of several.

    All masks are examined for the latter; a label without any pixel is then an example with an empty mask.
    """
    if rule == "midslice":
        yield picture(stack.slices[len(stack.slices) // 2], reader)
        return
    largest: dict[str, tuple[int, Example]] = {}
    unused: list[int] = []
    for case in stack.slices:
        example = picture(case, reader)
        unused += example.unused
        for label, mask in example.masks.items():
            area = int(np.count_nonzero(mask))
            if label not in largest or area > largest[label][0]:
                largest[label] = area, example._replace(masks={label: mask}, unused=())
    for _, example in largest.values():
        yield example._replace(unused=tuple(unused))
        unused = []


def _numbers(file: Path) -> list[Any]:
    """A name in which numbers count as numbers: slice 9 precedes slice 10."""
    parts = re.split(r"(\d+)", file.name.casefold())
    return [int(part) if part.isdecimal() else part for part in parts]
