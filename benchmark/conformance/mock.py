"""Mock tasks, and the kinds of query that protocols make of their images; all are deterministic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from segbench.datasets.scans import ALL, ScanData
from segbench.datasets.scribbled import ScribbledData
from segbench.datasets.task import Task, TaskData
from segbench.protocols.adapter import Capabilities, Context, Prompt
from segbench.protocols.annotators import Annotator, Boxes, LineScribbles, RandomClicks
from segbench.protocols.interactions import line_scribble
from segbench.protocols.trajectory import Trajectory
from segbench.randomness import keyed_generator

SIDE = 128  # pixels of an image of the built-in data sets
OTHER_SIZE = (64, 96)  # sizes that U-Nets can halve four times
IMAGES = 12  # minimum of the test split: three sets of four, and the eight images of the largest set
ANNOTATORS: dict[Prompt, Annotator] = {
    "clicks": RandomClicks(),
    "scribbles": LineScribbles(),
    "boxes": Boxes(),
}


def _discs(count: int, shape: tuple[int, int]) -> np.ndarray:
    """Draw a disc in each image, bool (count, 1, H, W)."""
    rng = keyed_generator(0, "mock discs", count, *shape)
    rows, columns = np.indices(shape)
    center = rng.uniform(0.3, 0.7, (count, 2, 1, 1)) * np.reshape(shape, (2, 1, 1))
    radius = rng.uniform(0.12, 0.22, (count, 1, 1)) * min(shape)
    return ((rows - center[:, 0]) ** 2 + (columns - center[:, 1]) ** 2 <= radius**2)[:, None]


def _noisy(levels: np.ndarray) -> np.ndarray:
    """Add noise to grey values, float32 in [0, 1]."""
    noise = keyed_generator(0, "mock noise").normal(0, 0.05, levels.shape)
    return np.clip(levels + noise, 0, 1).astype(np.float32)


def mock_task(images: int = IMAGES, shape: tuple[int, int] | None = None) -> TaskData:
    """Make four train images and some test images, each a bright disc on a dark background."""
    labels = _discs(4 + images, shape or (SIDE, SIDE))
    subjects = np.array([f"s{number:02d}" for number in range(len(labels))])
    split = np.array(["train"] * 4 + ["test"] * images)
    task = Task("mock", "mock", "drawing", "0", "disc")
    return TaskData(task, _noisy(0.25 + 0.5 * labels), labels, subjects, split)


def mock_scribbles() -> ScribbledData:
    """Make a mock task with the scribbles of one person."""
    data = mock_task(2)
    scribbles = [
        [[line_scribble(side, keyed_generator(0, "mock scribble", image)) for side in (label[0], ~label[0])]]
        for image, label in enumerate(data.labels)
    ]
    return ScribbledData(
        data.task, data.images, data.labels, data.subjects, data.split, np.array(scribbles, np.float32)
    )


def mock_scans(classes: int) -> ScanData:
    """Make scans of discs that consist of ``classes - 1`` structures; two of the subjects have two scans."""
    discs = _discs(6, (SIDE, SIDE))
    stripes = np.arange(SIDE) * (classes - 1) // SIDE + 1
    labels = np.where(discs, stripes, 0).astype(np.uint8)
    task = Task("mock", "mock", "drawing", "0", ALL)
    subjects = np.array(["a", "a", "b", "b", "c", "d"])
    split = np.array(["test"] * 4 + ["val", "train"])
    structures = tuple(f"part {number}" for number in range(1, classes))
    return ScanData(task, _noisy(0.2 + 0.6 * labels / (classes - 1)), labels, subjects, split, structures)


@dataclass(frozen=True)
class QueryKind:
    """A kind of query that a protocol makes."""

    interactions: Prompt | None = None  # one on the structure, and one on the background unless it is a box
    previous: bool = False  # whether the query has logits of a previous step
    context: int = 0  # entries of the context
    copies: bool = False  # whether these are equal, as draws with replacement may be
    size: int = 1  # images of a set; 1 also for a model that is not setwise

    def __str__(self) -> str:
        parts = [
            self.interactions or "no interactions",
            "previous logits" if self.previous else "",
            f"a context of {self.context}{' copies' if self.copies else ''}" if self.context else "",
            f"sets of {self.size}" if self.size > 1 else "",
        ]
        return ", ".join(filter(None, parts))

    def members(
        self, data: TaskData, number: int = 0, draw: int = 0, shift: int = 0, step: int = 1
    ) -> list[Trajectory]:
        """Return the images of one set, or one image, in the state in which a protocol needs a prediction.

        Parameters
        ----------
        data : TaskData
        number : int
            Number of the set, or of the image.
        draw : int
            Number of the draw of the interactions; they are on the structure of the image that is so many
            images later, as other boxes around one structure may mean the same to a model.
        shift : int
            Offset of the images of the context.
        step : {1, -1}
            -1 reverses the context.
        """
        members = []
        for index in range(number * self.size, (number + 1) * self.size):
            image = index % len(data)
            label = data.labels[image, 0]
            context = self._context(data, image + shift, step)
            trajectory = Trajectory(data.images[image, 0], label, target_dice=1.0, context=context)
            if self.interactions:
                rng_for = partial(keyed_generator, 0, "mock marks", image, draw)
                drawn_on = data.labels[(image + draw) % len(data)]
                for interaction in ANNOTATORS[self.interactions].start(drawn_on, [rng_for]):
                    trajectory.add(interaction)
            if self.previous:
                noise = keyed_generator(0, "mock logits", image).normal(0, 2, label.shape)
                trajectory.receive(0, (label * 6 - 3 + noise).astype(np.float32)[None], seconds=0.0)
            members.append(trajectory)
        return members

    def _context(self, data: TaskData, image: int, step: int) -> Context | None:
        """Return the images after an image, with their labels."""
        if not self.context:
            return None
        entries = [(image + 1 + (0 if self.copies else k)) % len(data) for k in range(self.context)]
        images, labels = data.images[entries[::step]], data.labels[entries[::step]].astype(np.float32)
        return Context(torch.from_numpy(images), torch.from_numpy(labels))


def query_kinds(capabilities: Capabilities) -> list[QueryKind]:
    """Return every kind of query that protocols make of a model with these capabilities."""
    drawn = [prompt for prompt in ANNOTATORS if capabilities.interactive and prompt in capabilities.prompts]
    sizes = (1, 2, 4) if capabilities.setwise else (1,)
    kinds = [
        QueryKind(interactions, previous, size=size)
        for size in sizes
        for interactions in drawn
        for previous in (False, True)
    ]
    if capabilities.in_context and not capabilities.setwise:
        first, contexts = max(1, capabilities.min_context), capabilities.contexts
        for count in (first * contexts, (first + 2) * contexts):
            kinds.append(QueryKind(context=count))
            kinds += [QueryKind(interactions, previous=True, context=count) for interactions in drawn]
            if "boxes" in drawn:  # the first interaction, before any prediction
                kinds.append(QueryKind("boxes", context=count))
        kinds.append(QueryKind(context=(first + 1) * contexts, copies=True))
    return kinds or [QueryKind(size=size) for size in sizes]
