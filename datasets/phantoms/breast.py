"""Breast ultrasound: a dark lesion in layered tissue under speckle, with shadows and equally dark fat."""

from __future__ import annotations

import numpy as np

from segbench.datasets.phantoms import drawing as d


def draw(rng: np.random.Generator) -> d.Drawing:
    """Draw one subject: the image and the label ``lesion``."""
    malignant = rng.random() < 0.45
    contour = _malignant(rng) if malignant else _benign(rng)
    coverage = d.fill(contour)
    echo = _layers(rng)
    halo = d.blur(d.fill((contour - contour.mean(0)) * 1.15 + contour.mean(0)), 1.5) - d.blur(coverage, 1.5)
    echo = echo * (1 + (rng.uniform(0.3, 1.0) if malignant else rng.uniform(0, 0.5)) * np.clip(halo, 0, 1))
    around = np.median(echo[(d.blur(coverage, 3) > 0.1) & (coverage < 0.5)])
    near = np.clip(2 * d.blur(coverage, 3), 0, 1)
    echo = echo + near * np.clip(0.6 * around - echo, 0, None)  # no equally dark tissue touches it
    inside = rng.uniform(0.1, 0.26) * around * np.exp(0.3 * d.field(rng, 9) + 0.2 * d.field(rng, 20))
    inside = np.minimum(inside, 0.34 * around)
    echo = d.paint(echo, coverage, inside, rng.uniform(1.2, 2.2) if malignant else rng.uniform(0.7, 1.3))
    behind = _behind(coverage)
    echo = echo * np.exp(behind * (rng.uniform(-0.9, -0.3) if malignant else rng.uniform(-0.1, 0.6)))
    echo = echo * (near + (1 - near) * _shadows(rng))
    return _scan(rng, echo), {"lesion": d.label(coverage)}


def _centre(rng: np.random.Generator) -> tuple[float, float]:
    return rng.uniform(36, 92), rng.uniform(46, 76)


def _benign(rng: np.random.Generator) -> np.ndarray:
    """Oval or gently lobulated, wider than tall."""
    width = rng.uniform(12, 30)
    height = min(width * rng.uniform(0.45, 0.85), 22)
    return d.blob(rng, _centre(rng), (width, height), rng.uniform(-0.3, 0.3), rng.uniform(0.04, 0.1), 4)


def _malignant(rng: np.random.Generator) -> np.ndarray:
    """Angular and spiculated, often taller than wide."""
    base = d.blob(rng, (0, 0), (1, 1), 0, rng.uniform(0.08, 0.16), int(rng.integers(5, 9)))
    angle = np.arctan2(base[:, 1], base[:, 0])
    spikes = sum(
        rng.uniform(0.1, 0.4) * np.exp(9 * (np.cos(angle - a) - 1)) for a in rng.uniform(-np.pi, np.pi, 4)
    )
    base = base * (1 + spikes)[:, None]
    size = rng.uniform(10, 18)
    return d.turned(base * (size, size * rng.uniform(0.75, 1.3)), rng.uniform(-0.5, 0.5)) + _centre(rng)


def _layers(rng: np.random.Generator) -> np.ndarray:
    """Echo strength of skin, fat with septa, gland with fat lobules, fascia, muscle and the chest wall."""
    _, y = d.grid()
    tilt = y + rng.uniform(1, 5) * d.field(rng, 3) + rng.uniform(0.5, 2.5) * d.field(rng, 9)
    skin, fat, gland = rng.uniform(4, 8), rng.uniform(14, 42), rng.uniform(84, 124)
    muscle = gland + rng.uniform(10, 30)
    step = [1 / (1 + np.exp(-(tilt - edge) / 1.2)) for edge in (skin, fat, gland, muscle)]
    septa = np.exp(-((d.field(rng, 8) / 0.12) ** 2))
    bright = rng.uniform(0.45, 0.75)
    lobules = np.clip(d.field(rng, int(rng.integers(5, 11))) - rng.uniform(0.2, 1.0), 0, 1)
    gland_echo = bright * (1 + 0.3 * d.field(rng, 12)) * (1 - 0.75 * lobules) + 0.25 * np.abs(
        d.field(rng, 30)
    )
    fat_echo = rng.uniform(0.16, 0.3) + 0.4 * septa
    stripes = (
        0.3 + 0.12 * np.sin(tilt * rng.uniform(0.9, 1.6) + 3 * d.field(rng, 7)) + 0.05 * d.field(rng, 14)
    )
    wall = rng.uniform(0.1, 0.5) * np.exp(-np.clip(tilt - muscle, 0, None) / 10)
    echo = 1.0 + (fat_echo - 1) * step[0]
    echo = echo + (gland_echo - echo) * step[1]
    echo = echo + (stripes - echo) * step[2]
    echo = echo + (wall - echo) * step[3]
    lines = sum(np.exp(-(((tilt - edge) / 1.2) ** 2)) for edge in (fat, gland, muscle))
    return np.clip(echo + rng.uniform(0.3, 0.7) * lines, 0.04, None)


def _behind(coverage: np.ndarray) -> np.ndarray:
    """Weight in [0, 1] of the tissue below the lesion."""
    below = np.maximum.accumulate(coverage, axis=0) - coverage
    return d.blur(np.clip(below, 0, 1), 2.5)


def _shadows(rng: np.random.Generator) -> np.ndarray:
    """Factor of the beam that remains after poor contact and attenuation with depth."""
    x, y = d.grid()
    factor = np.exp(-rng.uniform(-0.2, 0.9) * y / d.SIDE)
    for _ in range(rng.integers(1, 4)):
        centre = rng.uniform(0, d.SIDE) + rng.uniform(-0.15, 0.15) * y
        start = 1 / (1 + np.exp(-(y - rng.uniform(-20, 80)) / 5))
        factor = factor * (
            1 - rng.uniform(0.25, 0.65) * start * np.exp(-(((x - centre) / rng.uniform(3, 8)) ** 2))
        )
    return factor


def _scan(rng: np.random.Generator, echo: np.ndarray) -> np.ndarray:
    """Fully developed speckle, wider across the beam than along it, and logarithmic compression."""
    axial = rng.uniform(0.55, 0.8)
    lateral = axial * rng.uniform(1.3, 2.0)
    speckle = np.hypot(d.grain(rng, lateral, axial), d.grain(rng, lateral, axial)) / 1.25
    amplitude = echo * (0.25 + 0.75 * speckle) + 0.01
    return d.finish(np.log1p(rng.uniform(4, 14) * amplitude), low=0.1, high=99.7)
