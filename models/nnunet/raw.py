"""Export of a task to nnU-Net's raw format."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from segbench.datasets.task import DataError, TaskData

NAME = "Dataset001_task"  # one name suffices, as each task has its own folders
SCALE = 65535  # 16 bits keep more of a resized image than 8 bits


def as_png(image: np.ndarray) -> np.ndarray:
    """Convert an image from float32 in [0, 1] to uint16."""
    return np.round(image * SCALE).astype(np.uint16)


def export(data: TaskData, folder: Path) -> list[dict[str, list[str]]]:
    """Write the train and validation images of a task, never test images.

    Parameters
    ----------
    data : TaskData
    folder : Path
        Receives ``imagesTr`` (16-bit greyscale PNG), ``labelsTr`` (0 and 1) and ``dataset.json``.

    Returns
    -------
    list of dict
        Content of ``splits_final.json``: one fold with ``train`` and ``val`` (MultiverSeg, Table 1).

    Raises
    ------
    DataError
        If the task has no train or no validation image.
    """
    splits: dict[str, list[str]] = {}
    for split in ("train", "val"):
        indices = data.indices(split)
        if not len(indices):
            raise DataError(f"{data.task} has no {split} image; nnU-Net needs train and val images")
        splits[split] = [f"image_{index:05d}" for index in indices]
        for name, index in zip(splits[split], indices, strict=True):
            _write(folder / "imagesTr" / f"{name}_0000.png", as_png(data.images[index, 0]))
            _write(folder / "labelsTr" / f"{name}.png", data.labels[index, 0].astype(np.uint8))
    description = {
        "channel_names": {"0": "image"},
        "labels": {"background": 0, "foreground": 1},
        "numTraining": sum(map(len, splits.values())),
        "file_ending": ".png",
        "overwrite_image_reader_writer": "NaturalImage2DIO",
    }
    (folder / "dataset.json").write_text(json.dumps(description, indent=2))
    return [splits]


def _write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written, png = cv2.imencode(".png", image)
    assert written
    path.write_bytes(png.tobytes())
