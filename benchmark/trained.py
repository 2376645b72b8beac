"""Weights of models that are trained on each task: where they are, and what they have learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.models.weights import WeightsError, trained_files, trained_folder, training_of
from segbench.paths import TRAINING


@dataclass(frozen=True)
class Trained:
    """What a model is made with on a task, for some simulations.

    Attributes
    ----------
    name : str
        The task, and which training it is where each is measured on its own.
    weights : Path
        A folder, or the one file.
    files : all files that are read
    simulations : those that it is for; None for all
    """

    name: str
    weights: Path
    files: tuple[Path, ...]
    simulations: tuple[int, ...] | None = None


def trained(protocol: Any, model: str, task: str, weights: str) -> list[Trained]:
    """All that a model has learnt on a task: its trainings one by one, if the protocol tells them apart."""
    files = files_of(model, task, weights)
    if not getattr(protocol, "per_training", False):
        return [Trained(task, file.parent, tuple(files)) for file in files[:1]]
    numbers = {int(file.stem.rpartition("-")[2]): file for file in files}
    return [
        Trained(f"{task}, training {number}", file, (file,), (number,))
        for number, file in sorted(numbers.items())
    ]


def files_of(model: str, task: str, weights: str) -> list[Path]:
    """Files of a model that were trained on a task: among the weights, or where `train` has put them.

    One for each initialisation, and maybe each width; none where it has not been trained.
    """
    places = [trained_folder(task, weights)]
    if weights in ("bundled", "official"):
        places.append(trained_folder(task, str(TRAINING)))
    for folder in places:
        try:
            return trained_files(model, folder)
        except WeightsError:
            continue
    return []


def training_in_words(files: Sequence[Path]) -> dict[str, Any]:
    """How a model was trained on a task, as its weights say it, for those who read a number of it.

    Returns
    -------
    dict
        ``trainer``, ``schedule``, ``precision``, ``shortened`` (whether any training was shorter than the
        model's authors have it) and ``runs``; empty where the weights say nothing.
    """
    found = [about for about in map(said_of_training, files) if "schedule" in about]
    if not found:
        return {}
    words = {
        name: " and ".join(dict.fromkeys(about[name] for about in found))
        for name in ("trainer", "schedule", "precision")
    }
    return words | {"shortened": any(about["shortened"] for about in found), "runs": len(found)}


def said_of_training(file: Path) -> dict[str, Any]:
    """What a file says of its training; a plug-in's may be of any kind."""
    try:
        return training_of(file)
    except WeightsError:
        return {}
