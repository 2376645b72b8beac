"""Small image, mask and volume files, and what a folder holds."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from segbench.datasets.importing import ImportedDataset, ImportOptions, find_reader, import_dataset
from segbench.datasets.task import DataError

RAS, LPS = np.diag([1.0, 1, 1, 1]), np.diag([-1.0, -1, 1, 1])


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)


def square(value: int = 1, shape: tuple[int, ...] = (20, 30), side: int = 8) -> np.ndarray:
    """A mask with a square at the origin."""
    mask = np.zeros(shape, np.uint8)
    mask[(slice(side),) * len(shape)] = value
    return mask


def save(path: Path, values: np.ndarray, affine: np.ndarray = RAS) -> Path:
    """A file of the format that its ending says; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith((".nii", ".nii.gz")):
        nibabel.save(nibabel.Nifti1Image(values, affine), path)
    elif path.suffix == ".npy":
        np.save(path, values)
    else:
        Image.fromarray(values).save(path)
    return path


def pictures(path: Path, count: int = 10) -> Path:
    """Images and masks of the folder format, each a subject."""
    for i in range(count):
        save(path / "images" / f"p{i}.png", noise(20, 30, seed=i))
        save(path / "masks" / f"p{i}.png", square(255, side=6 + i % 9))
    return path


def imported(path: Path, root: Path, given: ImportOptions | None = None, **options) -> dict:
    """The manifest of an import as ``own``."""
    return import_dataset("own", find_reader(path, options=given), path, root, **options)


def data(manifest: dict, root: Path) -> dict:
    """The data of each task by its name without the data set."""
    dataset = ImportedDataset(manifest["name"])
    return {task.name.removeprefix("own/"): dataset.load(task, root) for task in dataset.tasks(root)}


def contents(root: Path) -> dict[str, bytes]:
    """Every file below a folder and its bytes."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in sorted(root.rglob("*"))
    }


def refused(path: Path, root: Path, given: ImportOptions | None = None, **options) -> str:
    """The one sentence of an import that fails and changes nothing."""
    before = contents(root)
    with pytest.raises(DataError) as caught:
        imported(path, root, given, **options)
    assert contents(root) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)
