"""A synthetic task from one image (MultiverSeg, Fig. 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from segbench.reports import style
from segbench.reports.artefact import Artefact

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

COHORT, IMAGE = "spine", 3
SEED, SCALE, DRAW = 13, 60.0, 0.5  # fixed here; training draws them at random
EDGE = "#444444"
MEMBERS = 6  # the target and a context of five


class Example(NamedTuple):
    """A synthetic task and the image that it was made from.

    Attributes
    ----------
    image : float (H, W) in [0, 1]
    regions : int (H, W), the superpixel of each pixel
    label : bool (H, W), one superpixel
    images, labels : float (members, H, W), the synthetic task
    """

    image: np.ndarray
    regions: np.ndarray
    label: np.ndarray
    images: np.ndarray
    labels: np.ndarray


def example() -> Example:
    """Make a synthetic task with the training code, the same in every report."""
    import torch

    from segbench.datasets.phantoms import Phantoms
    from segbench.models.training.augmentation import SYNTHETIC, augment
    from segbench.models.training.superpixels import choose_label, superpixels

    source = Phantoms()
    task = next(task for task in source.tasks() if task.cohort == COHORT)
    image = source.load(task).images[IMAGE, 0]
    regions = superpixels(image, SCALE)
    label = choose_label(regions, DRAW)
    images, labels = (
        torch.from_numpy(part.astype(np.float32)).repeat(1, MEMBERS, 1, 1, 1) for part in (image, label)
    )
    generator = torch.Generator().manual_seed(SEED)
    images, labels = augment(generator, images, labels, SYNTHETIC, shared=False)
    return Example(image, regions, label, images[0, :, 0].numpy(), labels[0, :, 0].numpy())


def _draw(results: Results, data: None = None) -> Figure:
    """Draw image, superpixels and label above, the members of the task below."""
    from matplotlib.figure import Figure

    task = example()
    figure = Figure(figsize=(7.4, 4.4), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=(1.4, 1))
    above, below = halves
    panels = above.subplots(1, 5, width_ratios=(1, 0.12, 1, 0.12, 1))
    _picture(panels[0], task.image, "Image")
    _regions(panels[2], task.regions, task.label)
    _picture(panels[4], task.image, "Label: one of them", task.label)
    for axes in panels[1::2]:
        axes.annotate(
            "", (1, 0.5), (0, 0.5), arrowprops={"arrowstyle": "-|>", "color": EDGE, "linewidth": 1.6}
        )
        axes.set_axis_off()
    below.suptitle("Copies, each augmented independently (Table 4)", fontsize="medium")
    for index, axes in enumerate(below.subplots(1, MEMBERS)):
        title, frame = (f"Context {index}", EDGE) if index else ("Target", style.VERMILION)
        _picture(axes, task.images[index], title, task.labels[index], frame)
    return figure


def _picture(
    axes: Axes, image: np.ndarray, title: str, label: np.ndarray | None = None, frame: str = EDGE
) -> None:
    """Draw a grey image and the outline of its label."""
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    if label is not None:
        _outline(axes, label)
    _framed(axes, title, frame)


def _regions(axes: Axes, regions: np.ndarray, label: np.ndarray) -> None:
    """Draw superpixels in a tone each, with thin lines between them and an outline of the chosen one."""
    from skimage.segmentation import find_boundaries

    height, width = regions.shape
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    tones = (0.5 + 0.618 * np.arange(regions.max() + 1)) % 1
    fine = np.kron(regions, np.ones((4, 4), int))  # lines are thinner than a pixel
    lines = np.ma.masked_equal(find_boundaries(fine, mode="inner"), False)
    axes.imshow(tones[regions], cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
    axes.imshow(lines, cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=extent)
    _outline(axes, label)
    _framed(axes, f"{len(tones)} superpixels", EDGE)


def _outline(axes: Axes, label: np.ndarray) -> None:
    """Draw a contour that is visible on light and dark pixels."""
    for color, width in (("black", 2.6), (style.ORANGE, 1.5)):
        axes.contour(label, levels=[0.5], colors=[color], linewidths=width)


def _framed(axes: Axes, title: str, color: str) -> None:
    """Add a title and a frame instead of axes; a coloured frame is thick."""
    axes.set_title(title, fontsize="medium", color="#222222" if color == EDGE else color)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set(color=color, linewidth=0.8 if color == EDGE else 2.6)


ARTEFACTS = {
    "fig8": Artefact(
        "figure",
        "A synthetic task from one image (Fig. 8)",
        "How training makes a task from an image: superpixels, one of them as the label, and copies of "
        "image and label, each augmented independently by Table 4. The first copy is the target, the others "
        "are its context. The image is an embedded phantom.",
        requires=(),
        draw=_draw,
    )
}
