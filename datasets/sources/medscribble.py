"""MedScribble: what three people drew on images of many kinds (Wong et al., ScribblePrompt, ECCV 2024)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from segbench.datasets.download import Archive, downloads, fetch, verify
from segbench.datasets.preprocess import SIDE, preprocess
from segbench.datasets.scribbled import ScribbledData
from segbench.datasets.sources.in_place import InPlace
from segbench.datasets.task import DataError, Task

URL = "https://github.com/halleewong/ScribblePrompt/archive/fd0f990da5a0c492e0e605a173e17ee3f8fd9477.zip"
REPOSITORY, FOLDER = "ScribblePrompt", "MedScribble"
PATTERN = f"{FOLDER}/*/*/*/*.npy"
SHA256 = "75c4c8f5c47c6a9446dab661dcecffd9a673188f79e76dd1bec0d54a1b0bf3ed"  # of the files of that pattern
LIMIT = 1_000_000_000  # bytes; the arrays take 70 MB
ANNOTATORS = 3
SHAPE = (256, 256)

# Modality of each task, as the papers have it of the data set, and structure. The release names no
# structures: these say what its masks show.
TASKS: Mapping[str, tuple[str, str]] = {
    "ACDC/Challenge2017": ("cine-MRI", "right-ventricle"),
    "AbdominalUS/Real": ("Ultrasound", "unknown"),
    "BTCV/Cervix": ("CT", "bladder"),
    "CAMUS/4CH_ED": ("Ultrasound", "left-ventricle"),
    "CHAOS/CT": ("CT", "liver"),
    "HipXRay/retrieved_2023_07_10": ("X-Ray", "femur"),
    "OASIS/retrieved_2021_01_26": ("MRI", "white-matter"),
    "OCTA500/OCTA_6M": ("OCTA", "vessels"),
    "PAXRay/retrieved_2023_06_09": ("X-Ray", "lung"),
    "PanDental/v2": ("X-Ray", "mandible"),
    "SCD/VIS_human": ("cine-MRI", "myocardium"),
    "STARE/retrieved_2021_12_06": ("Optical camera", "vessels"),
    "SpineWeb/Dataset7": ("MRI", "unknown"),
    "WBC/CV": ("Microscopy", "cytoplasm"),
}


class MedScribble(InPlace):
    """14 tasks of as many data sets, 64 images, three annotators each.

    ``<dataset>/<cohort>/<subject>_axisK_<slice>/{img,seg,scribble_0,scribble_1,scribble_2}.npy``: image and
    mask (256, 256), soft at its border; scribbles (2, 256, 256), on the structure and on the background. K is
    the axis of the slice, which is the middle one (``midslice``) or the one with the largest label
    (``maxslice``). A data set's cohort is a task; one that comes without images and masks (AbdominalUS,
    SpineWeb) is left out. All images are ``test``: nothing is learnt or chosen here.

    Images and masks (above 0.5) are brought to 128 x 128 as everywhere, scribbles by the maximum over blocks
    of 2 x 2 pixels: the mean would fade a thin line, while the maximum keeps every mark at its strength, at
    most a pixel wider.
    """

    name = "medscribble"
    data_type = ScribbledData
    places = (FOLDER, f"{REPOSITORY}/{FOLDER}")
    archives = (Archive(URL, LIMIT, SHA256, (PATTERN,)),)

    @staticmethod
    def complete(folder: Path) -> bool:
        return any((folder / cohort).is_dir() for cohort in TASKS)

    def tasks(self, root: Path | None) -> list[Task]:
        """The tasks with images, in order of the data sets' names; a warning says which have none.

        Raises
        ------
        DataError
            If the data are absent, or a folder's name does not end in its axis and slice.
        """
        folder = self.required(root)
        cases = {cohort: _cases(folder / cohort) for cohort in TASKS if (folder / cohort).is_dir()}
        bare = [cohort for cohort, found in cases.items() if not found]
        if bare:
            told = ", ".join(bare)
            warnings.warn(f"{self.name}: left out, as it comes without images: {told}", stacklevel=2)
        return list(dict.fromkeys(_task(self.name, c, case) for c, found in cases.items() for case in found))

    def load(self, task: Task, root: Path | None) -> ScribbledData:
        """The images of a task in order of their names.

        Raises
        ------
        DataError
            If there is no such task, or a file is missing, cannot be read, or holds anything else than said.
        """
        folder = self.required(root)
        cohort = next((c for c in TASKS if _cohort(c) == task.cohort), "")
        cases = [c for c in _cases(folder / cohort) if cohort and _task(self.name, cohort, c) == task]
        if not cases:
            raise DataError(f"{task} is no task of {self.name} with images; `list tasks` names them")
        images, labels, scribbles = zip(*map(_example, cases), strict=True)
        subjects = np.array([_parts(case)[0] for case in cases])
        split = np.full(len(cases), "test")
        return ScribbledData(
            task, np.stack(images), np.stack(labels), subjects, split, scribbles=np.stack(scribbles)
        )

    def fetch(self, root: Path, urls: Sequence[str] = ()) -> Path:
        """Download the data into `root`, or verify those that are there.

        Returns
        -------
        Path
            The folder with the data sets.

        Raises
        ------
        DataError
            If they cannot be fetched or are not the recorded ones.
        """
        found = self.found(root)
        if found is None:
            return fetch(self.archives, root / REPOSITORY, downloads(root, self.name), urls) / FOLDER
        verify(self.archives, found.parent)
        return found


def _cases(folder: Path) -> list[Path]:
    """The folders of the images of a task in order; none where no image and no mask is released."""
    pictured = any(next(folder.glob(f"*/{name}.npy"), None) for name in ("img", "seg"))
    return sorted(case for case in folder.iterdir() if case.is_dir()) if pictured else []


def _task(name: str, cohort: str, case: Path) -> Task:
    modality, label = TASKS[cohort]
    return Task(name, _cohort(cohort), modality, _parts(case)[1], label)


def _cohort(folder: str) -> str:
    """What the records call a data set's cohort."""
    return folder.replace("/", "-")


def _parts(case: Path) -> tuple[str, str]:
    """Subject and axis that the name of an image's folder tells."""
    found = re.fullmatch(r"(.+)_axis(\d)_(maxslice|midslice)", case.name)
    if not found:
        raise DataError(f"{case} does not end in _axisK_maxslice or _axisK_midslice; fetch the data again")
    return found[1], found[2]


def _example(case: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image and label (1, SIDE, SIDE), and scribbles (annotators, 2, SIDE, SIDE)."""
    image, seg = (_array(case / f"{name}.npy", SHAPE) for name in ("img", "seg"))
    drawn = [_array(case / f"scribble_{number}.npy", (2, *SHAPE)) for number in range(ANNOTATORS)]
    return *preprocess(image, seg > 0.5, str(case / "img.npy")), _shrunk(np.stack(drawn))


def _array(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A stored array, float32 in [0, 1]."""
    try:
        array = np.load(file, allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"{file} is missing; fetch the data again or remove {file.parent}") from error
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{file} is damaged ({error}); fetch the data again") from error
    if getattr(array, "shape", None) != shape or array.dtype.kind != "f":
        size = " x ".join(map(str, shape))
        raise DataError(f"{file} does not hold {size} floating-point numbers; fetch the data again")
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise DataError(f"{file} holds values outside [0, 1]; fetch the data again")
    return array.astype(np.float32)


def _shrunk(scribbles: np.ndarray) -> np.ndarray:
    """Scribbles (..., H, W) at SIDE x SIDE by the maximum over blocks."""
    *rest, height, width = scribbles.shape
    return scribbles.reshape(*rest, SIDE, height // SIDE, SIDE, width // SIDE).max((-3, -1))
