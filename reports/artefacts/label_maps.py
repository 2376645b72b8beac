"""Label maps of four scans of one subject (InterConv, Fig. 7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.datasets.scans import ALL
from segbench.reports import pictures, protocols, style
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.set_gains import AUTOMATIC, AUTOMATIC_PAIRS
from segbench.reports.catalogue import SCAN
from segbench.reports.curves import note
from segbench.reports.requirement import InsufficientRecords

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

SCANS = 4
CLOSE_UP = 4  # side of the image divided by side of the close-up
CELL = 1.35  # inches
COLORS = "tab20"  # a colour for each of the paper's twenty structures


@dataclass(frozen=True)
class Scan:
    """A scan with its label maps (H, W), where 0 is the background, and the Dice of each prediction."""

    number: int  # of the scan among those of its subject
    image: np.ndarray
    label: np.ndarray
    predictions: tuple[np.ndarray, np.ndarray]  # InterConv, baseline
    dice: tuple[float, float]


def draw(results: Results, data: None) -> Figure:
    """Draw rows of scan, label, InterConv and baseline; each scan has a column of the whole and a close-up.

    Raises
    ------
    InsufficientRecords
        If no such pictures are stored, or the scans are not available.
    """
    from matplotlib.figure import Figure

    pair, frames = _frames(results)
    scans, structures = _scans(results, frames, pair)
    top, left, height, width = _window(scans)
    figure = Figure(figsize=(2 * CELL * len(scans) + 0.6, 4 * CELL * 0.85 + 1.0), layout="constrained")
    grid = figure.subplots(4, 2 * len(scans), squeeze=False)
    for column, scan in enumerate(scans):
        maps = (None, scan.label, *scan.predictions)
        for row, labels in zip(grid, maps, strict=True):
            whole, close = row[2 * column : 2 * column + 2]
            _show(whole, scan.image, labels, structures)
            _draw_window(whole, left, top, width, height)
            _show(close, scan.image, labels, structures)
            close.set(xlim=(left - 0.5, left + width - 0.5), ylim=(top + height - 0.5, top - 0.5))
        grid[0][2 * column].set_title(f"Scan {scan.number}", fontsize="small")
        for row, dice in zip(grid[2:], scan.dice, strict=True):
            row[2 * column].set_xlabel(f"Dice {100 * dice:.1f}%", fontsize="x-small")
    baseline, model = (style.model_title(name) for name in pair)
    titles = ["Scan", "Label", model.replace("-Inter", "-\nInter"), baseline]
    for row, title in zip(grid, titles, strict=True):
        row[0].set_ylabel(title, fontsize="x-small")
    first = frames.iloc[0]
    figure.suptitle(f"{first.dataset} {first.modality}, subject {first.subject}", fontsize="small")
    note(figure, "White frames: part of the close-up. Dice: mean over the structures of a scan.")
    return figure


def _frames(results: Results) -> tuple[tuple[str, str], pd.DataFrame]:
    """Return the first pair of models with pictures, and its frames of the first subject with pictures."""
    stored = pictures.stored(results)
    automatic = stored.protocol.isin(protocols.of_families(results, "scans")) & (stored.split == "test")
    for pair in AUTOMATIC_PAIRS:
        frames = stored[automatic & stored.model.isin(pair)]
        if frames.model.nunique() == len(pair):
            _, of_subject = next(iter(frames.groupby([*SCAN, "subject"], observed=True)))
            return pair, of_subject
    raise InsufficientRecords(
        "The runs store no pictures of a baseline and its InterConv variant on the same scans."
    )


def _scans(results: Results, frames: pd.DataFrame, pair: tuple[str, str]) -> tuple[list[Scan], int]:
    """Choose evenly spaced scans of the subject; return them and the number of structures."""
    data = pictures.scan_data(results, "/".join([*map(str, frames.iloc[0][list(SCAN)]), ALL]))
    positions = sorted(frames.position.unique())
    scans = []
    for index in np.unique(np.linspace(0, len(positions) - 1, SCANS).round().astype(int)):
        of_scan = frames[frames.position == positions[index]]
        image = int(of_scan.image.iloc[0])
        baseline, model = (of_scan[of_scan.model == name] for name in pair)
        scans.append(
            Scan(
                int(index) + 1,
                data.images[image, 0],
                data.labels[image, 0],
                (_label_map(model, data.structures), _label_map(baseline, data.structures)),
                (float(model.dice.mean()), float(baseline.dice.mean())),
            )
        )
    return scans, len(data.structures)


def _label_map(frames: pd.DataFrame, structures: tuple[str, ...]) -> np.ndarray:
    """Join the stored masks of the structures to one map."""
    first = frames.iloc[0]
    labels = np.zeros((first.height, first.width), np.uint8)
    for frame in frames.to_dict("records"):
        mask = pictures.unpacked(frame["prediction"], *labels.shape)
        labels[mask] = structures.index(frame["label"]) + 1
    return labels


def _window(scans: list[Scan]) -> tuple[int, int, int, int]:
    """Return top, left, height and width of the window in which the predictions differ most."""
    from scipy.ndimage import uniform_filter

    differing = sum((one != other).astype(float) for one, other in (scan.predictions for scan in scans))
    height, width = (side // CLOSE_UP for side in np.shape(differing))
    share = uniform_filter(np.asarray(differing), (height, width), mode="constant")
    row, column = np.unravel_index(np.argmax(share), share.shape)
    top = np.clip(row - height // 2, 0, share.shape[0] - height)
    left = np.clip(column - width // 2, 0, share.shape[1] - width)
    return int(top), int(left), height, width


def _show(axes: Axes, image: np.ndarray, labels: np.ndarray | None, structures: int) -> None:
    """Show the image, or a label map on black."""
    from matplotlib import colormaps

    if labels is None:
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
    else:
        palette = colormaps[COLORS]
        colors = [palette(number % palette.N)[:3] for number in range(structures)]
        axes.imshow(np.array([(0, 0, 0), *colors])[labels], interpolation="nearest")
    pictures.without_axes(axes)


def _draw_window(axes: Axes, left: int, top: int, width: int, height: int) -> None:
    from matplotlib.patches import Rectangle

    corner = (left - 0.5, top - 0.5)
    axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor="white", linewidth=1))


ARTEFACTS = {
    "interconv-fig7": Artefact(
        "figure",
        "Label maps of four scans of a subject (InterConv, Fig. 7)",
        "Four evenly spaced scans of the test subject with the most scans, whole and as a close-up of the "
        "part in which the two predictions differ most. The pair is that of nnU-Net; without pictures of it, "
        "SimpleUNet or SwinUNet is shown.",
        requires=(replace(AUTOMATIC, least=2),),
        draw=draw,
    )
}
