"""Volumes and their label maps, paired by whose they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from datasets.task import DataError


class Scan(NamedTuple):
    """A volume's file and that of its label map."""

    subject: str
    image: Path
    labels: Path


def scans(images: Iterable[Path], labels: Iterable[Path], subject: Callable[[Path], str]) -> list[Scan]:
    """Images and label maps of the same subject, in order of the subjects.

    Parameters
    ----------
    images, labels : paths
    subject : callable
        Whose a path is.

    Raises
    ------
    DataError
        If one of a pair is missing, or a subject has two images or two label maps.
    """
    image_of, labels_of = _by_subject(images, subject), _by_subject(labels, subject)
    for name in sorted(image_of.keys() ^ labels_of.keys()):
        there, lacks = (image_of, "label map") if name in image_of else (labels_of, "image")
        raise DataError(f"{there[name]} has no {lacks}; fetch it again, or remove this file too")
    return [Scan(name, image, labels_of[name]) for name, image in image_of.items()]


def _by_subject(paths: Iterable[Path], subject: Callable[[Path], str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(paths, key=lambda path: (subject(path), path)):
        name = subject(path)
        if name in found:
            raise DataError(f"{path} and {found[name]} are of one subject, {name}; keep one of them")
        found[name] = path
    return found
