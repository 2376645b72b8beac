"""Stored masks and interactions of single images, drawn on the images of the data set."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segbench.datasets.registry import open_dataset
from segbench.datasets.scans import ScanData
from segbench.datasets.task import DataError, Task, TaskData
from segbench.protocols.adapter import Box
from segbench.registry import UnknownName
from segbench.reports import protocols, style
from segbench.reports.requirement import NO_CONTEXT, InsufficientRecords
from segbench.results.schema import TASK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from segbench.results import Results

# Colours of figures and of the replay; readers who confuse red and green can distinguish them.
PREDICTION, LABEL, POSITIVE, NEGATIVE, BOX = "#56B4E9", "#F0E442", "#00E58B", "#FF5A1F", "#FF3FB4"
COLORS = {"prediction": PREDICTION, "label": LABEL, "positive": POSITIVE, "negative": NEGATIVE, "box": BOX}
SIGNS = (("positive", POSITIVE, "+"), ("negative", NEGATIVE, "_"))  # column of the frames, colour, marker
OUTLINES = "Yellow: line around the label. Blue: prediction, its edge drawn inside it."
INTERACTIONS = "Green and orange: positive and negative interactions."
BOXES = "Pink: box."

FINENESS = 512  # image points along the longer side; a pixel of the image is a square of at least 3 x 3
WINDOW = (1, 99.5)  # percentiles of the grey values that are shown black and white ...
CONTRAST = 0.75  # ... where these two are nearer to each other than this
STRETCHED = (
    f"grey values from percentile {WINDOW[0]} to {WINDOW[1]} are shown from black to white, for display "
    "only; models get the original."
)

Scenes = dict[int, tuple[np.ndarray, np.ndarray]]  # image and label by index in the task's data


def stored(results: Results) -> pd.DataFrame:
    """Return the stored frames of all protocols; a frame is one step of one image, in order of steps.

    Raises
    ------
    InsufficientRecords
        If the runs stored none.
    """
    if results.pictures.empty:
        raise InsufficientRecords(
            "The runs store no pictures of single images; simulation 0 of a sequential protocol stores them."
        )
    return results.pictures


def unpacked(packed: bytes, height: int, width: int) -> np.ndarray:
    """Unpack a stored mask to a bool array (H, W); without stored bytes it is all False."""
    if not packed:
        return np.zeros((height, width), bool)
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=height * width)
    return bits.reshape(height, width).astype(bool)


def box_of(frame: Mapping[Hashable, Any]) -> Box | None:
    """Return the box that was drawn at the step of a stored frame, if any."""
    if not frame["box"]:
        return None
    mask = unpacked(frame["box"], frame["height"], frame["width"])
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def scene(results: Results, task: str, image: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the image and the label of stored frames, from the data set of the task.

    Parameters
    ----------
    results : Results
    task : str
        Name of a task with pictures.
    image : int
        Index in the task's data, as in the records.

    Returns
    -------
    float32 array (H, W) in [0, 1], bool array (H, W)

    Raises
    ------
    InsufficientRecords
        If the data are absent, or differ from the data of the run.
    """
    scenes, _ = _of_task(results, task)
    return scenes[image]


def file_names(results: Results, task: str) -> np.ndarray:
    """Return the file or slice of every image of a task, empty if unknown; raises as `scene` does."""
    _, names = _of_task(results, task)
    return names


def _of_task(results: Results, task: str) -> tuple[Scenes, np.ndarray]:
    indices = tuple(sorted({int(index) for index in results.pictures.image[results.pictures.task == task]}))
    first = results.images[results.images.task == task].iloc[0]  # its name alone is ambiguous
    key = Task(*(str(first[part]) for part in TASK))
    return _scenes(key, *_origin(results, task), results.data_root, indices)


@lru_cache(maxsize=64)  # load each task once for all figures, and keep only the images with pictures
def _scenes(
    task: Task, name: str, fingerprint: str, root: Path | None, indices: tuple[int, ...]
) -> tuple[Scenes, np.ndarray]:
    """Return images and labels by index, and the names of all images."""
    data = _load(task, name, fingerprint, root)
    scenes = {index: (data.images[index, 0].copy(), data.labels[index, 0].copy()) for index in indices}
    return scenes, data.names


def scan_data(results: Results, task: str) -> ScanData:
    """Return all scans of a data set; raises as `scene` does.

    Parameters
    ----------
    results : Results
    task : str
        Its name in the manifest.
    """
    data = _load_scans(Task(*task.split("/", len(TASK) - 1)), *_origin(results, task), results.data_root)
    if not isinstance(data, ScanData):
        raise InsufficientRecords(f"{task} is not a data set of scans.")
    return data


def _origin(results: Results, task: str) -> tuple[str, str]:
    """Return the name of a task's source and the fingerprint of its data."""
    entry: dict = {}
    for manifest in results.manifests:
        entry |= (manifest.get("tasks") or {}).get(task, {})
    if not {"source", "fingerprint"} <= set(entry):
        raise InsufficientRecords(f"No manifest names the data set of {task}.")
    return entry["source"], entry["fingerprint"]


def _load(task: Task, name: str, fingerprint: str, root: Path | None) -> TaskData | ScanData:
    try:
        dataset = open_dataset(name, root)
        if task not in dataset.tasks():
            raise InsufficientRecords(f"The data set {name} no longer has the task {task}.")
        data = dataset.load(task)
    except (DataError, UnknownName) as error:
        raise InsufficientRecords(f"The images of {task} are not available: {error}.") from error
    if data.fingerprint != fingerprint:
        raise InsufficientRecords(
            f"The images of {task} differ from the images of the run: they have another fingerprint."
        )
    return data


_load_scans = lru_cache(maxsize=2)(_load)  # several figures and tables show the same scans


def method_title(model: str, context: str) -> str:
    """Return the title of a model, with the content of its context unless this is the usual one."""
    name = style.model_title(model)
    return name if context in (NO_CONTEXT, "binary") else f"{name}, {context} context"


def protocol_title(results: Results, protocol: str, split: str) -> str:
    """Return the title of a protocol, with the split unless this is the test split."""
    title = protocols.labels(results, protocol).title
    return title if split == "test" else f"{title}, validation images"


def displayed(image: np.ndarray) -> np.ndarray:
    """Return an image (H, W) in [0, 1] as people see it: dark ones and those of low contrast are stretched.

    All other images are returned themselves. Models always get the original.
    """
    low, high = np.percentile(image, WINDOW)
    if not 0 < high - low < CONTRAST:
        return image
    return ((image - low) / (high - low)).clip(0, 1).astype(np.float32)


def interactions_of(frames: pd.DataFrame) -> str:
    """Return the sentences of a legend about the interactions of stored frames."""
    return f"{INTERACTIONS} {BOXES}" if frames.box.astype(bool).any() else INTERACTIONS


def legend(images: Iterable[np.ndarray], interactions: str = INTERACTIONS) -> str:
    """Return the note of a figure: its colours, and that images are stretched if some of these are."""
    return f"{OUTLINES} {interactions}{stretched(images)}"


def stretched(images: Iterable[np.ndarray]) -> str:
    """Return a sentence about images that are shown with other grey values, or an empty text."""
    changed = [displayed(image) is not image for image in images]
    return (
        f" Dark or low-contrast images ({sum(changed)} of {len(changed)}): {STRETCHED}"
        if any(changed)
        else ""
    )


def draw(axes: Axes, image: np.ndarray, label: np.ndarray, frames: pd.DataFrame | None = None) -> None:
    """Show an image with a line around its label, the last prediction and all interactions.

    Parameters
    ----------
    axes : Axes
    image : float32 array (H, W) in [0, 1]
    label : bool array (H, W)
    frames : DataFrame, optional
        Stored frames of one method and image, from the first to the one shown. The interactions of the last
        one are drawn larger or stronger than earlier ones.
    """
    steps = [] if frames is None else frames.to_dict("records")
    prediction = unpacked(steps[-1]["prediction"], *image.shape) if steps else None
    height, width = image.shape
    picture = composed(image, label, prediction)
    axes.imshow(picture, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    for frame in steps:
        _draw_interactions(axes, frame, image.shape, newest=frame is steps[-1])
    without_axes(axes)


def composed(image: np.ndarray, label: np.ndarray, prediction: np.ndarray | None = None) -> np.ndarray:
    """Colour an image at several points per pixel, which keeps thin structures distinct.

    The line of the label is drawn outside the label, half a pixel wide, and that of the prediction inside the
    prediction. Neither hides the other, also where masks coincide or are one pixel apart.

    Parameters
    ----------
    image : float32 array (H, W) in [0, 1]
    label : bool array (H, W)
    prediction : bool array (H, W), optional

    Returns
    -------
    float32 array (k H, k W, 3) in [0, 1]
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    k = max(3, -(-FINENESS // max(image.shape)))
    points = np.ones((k, k), bool)
    picture = np.repeat(np.kron(displayed(image), points)[..., None], 3, axis=2).astype(np.float32)
    if prediction is not None:
        inside = np.kron(prediction, points)
        _mix(picture, inside, PREDICTION, 0.4)
        core = minimum_filter(inside, 2 * (k // 3) + 1, mode="nearest")
        _mix(picture, inside & ~core, PREDICTION, 1)
    inside = np.kron(label, points)
    _mix(picture, maximum_filter(inside, 2 * (k // 2) + 1) & ~inside, LABEL, 1)
    return picture


def _mix(picture: np.ndarray, mask: np.ndarray, color: str, alpha: float) -> None:
    from matplotlib.colors import to_rgb

    picture[mask] += alpha * (np.array(to_rgb(color), np.float32) - picture[mask])


def without_axes(axes: Axes) -> None:
    """Hide ticks, grid and spines, as around a picture."""
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_interactions(
    axes: Axes, frame: Mapping[Hashable, Any], shape: tuple[int, ...], newest: bool
) -> None:
    """Draw a box as its outline, a click as a disc with its sign, a scribble as its pixels.

    The newest have a white rim.
    """
    rim, size = ("white", 6.5) if newest else ("black", 4.5)
    if box := box_of(frame):
        _draw_box(axes, box, rim)
    for name, color, sign in SIGNS:
        if not frame[name]:
            continue
        if frame["row"] < 0:
            _draw_scribble(axes, unpacked(frame[name], *shape), color, newest)
            continue
        for marker, marker_size, edge in (("o", size, rim), (sign, 0.6 * size, "black")):
            ink: dict[str, Any] = {"marker": marker, "color": color, "markeredgecolor": edge}
            axes.plot(frame["column"], frame["row"], markersize=marker_size, clip_on=False, **ink)


def _draw_box(axes: Axes, box: Box, rim: str) -> None:
    """Draw the outline of a box with a rim, at the edges of its outer pixels."""
    from matplotlib.patches import Rectangle

    corner, size = (box.left - 0.5, box.top - 0.5), (box.right - box.left, box.bottom - box.top)
    for color, width in ((rim, 2.4), (BOX, 1.2)):
        ink: dict[str, Any] = {"edgecolor": color, "linewidth": width, "clip_on": False}
        axes.add_patch(Rectangle(corner, *size, fill=False, **ink))


def draw_prompts(axes: Axes, frame: Mapping[Hashable, Any], shape: tuple[int, ...]) -> None:
    """Draw all prompts of one image of a set onto it: clicks as discs, scribbles as their pixels."""
    for name, color, _ in SIGNS:
        mask = unpacked(frame[name], *shape)
        if frame["kind"].startswith("click"):
            rows, columns = np.nonzero(mask)
            ink: dict[str, Any] = {"marker": "o", "linestyle": "", "markersize": 4, "color": color}
            axes.plot(columns, rows, markeredgecolor="black", markeredgewidth=0.6, clip_on=False, **ink)
        else:
            _draw_scribble(axes, mask, color, newest=True)


def _draw_scribble(axes: Axes, mask: np.ndarray, color: str, newest: bool) -> None:
    from scipy.ndimage import binary_dilation

    inside = np.kron(mask, np.ones((3, 3), bool))
    if newest:
        _tint(axes, binary_dilation(inside, np.ones((3, 3), bool)) & ~inside, "white", 0.85)
    _tint(axes, inside, color, 1.0 if newest else 0.7)


def _tint(axes: Axes, points: np.ndarray, color: str, alpha: float) -> None:
    """Colour points of the picture that `draw` has shown."""
    from matplotlib.colors import to_rgba

    if points.any():
        layer = points[..., None] * np.array(to_rgba(color, alpha), np.float32)
        axes.imshow(layer, interpolation="nearest", extent=axes.images[0].get_extent())
