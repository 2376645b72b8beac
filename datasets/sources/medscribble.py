"""MedScribble: scribbles of three people on images of 14 data sets (Wong et al., ECCV 2024)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from segbench.datasets.download import Archive
from segbench.datasets.preprocess import SIDE, preprocess
from segbench.datasets.scribbled import ScribbledData
from segbench.datasets.sources.in_place import InPlace
from segbench.datasets.task import DataError, Task

URL = "https://github.com/halleewong/ScribblePrompt/archive/fd0f990da5a0c492e0e605a173e17ee3f8fd9477.zip"
REPOSITORY, FOLDER = "ScribblePrompt", "MedScribble"
PATTERN = f"{FOLDER}/*/*/*/*.npy"
SHA256 = "75c4c8f5c47c6a9446dab661dcecffd9a673188f79e76dd1bec0d54a1b0bf3ed"  # of the files that match PATTERN
LIMIT = 1_000_000_000  # bytes; the arrays take 70 MB
ANNOTATORS = 3
SHAPE = (256, 256)

# Modality (as in the papers) and structure of each task. The release names no structures; these describe
# its masks.
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
    """14 tasks of 14 data sets, 64 images, three annotators each.

    ``<dataset>/<cohort>/<subject>_axisK_<slice>/{img,seg,scribble_0,scribble_1,scribble_2}.npy``: image and
    mask (256, 256), soft at its border; scribbles (2, 256, 256), on the structure and on the background. K is
    the axis of the slice: the middle slice (``midslice``) or the slice with the largest label (``maxslice``).
    Each cohort of a data set is a task; cohorts released without images and masks (AbdominalUS, SpineWeb)
    are left out. All images are ``test``: the data set serves evaluation only.

    Images and masks (above 0.5) are resized to 128 x 128 by `segbench.datasets.preprocess`, scribbles by the
    maximum over blocks of 2 x 2 pixels: a mean would fade thin lines. The maximum widens a line by at most
    one pixel.
    """

    name = "medscribble"
    data_type = ScribbledData
    folders = (FOLDER, f"{REPOSITORY}/{FOLDER}")
    archives = (Archive(URL, LIMIT, SHA256, (PATTERN,)),)
    unpacked, inner = REPOSITORY, FOLDER

    @staticmethod
    def is_complete(folder: Path) -> bool:
        return any((folder / cohort).is_dir() for cohort in TASKS)

    def tasks(self, root: Path | None) -> list[Task]:
        """List the tasks with images by data set; a warning names cohorts without images.

        Raises
        ------
        DataError
            If the data are missing, or the name of a folder does not end in axis and slice.
        """
        folder = self.require(root)
        cases = {cohort: _cases(folder / cohort) for cohort in TASKS if (folder / cohort).is_dir()}
        empty = ", ".join(cohort for cohort, folders in cases.items() if not folders)
        if empty:
            warnings.warn(f"{self.name}: left out for lack of images: {empty}", stacklevel=2)
        tasks = (_task(self.name, cohort, case) for cohort in cases for case in cases[cohort])
        return list(dict.fromkeys(tasks))

    def load(self, task: Task, root: Path | None) -> ScribbledData:
        """Load the images of a task, sorted by name.

        Raises
        ------
        DataError
            If the data set has no such task, or a file is missing, damaged or of another shape or range.
        """
        folder = self.require(root)
        cohort = next((c for c in TASKS if c.replace("/", "-") == task.cohort), "")
        cases = [c for c in _cases(folder / cohort) if cohort and _task(self.name, cohort, c) == task]
        if not cases:
            raise DataError(f"{task} is no task of {self.name} with images; `list tasks` prints all tasks")
        images, labels, scribbles = zip(*map(_example, cases), strict=True)
        subjects = np.array([_subject_and_axis(case)[0] for case in cases])
        split = np.full(len(cases), "test")
        arrays = np.stack(images), np.stack(labels)
        names = np.array([case.name for case in cases])
        return ScribbledData(task, *arrays, subjects, split, names=names, scribbles=np.stack(scribbles))


def _cases(folder: Path) -> list[Path]:
    """Folders of the images of a cohort, sorted; empty if neither images nor masks are released."""
    released = any(next(folder.glob(f"*/{name}.npy"), None) for name in ("img", "seg"))
    return sorted(case for case in folder.iterdir() if case.is_dir()) if released else []


def _task(name: str, cohort: str, case: Path) -> Task:
    modality, label = TASKS[cohort]
    return Task(name, cohort.replace("/", "-"), modality, _subject_and_axis(case)[1], label)


def _subject_and_axis(case: Path) -> tuple[str, str]:
    """Subject and axis in the name of the folder of an image."""
    match = re.fullmatch(r"(.+)_axis(\d)_(maxslice|midslice)", case.name)
    if not match:
        raise DataError(f"{case} does not end in _axisK_maxslice or _axisK_midslice; rename or remove it")
    return match[1], match[2]


def _example(case: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image and label (1, SIDE, SIDE), and scribbles (annotators, 2, SIDE, SIDE)."""
    image, seg = (_read_array(case / f"{name}.npy", SHAPE) for name in ("img", "seg"))
    scribbles = [_read_array(case / f"scribble_{number}.npy", (2, *SHAPE)) for number in range(ANNOTATORS)]
    return *preprocess(image, seg > 0.5, str(case / "img.npy")), _shrink(np.stack(scribbles))


def _read_array(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read an array, float32 in [0, 1]."""
    try:
        array = np.load(file, allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"{file} is missing; fetch the data again or remove {file.parent}") from error
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{file} is damaged ({error}); fetch the data again or remove {file.parent}"
        ) from error
    if getattr(array, "shape", None) != shape or array.dtype.kind != "f":
        size = " x ".join(map(str, shape))
        raise DataError(
            f"{file} does not hold {size} floating-point numbers; save it so or remove {file.parent}"
        )
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise DataError(f"{file} holds values outside [0, 1]; rescale it or remove {file.parent}")
    return array.astype(np.float32)


def _shrink(scribbles: np.ndarray) -> np.ndarray:
    """Resize scribbles (..., H, W) to SIDE x SIDE by the maximum over blocks."""
    *rest, height, width = scribbles.shape
    return scribbles.reshape(*rest, SIDE, height // SIDE, SIDE, width // SIDE).max((-3, -1))
