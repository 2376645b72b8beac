"""A sheet about one task: images with their labels, and plots of intensities and label sizes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from segbench.datasets.checks import Finding, View
from segbench.datasets.task import name_part
from segbench.files import write_file
from segbench.reports import pictures, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

ROWS, COLUMNS = 6, 8
SUSPECTS = ROWS * COLUMNS // 3  # maximum number of images with findings
EXTREMES = 2  # number of smallest labels, and of largest labels
DPI = 160
SUSPECT, EXTREME = style.VERMILION, style.BLUE
INSIDE, OUTSIDE = style.ORANGE, style.GREY
WIDTH = 23  # letters per line below an image
BINS = 50
LEGEND = (
    "Yellow: line around the label. Orange frame: finding of `data verify`. "
    "Blue frame: smallest and largest labels. The other images are spaced evenly over each split. "
    "Captions: file if known, subject and split."
)


class Cell(NamedTuple):
    """An image of the sheet: its index in the task, and the reason and colour of its frame, if any."""

    image: int
    reason: str = ""
    color: str = ""


def select(view: View, findings: Iterable[Finding]) -> list[Cell]:
    """Choose the images of a sheet: those with findings, the smallest and largest labels, and others.

    The others come in equal numbers from all splits that have enough, evenly spaced. The cells are sorted by
    split and index.
    """
    suspects = {image: finding.title for finding in findings for image in reversed(finding.images)}
    cells = {image: Cell(image, what, SUSPECT) for image, what in list(suspects.items())[:SUSPECTS]}
    order = np.argsort(view.labels.sum((1, 2)), kind="stable")
    for reason, images in (("smallest label", order[:EXTREMES]), ("largest label", order[-EXTREMES:])):
        for image in map(int, images):
            cells.setdefault(image, Cell(image, reason, EXTREME))
    others = [[int(i) for i in np.flatnonzero(view.split == name) if i not in cells] for name in view.splits]
    free = ROWS * COLUMNS - len(cells)
    # The smallest split takes its share first and leaves the rest of it to larger splits.
    for index, candidates in enumerate(sorted(others, key=len)):
        count = min(len(candidates), free // (len(others) - index))
        free -= count
        for position in np.linspace(0, len(candidates) - 1, count).round().astype(int):
            cells[candidates[position]] = Cell(candidates[position])
    return sorted(cells.values(), key=lambda cell: (view.splits.index(view.split[cell.image]), cell.image))


@style.themed()
def sheet(view: View, findings: Iterable[Finding] = ()) -> Figure:
    """Draw the sheet: images, intensities inside and outside the label, label sizes, mean image and label.

    Parameters
    ----------
    view : View
    findings : iterable of Finding
        Findings about this task; their images are shown with a frame.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 10.9))
    grid = figure.add_gridspec(
        1, 2, width_ratios=(3.2, 1), wspace=0.16, left=0.012, right=0.985, top=0.925, bottom=0.085
    )
    cells = select(view, findings)
    _draw_images(figure, grid[0], view, cells)
    right = grid[1].subgridspec(4, 2, height_ratios=(1, 1, 0.8, 0.8), hspace=0.62, wspace=0.12)
    _draw_intensities(figure.add_subplot(right[0, :]), view)
    _draw_label_sizes(figure.add_subplot(right[1, :]), view)
    for row, (stack, noun) in enumerate(((view.images, "image"), (view.labels, "label")), 2):
        for column, (picture, name) in enumerate(((stack.mean(0), "Mean"), (stack.std(0), "Spread of"))):
            axes = figure.add_subplot(right[row, column])
            axes.imshow(picture, cmap="gray", vmin=0)
            pictures.without_axes(axes)
            axes.set_title(f"{name} {noun}", fontsize=9)
    counts = ", ".join(f"{name} {(view.split == name).sum()}" for name in view.splits)
    subjects = len(np.unique(view.subjects))
    figure.suptitle(view.task.name, x=0.012, y=0.985, ha="left", fontsize=14, fontweight="bold")
    figure.text(
        0.012, 0.945, f"{len(view.images)} images of {subjects} subjects ({counts})", fontsize=10, va="center"
    )
    legend = LEGEND + pictures.stretched(view.images[cell.image] for cell in cells)
    figure.text(0.012, 0.015, legend, fontsize=9, va="center", wrap=True)
    return figure


def save(figure: Figure, folder: Path, view: View) -> Path:
    """Write a sheet as PNG, named after its task; the same sheet gives the same bytes."""
    path = folder / f"preview-{name_part(view.task.name.replace('/', '-'))}.png"
    content = BytesIO()
    figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    return write_file(path, content.getvalue())


def _draw_images(figure: Figure, area: SubplotSpec, view: View, cells: list[Cell]) -> None:
    columns = round(math.sqrt(len(cells) * COLUMNS / ROWS))
    grid = area.subgridspec(math.ceil(len(cells) / columns), columns, hspace=0.42, wspace=0.06)
    for number, cell in enumerate(cells):
        axes = figure.add_subplot(grid[number // columns, number % columns])
        pictures.draw(axes, view.images[cell.image], view.labels[cell.image])
        for spine in axes.spines.values() if cell.color else ():
            spine.set(visible=True, color=cell.color, linewidth=3)
        lines = [_short(str(view.files[cell.image]), WIDTH)] if len(view.files) else []
        subject = _short(str(view.subjects[cell.image]), WIDTH - len(" · train"))
        lines.append(f"{subject} · {view.split[cell.image]}")
        lines += textwrap.wrap(cell.reason, WIDTH, max_lines=2)
        axes.set_xlabel(
            "\n".join(lines), fontsize=7, labelpad=3, linespacing=1.15, color=cell.color or "black"
        )


def _short(name: str, longest: int) -> str:
    """Replace the middle of a long name by an ellipsis."""
    half = (longest - 1) // 2
    return name if len(name) <= longest else f"{name[:half]}…{name[-half:]}"


def _draw_intensities(axes: Axes, view: View) -> None:
    highest = 0.0
    for mask, color, name in ((view.labels, INSIDE, "inside the label"), (~view.labels, OUTSIDE, "outside")):
        counts, edges = np.histogram(view.images[mask], BINS, (0, 1))
        shares = counts / max(counts.sum(), 1)
        axes.stairs(shares, edges, color=color, fill=True, alpha=0.55, label=name)
        highest = max(highest, shares.max())
    axes.set(xlim=(0, 1), ylim=(0, 1.25 * highest), title="Intensities")
    axes.set(xlabel="intensity", ylabel="share of pixels")
    axes.legend(frameon=False, fontsize=8, loc="upper center", ncols=2)


def _draw_label_sizes(axes: Axes, view: View) -> None:
    area, order = 100 * view.labels.mean((1, 2)), [name for name in view.splits if name in view.split]
    # Vertical shifts in steps of the golden ratio keep neighbouring points apart.
    rows = [order.index(name) + 0.6 * (i * 0.618 % 1 - 0.5) for i, name in enumerate(view.split)]
    axes.plot(area, rows, "o", markersize=2.5, color=style.SKY, alpha=0.7, markeredgewidth=0)
    for row, name in enumerate(order):
        low, middle, high = np.percentile(area[view.split == name], (25, 50, 75))
        axes.plot((low, high), (row, row), color="black", linewidth=1.5)
        axes.plot(middle, row, "|", color="black", markersize=16, markeredgewidth=2)
    axes.set(xlabel="% of the image; bars: median and quartiles", title="Size of the label")
    axes.set(xlim=(0, 1.05 * area.max() or 1), ylim=(len(order) - 0.5, -0.5))
    axes.set_yticks(range(len(order)), order, fontsize=8)
