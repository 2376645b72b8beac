"""Fundus photograph in its green channel: the vessel tree, with haemorrhages and exudates around it."""

from __future__ import annotations

import numpy as np

from segbench.datasets.phantoms import drawing as d

Branch = tuple[np.ndarray, np.ndarray]


def draw(rng: np.random.Generator) -> d.Drawing:
    """Draw one subject: the image and the label ``vessels``."""
    side = rng.choice([-1, 1])
    disc = np.array([64 + side * rng.uniform(20, 44), 64 + rng.uniform(-7, 7)])
    fovea = disc - (side * rng.uniform(38, 46), rng.uniform(-4, 4))
    aperture = d.fill(d.blob(rng, (64, 64), (rng.uniform(58, 66),) * 2, 0, 0.0))
    veins, arteries = _tree(rng, disc, side, 1.0), _tree(rng, disc, side, 0.8)
    image = _background(rng, disc, fovea)
    dark, pale = rng.uniform(0.3, 0.45), rng.uniform(0.2, 0.32)
    veil = np.exp(0.25 * d.field(rng, 7))
    for tree, strength in ((arteries, pale), (veins, dark)):
        image = image * (1 - strength * veil * d.blur(d.stroke(*tree), 0.6))
    reflex = d.stroke(*[(line, width * 0.3) for line, width in arteries if width[0] > 2])
    image = image + rng.uniform(0.02, 0.07) * d.blur(reflex, 0.5)
    image = _camera(rng, image, aperture)
    return image, {"vessels": d.label(d.stroke(*veins, *arteries) * (aperture > 0.5))}


def _tree(rng: np.random.Generator, disc: np.ndarray, side: int, calibre: float) -> list[Branch]:
    """Branches that leave the disc in four arcades and divide; points (n, 2) and widths (n,) in pixels."""
    todo: list[tuple[np.ndarray, float, float, float, int]] = []
    for vertical in (-1, 1):
        for away, turn in ((-side, 0.0165), (side, 0.004)):
            heading = np.arctan2(vertical * 1.0, away * rng.uniform(0.25, 0.6))
            bend = -vertical * away * turn * rng.uniform(0.7, 1.2)
            width = calibre * rng.uniform(2.5, 3.4) * (1 if away == -side else 0.75)
            start = disc + rng.normal(0, 2, 2)
            todo.append((start, heading + rng.normal(0, 0.22), bend, width, 0))
    branches: list[Branch] = []
    while todo:
        start, heading, bend, width, order = todo.pop()
        count = int(rng.uniform(70, 110) if order == 0 else rng.uniform(18, 55))
        wander = np.cumsum(rng.normal(0, 0.045, count)) + 0.18 * np.sin(np.arange(count) / rng.uniform(4, 8))
        angle = heading + bend * np.arange(count) + wander
        line = start + np.cumsum(np.stack([np.cos(angle), np.sin(angle)], 1), axis=0)
        widths = np.maximum(width * np.linspace(1, 0.5 if order == 0 else 0.7, count), 1.2)
        branches.append((line, widths))
        if order < 2:
            for i in range(int(rng.uniform(8, 14)), count - 8, int(rng.uniform(13, 22))):
                child = widths[i] * rng.uniform(0.55, 0.8)
                if child > 1.0:
                    fork = angle[i] + rng.choice([-1, 1]) * rng.uniform(0.5, 1.0)
                    todo.append((line[i], fork, rng.normal(0, 0.008), child, order + 1))
    return branches


def _background(rng: np.random.Generator, disc: np.ndarray, fovea: np.ndarray) -> np.ndarray:
    """Retina with choroidal texture, optic disc with its cup, fovea, exudates and haemorrhages."""
    x, y = d.grid()
    image = 0.55 * d.bias(rng, 0.1) * (1 + 0.05 * d.field(rng, 14) + 0.03 * d.field(rng, 40))
    stripes = np.clip(1 - np.abs(d.field(rng, 11)) / 0.3, 0, 1)
    image = image * (1 - rng.uniform(0, 0.12) * stripes)
    spot = np.hypot(x - fovea[0], y - fovea[1])
    image = image * (1 - rng.uniform(0.2, 0.4) * np.exp(-((spot / rng.uniform(7, 12)) ** 2)))
    radius = rng.uniform(7.5, 10)
    nerve = d.fill(d.blob(rng, disc, (radius, radius * 1.08), 0, 0.03))
    image = d.paint(image, nerve, rng.uniform(0.75, 0.95), 1.2)
    cup = d.fill(d.blob(rng, disc, (radius * rng.uniform(0.3, 0.55),) * 2, 0, 0.1))
    image = d.paint(image, cup, 1.0, 1.2)
    blood = [
        d.blob(rng, p, rng.uniform(0.8, 3.2, 2), 0, 0.2) for p in rng.uniform(20, 108, (rng.integers(10), 2))
    ]
    image = image * (1 - rng.uniform(0.2, 0.4) * d.blur(d.fill(*blood), 0.7))
    count = max(int(rng.integers(-8, 13)), 0)
    exudates = [d.blob(rng, p, rng.uniform(0.6, 2, 2), 0, 0.2) for p in fovea + rng.normal(0, 16, (count, 2))]
    return image + rng.uniform(0.1, 0.3) * d.blur(d.fill(*exudates), 0.6)


def _camera(rng: np.random.Generator, image: np.ndarray, aperture: np.ndarray) -> np.ndarray:
    """Uneven lighting, focus, sensor noise and the round aperture."""
    x, y = d.grid()
    centre = 64 + rng.uniform(-14, 14, 2)
    falloff = 1 - rng.uniform(0.15, 0.5) * (np.hypot(x - centre[0], y - centre[1]) / 64) ** 2
    lit = d.blur(image * np.clip(falloff, 0.2, None), rng.uniform(0.3, 0.6))
    lit = lit * (1 + 0.03 * d.grain(rng, 0.5)) + rng.uniform(0.004, 0.012) * rng.normal(size=image.shape)
    return d.finish(lit * d.blur(aperture, 0.5), low=0, high=99.9)
