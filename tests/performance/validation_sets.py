"""The real sets for choosing between trainings, as a data set of the benchmark.

Each folder has the form of the training sets (``dataset.json``, ``images``, ``masks``), but models are never
trained on it. A label is a task of at most `MAX_IMAGES` images of different subjects, in which it covers at
least half a per cent; tasks with fewer than `MIN_IMAGES` are left out. The first image begins the context.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np

from segbench.datasets.files.images import read_image, read_mask
from segbench.datasets.preprocess import prepare_image, prepare_mask
from segbench.datasets.task import Task, TaskData, name_part
from segbench.models.training.real_tasks import MIN_SHARE
from segbench.randomness import keyed_generator

MIN_IMAGES, MAX_IMAGES = 6, 7


class ValidationSets:
    """All sets in the folder ``validation`` of the data folder."""

    name = "validation-sets"

    def installed(self, root: Path) -> bool:
        """Whether there is a set."""
        return any((root / "validation").glob("*/dataset.json"))

    def tasks(self, root: Path) -> list[Task]:
        """One task per set and label."""
        return list(_read(root))

    def load(self, task: Task, root: Path) -> TaskData:
        """Images and masks of a task."""
        return _read(root)[task]


@lru_cache
def _read(root: Path) -> dict[Task, TaskData]:
    tasks = [data for path in sorted((root / "validation").glob("*/")) for data in _read_set(path)]
    return {data.task: data for data in tasks}


def _read_set(path: Path) -> list[TaskData]:
    settings = json.loads((path / "dataset.json").read_text("utf-8"))
    files = np.array(sorted((path / "images").glob("*.png")))
    masks = [read_mask(path / "masks" / file.name) for file in files]
    known = settings["subjects"] is not None
    names = np.array([file.stem.split("_")[0] if known else file.stem for file in files])
    order = keyed_generator(0, "validation sets", path.name).permutation(len(files))
    found = []
    for value, label in settings["labels"].items():
        usable = [n for n in order if (masks[n] == int(value)).mean() >= MIN_SHARE]
        _, firsts = np.unique(names[usable], return_index=True)
        chosen = [usable[first] for first in sorted(firsts)][:MAX_IMAGES]
        if len(chosen) >= MIN_IMAGES:
            task = Task(
                path.name, "all", name_part(settings.get("modality", "unknown")), "0", name_part(label)
            )
            images, labels = [], []
            for n in chosen:
                image = read_image(files[n])
                images.append(prepare_image(image, str(files[n])))
                labels.append(prepare_mask(masks[n] == int(value), image.shape[:2], str(files[n])))
            split = np.array(["train"] + ["val"] * (len(chosen) - 1))
            found.append(TaskData(task, np.stack(images), np.stack(labels), names[chosen], split))
    return found
