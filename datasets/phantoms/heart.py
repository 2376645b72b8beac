"""Short-axis cine MRI: both ventricles' blood pools, with the aorta and fat of the same brightness nearby."""

from __future__ import annotations

import numpy as np

from segbench.datasets.phantoms import drawing as d


def draw(rng: np.random.Generator) -> d.Drawing:
    """Draw one subject: the image and the labels ``left-ventricle`` and ``right-ventricle``."""
    warp = d.deformation(rng, turn=0.5, scale=(0.85, 1.35), shift=8, bend=1.5)
    shapes = _ventricles(rng, warp)
    blood, muscle = rng.uniform(0.72, 1.0), rng.uniform(0.22, 0.42)
    image = _thorax(rng, warp, blood, muscle)
    image = d.paint(image, shapes["heart"], muscle + 0.03 * d.field(rng, 20), 0.8)
    pool = blood * (1 + 0.11 * d.field(rng, 6) + 0.07 * d.field(rng, 22))
    right = pool * rng.uniform(0.85, 1.02)
    right = np.where(
        d.depth(shapes["right"]) < 4, right * (1 - 0.3 * np.clip(d.field(rng, 20), 0, 1.5)), right
    )
    image = d.paint(image, shapes["right"], right, rng.uniform(0.8, 1.5))
    image = d.paint(image, shapes["left"], pool, rng.uniform(0.8, 1.4))
    image = d.paint(image, shapes["papillary"] * shapes["left"], muscle * rng.uniform(1.0, 1.6), 0.7)
    image = d.paint(image, shapes["band"] * shapes["right"] * rng.uniform(0, 0.8), muscle * 1.4, 0.6)
    x, y = d.grid()
    coil = 1 + rng.uniform(0, 0.6) * (d.SIDE / 2 - 0.6 * y - 0.4 * x) / d.SIDE
    image = d.rician(rng, image * coil * d.bias(rng, 0.2), rng.uniform(0.025, 0.085))
    masks = {
        "left-ventricle": d.label(shapes["left"]),
        "right-ventricle": d.label(shapes["right"]) & ~d.label(shapes["left"]),
    }
    return d.finish(image, high=99.7, gamma=rng.uniform(0.85, 1.3)), masks


def _ventricles(rng: np.random.Generator, warp: d.Warp) -> dict[str, np.ndarray]:
    """Coverage of the cavities, the muscle around them, the papillary muscles and the moderator band."""
    centre, radius, wall = np.array([72.0, 64.0]), rng.uniform(10, 16), rng.uniform(4.5, 8)
    stretch = rng.uniform(0.88, 1.12)
    endo = d.blob(rng, (0, 0), (radius * stretch, radius / stretch), wobble=0.05, waves=6)
    outer = endo * (1 + wall / np.hypot(*endo.T))[:, None]
    t = np.linspace(0, 1, 60)
    start, stop = np.radians(rng.uniform(78, 105)), np.radians(rng.uniform(225, 258))
    angle = start + (stop - start) * t
    septum = (radius + wall + 0.3) * np.stack([stretch * np.cos(angle), np.sin(angle) / stretch], 1)
    bulge = rng.uniform(13, 24) * np.sin(np.pi * t ** rng.uniform(0.75, 1.3)) ** rng.uniform(0.55, 0.9)
    free = septum * (1 + bulge / np.hypot(*septum.T))[:, None]
    right = np.concatenate([free, septum[::-1]])
    thin = free * (1 + rng.uniform(0.6, 1.8) / np.hypot(*free.T))[:, None]
    papillary = []
    for a in rng.uniform(0, 2 * np.pi, rng.integers(2, 5)):
        reach = radius * rng.uniform(0.6, 0.85)
        size = (radius * rng.uniform(0.15, 0.35), radius * rng.uniform(0.1, 0.22))
        papillary.append(d.blob(rng, (reach * np.cos(a), reach * np.sin(a)), size, a, 0.1))
    i = rng.integers(22, 42)
    band = np.stack([septum[i], free[min(i + rng.integers(-8, 9), 59)]])
    return {
        "left": d.fill(warp(endo + centre)),
        "heart": d.fill(warp(outer + centre), warp(np.concatenate([thin, septum[::-1]]) + centre)),
        "right": d.fill(warp(right + centre)),
        "papillary": d.fill(*[warp(p + centre) for p in papillary]),
        "band": d.stroke((warp(band + centre), rng.uniform(0.5, 1.5))),
    }


def _thorax(rng: np.random.Generator, warp: d.Warp, blood: float, muscle: float) -> np.ndarray:
    """Surroundings of the heart: air, chest, lungs, liver, stomach, fat, spine and the descending aorta."""
    body = d.fill(
        d.blob(rng, (62, 70), (rng.uniform(62, 92), rng.uniform(50, 80)), rng.uniform(-0.3, 0.3), 0.04)
    )
    fat = rng.uniform(0.5, 0.95) * blood
    image = d.paint(np.full((d.SIDE, d.SIDE), 0.01), body, fat + 0.05 * d.field(rng, 12))
    inner = d.depth(body) + 2 * d.field(rng, 6)
    rim = rng.uniform(4, 9)
    chest = d.blur((inner > rim).astype(float), 0.5)
    image = d.paint(image, chest, 0.75 * muscle + 0.08 * np.abs(d.field(rng, 24)))
    cavity = d.blur((inner > rim + rng.uniform(4, 7)).astype(float), 0.5)
    vessels = 0.25 * np.clip(d.grain(rng, 1.1) - 1.5, 0, 2)
    image = d.paint(image, cavity, 0.06 + vessels, 1.0)
    liver = warp(d.curve([(14, 84), (34, 84), (56, 92), (70, 104), (60, 126), (24, 130), (4, 112)]))
    image = d.paint(
        image, d.fill(liver) * cavity, rng.uniform(0.25, 0.7) * blood + 0.05 * d.field(rng, 30), 1.0
    )
    stomach = d.blob(rng, (96 + rng.uniform(-4, 8), 106), rng.uniform(12, 18, 2), 0.3, 0.12)
    image = d.paint(
        image, d.fill(warp(stomach)) * cavity, rng.uniform(0.15, 0.8) * blood + 0.1 * d.field(rng, 18), 1.0
    )
    cushion = d.fill(warp(d.blob(rng, (61, 66), (38, 28), 0.1, 0.1))) * cavity
    patches = d.blur((d.field(rng, 9) > rng.uniform(0.1, 0.9)).astype(float), 0.8)
    image = d.paint(image, cushion, muscle * 0.6 + patches * (0.85 * fat - muscle * 0.6), 1.2)
    spine = warp(d.blob(rng, (76, 118), (11, 9), 0, 0.06))
    image = d.paint(image, d.fill(spine), rng.uniform(0.25, 0.5) * blood + 0.06 * d.field(rng, 20), 1.0)
    size = rng.uniform(4.5, 6.5)
    aorta = warp(d.blob(rng, (92 + rng.uniform(-4, 4), 100 + rng.uniform(-3, 4)), (size, size), 0, 0.03))
    image = d.paint(image, d.fill(aorta), blood * rng.uniform(0.85, 1.05), 0.8)
    return image
