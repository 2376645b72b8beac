"""Stained blood smear: a white cell among red cells, and platelets as dark as its nucleus."""

from __future__ import annotations

import numpy as np

from segbench.datasets.phantoms import drawing as d


def draw(rng: np.random.Generator) -> d.Drawing:
    """Draw one subject: the image and the labels ``nucleus`` and ``cytoplasm``."""
    warp = d.deformation(rng, turn=np.pi, scale=(0.9, 1.1), shift=8, bend=1.2)
    kind = rng.choice(["lymphocyte", "monocyte", "neutrophil", "eosinophil", "band"])
    radius = rng.uniform(19, 27) if kind == "lymphocyte" else rng.uniform(27, 40)
    cell = d.fill(warp(d.blob(rng, (64, 64), (radius, radius * rng.uniform(0.85, 1.0)), 0, 0.05, 7)))
    nucleus = _nucleus(rng, kind, radius, warp) * (cell >= 0.5)
    plasma = rng.uniform(0.95, 1.1)
    image = plasma * (1 + 0.02 * d.field(rng, 10))
    image = _red_cells(rng, image, plasma, cell)
    image = d.paint(image, cell, plasma * _cytoplasm(rng, kind, cell), rng.uniform(0.7, 1.3))
    dark = rng.uniform(0.2, 0.44)
    chromatin = dark * (1 + 0.2 * d.field(rng, 16) + 0.14 * d.grain(rng, 0.8)) + 0.12 * np.exp(
        -d.depth(nucleus) / 2
    )
    image = d.paint(image, nucleus, plasma * chromatin, rng.uniform(0.6, 1.1))
    image = d.blur(image, rng.uniform(0.3, 0.8)) * d.bias(rng, 0.04)
    image = image + rng.uniform(0.008, 0.025) * rng.normal(size=image.shape)
    masks = {"nucleus": d.label(nucleus), "cytoplasm": d.label(cell) & ~d.label(nucleus)}
    return d.finish(image, gamma=rng.uniform(0.85, 1.4)), masks


def _nucleus(rng: np.random.Generator, kind: str, radius: float, warp: d.Warp) -> np.ndarray:
    """Coverage of a round, kidney-shaped, horseshoe-shaped or lobed nucleus."""
    if kind == "lymphocyte":
        size = radius * rng.uniform(0.72, 0.86)
        offset = rng.uniform(-0.1, 0.1, 2) * radius
        return d.fill(warp(d.blob(rng, 64 + offset, (size, size * rng.uniform(0.85, 1)), 0, 0.05)))
    if kind in ("monocyte", "band"):
        opening = rng.uniform(0.5, 1.2) if kind == "band" else rng.uniform(1.6, 2.2)
        angle = np.linspace(opening, 2 * np.pi - opening, 24)
        line = 64 + 0.42 * radius * np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(0.85, 1.15, 2)
        width = radius * (rng.uniform(0.3, 0.4) if kind == "band" else rng.uniform(0.6, 0.8))
        widths = width * (1 + 0.15 * np.sin(np.linspace(0, rng.uniform(3, 9), 24) + rng.uniform(0, 6)))
        return d.stroke((warp(line), widths))
    lobes = 2 if kind == "eosinophil" else int(rng.integers(3, 5))
    angle = rng.uniform(0, 6) + np.cumsum(rng.uniform(0.8, 1.2, lobes)) * (2.2 if lobes == 2 else 1.35)
    centres = 64 + radius * rng.uniform(0.38, 0.5) * np.stack([np.cos(angle), np.sin(angle)], 1)
    size = radius * (0.36 if lobes == 2 else 0.27)
    shapes = [d.blob(rng, c, size * rng.uniform(0.85, 1.25, 2), rng.uniform(0, 3), 0.1) for c in centres]
    bridge = d.curve(centres, 30, closed=False) if lobes > 2 else np.linspace(centres[0], centres[1], 8)
    joined = d.stroke((warp(bridge), rng.uniform(1.5, 3.5)))
    return np.maximum(d.fill(*[warp(shape) for shape in shapes]), joined)


def _cytoplasm(rng: np.random.Generator, kind: str, cell: np.ndarray) -> np.ndarray:
    """Transmission of the cytoplasm: granules that depend on the kind of cell, vacuoles, a darker rim."""
    coarse, fine = np.clip(d.grain(rng, 1.0) - 0.3, 0, 2), d.grain(rng, 0.6)
    granules = {"eosinophil": 0.12 * coarse, "neutrophil": 0.05 * coarse + 0.04 * fine}.get(
        kind, 0.025 * fine
    )
    vacuoles = 0.12 * np.clip(d.field(rng, 18) - 1.6, 0, 1)
    shade = rng.uniform(0.56, 0.84) * (1 + 0.06 * d.field(rng, 5))
    return shade - granules + vacuoles - 0.08 * np.exp(-d.depth(cell) / 1.5)


def _red_cells(rng: np.random.Generator, image: np.ndarray, plasma: float, cell: np.ndarray) -> np.ndarray:
    """Red cells with pale centres, some touching the white cell, and a few platelets."""
    count, size, shade = rng.integers(3, 12), rng.uniform(13, 18), rng.uniform(0.42, 0.8)
    for centre in rng.uniform(-5, d.SIDE + 5, (count, 2)):
        radii = size * rng.uniform(0.85, 1.1, 2)
        disc = d.fill(d.blob(rng, centre, radii, rng.uniform(0, 3), 0.03))
        pallor = d.blur(d.fill(d.blob(rng, centre, radii * rng.uniform(0.35, 0.55), 0, 0.05)), 3)
        tone = plasma * (shade + rng.uniform(-0.04, 0.04)) * (1 + rng.uniform(0.02, 0.25) * pallor)
        image = d.paint(image, disc, np.minimum(tone, plasma), 0.8)
    outside = cell < 0.5
    dots = [
        d.blob(rng, p, rng.uniform(1, 7, 2), 0, 0.15)
        for p in rng.uniform(4, d.SIDE - 4, (8, 2))[: rng.integers(0, 9)]
    ]
    return d.paint(image, d.fill(*dots) * outside, plasma * rng.uniform(0.25, 0.5), 0.8)
