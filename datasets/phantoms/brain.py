"""Coronal brain MRI of one subject in several sessions: twenty structures, thick slices and noise.

The patient's left is on the right of the image (radiological convention).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from segbench.datasets.phantoms import drawing as d
from segbench.datasets.scans import STRUCTURES

HEIGHT, WIDTH = 80, 96
WINDOW = np.s_[(d.SIDE - HEIGHT) // 2 : (d.SIDE + HEIGHT) // 2, (d.SIDE - WIDTH) // 2 : (d.SIDE + WIDTH) // 2]
CENTRE = (64.0, 62.0)  # of the template; its points are (outwards, downwards) from here, left half only

# From the corpus callosum over the top to the Sylvian fissure, the insula and around the temporal lobe.
PIAL = [
    (0.8, -13), (0.8, -21), (2, -28), (8, -32), (17, -31), (27, -26), (34, -18), (38, -8), (37, -2),
    (32, 0), (27.5, -5), (25.5, 1), (27.5, 7), (32, 5), (37, 7), (39.5, 15), (36, 23), (29, 28), (20, 30),
    (13, 27), (11, 22), (11, 18),
]  # fmt: skip
INNER = [(7, 14), (0.4, 13), (0.4, -13)]  # closes the hemisphere along the midline
SKULL = [(0, -31), (9, -34), (19, -33), (30, -28), (37, -19), (41, -7), (42, 8), (40, 20), (33, 29), (22, 33),
         (12, 33), (7, 37), (0, 38)]  # fmt: skip
STEM = [(0, 12), (5, 13), (7.5, 17), (8, 22), (6.5, 28), (5.5, 33), (0, 34)]

# Centre, radii, angle and relative growth in ten years; later structures cover earlier ones.
NUCLEI = {
    "pallidum": ((14.7, 2), (1.8, 4.2), 0.2, 0.0),
    "ventral-dc": ((6.3, 9.6), (4.2, 2.8), 0.25, 0.0),
    "thalamus": ((6.6, 2), (5.2, 4.6), 0.0, -0.03),
    "lateral-ventricle": ((5.6, -7), (5, 2.7), 0.35, 0.15),
    "caudate": ((11.4, -6.4), (2.4, 4), 0.25, -0.03),
    "putamen": ((19, 0.5), (2.8, 6.6), -0.1, 0.0),
    "hippocampus": ((18.5, 18.5), (5.5, 3), -0.15, -0.1),
    "inferior-lateral-ventricle": ((22.6, 14.6), (3.8, 1.9), 0.35, 0.15),
}
# Brightness on a T2*-weighted image; "fluid" is background.
BRIGHTNESS = {
    "fluid": 0.86,
    "cerebral-white-matter": 0.5,
    "cerebral-cortex": 0.62,
    "lateral-ventricle": 0.86,
    "inferior-lateral-ventricle": 0.84,
    "thalamus": 0.57,
    "caudate": 0.6,
    "putamen": 0.56,
    "pallidum": 0.42,
    "hippocampus": 0.63,
    "ventral-dc": 0.47,
    "brain-stem": 0.53,
    "3rd-ventricle": 0.84,
}

Shape = tuple[str, float, list[np.ndarray]]  # side and name, growth in ten years, contours or lines


def draw(rng: np.random.Generator, sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one subject; its sessions share anatomy, texture and pace of ageing.

    Parameters
    ----------
    rng : numpy.random.Generator
    sessions : int
        Number of sessions, at least 1, about a year apart.

    Returns
    -------
    images : float32 array (sessions, HEIGHT, WIDTH) in [0, 1]
    labels : uint8 array of the same shape
        The true anatomy of each session, free of image artefacts; label k is ``STRUCTURES[k - 1]``.
    """
    shapes, width = _anatomy(rng), rng.uniform(4.4, 5.4)
    texture = (1 + 0.02 * d.field(rng, 24) + 0.015 * d.field(rng, 9))[WINDOW]
    pace, interval = rng.uniform(0.3, 1.3), rng.uniform(0.08, 0.14)  # of ageing; decades between sessions
    images = np.empty((sessions, HEIGHT, WIDTH), np.float32)
    labels = np.empty(images.shape, np.uint8)
    for i in range(sessions):
        moved = _aged(shapes, pace * interval * i, _misaligned(rng))
        brain, clean, labels[i] = _paint(rng, moved, width)
        images[i] = _observe(rng, clean * texture, brain)
    return images, labels


def _anatomy(rng: np.random.Generator) -> list[Shape]:
    """Shapes of one subject, in painting order."""
    warp = d.deformation(rng, turn=0.04, scale=(0.91, 0.99), shift=1.5, bend=1.3)
    fluid = rng.uniform(0.88, 1.3)  # size of the ventricles

    def pose(points: np.ndarray, side: int) -> np.ndarray:
        return warp(points * (side, 1) + CENTRE)

    shapes: list[Shape] = [("skull", 0.0, [warp(_mirrored(SKULL) + CENTRE)])]
    for name, side in (("right", -1), ("left", 1)):
        pial = d.curve(PIAL + rng.normal(0, 0.5, (len(PIAL), 2)), 200, closed=False)
        pial[:, 0] = np.maximum(pial[:, 0], 0.7)
        outline = np.concatenate([pial, INNER])
        sulci = [pose(line, side) for line in _sulci(rng, pial)]
        shapes.append((f"{name}-cerebral-white-matter", 0.0, [pose(outline, side)]))
        shapes.append((f"{name}-cerebral-cortex", 0.0, [pose(pial, side), *sulci]))
        for nucleus, (centre, radii, angle, growth) in NUCLEI.items():
            size = np.array(radii) * rng.uniform(0.87, 1.15, 2) * (fluid if "ventricle" in nucleus else 1)
            contour = d.blob(rng, centre + rng.normal(0, 0.6, 2), size, angle + rng.normal(0, 0.1), 0.06, 4)
            shapes.append((f"{name}-{nucleus}", growth, [pose(contour, side)]))
    stem = _mirrored(np.array(STEM) * (rng.uniform(0.9, 1.1), 1))
    third = d.blob(rng, (0, 3), (1.7 * fluid, 5.5), 0, 0.06, 4)
    shapes.append(("brain-stem", 0.0, [warp(stem + CENTRE)]))
    shapes.append(("3rd-ventricle", 0.15, [warp(third + CENTRE)]))
    return shapes


def _mirrored(half: ArrayLike) -> np.ndarray:
    """Closed contour through points (n, 2) from the midline to the midline and their mirror images."""
    points = np.asarray(half, float)
    return d.curve(np.concatenate([points, points[-2:0:-1] * (-1, 1)]))


def _sulci(rng: np.random.Generator, pial: np.ndarray) -> list[np.ndarray]:
    """Random lines of the template from the pial surface inwards."""
    count = int(rng.integers(9, 13))
    starts = (np.arange(count) + rng.uniform(0.2, 0.8, count)) / count * (len(pial) - 30) + 10
    lines = []
    for i in starts.astype(int):
        along = pial[i + 3] - pial[i - 3]
        inwards = np.arctan2(along[0], -along[1]) + rng.normal(0, 0.25)
        angle = inwards + rng.normal(0, 0.06) * np.arange(8)
        step = rng.uniform(3.0, 8.5) / 8
        lines.append(pial[i] + step * np.cumsum(np.stack([np.cos(angle), np.sin(angle)], 1), axis=0))
    return lines


def _misaligned(rng: np.random.Generator) -> d.Warp:
    """Residual misalignment with the first session, a fraction of a pixel."""
    angle, shift = rng.normal(0, 0.006), rng.normal(0, 0.2, 2)
    return lambda points: d.turned(points - d.SIDE / 2, angle) + d.SIDE / 2 + shift


def _aged(shapes: list[Shape], decades: float, warp: d.Warp) -> list[Shape]:
    """Scale each shape about its centre by its growth in `decades`, then displace it by `warp`."""
    aged = []
    for name, growth, lines in shapes:
        points, ends = np.concatenate(lines), np.cumsum([len(line) for line in lines])[:-1]
        centre = points.mean(0)
        moved = warp((points - centre) * (1 + growth * decades) + centre)
        aged.append((name, growth, np.split(moved, ends)))
    return aged


def _paint(
    rng: np.random.Generator, shapes: list[Shape], width: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mask of the brain, noise-free image and label map, each (HEIGHT, WIDTH).

    `width` is twice the thickness of the cortex: a line of that width along the pial surface and the sulci.
    """
    value = {name: mean * rng.normal(1, 0.02) for name, mean in BRIGHTNESS.items()}
    brain = d.fill(*shapes[0][2])[WINDOW]
    clean, labels = brain * value["fluid"], np.zeros((HEIGHT, WIDTH), np.uint8)
    coverage = brain

    def over(coverage: np.ndarray, tissue: str, number: int) -> None:
        clean[:] = clean + coverage * (value[tissue] - clean)
        labels[coverage >= 0.5] = number

    for name, _, lines in shapes[1:]:
        tissue = name.removeprefix("left-").removeprefix("right-")
        number = STRUCTURES.index(name) + 1 if name in STRUCTURES else 0
        if tissue == "cerebral-cortex":  # inside the hemisphere that was painted just before
            ribbon, gaps = (d.stroke(*[(p, w) for p in ps]) for ps, w in ((lines, width), (lines[1:], 1.0)))
            over(np.minimum(ribbon[WINDOW], coverage), tissue, number)
            over(np.minimum(gaps[WINDOW], coverage), "fluid", 0)
        else:
            coverage = d.fill(*lines)[WINDOW]
            over(coverage, tissue, number)
    return brain >= 0.5, clean, labels


def _observe(rng: np.random.Generator, clean: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Sample thick axial slices, 3 to 5 rows each, and interpolate back to all rows.

    The first slice starts at a random row: two sessions sample the anatomy differently.
    """
    thick = rng.uniform(3, 5)
    centres = np.arange(rng.uniform(-thick, 0), HEIGHT + thick, thick)
    rows = np.arange(HEIGHT) + 0.5
    distance = np.abs(centres[:, None] - rows)
    profile = np.clip((thick + 1) / 2 - distance, 0, 1) / thick  # share of a slice in each row
    linear = np.clip(1 - distance / thick, 0, 1)
    blurred = d.blur(clean * d.bias(rng, 0.12)[WINDOW], 0.6)
    slices = d.rician(rng, np.einsum("sr,rc->sc", profile, blurred), rng.uniform(0.07, 0.18))
    image = np.einsum("sr,sc->rc", linear, slices) * brain
    return d.finish(image, low=0, high=rng.uniform(98.5, 99.9), gamma=rng.uniform(0.8, 1.25))
