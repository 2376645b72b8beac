"""Data sets of volumes with one label map each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from segbench.datasets.examples import Example, FileCase, wrong_layout
from segbench.datasets.files.finding import match_files
from segbench.datasets.files.slices import AXES, STORED, cut_slices
from segbench.datasets.files.volumes import clip_outliers, read_label_map, read_volume, reorient
from segbench.datasets.importing import PublicDataset


class VolumePairs(PublicDataset):
    """Volumes with label maps; the slice with the largest area of each label is used.

    A subclass states the facts below and defines `find` and `key`.
    """

    title: ClassVar[str]
    example_file: ClassVar[str]  # shown when a folder has another layout
    labels: ClassVar[Mapping[str, int]]  # value of each label in the label maps
    merged: ClassVar[bool] = False  # every nonzero value counts as 1
    cohort: ClassVar[str] = "all"
    modality: ClassVar[str]
    axes: ClassVar[Mapping[str, int]] = AXES  # `STORED`: as stored; otherwise volumes are reoriented
    window: ClassVar[tuple[float, float] | None] = None  # intensity range; None: cut outliers

    def find(self, folder: Path) -> tuple[Collection[Path], Collection[Path]]:
        """Find the volumes and their label maps."""
        raise NotImplementedError

    def key(self, path: Path) -> str:
        """Name that a volume shares with its label map."""
        raise NotImplementedError

    def subject(self, key: str) -> str:
        return key

    def cases(self, folder: Path) -> list[FileCase]:
        volumes, label_maps = self.find(folder)
        if not volumes:
            raise wrong_layout(folder, self.title, self.example_file)
        return match_files(self.key, {"image": volumes, "label map": label_maps})

    def examples(self, case: FileCase) -> Iterator[Example]:
        name, files = case
        image = read_volume(files["image"])
        if self.window is None:
            image = replace(image, values=clip_outliers(image.values))
        labels = read_label_map(files["label map"], image)
        if self.merged:
            labels = replace(labels, values=labels.values != 0)
        if self.axes is not STORED:
            image, labels = reorient(image), reorient(labels)
        subject, cohort, modality = self.subject(name), self.cohort, self.modality
        for example in cut_slices(
            image, labels, self.labels, subject, self.axes, cohort=cohort, modality=modality
        ):
            yield example._replace(image=example.image.clip(*self.window)) if self.window else example
