"""Panoramic radiograph: all teeth, with fillings and gaps, among bone, air and the spine's shadow."""

from __future__ import annotations

import numpy as np

from segbench.datasets.phantoms import drawing as d

# Widths of teeth in pixels, from the middle to the wisdom tooth.
UPPER = (5.6, 4.6, 5.0, 4.8, 4.8, 7.2, 7.0, 6.4)
LOWER = (3.7, 4.0, 4.6, 4.8, 5.0, 7.6, 7.4, 6.8)
MANDIBLE = [
    (4, 26), (9, 22), (14, 28), (19, 44), (26, 62), (44, 72), (64, 75), (84, 72), (102, 62), (109, 44),
    (114, 28), (119, 22), (124, 26), (120, 58), (110, 84), (90, 103), (64, 110), (38, 103), (18, 84), (8, 58),
]  # fmt: skip


def draw(rng: np.random.Generator) -> d.Drawing:
    """Draw one subject: the image and the label ``teeth``."""
    warp = d.deformation(rng, turn=0.05, scale=(0.92, 1.1), shift=4, bend=1.0)
    bow = rng.uniform(3, 14)
    teeth = _rows(rng, warp, bow)
    coverage = d.fill(*[t["outline"] for t in teeth])
    attenuation = _head(rng, warp, bow) + _dentition(rng, teeth, coverage)
    film = d.radiograph(rng, np.clip(attenuation, 0, None), rng.uniform(1200, 5000))
    image = d.finish(film * (1 + 0.1 * d.field(rng, 2)), gamma=rng.uniform(0.85, 1.25))
    return image, {"teeth": d.label(coverage)}


def _rows(rng: np.random.Generator, warp: d.Warp, bow: float) -> list[dict[str, np.ndarray]]:
    """Contours of all teeth that are not lost."""
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
    warp: d.Warp,
    edge: tuple[float, float],
    size: tuple[float, float],
    down: int,
    tilt: float,
    molar: bool,
) -> dict[str, np.ndarray]:
    """Outline, enamel cap and pulp of one tooth; the edge of its crown lies at `edge`."""
    w, h = size[0] / 2, size[1]
    crown = 0.36 * h
    half = [(0.75 * w, 0.02 * h), (0.97 * w, 0.14 * h), (0.92 * w, 0.28 * h), (0.74 * w, crown + 0.06 * h)]
    root = [(0.72 * w, 0.7 * h), (0.5 * w, 0.97 * h), (0.2 * w, 0.9 * h), (0, 0.66 * h)] if molar else []
    root = root or [(0.56 * w, 0.7 * h), (0.25 * w, 0.96 * h), (0, h)]
    right = np.array(half + root)
    outline = np.concatenate([right, right[-2::-1] * (-1, 1), [(0, rng.uniform(0, 0.04) * h)]])

    pulp = np.array([(-0.2 * w, 0.3 * h), (0.2 * w, 0.3 * h), (0.1 * w, 0.8 * h), (-0.1 * w, 0.8 * h)])
    cap = np.array([(-w, 0), (w, 0), (0.95 * w, 0.3 * h), (0, 0.2 * h), (-0.95 * w, 0.3 * h)])
    contours = {"outline": d.curve(outline, 60), "pulp": pulp, "cap": cap}
    if rng.random() < (0.3 if molar else 0.08):
        contours["filling"] = d.blob(rng, (0, 0.14 * h), (0.6 * w, 0.1 * h), 0, 0.15)
    posed = warp(d.turned(np.concatenate(list(contours.values())), tilt) * (1, down) + edge)
    ends = np.cumsum([len(contour) for contour in contours.values()])[:-1]
    return dict(zip(contours, np.split(posed, ends), strict=True))


def _dentition(
    rng: np.random.Generator, teeth: list[dict[str, np.ndarray]], coverage: np.ndarray
) -> np.ndarray:
    """Attenuation of dentine, enamel, pulp and metal, and the dark line of the ligament around each root."""
    enamel = d.fill(*[t["cap"] for t in teeth]) * coverage
    pulp = d.fill(*[t["pulp"] for t in teeth]) * coverage
    metal = d.fill(*[t["filling"] for t in teeth if "filling" in t])
    ligament = d.stroke(*[(np.concatenate([t["outline"], t["outline"][:1]]), 0.5) for t in teeth])
    density = rng.uniform(0.4, 0.6)
    return (
        density * d.blur(coverage, 0.5) * (0.8 + 0.12 * d.field(rng, 7))
        + 0.45 * density * d.blur(enamel, 0.6)
        - 0.3 * density * d.blur(pulp, 0.7)
        + rng.uniform(0.6, 1.5) * d.blur(metal, 0.5)
        - 0.15 * density * d.blur(ligament, 0.4)
    )


def _head(rng: np.random.Generator, warp: d.Warp, bow: float) -> np.ndarray:
    """Attenuation of the jaw bones, sinuses, airway, spine and their ghost images."""
    x, y = d.grid()
    mandible = d.fill(warp(d.curve(np.add(MANDIBLE, rng.normal(0, 1.2, (len(MANDIBLE), 2))))))
    cortex = np.exp(-(((d.depth(mandible) - 1.8) / 1.2) ** 2)) * (mandible > 0.5)
    trabeculae = 0.1 * d.grain(rng, 0.9) + 0.12 * d.field(rng, 16)
    jaw = rng.uniform(0.25, 0.4) * d.blur(mandible, 0.8) * (1 + trabeculae) + 0.18 * d.blur(cortex, 0.7)
    maxilla = d.fill(warp(d.blob(rng, (64, 42), (46, 17), 0, 0.06)))
    upper = rng.uniform(0.2, 0.35) * d.blur(maxilla, 2) * (1 + trabeculae)
    sinuses = d.fill(*[warp(d.blob(rng, (64 + s * 27, 30), (13, 8), 0, 0.15)) for s in (-1, 1)])
    nose = d.fill(*[warp(d.blob(rng, (64 + s * 5, 24), (4, 10), 0, 0.1)) for s in (-1, 1)])
    palate = d.stroke(
        (warp(d.curve([(24, 36), (64, 39 + rng.uniform(-3, 3)), (104, 36)], 40, closed=False)), 2.0)
    )
    bite = 64 - bow * ((x - 64) / 45) ** 2
    gap = np.exp(-(((y - bite) / rng.uniform(1.5, 3)) ** 2)) * np.exp(-((((x - 64) / 52) ** 2) ** 2))
    spine = rng.uniform(0.05, 0.3) * np.exp(-(((x - 64) / 12) ** 2)) * (1 / (1 + np.exp(-(y - 70) / 10)))
    neck = 0.4 * (np.exp(-((x / 7) ** 2)) + np.exp(-(((x - 128) / 7) ** 2))) * rng.uniform(0.2, 1)
    tissue = 0.75 + 0.1 * d.field(rng, 4) + 0.04 * d.field(rng, 12)
    dark = 0.2 * d.blur(sinuses, 1.2) + 0.22 * d.blur(nose, 1.2) + rng.uniform(0.15, 0.35) * gap
    return tissue + jaw + upper + 0.2 * d.blur(palate, 0.8) + spine + neck - dark
