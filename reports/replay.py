"""The replay of single images step by step, packed for the page; ``page/replay.js`` unpacks it.

A link ``#replay:...`` opens the replay at one image, see `link`.
"""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from segbench.reports import bounds, catalogue, estimates, pictures, protocols, style
from segbench.reports.requirement import InsufficientRecords

if TYPE_CHECKING:
    from segbench.results import Results

BUDGET = 12_000_000  # characters of packed images on the page

Method = tuple[str, str]  # model, content of its context
Scenes = dict[int, tuple[np.ndarray, np.ndarray]]  # image and label by index in the task's data


@dataclass(frozen=True)
class Replay:
    """Content of the replay.

    Attributes
    ----------
    data : dict
        JSON for the script. ``images`` has one entry per protocol, task and position; its ``group``,
        ``task``, ``scene`` and the method of each of its ``runs`` are indices into the other lists.
        The ``id`` of images and methods is the part of a `link` that names them. ``scenes`` are pictures
        as `pictures.displayed` returns them, and ``stretched`` whether they differ from the images;
        ``file`` is empty if the data name no files.
    shown, stored : int
        Number of images in ``data``, and of images that the run stored.
    refusals : list of str
        A sentence for every task whose images are not available.
    """

    data: dict[str, Any]
    shown: int
    stored: int
    refusals: list[str]


def link(protocol: str, split: str, task: str, image: int, model: str = "", context: str = "") -> str:
    """Return the address on the page that opens the replay at one image, and scrolls to one method.

    The replay holds simulation 0 of sequential protocols, and on large runs only a part of it. A link to an
    image that it does not hold leads to a sentence that says so.

    Parameters
    ----------
    protocol, split, task : str
        As in the records.
    image : int
        Index in the task's data, as in the records.
    model, context : str
        The method, as in the records; without a model the link names all methods.

    Examples
    --------
    >>> link("center-clicks", "test", "wbc/jtsc/Microscopy/0/nucleus", 12, "multiverseg", "binary")
    '#replay:center-clicks:test:wbc/jtsc/Microscopy/0/nucleus:12&multiverseg:binary'
    """
    return f"#replay:{_id(protocol, split, task, image)}" + (f"&{_id(model, context)}" if model else "")


def _id(*names: object) -> str:
    return ":".join(quote(str(name), safe="/") for name in names)


def replay(results: Results, budget: int = BUDGET) -> Replay:
    """Pack the stored pictures, or an evenly spaced part of them that fits into the budget.

    Parameters
    ----------
    results : Results
    budget : int
        Maximum number of characters of packed images.

    Raises
    ------
    InsufficientRecords
        If no pictures are stored, the images of no task are available, or not one image fits.
    """
    frames = _with_steps(results, pictures.stored(results))
    if frames.empty:
        raise InsufficientRecords(
            "The runs store pictures of sets only; the replay shows sequential protocols."
        )
    methods = _methods(frames)
    groups = _groups(frames)
    tasks: dict[str, tuple[Scenes, list[dict[str, Any]]]] = {}
    refusals = []
    for task, rows in frames.groupby("task", observed=True):
        try:
            scenes = {
                int(image): pictures.scene(results, str(task), int(image)) for image in rows.image.unique()
            }
        except InsufficientRecords as error:
            refusals.append(str(error))
            continue
        names = pictures.file_names(results, str(task))
        tasks[str(task)] = scenes, _images(rows, scenes, names, groups, methods)
    if not tasks:
        raise InsufficientRecords(refusals[0])
    images, shown = _fitting(tasks, budget)
    stored = sum(len(entries) for _, entries in tasks.values())
    data = {
        "colors": pictures.COLORS,
        "note": f"Dark or low-contrast image: {pictures.STRETCHED}",
        "target": estimates.target_dice(results),
        "methods": [
            {"id": _id(*method), "title": _method_title(results, frames, *method)} for method in methods
        ],
        "seed": _seed_title(results),
        "groups": [
            {
                "title": pictures.protocol_title(results, protocol, split),
                "unit": protocols.labels(results, protocol).unit,
            }
            for protocol, split in groups
        ],
        "tasks": list(tasks),
        "scenes": [png for png, _ in shown],
        "stretched": [changed for _, changed in shown],
        "images": images,
    }
    return Replay(data, len(images), stored, refusals)


def links(results: Results) -> set[str]:
    """Return the `link` of every image whose steps the runs stored."""
    frames = _with_steps(results, results.pictures)[["protocol", "split", "task", "image"]]
    return {link(*image) for image in frames.drop_duplicates().itertuples(index=False)}


def _with_steps(results: Results, frames: pd.DataFrame) -> pd.DataFrame:
    """Leave out sets and people's scribbles, whose prompts come all at once: there are no steps to replay."""
    return frames[~frames.protocol.isin(protocols.of_families(results, "sets", "scans", "manual"))]


def _methods(frames: pd.DataFrame) -> list[Method]:
    """List models in the order of all figures, each with its contexts."""
    pairs = set(zip(frames.model.astype(str), frames.context.astype(str), strict=True))
    return [pair for model in style.line_styles(frames.model) for pair in sorted(pairs) if pair[0] == model]


def _method_title(results: Results, frames: pd.DataFrame, model: str, context: str) -> str:
    """Return the title of a method, with the schedule of a network trained on single tasks."""
    if model in catalogue.trainings(results):
        return bounds.label(results, model, frames.task[frames.model == model].unique())
    return pictures.method_title(model, context)


def _groups(frames: pd.DataFrame) -> list[tuple[str, str]]:
    """List protocols in order, each with its splits, the test split first."""
    pairs = set(zip(frames.protocol.astype(str), frames.split.astype(str), strict=True))
    order = protocols.in_order(frames.protocol)
    return sorted(pairs, key=lambda pair: (order.index(pair[0]), pair[1] != "test"))


def _seed_title(results: Results) -> str:
    """Return the title of the model that segmented the seed images."""
    names = [str(seed["name"]) for manifest in results.manifests if (seed := manifest.get("seed_model"))]
    if not names:
        return "The same for all methods"
    return f"{style.model_title(names[0])}, for all methods"


def _images(
    frames: pd.DataFrame,
    scenes: Scenes,
    names: np.ndarray,
    groups: Sequence[tuple[str, str]],
    methods: Sequence[Method],
) -> list[dict[str, Any]]:
    """Pack the images of one task with the steps of all methods.

    ``masks`` holds bit planes one after another: the label, then for every frame the change of the
    prediction (the first one against the label), followed by its scribbles.
    """
    entries = []
    for (protocol, split, position), rows in frames.groupby(["protocol", "split", "position"], observed=True):
        image = int(rows.image.iloc[0])
        label = np.packbits(scenes[image][1])
        planes, runs = [label.tobytes()], []
        by_method = dict(iter(rows.groupby(["model", "context"], observed=True)))
        present = [method for method in methods if method in by_method]
        for method in present if position else present[:1]:  # all methods share the seed image
            runs.append([methods.index(method), _steps(by_method[method].sort_values("step"), label, planes)])
        entries.append(
            {
                "id": _id(protocol, split, rows.task.iloc[0], image),
                "group": groups.index((str(protocol), str(split))),
                "position": rows.position.iloc[0].item(),
                "image": image,
                "file": str(names[image]) if len(names) else "",
                "runs": runs,
                "masks": _base64(zlib.compress(b"".join(planes), 9)),
            }
        )
    return entries


def _steps(frames: pd.DataFrame, label: np.ndarray, planes: list[bytes]) -> list[list]:
    """Return step, Dice, row, column, signs (bits) and box, if any, of every frame.

    The masks of the frames are appended to ``planes``.
    """
    steps, previous = [], label
    for frame in frames.to_dict("records"):
        prediction = np.frombuffer(frame["prediction"], np.uint8)
        planes.append((prediction ^ previous).tobytes())
        previous = prediction
        interactions = frame["positive"], frame["negative"]
        if frame["row"] < 0:
            planes += [mask for mask in interactions if mask]
        signs = sum(bit for bit, mask in zip((1, 2), interactions, strict=True) if mask)
        step = [frame["step"], round(frame["dice"], 4), frame["row"], frame["column"], signs]
        box = pictures.box_of(frame)
        steps.append([*step, box] if box else step)
    return steps


def _fitting(
    tasks: dict[str, tuple[Scenes, list[dict[str, Any]]]], budget: int
) -> tuple[list[dict[str, Any]], list[tuple[str, bool]]]:
    """Choose as many evenly spaced images of every task as fit; return them and their scenes.

    A scene is a PNG, and whether its grey values are stretched.

    Raises
    ------
    InsufficientRecords
        If not one image fits.
    """
    encoded = [
        {image: _scene(picture) for image, (picture, _) in scenes.items()} for scenes, _ in tasks.values()
    ]
    share = 1.0
    while True:
        chosen = [
            (task, entry)
            for task, (_, entries) in enumerate(tasks.values())
            for entry in _evenly(entries, share)
        ]
        if not chosen:
            raise InsufficientRecords("The stored pictures are too large for the page.")
        keys = sorted({(task, entry["image"]) for task, entry in chosen})
        scenes = [encoded[task][image] for task, image in keys]
        size = sum(len(png) for png, _ in scenes) + sum(len(entry["masks"]) for _, entry in chosen)
        if size <= budget:
            break
        share *= min(0.95, budget / size)
    images = [entry | {"task": task, "scene": keys.index((task, entry["image"]))} for task, entry in chosen]
    return images, scenes


def _evenly(images: list[dict[str, Any]], share: float) -> list[dict[str, Any]]:
    """Choose a share of a task's images, at evenly spaced positions that are the same in all protocols."""
    positions = sorted({image["position"] for image in images})
    chosen = {p for rank, p in enumerate(positions) if int((rank + 1) * share) > int(rank * share)}
    return [image for image in images if image["position"] in chosen]


def _scene(image: np.ndarray) -> tuple[str, bool]:
    """Encode an image in [0, 1] as PNG with 256 greys, in base64; tell whether its greys are stretched."""
    from PIL import Image

    stream, picture = io.BytesIO(), pictures.displayed(image)
    Image.fromarray((255 * picture).round().astype(np.uint8)).save(stream, "png", optimize=True)
    return _base64(stream.getvalue()), picture is not image


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
