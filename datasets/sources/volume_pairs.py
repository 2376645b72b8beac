"""Volumes and their label maps, paired by whose they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from segbench.datasets.sources.files import matched


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
    found = matched(subject, {"image": images, "label map": labels})
    return [Scan(name, files["image"], files["label map"]) for name, files in found]
