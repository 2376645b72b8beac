"""Draw the contact sheets of the documentation: phantoms, and the data of a training.

Usage: python tests/performance/sheets.py [FOLDER]        (docs/images by default)

phantoms.png       four subjects of each cohort, without and with their labels
synthetic.png      tasks of each synthetic family, one per row
augmentation.png   each row of the three augmentation tables alone, always applied
prompts.png        interactions of the simulated annotators, by kind
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
from segbench.models.training.synthetic import FAMILIES, synthetic_tasks
from segbench.randomness import keyed_generator

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
    """Pixels around a label: bool (H, W)."""
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
    """Synthetic tasks (tasks, members, 1, side, side) of one family, or of all."""
    families = [FAMILIES[family]] if family else list(FAMILIES.values())
    return synthetic_tasks(torch.Generator().manual_seed(seed), tasks, members, side, families)


def tiles(images: Tensor, labels: Tensor) -> list[np.ndarray]:
    """Images (N, 1, H, W) with their labels outlined."""
    return [tile(i, [m]) for i, m in zip(images[:, 0].numpy(), labels[:, 0].numpy() > 0, strict=True)]


def phantoms(path: Path) -> None:
    """Draw four subjects of each cohort, without and with their labels."""
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
    """Draw about ten tasks of eight members, the families in proportion to their weights."""
    rows = []
    for name, family in FAMILIES.items():
        for images, labels in zip(*tasks_of(2, round(10 * family.weight), 8, name), strict=True):
            rows.append([text(name, SIDE + 2, 40), *tiles(images, labels)])
    save(rows, path)


def augmented(row: Augmentation, image: Tensor, label: Tensor) -> list[np.ndarray]:
    """Three images and labels after one row of a table; one if the row has no random parameter."""
    varies = any(isinstance(value, tuple) for value in row.parameters.values())
    images, labels = (tensor[None].repeat(3 if varies else 1, 1, 1, 1, 1) for tensor in (image, label))
    generator = torch.Generator().manual_seed(193)  # its first numbers differ much
    images, labels = augment(generator, images, labels, (replace(row, p=1.0),), shared=False)
    return tiles(images[:, 0], labels[:, 0])


def augmentation(path: Path) -> None:
    """Draw kinds down and tables across; the image without augmentation on the left."""
    image, label = (tensor[0] for tensor in tasks_of(59, 1, 1))
    gap, block, names = 6, 3 * (SIDE + 2), 76
    head = [blank(names, LINE), text("plain", LINE, SIDE + 2)]
    for title in TABLES:
        head += [blank(gap, LINE), text(title, LINE, block)]
    rows = [head]
    for name in dict.fromkeys(row.name for table in TABLES.values() for row in table):
        line = [text("\n".join(name.split()), SIDE + 2, names), *tiles(image, label)]
        for table in TABLES.values():
            made = [made for row in table if row.name == name for made in augmented(row, image, label)]
            line += [blank(gap), *made, blank(block - len(made) * (SIDE + 2))]
        rows.append(line)
    save(rows, path)


def first_prompts(label: np.ndarray, kind: Callable, box: bool, key: int) -> np.ndarray:
    """First interactions (3, H, W) of one kind, of both signs, with or without a box."""
    for attempt in count():
        annotator = Annotator(label, keyed_generator(0, "sheet", key, attempt))
        if kind in CLICKS:
            annotator.click, annotator.click_share = kind, 1.0
        else:
            annotator.scribble, annotator.click_share = kind, 0.0
        annotator.start()
        if annotator.maps[:2].any((1, 2)).all() and annotator.maps[2].any() == box:
            break
    return annotator.maps


def prompted(image: np.ndarray, label: np.ndarray, maps: np.ndarray, clicks: bool) -> np.ndarray:
    """A tile with the label and its interactions: positive ones and the box blue, negative ones red."""
    indices = tile(image, [label])
    inside = indices[1:-1, 1:-1]
    inside[outline(maps[2])] = SECOND
    for prompts, colour in zip(maps[:2], (SECOND, THIRD), strict=True):
        if clicks:  # a click is one pixel, too small to see
            prompts = cv2.dilate(prompts, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
        inside[prompts > 0.2] = colour
    return indices


def prompt_sheet(path: Path) -> None:
    """Draw images down and kinds of interactions across."""
    titles = ["random clicks", "centre clicks", "border clicks", "line scribbles", "centerline scribbles"]
    titles += ["contour scribbles", "box, random clicks"]
    kinds: list[Callable] = [*CLICKS, *SCRIBBLES, CLICKS[0]]
    side = 112
    images, labels = (tensor[:, 0, 0].numpy() for tensor in tasks_of(102, 8, 1, side=side))
    legend = "Yellow: outline of the label. Blue: positive interactions, box. Red: negative interactions."
    rows = [[text(legend, LINE, 8 * (side + 2))]]
    rows.append([text(title, LINE, side + 2) for title in ("image", *titles)])
    for index, (image, label) in enumerate(zip(images, labels > 0, strict=True)):
        row = [tile(image, [])]
        for title, kind in zip(titles, kinds, strict=True):
            maps = first_prompts(label, kind, "box" in title, index)
            row.append(prompted(image, label, maps, kind in CLICKS))
        rows.append(row)
    save(rows, path)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    torch.set_num_threads(1)
    phantoms(folder / "phantoms.png")
    synthetic(folder / "synthetic.png")
    augmentation(folder / "augmentation.png")
    prompt_sheet(folder / "prompts.png")


if __name__ == "__main__":
    main()
