"""White blood cells, held-out evaluation data of both papers (Zheng et al., Micron 107, 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets.download import Archive, downloads, fetch, verify
from datasets.images import LabelledImage, pair, task_from_files
from datasets.task import DataError, Task, TaskData

URL = "https://github.com/zxaoyou/segmentation_WBC/archive/refs/heads/master.zip"
FOLDER = "segmentation_WBC"
COHORTS = {"JTSC": "Dataset 1", "CV": "Dataset 2"}
LABELS = {"nucleus": 255, "cytoplasm": 128}
PATTERNS = tuple(f"{folder}/*{suffix}" for folder in COHORTS.values() for suffix in (".bmp", ".png"))
SHA256 = "d56a70b90a084b9d9748820c2e5ee1b9df02486240006109674a190882c2a99c"  # of the 400 images and masks
LIMIT = 200_000_000  # bytes; the images take 40 MB


class WBC:
    """400 single cells, 300 of the Jiangxi Tecom company (JTSC) and 100 of CellaVision (CV).

    ``Dataset 1/NNN.bmp`` and ``NNN.png``, ``Dataset 2/`` likewise. Mask value 255 is the nucleus, 128 the
    cytoplasm around it; a few masks hold stray values, which belong to neither. Every image is a cell of its
    own, hence a subject of its own: its cohort and number.
    """

    name = "wbc"
    archives = (Archive(URL, LIMIT, SHA256, PATTERNS),)

    def installed(self, root: Path | None) -> bool:
        return self._find(root) is not None

    def tasks(self, root: Path | None) -> list[Task]:
        self._require(root)
        return [Task(self.name, cohort, "Microscopy", "0", label) for cohort in COHORTS for label in LABELS]

    def load(self, task: Task, root: Path | None) -> TaskData:
        folder = self._require(root) / COHORTS[task.cohort]
        pairs = pair(folder.glob("*.bmp"), folder.glob("*.png"))
        files = [LabelledImage(image, mask, f"{task.cohort}-{image.stem}") for image, mask in pairs]
        return task_from_files(task, files, LABELS[task.label])

    def fetch(self, root: Path, urls: Sequence[str] = ()) -> Path:
        """Download the images into `root`, or verify those that are there.

        Parameters
        ----------
        root : Path
        urls : sequence of str
            A link to take instead of the official one.

        Returns
        -------
        Path
            The folder with the images.

        Raises
        ------
        DataError
            If they cannot be fetched or are not the recorded ones.
        """
        found = self._find(root)
        if found is None:
            return fetch(self.archives, root / FOLDER, downloads(root, self.name), urls)
        verify(self.archives, found)
        return found

    def _require(self, root: Path | None) -> Path:
        found = self._find(root)
        if found is None:
            raise DataError(
                f"wbc is not {'installed' if root is None else f'under {root}'}; run `python -m benchmark "
                f"data fetch wbc`, or point --data-root at the folder that holds {FOLDER}"
            )
        return found

    @staticmethod
    def _find(root: Path | None) -> Path | None:
        """The folder with both cohorts: below the root, or the root itself."""
        candidates = [root / FOLDER, root / f"{FOLDER}-master", root] if root else []
        complete = (c for c in candidates if all((c / folder).is_dir() for folder in COHORTS.values()))
        return next(complete, None)
