"""Training sets on disk: real images, each label of which is a task, and the manifest of a training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segbench.datasets import catalogue
from segbench.datasets.files.images import read_image, read_mask
from segbench.datasets.files.tables import read_text
from segbench.datasets.preprocess import prepare_image, prepare_mask
from segbench.datasets.registry import DATASETS
from segbench.datasets.task import DataError, Task, TaskData, name_part

# Smallest share of an image that a label covers; interactions and errors on less are a few pixels.
MIN_SHARE = 0.005
# Folders and data sets for evaluation.
EVALUATION_FOLDERS = {"segmentation_wbc", "medscribble", "validation", "official"}
EVALUATION_TABLES = ("table2", "interconv-table3", "interconv-table7", "manual-scribbles")
VALIDATION_SETS = {
    "brats2015",
    "bus-bra",
    "corneal-endothelium",
    "curvas",
    "fuseg",
    "ham10000",
    "isbi2012-em",
    "medetec",
    "muscle-us",
}
REQUIRED = {"licence", "citation", "labels", "subjects"}  # fields of dataset.json


@dataclass(frozen=True)
class Credit:
    """Licence and citation of a data set."""

    dataset: str
    licence: str = "unknown"
    citation: str = "unknown"


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """A data set for training, with its tasks."""

    credit: Credit
    tasks: tuple[TaskData, ...]


def read_training_sets(folder: Path) -> list[TrainingSet]:
    """Read all training sets of a folder, in the order of their names; sets without a task are left out.

    Each set is a subfolder with ``images/NAME.png``, ``masks/NAME.png`` of label values, and a file
    ``dataset.json`` of ``licence``, ``citation``, ``labels`` (a name for each value) and ``subjects`` (their
    number, or null if unknown). If subjects are known, file names begin with the subject and an underscore.
    A label is a task of the images of which it covers at least `MIN_SHARE`, if these show two subjects.

    Raises
    ------
    DataError
        If there is no set, a set is for evaluation, or a file is missing or damaged.
    """
    paths = sorted(path.parent for path in folder.glob("*/dataset.json"))
    if not paths:
        raise DataError(f"{folder} contains no training set; give the folder that contains the sets' folders")
    sets = [_read_set(path) for path in paths]
    return [training_set for training_set in sets if training_set.tasks]


def _read_set(path: Path) -> TrainingSet:
    settings = _read_settings(path / "dataset.json")
    _refuse_evaluation_data(path, settings.get("name", ""))
    files = sorted((path / "images").glob("*.png"))
    if not files:
        raise DataError(f"{path / 'images'} contains no PNG image; add the images")
    images = [read_image(file) for file in files]
    masks = [read_mask(path / "masks" / file.name) for file in files]
    prepared = np.stack([prepare_image(*pair) for pair in zip(images, map(str, files), strict=True)])
    known = settings["subjects"] is not None
    subjects = np.array([file.stem.split("_")[0] if known else file.stem for file in files])
    modality, tasks = name_part(settings.get("modality", "unknown")), []
    for value, label in settings["labels"].items():
        labels = np.stack(
            [
                prepare_mask(mask == value, image.shape[:2], str(file))
                for mask, image, file in zip(masks, images, files, strict=True)
            ]
        )
        large = labels.mean((1, 2, 3)) >= MIN_SHARE
        if len(set(subjects[large])) >= 2:  # a target's context shows other subjects
            task = Task(path.name, "all", modality, "0", name_part(label))
            split = np.full(int(large.sum()), "train")
            tasks.append(TaskData(task, prepared[large], labels[large], subjects[large], split))
    return TrainingSet(Credit(path.name, settings["licence"], settings["citation"]), tuple(tasks))


def evaluation_names() -> set[str]:
    """Names of the sets that models are evaluated on, in lower case."""
    entries = [entry for table in EVALUATION_TABLES for entry in catalogue.entries(table)]
    names = {text.lower() for entry in entries for text in (entry.key, entry.name)}
    return VALIDATION_SETS | names | set(DATASETS.names())


def _refuse_evaluation_data(path: Path, name: str) -> None:
    """Raise `DataError` for a set that models are evaluated on, by its location, folder or name."""
    folders = {part.lower() for part in path.resolve().parts}
    if folders & EVALUATION_FOLDERS or {path.name.lower(), name.lower()} & evaluation_names():
        raise DataError(f"{path} is for evaluation; remove it from the folder of the training sets")


def _read_settings(file: Path) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads(read_text(file))
        missing = REQUIRED - set(settings)
        if not missing:
            settings["labels"] = {int(value): str(label) for value, label in settings["labels"].items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{file} cannot be read ({error}); correct it") from error
    if missing:
        raise DataError(f"{file} lacks {', '.join(sorted(missing))}; add it")
    return settings


def training_manifest(tasks: Iterable[TaskData], credits: Iterable[Credit]) -> list[dict[str, Any]]:
    """Describe the data of a training: for each data set its credit, SHA-256, and images of each task."""
    known = {credit.dataset: credit for credit in credits}
    datasets: dict[str, list[TaskData]] = {}
    for data in tasks:
        datasets.setdefault(data.task.dataset, []).append(data)
    return [
        asdict(known.get(dataset, Credit(dataset)))
        | {
            "sha256": hashlib.sha256("".join(data.fingerprint for data in members).encode()).hexdigest(),
            "tasks": {data.task.name: len(data.indices("train")) for data in members},
        }
        for dataset, members in datasets.items()
    ]
