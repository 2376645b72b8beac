"""Draw the contact sheets of the documentation: the phantoms, and what training is fed with.

Usage: python tests/performance/sheets.py [FOLDER]        (docs/images by default)

phantoms.png       four subjects of each cohort, beside each its labels
synthetic.png      tasks of each synthetic family, one a row
superpixels.png    how an image becomes a task: its superpixels, the one that is the label, augmented copies
augmentation.png   what each row of the three augmentation tables does, alone and at its full probability
prompts.png        what the simulated annotator of training draws, by kind of mark
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from segbench.datasets.phantoms import COHORTS, Phantoms
from segbench.models.training.augmentation import SYNTHETIC, TASK, WITHIN_TASK, Augmentation, augment
from segbench.models.training.prompts import CLICKS, SCRIBBLES, Annotator
from segbench.models.training.superpixels import SCALES, choose_label, superpixel_tasks, superpixels
from segbench.models.training.synthetic import FAMILIES, Sampler, synthetic_tasks
from segbench.protocols.interactions import keyed_generator

GREYS = 20  # few enough for small files
COLOURS = ((255, 210, 0), (0, 170, 255), (255, 60, 60))
FIRST, SECOND, THIRD = range(GREYS, GREYS + len(COLOURS))  # yellow, blue, red
SIDE = 80
LINE = 16  # pixels of a line of text
TABLES = {"Table 4": SYNTHETIC, "Table 5a": WITHIN_TASK, "Table 5b": TASK}


def tile(image: np.ndarray, labels: list[np.ndarray]) -> np.ndarray:
    """Palette indices (H + 2, W + 2) of a picture with the outlines of its labels and a black frame."""
    indices = np.round(image * (GREYS - 1)).astype(np.uint8)
    for number, label in enumerate(labels):
        indices[outline(label)] = FIRST + number
    return np.pad(indices, 1)


def outline(label: np.ndarray) -> np.ndarray:
    """The pixels around a label."""
    mask = label.astype(np.uint8)
    return (cv2.dilate(mask, np.ones((3, 3), np.uint8)) - mask) > 0


def text(words: str, height: int, width: int) -> np.ndarray:
    """Palette indices (height, width) of white words on black."""
    picture = Image.new("L", (width, height))
    font = ImageFont.load_default(11)
    ImageDraw.Draw(picture).text((width / 2, height / 2), words, 255, font, anchor="mm", align="center")
    return np.round(np.asarray(picture) / 255 * (GREYS - 1)).astype(np.uint8)


def blank(width: int, height: int = SIDE + 2) -> np.ndarray:
    """A black rectangle, in palette indices."""
    return np.zeros((height, width), np.uint8)


def save(rows: list[list[np.ndarray]], path: Path) -> None:
    """Write tiles as one picture."""
    greys = [value for grey in range(GREYS) for value in [round(grey * 255 / (GREYS - 1))] * 3]
    picture = Image.fromarray(np.vstack([np.hstack(row) for row in rows]))
    picture = picture.convert("P")
    picture.putpalette(greys + [value for colour in COLOURS for value in colour])
    picture.save(path, optimize=True)


def tasks_of(
    seed: int, tasks: int, members: int, family: str | None = None, side: int = SIDE
) -> tuple[Tensor, Tensor]:
    """Synthetic tasks (tasks, members, 1, side, side), all of one family if it is named."""
    families = [FAMILIES[family]] if family else list(FAMILIES.values())
    return synthetic_tasks(torch.Generator().manual_seed(seed), tasks, members, side, families)


def tiles(images: Tensor, labels: Tensor) -> list[np.ndarray]:
    """Images (N, 1, H, W) with their labels outlined."""
    return [tile(i, [m]) for i, m in zip(images[:, 0].numpy(), labels[:, 0].numpy() > 0, strict=True)]


def phantoms(path: Path) -> None:
    """Four subjects of each cohort, each without and with its labels."""
    source, rows = Phantoms(), []
    for cohort in COHORTS:
        tasks = [source.load(task) for task in source.tasks() if task.cohort == cohort]
        row = []
        for index in range(4):
            labels = [data.labels[index, 0] for data in tasks]
            row += [tile(tasks[0].images[index, 0], []), tile(tasks[0].images[index, 0], labels)]
        rows.append(row)
    save(rows, path)


def synthetic(path: Path) -> None:
    """Ten tasks of eight members, the families in proportion to their weights."""
    rows = []
    for name, family in FAMILIES.items():
        for images, labels in zip(*tasks_of(2, round(10 * family.weight), 8, name), strict=True):
            rows.append([text(name, SIDE + 2, 40), *tiles(images, labels)])
    save(rows, path)


def superpixel_sheet(path: Path) -> None:
    """Image, superpixels, chosen label and six members of eight tasks."""
    images = tasks_of(5, 8, 1)[0][:, 0]
    members = superpixel_tasks(torch.Generator().manual_seed(3), images, 6)
    # The same draws again, for what leads to the members.
    sampler = Sampler(torch.Generator().manual_seed(3))
    scales, draws = sampler.uniform((len(images),), *SCALES), sampler.uniform((len(images),))
    width = SIDE + 2
    head = [text(title, LINE, width) for title in ("image", "superpixels", "label")]
    rows = [[*head, text("six members of the task", LINE, 6 * width)]]
    for image, scale, draw, *task in zip(images[:, 0].numpy(), scales, draws, *members, strict=True):
        regions = superpixels(image, float(scale))
        flat = (0.5 + 0.618 * regions) % 1  # a grey for each, unlike those of the next
        chosen = tile(image, [choose_label(regions, float(draw))])
        rows.append([tile(image, []), tile(flat, []), chosen, *tiles(*task)])
    save(rows, path)


def alone(row: Augmentation, image: Tensor, label: Tensor) -> list[np.ndarray]:
    """Three images and labels that a row of a table makes; one if it always makes the same."""
    varies = any(isinstance(value, tuple) for value in row.parameters.values())
    images, labels = (tensor[None].repeat(3 if varies else 1, 1, 1, 1, 1) for tensor in (image, label))
    generator = torch.Generator().manual_seed(193)  # whose first numbers lie far apart
    images, labels = augment(generator, images, labels, (replace(row, p=1.0),), shared=False)
    return tiles(images[:, 0], labels[:, 0])


def augmentation(path: Path) -> None:
    """Kinds down, tables across; the same image without augmentation on the left."""
    image, label = (tensor[0] for tensor in tasks_of(59, 1, 1))
    gap, block, names = 6, 3 * (SIDE + 2), 76
    head = [blank(names, LINE), text("plain", LINE, SIDE + 2)]
    for title in TABLES:
        head += [blank(gap, LINE), text(title, LINE, block)]
    rows = [head]
    for name in dict.fromkeys(row.name for table in TABLES.values() for row in table):
        line = [text("\n".join(name.split()), SIDE + 2, names), *tiles(image, label)]
        for table in TABLES.values():
            made = [made for row in table if row.name == name for made in alone(row, image, label)]
            line += [blank(gap), *made, blank(block - len(made) * (SIDE + 2))]
        rows.append(line)
    save(rows, path)


def drawn(label: np.ndarray, kind: Callable, box: bool, key: int) -> np.ndarray:
    """First marks (3, H, W) of an annotator of one kind: one who marks both sides, with a box or without."""
    for attempt in count():
        annotator = Annotator(label, keyed_generator(0, "sheet", key, attempt))
        if kind in CLICKS:
            annotator.click, annotator.clicks = kind, 1.0
        else:
            annotator.scribble, annotator.clicks = kind, 0.0
        annotator.start()
        if annotator.marks[:2].any((1, 2)).all() and annotator.marks[2].any() == box:
            break
    return annotator.marks


def marked(image: np.ndarray, label: np.ndarray, marks: np.ndarray, clicks: bool) -> np.ndarray:
    """A tile with the label and the marks: positive ones and the box in blue, negative ones in red."""
    indices = tile(image, [label])
    inside = indices[1:-1, 1:-1]
    inside[outline(marks[2])] = SECOND
    for mark, colour in zip(marks[:2], (SECOND, THIRD), strict=True):
        # A click is one pixel, too small to be seen.
        shown = cv2.dilate(mark, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))) if clicks else mark
        inside[shown > 0.2] = colour
    return indices


def prompts(path: Path) -> None:
    """Images down, kinds of marks across."""
    titles = ["random clicks", "centre clicks", "border clicks", "line scribbles", "centerline scribbles"]
    titles += ["contour scribbles", "box, random clicks"]
    kinds: list[Callable] = [*CLICKS, *SCRIBBLES, CLICKS[0]]
    side = 112
    images, labels = (tensor[:, 0, 0].numpy() for tensor in tasks_of(102, 8, 1, side=side))
    legend = "Yellow: outline of the label. Blue: positive marks and the box. Red: negative marks."
    rows = [[text(legend, LINE, 8 * (side + 2))]]
    rows.append([text(title, LINE, side + 2) for title in ("image", *titles)])
    for index, (image, label) in enumerate(zip(images, labels > 0, strict=True)):
        row = [tile(image, [])]
        for title, kind in zip(titles, kinds, strict=True):
            marks = drawn(label, kind, "box" in title, index)
            row.append(marked(image, label, marks, kind in CLICKS))
        rows.append(row)
    save(rows, path)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    torch.set_num_threads(1)
    phantoms(folder / "phantoms.png")
    synthetic(folder / "synthetic.png")
    superpixel_sheet(folder / "superpixels.png")
    augmentation(folder / "augmentation.png")
    prompts(folder / "prompts.png")


if __name__ == "__main__":
    main()
