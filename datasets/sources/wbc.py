"""White blood cells in stained smears (Zheng et al., Micron 107, 2018)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segbench.datasets.download import Archive
from segbench.datasets.files.images import LabelledImage, pair, task_from_files
from segbench.datasets.sources.in_place import InPlace
from segbench.datasets.splits import split_as_scribbleprompt, split_as_universeg, split_by_subject
from segbench.datasets.task import Task, TaskData

URL = "https://github.com/zxaoyou/segmentation_WBC/archive/refs/heads/master.zip"
FOLDER = "segmentation_WBC"
COHORTS = {"JTSC": "Dataset 1", "CV": "Dataset 2"}
LABELS = {"nucleus": (255,), "cytoplasm": (128,)}
PATTERNS = tuple(f"{folder}/*{suffix}" for folder in COHORTS.values() for suffix in (".bmp", ".png"))
SHA256 = "d56a70b90a084b9d9748820c2e5ee1b9df02486240006109674a190882c2a99c"  # of the 400 images and masks
LIMIT = 200_000_000  # bytes; the images take 40 MB


class WBC(InPlace):
    """400 single cells, 300 of the Jiangxi Tecom company (JTSC) and 100 of CellaVision (CV).

    ``Dataset 1/NNN.bmp`` and ``NNN.png``, ``Dataset 2/`` likewise. Mask value 255 is the nucleus, 128 the
    cytoplasm around it; the other values of a few masks belong to neither. Each image is a subject of its
    own, named by its cohort and number.
    """

    name = "wbc"
    folders = (FOLDER, f"{FOLDER}-master")
    archives = (Archive(URL, LIMIT, SHA256, PATTERNS),)
    unpacked = FOLDER

    @staticmethod
    def is_complete(folder: Path) -> bool:
        return all((folder / cohort).is_dir() for cohort in COHORTS.values())

    def tasks(self, root: Path | None) -> list[Task]:
        self.require(root)
        return [Task(self.name, cohort, "Microscopy", "0", label) for cohort in COHORTS for label in LABELS]

    def load(self, task: Task, root: Path | None) -> TaskData:
        folder = self.require(root) / COHORTS[task.cohort]
        pairs = pair(folder.glob("*.bmp"), folder.glob("*.png"))
        files = [LabelledImage(image, mask, f"{task.cohort}-{image.stem}") for image, mask in pairs]
        return task_from_files(task, files, LABELS, self.split(np.array([file.subject for file in files])))

    def split(self, subjects: np.ndarray) -> np.ndarray:
        """The split of each image of a cohort, str array (N,); both labels have the same."""
        return split_by_subject(subjects, key=self.name)


class ScribblePromptSplit(WBC):
    """With the split of ScribblePrompt's release, ``scribbleprompt/datasets/wbc.py``."""

    name = "wbc@scribbleprompt"

    def split(self, subjects: np.ndarray) -> np.ndarray:
        return split_as_scribbleprompt(len(subjects))


class UniverSegSplit(WBC):
    """With the split of UniverSeg's example, ``example_data/wbc.py``."""

    name = "wbc@universeg"

    def split(self, subjects: np.ndarray) -> np.ndarray:
        return split_as_universeg(len(subjects))
