"""Sagittal T2-weighted MRI: the vertebral bodies, without discs and the equally bright spinous processes."""

from __future__ import annotations

import numpy as np

from segbench.datasets.phantoms import drawing as d


def draw(rng: np.random.Generator) -> d.Drawing:
    """Draw one subject: the image and the label ``vertebrae``."""
    warp = d.deformation(rng, turn=0.16, scale=(0.85, 1.15), shift=6, bend=1.0)
    column, bodies, discs = _column(rng)
    marrow, fluid = rng.uniform(0.45, 0.72), rng.uniform(0.8, 1.0)
    image = _surroundings(rng, warp, column, marrow, fluid)
    bodies, discs = [warp(b) for b in bodies], [warp(disc) for disc in discs]
    image = d.paint(image, d.fill(*bodies, *discs), 0.12, 1.0)  # cortex and ligaments
    image = d.paint(image, d.fill(*discs), rng.uniform(0.12, 0.3), 0.7)
    for disc in discs:
        core = d.fill(disc.mean(0) + (disc - disc.mean(0)) * (0.72, 0.62))
        water = rng.choice([0.0, 0.3, 0.65]) * fluid * rng.uniform(0.7, 1.1)
        image = image + water * d.blur(core, 1.0)
    bone = d.fill(*bodies)
    image = d.paint(image, d.blur(bone, 0.7), marrow * _marrow(rng, bodies), 0.7)
    x, _ = d.grid()
    coil = np.exp(rng.uniform(0, 0.9) * (x - 80) / d.SIDE + 0.12 * d.field(rng, 2))
    image = d.rician(rng, np.clip(image, 0, None) * coil, rng.uniform(0.02, 0.055))
    return d.finish(image, high=99, gamma=rng.uniform(0.8, 1.15)), {"vertebrae": d.label(bone)}


def _column(rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Curve of the column (n, 2) and the contours of its bodies and discs, from top to bottom."""
    sway, phase = rng.uniform(3, 10), rng.uniform(-1.2, 1.2)
    height, width, gap = rng.uniform(15, 21), rng.uniform(21, 27), rng.uniform(4, 6.5)
    t = np.linspace(-40, d.SIDE + 60, 230)
    column = np.stack([50 + sway * np.sin(t / 30 + phase) + rng.uniform(-6, 6), t], 1)
    bodies, discs = [], []
    y = rng.uniform(-24, -10)
    while y < d.SIDE + 12:
        h = height * rng.uniform(0.93, 1.07) * (rng.uniform(0.6, 0.8) if rng.random() < 0.05 else 1)
        g = gap * rng.uniform(0.75, 1.2) * (0.6 if rng.random() < 0.12 else 1)
        bodies.append(_block(rng, column, y + h / 2, (width, h), waist=0.09))
        discs.append(_block(rng, column, y + h + g / 2, (width * 1.03, g + 1.0), waist=-0.05))
        y, width, height = y + h + g, width * 1.02, height * 1.01
    return column, bodies, discs


def _shifted(column: np.ndarray, distance: float) -> np.ndarray:
    """The curve of the column shifted to the right, towards the back."""
    return column + np.array([distance, 0.0])


def _block(
    rng: np.random.Generator, column: np.ndarray, y: float, size: tuple[float, float], waist: float
) -> np.ndarray:
    """Rounded block across the column at height y, its four sides indented by `waist`."""
    i = int(np.searchsorted(column[:, 1], y))
    along = column[i + 2] - column[i - 2]
    angle = np.arctan2(along[1], along[0]) - np.pi / 2 + rng.normal(0, 0.03)
    w, h = size[0] / 2, size[1] / 2
    c = 1 - waist
    corner = min(0.86, 1 - 1.2 / h) if h > 4 else 0.7
    shape = np.array(
        [(0.93, -corner), (c, 0), (0.93, corner), (0.8, 1), (0, 1 - waist), (-0.8, 1),
         (-0.93, corner), (-c, 0), (-0.93, -corner), (-0.8, -1), (0, waist - 1), (0.8, -1)]
    )  # fmt: skip
    shape = shape * (w, h) + rng.normal(0, 0.25, shape.shape)
    return d.curve(d.turned(shape, angle) + column[i], 80)


def _marrow(rng: np.random.Generator, bodies: list[np.ndarray]) -> np.ndarray:
    """Relative brightness of the marrow: one tone per body, clefts of veins, fatty or sclerotic spots."""
    tone = 1 + 0.1 * d.field(rng, 16) + 0.06 * d.grain(rng, 0.8)
    for body in bodies:
        tone = tone + rng.normal(0, 0.07) * d.fill(body)
    centres = [body.mean(0) for body in bodies]
    veins = [(np.array([(x + 3, y), (x + 10, y)]), rng.uniform(0.5, 2)) for x, y in centres]
    tone = tone + rng.uniform(0.1, 0.45) * d.blur(d.stroke(*veins), 0.8)
    spots = [d.blob(rng, c + rng.normal(0, 4, 2), rng.uniform(1, 3.5, 2), 0, 0.1) for c in centres]
    return tone + rng.uniform(-0.3, 0.6) * d.blur(d.fill(*[s for s in spots if rng.random() < 0.3]), 0.9)


def _surroundings(
    rng: np.random.Generator, warp: d.Warp, column: np.ndarray, marrow: float, fluid: float
) -> np.ndarray:
    """Belly with vessels at the front; canal with cord, spinous processes, muscle and fat at the back."""
    image = 0.22 + 0.06 * d.field(rng, 6) + 0.03 * d.field(rng, 24)
    gut = np.clip(d.field(rng, 7), -1.5, 1.5)
    front = d.fill(warp(np.concatenate([_shifted(column, -18), [(-80, d.SIDE + 30), (-80, -30)]])))
    image = d.paint(image, front, 0.3 + 0.18 * gut, 1.5)
    vessel = _shifted(column, -rng.uniform(19, 26))
    image = d.paint(image, d.stroke((warp(vessel), rng.uniform(5, 9))), rng.uniform(0.03, 0.1), 0.8)
    fat = rng.uniform(0.5, 0.85)
    back = d.fill(
        warp(np.concatenate([_shifted(column, rng.uniform(50, 64)), [(200, d.SIDE + 30), (200, -30)]]))
    )
    image = d.paint(image, back, fat + 0.05 * d.field(rng, 14), 1.0)
    shift = rng.uniform(17, 20)
    canal, calibre = warp(_shifted(column, shift)), rng.uniform(8, 12)
    image = d.paint(image, d.stroke((canal, calibre + 3)), 0.1, 0.8)
    image = d.paint(image, d.stroke((canal, calibre)), fluid * (1 + 0.06 * d.field(rng, 14)), 0.9)
    end = rng.integers(80, 230)
    cord = warp(_shifted(column, shift + rng.uniform(-0.5, 1.5)))
    image = d.paint(
        image, d.stroke((cord[:end], calibre * rng.uniform(0.4, 0.6))), rng.uniform(0.3, 0.45), 0.8
    )
    image = d.paint(image, d.stroke((cord[end - 3 :], 1.0)) * 0.6, 0.4, 0.7)
    processes, pitch = [], rng.uniform(20, 26)
    for y in np.arange(rng.uniform(-15, 5), d.SIDE + 15, pitch):
        x = float(np.interp(y, column[:, 1], column[:, 0])) + shift + calibre / 2 + rng.uniform(9, 12)
        processes.append(
            warp(d.blob(rng, (x, y), (rng.uniform(9, 13), rng.uniform(4, 6)), rng.uniform(0.2, 0.6), 0.08))
        )
    image = d.paint(
        image, d.fill(*processes), marrow * rng.uniform(0.85, 1.15) * (1 + 0.12 * d.field(rng, 14)), 0.9
    )
    fluid_gaps = d.blur((d.field(rng, 12) > 1.0).astype(float), 0.8)
    behind = d.fill(warp(np.concatenate([_shifted(column, shift + 7), _shifted(column, shift + 24)[::-1]])))
    return image + 0.35 * fluid_gaps * behind * (1 - d.fill(*processes))
