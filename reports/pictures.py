"""Single images of a run: stored masks and marks, put back on the images that they belong to."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segbench.datasets.registry import source
from segbench.datasets.scans import ScanData
from segbench.datasets.task import DataError, Task, TaskData
from segbench.registry import UnknownName
from segbench.reports import style
from segbench.reports.artefact import NO_CONTEXT, InsufficientRecords
from segbench.results.schema import TASK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from segbench.results import Results

# Marks, masks and outlines, in figures and in the replay; told apart without red and green too.
PREDICTION, LABEL, POSITIVE, NEGATIVE = "#56B4E9", "#F0E442", "#00E58B", "#FF5A1F"
COLORS = {"prediction": PREDICTION, "label": LABEL, "positive": POSITIVE, "negative": NEGATIVE}
LEGEND = "Yellow: outline of the label. Blue: prediction. Green and orange: positive and negative marks."


def stored(results: Results) -> pd.DataFrame:
    """All frames that the runs kept, in order of step within an image.

    Raises
    ------
    InsufficientRecords
        If they kept none.
    """
    if results.pictures.empty:
        raise InsufficientRecords(
            "The runs keep no pictures of single images; simulation 0 of a sequential protocol has them."
        )
    return results.pictures


def unpacked(packed: bytes, height: int, width: int) -> np.ndarray:
    """A stored mask as bool array (H, W); empty where nothing was stored."""
    if not packed:
        return np.zeros((height, width), bool)
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=height * width)
    return bits.reshape(height, width).astype(bool)


def scene(results: Results, task: str, image: int) -> tuple[np.ndarray, np.ndarray]:
    """The image and the label that stored frames belong to, from the data set of the task.

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
        If the data are absent, or are not those that the run saw.
    """
    pictures = results.pictures[results.pictures.task == task]
    named = Task(*(str(pictures[part].iloc[0]) for part in TASK))
    wanted = tuple(sorted({int(index) for index in pictures.image}))
    return _scenes(named, *_origin(results, task), results.data_root, wanted)[image]


@lru_cache(maxsize=64)  # a task is loaded once for all figures, and only what is shown of it is kept
def _scenes(
    task: Task, name: str, fingerprint: str, root: Path | None, wanted: tuple[int, ...]
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    data = _loaded(task, name, fingerprint, root)
    return {index: (data.images[index, 0].copy(), data.labels[index, 0].copy()) for index in wanted}


def scan_data(results: Results, task: str) -> ScanData:
    """All scans of a data set, from where the run had them; errors as of `scene`.

    Parameters
    ----------
    results : Results
    task : str
        As the manifest calls it.
    """
    data = _scan_data(Task(*task.split("/", len(TASK) - 1)), *_origin(results, task), results.data_root)
    if not isinstance(data, ScanData):
        raise InsufficientRecords(f"{task} is no data set of scans.")
    return data


def _origin(results: Results, task: str) -> tuple[str, str]:
    """Source and fingerprint of a task."""
    entry: dict = {}
    for manifest in results.manifests:
        entry |= (manifest.get("tasks") or {}).get(task, {})
    if not {"source", "fingerprint"} <= set(entry):
        raise InsufficientRecords(f"No manifest says which data set {task} comes from.")
    return entry["source"], entry["fingerprint"]


def _loaded(task: Task, name: str, fingerprint: str, root: Path | None) -> TaskData | ScanData:
    try:
        found = source(name, root)
        if task not in found.tasks(root):
            raise InsufficientRecords(f"The data set {name} no longer has the task {task}.")
        data = found.load(task, root)
    except (DataError, UnknownName) as error:
        raise InsufficientRecords(f"The images of {task} are not at hand: {error}.") from error
    if data.fingerprint != fingerprint:
        raise InsufficientRecords(
            f"The images of {task} are not those that the run saw: their fingerprint differs."
        )
    return data


_scan_data = lru_cache(maxsize=2)(_loaded)  # several figures and tables look at the same scans


def title(model: str, context: str) -> str:
    """What a method is called beside others that have another context."""
    name = style.looks([model])[model].title
    return name if context in (*NO_CONTEXT, "binary") else f"{name}, {context} context"


def group_title(protocol: str, split: str) -> str:
    """What a protocol is called beside itself on another split."""
    name = style.wording(protocol).title
    return name if split == "test" else f"{name}, validation images"


def draw(axes: Axes, image: np.ndarray, label: np.ndarray, frames: pd.DataFrame | None = None) -> None:
    """Show an image with the outline of its label and, of frames, the last prediction and all marks.

    Parameters
    ----------
    axes : Axes
    image : float32 array (H, W) in [0, 1]
    label : bool array (H, W)
    frames : DataFrame, optional
        Stored frames of one method and image, from the first to the one shown; the marks of the last step
        are drawn larger or stronger than earlier ones.
    """
    axes.imshow(image, cmap="gray", vmin=0, vmax=1)
    seen = [] if frames is None else frames.to_dict("records")
    if seen:
        _tint(axes, unpacked(seen[-1]["prediction"], *image.shape), PREDICTION, 0.45)
    if label.any() and not label.all():
        axes.contour(label, [0.5], colors=[LABEL], linewidths=0.9)
    for frame in seen:
        _mark(axes, frame, image.shape, newest=frame is seen[-1])
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _mark(axes: Axes, frame: Mapping[Hashable, Any], shape: tuple[int, ...], newest: bool) -> None:
    """A click as a disc with its sign, a scribble as the pixels that it covers; white rims for the newest."""
    from scipy.ndimage import binary_dilation

    rim, size = ("white", 6.5) if newest else ("black", 4.5)
    for name, color, sign in (("positive", POSITIVE, "+"), ("negative", NEGATIVE, "_")):
        if not frame[name]:
            continue
        if frame["row"] >= 0:
            for marker, part, edge in (("o", size, rim), (sign, 0.6 * size, "black")):
                look: dict[str, Any] = {"marker": marker, "color": color, "markeredgecolor": edge}
                axes.plot(frame["column"], frame["row"], markersize=part, clip_on=False, **look)
            continue
        mask = unpacked(frame[name], *shape)
        if newest:
            _tint(axes, binary_dilation(mask) & ~mask, "white", 0.85)
        _tint(axes, mask, color, 1.0 if newest else 0.7)


def draw_prompts(axes: Axes, frame: Mapping[Hashable, Any], shape: tuple[int, ...]) -> None:
    """All prompts of a stored frame of a set: clicks as discs, scribbles as the pixels that they cover."""
    from scipy.ndimage import binary_dilation

    for name, color in (("positive", POSITIVE), ("negative", NEGATIVE)):
        mask = unpacked(frame[name], *shape)
        if frame["kind"].startswith("click"):
            rows, columns = np.nonzero(mask)
            look: dict[str, Any] = {"marker": "o", "linestyle": "", "markersize": 4, "color": color}
            axes.plot(columns, rows, markeredgecolor="black", markeredgewidth=0.6, clip_on=False, **look)
        else:
            _tint(axes, binary_dilation(mask) & ~mask, "white", 0.85)
            _tint(axes, mask, color, 1.0)


def _tint(axes: Axes, mask: np.ndarray, color: str, alpha: float) -> None:
    from matplotlib.colors import to_rgba

    if mask.any():
        axes.imshow(mask[..., None] * np.array(to_rgba(color, alpha), np.float32), interpolation="nearest")
