"""The replay of single images, step by step, packed for the page (``page/replay.js`` unpacks it)."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segbench.reports import bounds, catalogue, estimates, pictures, style
from segbench.reports.artefact import SETS, InsufficientRecords

if TYPE_CHECKING:
    from segbench.results import Results

BUDGET = 12_000_000  # characters of packed images on the page

Method = tuple[str, str]  # model, and what its context holds
Scenes = dict[int, tuple[np.ndarray, np.ndarray]]  # image and label by index in the task's data


@dataclass(frozen=True)
class Replay:
    """What the page replays.

    Attributes
    ----------
    data : dict
        JSON for the script. ``images`` has one entry per protocol, task and position; in it ``group``,
        ``task``, ``scene`` and the method of each of its ``runs`` are places in the other lists.
    shown, stored : int
        Images in it, and images that could be shown if there were room.
    refusals : list of str
        Why tasks are left out, a sentence each.
    """

    data: dict[str, Any]
    shown: int
    stored: int
    refusals: list[str]


def replay(results: Results, budget: int = BUDGET) -> Replay:
    """Everything that is stored of single images, or as much of it, evenly chosen, as there is room for.

    Parameters
    ----------
    results : Results
    budget : int
        Characters of packed images at most.

    Raises
    ------
    InsufficientRecords
        If no pictures are stored, the images of no task are at hand, or there is no room for any.
    """
    frames = pictures.stored(results)
    frames = frames[~frames.protocol.isin(SETS)]  # of sets, prompts do not come one after another
    if frames.empty:
        raise InsufficientRecords(
            "The runs keep pictures of sets only; the replay shows sequential protocols."
        )
    methods = _methods(frames)
    groups = _groups(frames)
    tasks: dict[str, tuple[Scenes, list[dict[str, Any]]]] = {}
    refusals = []
    for task, part in frames.groupby("task", observed=True):
        try:
            scenes = {
                int(image): pictures.scene(results, str(task), int(image)) for image in part.image.unique()
            }
        except InsufficientRecords as error:
            refusals.append(str(error))
            continue
        tasks[str(task)] = scenes, _images(part, scenes, groups, methods)
    if not tasks:
        raise InsufficientRecords(refusals[0])
    images, pngs = _fitting(tasks, budget)
    stored = sum(len(found) for _, found in tasks.values())
    data = {
        "colors": pictures.COLORS,
        "target": estimates.target_dice(results),
        "methods": [_method_title(results, frames, *method) for method in methods],
        "seed": _seed_title(results),
        "groups": [
            {"title": pictures.group_title(*group), "unit": style.wording(group[0]).unit} for group in groups
        ],
        "tasks": list(tasks),
        "scenes": pngs,
        "images": images,
    }
    return Replay(data, len(images), stored, refusals)


def _methods(frames: pd.DataFrame) -> list[Method]:
    """Models in the order of all figures, each with its contexts."""
    found = set(zip(frames.model.astype(str), frames.context.astype(str), strict=True))
    return [method for model in style.looks(frames.model) for method in sorted(found) if method[0] == model]


def _method_title(results: Results, frames: pd.DataFrame, model: str, context: str) -> str:
    """The name of a method; of a network trained on each task, with how long it was trained."""
    if model in catalogue.trainings(results):
        return bounds.label(results, model, frames.task[frames.model == model].unique())
    return pictures.title(model, context)


def _groups(frames: pd.DataFrame) -> list[tuple[str, str]]:
    """Protocols in the papers' order, each with its splits, the test split first."""
    found = set(zip(frames.protocol.astype(str), frames.split.astype(str), strict=True))
    order = style.protocols_in_order(frames.protocol)
    return sorted(found, key=lambda group: (order.index(group[0]), group[1] != "test"))


def _seed_title(results: Results) -> str:
    """Who segmented the images that the contexts begin with."""
    named = [str(seed["name"]) for manifest in results.manifests if (seed := manifest.get("seed_model"))]
    return (
        f"{style.looks(named[:1])[named[0]].title}, for all methods" if named else "The same for all methods"
    )


def _images(
    frames: pd.DataFrame,
    scenes: Scenes,
    groups: Sequence[tuple[str, str]],
    methods: Sequence[Method],
) -> list[dict[str, Any]]:
    """The images of one task, each with all that the methods did to it.

    ``masks`` holds bit planes, one after another: the label; then for every frame what changed in the
    prediction, beginning with the label, and where it has scribbles, these.
    """
    found = []
    for (protocol, split, position), part in frames.groupby(["protocol", "split", "position"], observed=True):
        image = int(part.image.iloc[0])
        label = np.packbits(scenes[image][1])
        planes, runs = [label.tobytes()], []
        played = dict(iter(part.groupby(["model", "context"], observed=True)))
        present = [method for method in methods if method in played]
        for method in present if position else present[:1]:  # the seed image is segmented once for all
            steps = _steps(played[method].sort_values("step"), label, planes)
            runs.append([methods.index(method), steps])
        place = {"group": groups.index((str(protocol), str(split))), "position": part.position.iloc[0].item()}
        masks = _text(zlib.compress(b"".join(planes), 9))
        found.append(place | {"image": image, "runs": runs, "masks": masks})
    return found


def _steps(frames: pd.DataFrame, label: np.ndarray, planes: list[bytes]) -> list[list]:
    """Of every frame of a method step, Dice, row, column and signs (bits); its masks go to ``planes``."""
    steps, previous = [], label
    for frame in frames.to_dict("records"):
        prediction = np.frombuffer(frame["prediction"], np.uint8)
        planes.append((prediction ^ previous).tobytes())
        previous = prediction
        marks = frame["positive"], frame["negative"]
        if frame["row"] < 0:
            planes += [mark for mark in marks if mark]
        signs = sum(bit for bit, mark in zip((1, 2), marks, strict=True) if mark)
        steps.append([frame["step"], round(frame["dice"], 4), frame["row"], frame["column"], signs])
    return steps


def _fitting(
    tasks: dict[str, tuple[Scenes, list[dict[str, Any]]]], budget: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """As many images of every task as fit, evenly spaced, and the scenes that they show.

    Raises
    ------
    InsufficientRecords
        If not one fits.
    """
    pngs = [{image: _png(picture) for image, (picture, _) in scenes.items()} for scenes, _ in tasks.values()]
    share = 1.0
    while True:
        chosen = [
            (number, image)
            for number, (_, found) in enumerate(tasks.values())
            for image in _evenly(found, share)
        ]
        if not chosen:
            raise InsufficientRecords("The stored pictures are too large for the page.")
        places = sorted({(number, image["image"]) for number, image in chosen})
        texts = [pngs[number][image] for number, image in places]
        size = sum(map(len, texts)) + sum(len(image["masks"]) for _, image in chosen)
        if size <= budget:
            break
        share *= min(0.95, budget / size)
    images = [
        image | {"task": number, "scene": places.index((number, image["image"]))} for number, image in chosen
    ]
    return images, texts


def _evenly(images: list[dict[str, Any]], share: float) -> list[dict[str, Any]]:
    """A share of a task's images: those at every so-maniest position, the same under each protocol."""
    positions = sorted({image["position"] for image in images})
    kept = {
        position for rank, position in enumerate(positions) if int((rank + 1) * share) > int(rank * share)
    }
    return [image for image in images if image["position"] in kept]


def _png(picture: np.ndarray) -> str:
    """A picture in [0, 1] as PNG with 256 greys, in base64."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray((255 * picture).round().astype(np.uint8)).save(stream, "png", optimize=True)
    return _text(stream.getvalue())


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
