"""Stored masks and interactions of single images, drawn on the images of the data set."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segbench.datasets.registry import open_dataset
from segbench.datasets.scans import ScanData
from segbench.datasets.task import DataError, Task, TaskData
from segbench.registry import UnknownName
from segbench.reports import protocols, style
from segbench.reports.requirement import NO_CONTEXT, InsufficientRecords
from segbench.results.schema import TASK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from segbench.results import Results

# Colours of figures and of the replay; readers who confuse red and green can distinguish them.
PREDICTION, LABEL, POSITIVE, NEGATIVE = "#56B4E9", "#F0E442", "#00E58B", "#FF5A1F"
COLORS = {"prediction": PREDICTION, "label": LABEL, "positive": POSITIVE, "negative": NEGATIVE}
SIGNS = (("positive", POSITIVE, "+"), ("negative", NEGATIVE, "_"))  # column of the frames, colour, marker
OUTLINES = "Yellow: outline of the label. Blue: prediction."
LEGEND = f"{OUTLINES} Green and orange: positive and negative interactions."


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
    frames = results.pictures[results.pictures.task == task]
    key = Task(*(str(frames[name].iloc[0]) for name in TASK))
    indices = tuple(sorted({int(index) for index in frames.image}))
    return _scenes(key, *_origin(results, task), results.data_root, indices)[image]


@lru_cache(maxsize=64)  # load each task once for all figures, and keep only the images with pictures
def _scenes(
    task: Task, name: str, fingerprint: str, root: Path | None, indices: tuple[int, ...]
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    data = _load(task, name, fingerprint, root)
    return {index: (data.images[index, 0].copy(), data.labels[index, 0].copy()) for index in indices}


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


def draw(axes: Axes, image: np.ndarray, label: np.ndarray, frames: pd.DataFrame | None = None) -> None:
    """Show an image with the outline of its label, the last prediction and all interactions.

    Parameters
    ----------
    axes : Axes
    image : float32 array (H, W) in [0, 1]
    label : bool array (H, W)
    frames : DataFrame, optional
        Stored frames of one method and image, from the first to the one shown. The interactions of the last
        one are drawn larger or stronger than earlier ones.
    """
    axes.imshow(image, cmap="gray", vmin=0, vmax=1)
    steps = [] if frames is None else frames.to_dict("records")
    if steps:
        _tint(axes, unpacked(steps[-1]["prediction"], *image.shape), PREDICTION, 0.45)
    if label.any() and not label.all():
        axes.contour(label, [0.5], colors=[LABEL], linewidths=0.9)
    for frame in steps:
        _draw_interactions(axes, frame, image.shape, newest=frame is steps[-1])
    without_axes(axes)


def without_axes(axes: Axes) -> None:
    """Hide ticks, grid and spines, as around a picture."""
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_interactions(
    axes: Axes, frame: Mapping[Hashable, Any], shape: tuple[int, ...], newest: bool
) -> None:
    """Draw a click as a disc with its sign, a scribble as its pixels; the newest have a white rim."""
    rim, size = ("white", 6.5) if newest else ("black", 4.5)
    for name, color, sign in SIGNS:
        if not frame[name]:
            continue
        if frame["row"] < 0:
            _draw_scribble(axes, unpacked(frame[name], *shape), color, newest)
            continue
        for marker, marker_size, edge in (("o", size, rim), (sign, 0.6 * size, "black")):
            ink: dict[str, Any] = {"marker": marker, "color": color, "markeredgecolor": edge}
            axes.plot(frame["column"], frame["row"], markersize=marker_size, clip_on=False, **ink)


def draw_prompts(axes: Axes, frame: Mapping[Hashable, Any], shape: tuple[int, ...]) -> None:
    """Draw all prompts of one image of a set: clicks as discs, scribbles as their pixels."""
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

    if newest:
        _tint(axes, binary_dilation(mask) & ~mask, "white", 0.85)
    _tint(axes, mask, color, 1.0 if newest else 0.7)


def _tint(axes: Axes, mask: np.ndarray, color: str, alpha: float) -> None:
    from matplotlib.colors import to_rgba

    if mask.any():
        axes.imshow(mask[..., None] * np.array(to_rgba(color, alpha), np.float32), interpolation="nearest")
