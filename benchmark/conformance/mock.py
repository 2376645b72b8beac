"""Mock tasks, and the questions on them that protocols would ask; all are the same each time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch

from segbench.datasets.scans import ALL, ScanData
from segbench.datasets.scribbled import ScribbledData
from segbench.datasets.task import Task, TaskData
from segbench.protocols.adapter import Capabilities, Context
from segbench.protocols.annotators import LineScribbles, Prompter, RandomClicks
from segbench.protocols.interactions import keyed_generator, line_scribble
from segbench.protocols.trajectory import Trajectory

SIDE = 128  # pixels of an image of the built-in data sets
OTHER_SIZE = (64, 96)  # what the networks of U-Net shape can halve four times
IMAGES = 12  # of the test split at least: three sets of four, and the eight of the largest set
PROMPTERS: dict[str, Prompter] = {"clicks": RandomClicks(), "scribbles": LineScribbles()}


def _discs(count: int, shape: tuple[int, int]) -> np.ndarray:
    """A disc in each image, bool (count, 1, H, W)."""
    rng = keyed_generator(0, "mock discs", count, *shape)
    rows, columns = np.indices(shape)
    center = rng.uniform(0.3, 0.7, (count, 2, 1, 1)) * np.reshape(shape, (2, 1, 1))
    radius = rng.uniform(0.12, 0.22, (count, 1, 1)) * min(shape)
    return ((rows - center[:, 0]) ** 2 + (columns - center[:, 1]) ** 2 <= radius**2)[:, None]


def _shaded(levels: np.ndarray) -> np.ndarray:
    """Noisy images whose grey values are levels, float32 in [0, 1]."""
    noise = keyed_generator(0, "mock noise").normal(0, 0.05, levels.shape)
    return np.clip(levels + noise, 0, 1).astype(np.float32)


def task(images: int = IMAGES, shape: tuple[int, int] | None = None) -> TaskData:
    """A bright disc on a dark ground in each image: four train images, and as many test images as asked."""
    labels = _discs(4 + images, shape or (SIDE, SIDE))
    names = np.array([f"s{number:02d}" for number in range(len(labels))])
    split = np.array(["train"] * 4 + ["test"] * images)
    about = Task("mock", "mock", "drawing", "0", "disc")
    return TaskData(about, _shaded(0.25 + 0.5 * labels), labels, names, split)


def scribbled() -> ScribbledData:
    """The same with the scribbles of one annotator."""
    data = task(2)
    drawn = [
        [[line_scribble(side, keyed_generator(0, "mock scribble", image)) for side in (label[0], ~label[0])]]
        for image, label in enumerate(data.labels)
    ]
    return ScribbledData(
        data.task, data.images, data.labels, data.subjects, data.split, np.array(drawn, np.float32)
    )


def scans(classes: int) -> ScanData:
    """Discs cut into as many structures as there are classes; two of the subjects have two scans."""
    discs = _discs(6, (SIDE, SIDE))
    stripes = np.arange(SIDE) * (classes - 1) // SIDE + 1
    labels = np.where(discs, stripes, 0).astype(np.uint8)
    about = Task("mock", "mock", "drawing", "0", ALL)
    subjects = np.array(["a", "a", "b", "b", "c", "d"])
    split = np.array(["test"] * 4 + ["val", "train"])
    structures = tuple(f"part {number}" for number in range(1, classes))
    return ScanData(about, _shaded(0.2 + 0.6 * labels / (classes - 1)), labels, subjects, split, structures)


@dataclass(frozen=True)
class Question:
    """A kind of query that a protocol makes.

    Attributes
    ----------
    marks : {"clicks", "scribbles"} or None
        What the annotator has drawn: one mark on the structure and one on the background.
    previous : bool
        Whether there are logits of a previous step.
    context : int
        Entries of the context; 0 for none.
    copies : bool
        Whether these are one entry again and again, as draws with replacement may have it.
    size : int
        Images of a set; 1 for a model that is not setwise, too.
    """

    marks: Literal["clicks", "scribbles"] | None = None
    previous: bool = False
    context: int = 0
    copies: bool = False
    size: int = 1

    def __str__(self) -> str:
        parts = [
            self.marks or "no interactions",
            "previous logits" if self.previous else "",
            f"a context of {self.context}{' copies' if self.copies else ''}" if self.context else "",
            f"sets of {self.size}" if self.size > 1 else "",
        ]
        return ", ".join(filter(None, parts))

    def members(
        self, data: TaskData, number: int = 0, draw: int = 0, shift: int = 0, step: int = 1
    ) -> list[Trajectory]:
        """The images of one set, or the one image, in the state in which a protocol asks for a prediction.

        Parameters
        ----------
        data : TaskData
        number : int
            Which set, or which image.
        draw : int
            Which draw of the marks.
        shift : int
            So many images further than usual is the context taken.
        step : {1, -1}
            -1 reverses the context.
        """
        found = []
        for member in range(number * self.size, (number + 1) * self.size):
            image = member % len(data)
            trajectory = Trajectory.of(data, image, context=self._context(data, image + shift, step))
            if self.marks:
                generator = partial(keyed_generator, 0, "mock marks", image, draw)
                for mark in PROMPTERS[self.marks].prompt(trajectory.label, generator):
                    trajectory.add(mark)
            if self.previous:
                noise = keyed_generator(0, "mock logits", image).normal(0, 2, trajectory.label.shape)
                trajectory.logits = (trajectory.label * 6 - 3 + noise).astype(np.float32)
            found.append(trajectory)
        return found

    def _context(self, data: TaskData, image: int, step: int) -> Context | None:
        """The images after one with their labels."""
        if not self.context:
            return None
        entries = [(image + 1 + (0 if self.copies else k)) % len(data) for k in range(self.context)]
        images, labels = data.images[entries[::step]], data.labels[entries[::step]].astype(np.float32)
        return Context(torch.from_numpy(images), torch.from_numpy(labels))


def questions(able: Capabilities) -> list[Question]:
    """Every kind of query that protocols make for a model that can do this."""
    marks: list[Literal["clicks", "scribbles"]] = ["clicks", "scribbles"] if able.interactive else []
    sizes = (1, 2, 4) if able.setwise else (1,)
    found = [
        Question(drawn, previous, size=size)
        for size in sizes
        for drawn in marks
        for previous in (False, True)
    ]
    if able.in_context and not able.setwise:
        first = max(1, able.min_context)
        for count in (first, first + 2):
            found.append(Question(context=count))
            found += [Question(drawn, previous=True, context=count) for drawn in marks]
        found.append(Question(context=first + 1, copies=True))
    return found or [Question(size=size) for size in sizes]
