"""Weights of models that are trained on each task: their files, and the facts about their training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.models.named_weights import WITHOUT_PATH, weights_of
from segbench.models.weights import WeightsError, trained_files, trained_folder, training_metadata
from segbench.paths import TRAINING
from segbench.protocols.protocol import Protocol


@dataclass(frozen=True)
class TaskWeights:
    """Weights of a model for a task."""

    name: str  # the task, and the number of the training if each training is measured separately
    path: Path  # the folder or file from which the model is made
    files: tuple[Path, ...]  # all files that are read
    simulations: tuple[int, ...] | None = None  # for which these weights are used; None means all


def task_weights(protocol: Protocol, model: str, task: str, weights: str) -> list[TaskWeights]:
    """Return the weights of a model for a task, one entry per training if the protocol measures each."""
    files = weight_files(model, task, weights)
    if not protocol.per_training:
        return [TaskWeights(task, file.parent, tuple(files)) for file in files[:1]]
    numbers = {int(file.stem.rpartition("-")[2]): file for file in files}
    return [
        TaskWeights(f"{task}, training {number}", file, (file,), (number,))
        for number, file in sorted(numbers.items())
    ]


def weight_files(model: str, task: str, weights: str) -> list[Path]:
    """Return the files of a model that were trained on a task, one for each training.

    They are looked for in the folder of the weights, then in the folder that `train` writes to. The list is
    empty if the model has not been trained on the task.
    """
    weights = weights_of(weights, model)
    folders = [trained_folder(task, weights)]
    if weights in WITHOUT_PATH:
        folders.append(trained_folder(task, str(TRAINING)))
    for folder in folders:
        try:
            return trained_files(model, folder)
        except WeightsError:
            continue
    return []


def training_facts(files: Sequence[Path]) -> dict[str, Any]:
    """Return how a model was trained on a task, from the headers of its files.

    Returns
    -------
    dict
        ``trainer``, ``schedule``, ``precision``, ``shortened`` (whether any training was shorter than the
        model's authors have it) and ``runs``; empty if the files do not contain them.
    """
    trainings = [training for training in map(read_training, files) if "schedule" in training]
    if not trainings:
        return {}
    facts = {
        name: " and ".join(dict.fromkeys(training[name] for training in trainings))
        for name in ("trainer", "schedule", "precision")
    }
    shortened = any(training["shortened"] for training in trainings)
    return facts | {"shortened": shortened, "runs": len(trainings)}


def read_training(file: Path) -> dict[str, Any]:
    """Return the facts about a training from the header of its file; empty for a plug-in's own format."""
    try:
        return training_metadata(file)
    except WeightsError:
        return {}
