"""Label maps of four scans of one subject (InterConv, Fig. 7)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.datasets.scans import ALL
from segbench.reports import pictures, style
from segbench.reports.artefact import AUTOMATIC_SETS, Artefact, InsufficientRecords
from segbench.reports.artefacts.gains import AUTOMATIC_NEED, AUTOMATIC_PAIRS
from segbench.reports.curves import note

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Label maps of four scans of a subject (InterConv, Fig. 7)",
    "Four scans, evenly chosen, of the test subject with the most of them. Each is shown whole and close up, "
    "where the two predictions of these scans differ most. The paper shows nnU-Net; where the run has no "
    "pictures of that pair, SimpleUNet or SwinUNet stands in.",
    requires=(replace(AUTOMATIC_NEED, least=2),),
)

SCANS = 4
CLOSE_UP = 4  # the window is this part of the picture's sides
CELL = 1.35  # inches
COLORS = "tab20"  # a colour for each of the paper's twenty structures


@dataclass(frozen=True)
class Scan:
    """A scan with its label maps (H, W), 0 where there is no structure, and the Dice of each prediction."""

    position: int
    image: np.ndarray
    label: np.ndarray
    predictions: tuple[np.ndarray, np.ndarray]  # InterConv, baseline
    dice: tuple[float, float]


def interconv_fig7(results: Results, data: None = None) -> Figure:
    """Rows: scan, label, InterConv, baseline; for each scan a column of the whole and one of the close-up.

    Raises
    ------
    InsufficientRecords
        If no such pictures are stored, or the scans are not at hand.
    """
    from matplotlib.figure import Figure

    pair, frames = _frames(results)
    scans, structures = _scans(results, frames, pair)
    top, left, height, width = _window(scans)
    figure = Figure(figsize=(2 * CELL * len(scans) + 0.6, 4 * CELL * 0.85 + 1.0), layout="constrained")
    grid = figure.subplots(4, 2 * len(scans), squeeze=False)
    for number, scan in enumerate(scans):
        maps = (None, scan.label, *scan.predictions)
        for row, labels in zip(grid, maps, strict=True):
            whole, close = row[2 * number : 2 * number + 2]
            _show(whole, scan.image, labels, structures)
            _frame(whole, left, top, width, height)
            _show(close, scan.image, labels, structures)
            close.set(xlim=(left - 0.5, left + width - 0.5), ylim=(top + height - 0.5, top - 0.5))
        grid[0][2 * number].set_title(f"Scan {scan.position}", fontsize="small")
        for row, dice in zip(grid[2:], scan.dice, strict=True):
            row[2 * number].set_xlabel(f"Dice {100 * dice:.1f}%", fontsize="x-small")
    baseline, variant = (style.MODELS[model].title for model in pair)
    names = ["Scan", "Label", variant.replace("-Inter", "-\nInter"), baseline]
    for row, name in zip(grid, names, strict=True):
        row[0].set_ylabel(name, fontsize="x-small")
    first = frames.iloc[0]
    figure.suptitle(f"{first.dataset} {first.modality}, subject {first.subject}", fontsize="small")
    note(figure, "White frames: the part that is shown close up. Dice: mean over the structures of a scan.")
    return figure


def _frames(results: Results) -> tuple[tuple[str, str], pd.DataFrame]:
    """The first pair with pictures, and those of one subject."""
    stored = pictures.stored(results)
    stored = stored[(stored.protocol == AUTOMATIC_SETS) & (stored.split == "test")]
    for pair in AUTOMATIC_PAIRS:
        frames = stored[stored.model.isin(pair)]
        if frames.model.nunique() == len(pair):
            place = ["dataset", "cohort", "modality", "axis", "subject"]
            _, part = next(iter(frames.groupby(place, observed=True)))
            return pair, part
    raise InsufficientRecords(
        "The runs keep no pictures of a baseline and its InterConv variant on the same scans."
    )


def _scans(results: Results, frames: pd.DataFrame, pair: tuple[str, str]) -> tuple[list[Scan], int]:
    """The scans to show, and how many structures there are."""
    first = frames.iloc[0]
    data = pictures.scan_data(
        results, "/".join([*(str(first[part]) for part in ("dataset", "cohort", "modality", "axis")), ALL])
    )
    positions = sorted(frames.position.unique())
    chosen = np.unique(np.linspace(0, len(positions) - 1, SCANS).round().astype(int))
    scans = []
    for place in chosen:
        part = frames[frames.position == positions[place]]
        image = int(part.image.iloc[0])
        both = [part[part.model == model] for model in reversed(pair)]
        ours, theirs = (_label_map(rows, data.structures) for rows in both)
        dice = (float(both[0].dice.mean()), float(both[1].dice.mean()))
        scans.append(
            Scan(int(positions[place]), data.images[image, 0], data.labels[image, 0], (ours, theirs), dice)
        )
    return scans, len(data.structures)


def _label_map(rows: pd.DataFrame, structures: tuple[str, ...]) -> np.ndarray:
    """The stored masks of the structures as one map."""
    first = rows.iloc[0]
    labels = np.zeros((first.height, first.width), np.uint8)
    for frame in rows.to_dict("records"):
        mask = pictures.unpacked(frame["prediction"], *labels.shape)
        labels[mask] = structures.index(frame["label"]) + 1
    return labels


def _window(scans: list[Scan]) -> tuple[int, int, int, int]:
    """Top, left, height and width of where the predictions differ most."""
    from scipy.ndimage import uniform_filter

    differing = sum((one != other).astype(float) for one, other in (scan.predictions for scan in scans))
    height, width = (side // CLOSE_UP for side in np.shape(differing))
    share = uniform_filter(np.asarray(differing), (height, width), mode="constant")
    row, column = np.unravel_index(np.argmax(share), share.shape)
    top = np.clip(row - height // 2, 0, share.shape[0] - height)
    left = np.clip(column - width // 2, 0, share.shape[1] - width)
    return int(top), int(left), height, width


def _show(axes: Axes, image: np.ndarray, labels: np.ndarray | None, structures: int) -> None:
    """The image, or a label map on black."""
    if labels is None:
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
    else:
        axes.imshow(_colored(labels, structures), interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _colored(labels: np.ndarray, structures: int) -> np.ndarray:
    """A label map as colours (H, W, 3)."""
    from matplotlib import colormaps

    palette = colormaps[COLORS]
    colors = [palette(number % palette.N)[:3] for number in range(structures)]
    return np.array([(0, 0, 0), *colors])[labels]


def _frame(axes: Axes, left: int, top: int, width: int, height: int) -> None:
    """Where the close-up is."""
    from matplotlib.patches import Rectangle

    corner = (left - 0.5, top - 0.5)
    axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor="white", linewidth=1))


ARTEFACTS = {"interconv-fig7": dataclasses.replace(ARTEFACT, draw=interconv_fig7)}
