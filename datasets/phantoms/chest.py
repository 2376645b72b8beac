"""Chest radiograph: both lungs and the heart's silhouette behind ribs, clavicles and soft tissue."""

from __future__ import annotations

import numpy as np

from segbench.datasets.phantoms import drawing as d

RIGHT_LUNG = [
    (50, 15), (41, 19), (34, 32), (28, 50), (25, 70), (24, 86), (25, 99), (34, 92), (45, 88), (54, 90),
    (57, 80), (57, 64), (58, 46), (58, 30), (56, 19),
]  # fmt: skip
LEFT_LUNG = [
    (79, 15), (88, 19), (95, 32), (100, 50), (104, 70), (105, 88), (104, 101), (96, 95), (86, 92), (76, 93),
    (72, 80), (71, 62), (72, 46), (72, 30), (74, 19),
]  # fmt: skip
HEART = [
    (61, 54), (56, 61), (52, 71), (52, 82), (57, 91), (68, 95), (80, 95), (89, 91), (90, 83), (85, 74),
    (78, 65), (72, 55), (66, 52),
]  # fmt: skip
TORSO = [
    (54, -20), (53, 4), (40, 10), (18, 14), (6, 26), (8, 44), (14, 62), (16, 84), (14, 110), (12, 150),
    (116, 150), (114, 110), (112, 84), (114, 62), (120, 44), (122, 26), (110, 14), (88, 10), (75, 4),
    (74, -20),
]  # fmt: skip


def draw(rng: np.random.Generator) -> d.Drawing:
    """Draw one subject: the image and the labels ``lungs`` and ``heart``."""
    warp = d.deformation(rng, turn=0.08, scale=(0.88, 1.14), shift=5, bend=1.6)
    heart_size, breath = rng.uniform(0.85, 1.18), rng.uniform(0.86, 1.1)
    centre = np.array([68, 74])
    silhouette = (_jittered(rng, HEART, 0.7) - centre) * heart_size + centre
    sides = [_breathe(_jittered(rng, side, 0.8), breath) for side in (RIGHT_LUNG, LEFT_LUNG)]
    heart = d.fill(warp(d.curve(_breathe(silhouette, breath))))
    lungs = d.fill(*[warp(d.curve(side)) for side in sides]) * (1 - heart)
    attenuation = _torso(rng, warp, lungs, heart) + _skeleton(rng, warp, breath)
    film = d.radiograph(rng, np.clip(attenuation, 0, None), rng.uniform(1500, 8000))
    masks = {"lungs": d.label(lungs) & ~d.label(heart), "heart": d.label(heart)}
    return d.finish(film, gamma=rng.uniform(0.75, 1.2)), masks


def _jittered(rng: np.random.Generator, points: list, spread: float) -> np.ndarray:
    return np.add(points, rng.normal(0, spread, (len(points), 2)))


def _breathe(points: np.ndarray, breath: float) -> np.ndarray:
    """Contour stretched downwards from the lungs' apex."""
    return np.stack([points[:, 0], 15 + (points[:, 1] - 15) * breath], 1)


def _torso(rng: np.random.Generator, warp: d.Warp, lungs: np.ndarray, heart: np.ndarray) -> np.ndarray:
    """Attenuation of soft tissue, lungs with vessels, heart, great vessels, abdomen and stomach bubble."""
    torso = d.fill(warp(d.curve(_jittered(rng, TORSO, 1.5))))
    tissue = rng.uniform(0.9, 1.2) * (1 - np.exp(-d.depth(torso) / rng.uniform(5, 10)))
    _, y = d.grid()
    belly = 1 / (1 + np.exp(-(y - 92) / 7))
    tissue = tissue + rng.uniform(0.2, 0.5) * belly * torso + 0.05 * torso * d.field(rng, 5)
    air = d.blur(lungs, 0.9)
    hila = d.blur(
        d.fill(
            warp(d.blob(rng, (53, 55), (7, 12), 0.2, 0.1)), warp(d.blob(rng, (79, 53), (6, 11), -0.2, 0.1))
        ),
        4,
    )
    markings = np.clip(1 - np.abs(d.field(rng, 16)) / 0.25, 0, 1) * (0.1 + 0.7 * hila) + 0.1 * d.grain(
        rng, 0.8
    )
    haze = 0.12 * np.clip(d.field(rng, 5), 0, 3)
    lung = rng.uniform(0.5, 0.75) * (1 - 0.35 * markings - haze - 0.25 * hila)
    middle = d.fill(
        warp(d.curve([(60, 6), (59, 30), (57, 56), (60, 96), (72, 96), (74, 56), (74, 38), (69, 6)]))
    )
    heart_density = rng.uniform(0.1, 0.26)
    bubble = d.fill(warp(d.blob(rng, (90, 106), (rng.uniform(4, 10), rng.uniform(3, 5)), 0, 0.1)))
    breasts = d.fill(
        warp(d.blob(rng, (36, 84), (17, 14), 0, 0.05)), warp(d.blob(rng, (94, 86), (17, 14), 0, 0.05))
    )
    return (
        tissue
        - lung * air
        + heart_density * d.blur(heart, 1.0) * (1 + 0.1 * d.field(rng, 6))
        + rng.uniform(0.12, 0.26) * d.blur(middle, 1.6)
        + max(rng.uniform(-0.12, 0.15), 0) * d.blur(breasts, 1.5)
        - rng.uniform(0, 0.35) * d.blur(bubble, 1)
    )


def _skeleton(rng: np.random.Generator, warp: d.Warp, breath: float) -> np.ndarray:
    """Attenuation of ribs, clavicles, spine and shoulder blades."""
    back, front = [], []
    spacing, width = rng.uniform(9, 11) * breath, rng.uniform(2.2, 3.4)
    for i in range(9):
        top = 14 + i * spacing
        reach = 36 - 13 * np.exp(-i / 1.8)
        for sign in (-1, 1):
            arc = [(65 + sign * 6, top), (65 + sign * 0.55 * reach, top - 1), (65 + sign * reach, top + 9)]
            back.append((warp(d.curve(arc, 30, closed=False)), width))
            low = [
                (65 + sign * (reach + 1), top + 8),
                (65 + sign * 0.8 * reach, top + 20),
                (65 + sign * 17, top + 22),
            ]
            front.append((warp(d.curve(low, 30, closed=False)), width + 0.5))
    clavicles = [
        (
            warp(d.curve([(65 + s * 5, 21), (65 + s * 22, 16), (65 + s * 44, 9)], 30, closed=False)),
            rng.uniform(3, 4),
        )
        for s in (-1, 1)
    ]
    line = d.curve([(65, -10), (65 + rng.uniform(-2, 2), 60), (65, 140)], 60, closed=False)
    spine = d.stroke((warp(line), rng.uniform(9, 12)))
    _, y = d.grid()
    discs = 1 + 0.15 * np.sin(y * 2 * np.pi / rng.uniform(8, 10))
    blades = d.fill(
        warp(d.curve([(22, 18), (33, 26), (30, 50), (24, 54), (14, 30)])),
        warp(d.curve([(108, 18), (97, 26), (100, 50), (106, 54), (116, 30)])),
    )
    bone = rng.uniform(0.09, 0.2)
    return bone * (
        d.blur(d.stroke(*back), 0.8)
        + 0.55 * d.blur(d.stroke(*front[:12]), 0.9)
        + 1.3 * d.blur(d.stroke(*clavicles), 0.8)
        + 1.2 * discs * d.blur(spine, 1.2)
        + 0.8 * d.blur(blades, 1.2)
    )
