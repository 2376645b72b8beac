"""Panoramic radiograph: all teeth, with fillings and gaps, among bone, air and the spine's shadow."""

from __future__ import annotations

import numpy as np

from segbench.datasets.phantoms.drawing import (
    Picture,
    Warp,
    blob,
    blur,
    curve,
    deformation,
    depth,
    field,
    fill,
    finish,
    grain,
    grid,
    label,
    radiograph,
    stroke,
    turned,
)

# Widths in pixels of one half of each row, from the middle to the wisdom tooth.
UPPER = (5.6, 4.6, 5.0, 4.8, 4.8, 7.2, 7.0, 6.4)
LOWER = (3.7, 4.0, 4.6, 4.8, 5.0, 7.6, 7.4, 6.8)
MANDIBLE = [
    (4, 26), (9, 22), (14, 28), (19, 44), (26, 62), (44, 72), (64, 75), (84, 72), (102, 62), (109, 44),
    (114, 28), (119, 22), (124, 26), (120, 58), (110, 84), (90, 103), (64, 110), (38, 103), (18, 84), (8, 58),
]  # fmt: skip


def draw(rng: np.random.Generator) -> Picture:
    """One subject: picture and the label ``teeth``."""
    warp = deformation(rng, turn=0.05, scale=(0.92, 1.1), shift=4, bend=1.0)
    bow = rng.uniform(3, 14)
    teeth = _rows(rng, warp, bow)
    whole = fill(*[t["outline"] for t in teeth])
    attenuation = _head(rng, warp, bow) + _dentition(rng, teeth, whole)
    film = radiograph(rng, np.clip(attenuation, 0, None), rng.uniform(1200, 5000))
    return finish(film * (1 + 0.1 * field(rng, 2)), gamma=rng.uniform(0.85, 1.25)), {"teeth": label(whole)}


def _rows(rng: np.random.Generator, warp: Warp, bow: float) -> list[dict[str, np.ndarray]]:
    """Contours of all teeth that are there."""
    size, opening = rng.uniform(1.0, 1.16), rng.uniform(0.8, 2.6)
    lost = rng.choice([0.02, 0.06, 0.2])
    teeth = []
    for widths, down in ((UPPER, -1), (LOWER, 1)):
        for side in (-1, 1):
            x = rng.uniform(0, 0.4)
            for i, width in enumerate(np.multiply(widths, size)):
                centre, x = 64 + side * (x + width / 2), x + width * 0.97
                if rng.random() < (0.4 if i == 7 else lost):
                    continue
                height = rng.uniform(0.9, 1.1) * (22, 21, 25, 22, 22, 20, 19, 17)[i]
                tilt = side * down * rng.normal(0.02 + 0.015 * i, 0.05)
                y = 64 - bow * ((centre - 64) / 45) ** 2 + down * opening
                teeth.append(_tooth(rng, warp, (centre, y), (width, height), down, tilt, molar=i > 4))
    return teeth


def _tooth(
    rng: np.random.Generator,
    warp: Warp,
    place: tuple[float, float],
    size: tuple[float, float],
    down: int,
    tilt: float,
    molar: bool,
) -> dict[str, np.ndarray]:
    """Outline, enamel cap and pulp of one tooth whose crown's edge lies at `place`."""
    w, h = size[0] / 2, size[1]
    crown = 0.36 * h
    half = [(0.75 * w, 0.02 * h), (0.97 * w, 0.14 * h), (0.92 * w, 0.28 * h), (0.74 * w, crown + 0.06 * h)]
    root = [(0.72 * w, 0.7 * h), (0.5 * w, 0.97 * h), (0.2 * w, 0.9 * h), (0, 0.66 * h)] if molar else []
    root = root or [(0.56 * w, 0.7 * h), (0.25 * w, 0.96 * h), (0, h)]
    right = np.array(half + root)
    outline = np.concatenate([right, right[-2::-1] * (-1, 1), [(0, rng.uniform(0, 0.04) * h)]])

    pulp = np.array([(-0.2 * w, 0.3 * h), (0.2 * w, 0.3 * h), (0.1 * w, 0.8 * h), (-0.1 * w, 0.8 * h)])
    cap = np.array([(-w, 0), (w, 0), (0.95 * w, 0.3 * h), (0, 0.2 * h), (-0.95 * w, 0.3 * h)])
    parts = {"outline": curve(outline, 60), "pulp": pulp, "cap": cap}
    if rng.random() < (0.3 if molar else 0.08):
        parts["filling"] = blob(rng, (0, 0.14 * h), (0.6 * w, 0.1 * h), 0, 0.15)
    posed = warp(turned(np.concatenate(list(parts.values())), tilt) * (1, down) + place)
    ends = np.cumsum([len(part) for part in parts.values()])[:-1]
    return dict(zip(parts, np.split(posed, ends), strict=True))


def _dentition(rng: np.random.Generator, teeth: list[dict[str, np.ndarray]], whole: np.ndarray) -> np.ndarray:
    """Attenuation of dentine, enamel, pulp and metal, and the dark line of the ligament around each root."""
    enamel = fill(*[t["cap"] for t in teeth]) * whole
    pulp = fill(*[t["pulp"] for t in teeth]) * whole
    metal = fill(*[t["filling"] for t in teeth if "filling" in t])
    ligament = stroke(*[(np.concatenate([t["outline"], t["outline"][:1]]), 0.5) for t in teeth])
    density = rng.uniform(0.4, 0.6)
    return (
        density * blur(whole, 0.5) * (0.8 + 0.12 * field(rng, 7))
        + 0.45 * density * blur(enamel, 0.6)
        - 0.3 * density * blur(pulp, 0.7)
        + rng.uniform(0.6, 1.5) * blur(metal, 0.5)
        - 0.15 * density * blur(ligament, 0.4)
    )


def _head(rng: np.random.Generator, warp: Warp, bow: float) -> np.ndarray:
    """Attenuation of the jaw bones, sinuses, airway, spine and their ghost images."""
    x, y = grid()
    mandible = fill(warp(curve(np.add(MANDIBLE, rng.normal(0, 1.2, (len(MANDIBLE), 2))))))
    cortex = np.exp(-(((depth(mandible) - 1.8) / 1.2) ** 2)) * (mandible > 0.5)
    trabeculae = 0.1 * grain(rng, 0.9) + 0.12 * field(rng, 16)
    jaw = rng.uniform(0.25, 0.4) * blur(mandible, 0.8) * (1 + trabeculae) + 0.18 * blur(cortex, 0.7)
    maxilla = fill(warp(blob(rng, (64, 42), (46, 17), 0, 0.06)))
    upper = rng.uniform(0.2, 0.35) * blur(maxilla, 2) * (1 + trabeculae)
    sinuses = fill(*[warp(blob(rng, (64 + s * 27, 30), (13, 8), 0, 0.15)) for s in (-1, 1)])
    nose = fill(*[warp(blob(rng, (64 + s * 5, 24), (4, 10), 0, 0.1)) for s in (-1, 1)])
    palate = stroke(
        (warp(curve([(24, 36), (64, 39 + rng.uniform(-3, 3)), (104, 36)], 40, closed=False)), 2.0)
    )
    bite = 64 - bow * ((x - 64) / 45) ** 2
    gap = np.exp(-(((y - bite) / rng.uniform(1.5, 3)) ** 2)) * np.exp(-((((x - 64) / 52) ** 2) ** 2))
    spine = rng.uniform(0.05, 0.3) * np.exp(-(((x - 64) / 12) ** 2)) * (1 / (1 + np.exp(-(y - 70) / 10)))
    neck = 0.4 * (np.exp(-((x / 7) ** 2)) + np.exp(-(((x - 128) / 7) ** 2))) * rng.uniform(0.2, 1)
    tissue = 0.75 + 0.1 * field(rng, 4) + 0.04 * field(rng, 12)
    dark = 0.2 * blur(sinuses, 1.2) + 0.22 * blur(nose, 1.2) + rng.uniform(0.15, 0.35) * gap
    return tissue + jaw + upper + 0.2 * blur(palate, 0.8) + spine + neck - dark
