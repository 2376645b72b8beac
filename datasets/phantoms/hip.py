"""Hip radiograph: the upper femur, its head overlapping the pelvis, its shaft cut by the image border."""

from __future__ import annotations

import numpy as np

from segbench.datasets.phantoms import drawing as d

FEMUR = [
    (48, 165), (48, 134), (47, 110), (42, 88), (36, 72), (30, 58), (29, 48), (33, 39), (40, 34), (46, 40),
    (52, 46), (58, 45), (63, 37), (66, 27), (73, 20), (83, 18), (92, 24), (96, 34), (95, 44), (89, 51),
    (81, 57), (76, 64), (74, 72), (73, 80), (69, 87), (68, 98), (69, 114), (71, 134), (71, 165),
]  # fmt: skip
PELVIS = [
    (58, -24), (62, -6), (67, 8), (74, 14), (85, 13), (97, 19), (102, 31), (101, 43), (95, 53), (90, 62),
    (93, 77), (104, 91), (120, 95), (150, 86), (160, 20), (150, -30), (100, -40),
]  # fmt: skip
RIM = [(72, 13), (78, 12), (90, 15), (99, 22), (103, 34), (99, 45), (90, 42), (84, 32), (76, 24)]
ROOF = [(69, 16), (77, 13), (86, 13), (95, 18), (100, 27), (102, 37)]


def draw(rng: np.random.Generator) -> d.Drawing:
    """Draw one subject: the image and the label ``femur``."""
    warp = d.deformation(rng, turn=0.14, scale=(0.82, 1.12), shift=6, bend=1.8)
    jitter = rng.normal(0, 0.9, (len(FEMUR), 2))
    femur = d.fill(warp(d.curve(np.add(FEMUR, jitter))))
    attenuation = _soft_tissue(rng) + _pelvis(rng, warp) + _bone(rng, femur)
    film = d.radiograph(rng, attenuation, rng.uniform(2000, 9000))
    exposed = slice(rng.integers(0, 25), d.SIDE - rng.integers(0, 25))  # the rest of the film is black
    image, mask = np.zeros((d.SIDE, d.SIDE), np.float32), np.zeros((d.SIDE, d.SIDE), bool)
    image[:, exposed] = d.finish(film[:, exposed], gamma=rng.uniform(0.8, 1.25))
    mask[:, exposed] = d.label(femur)[:, exposed]
    return image, {"femur": mask}


def _bone(rng: np.random.Generator, femur: np.ndarray) -> np.ndarray:
    """Attenuation of the femur: round in section, dense cortex along the shaft, trabeculae in the head."""
    _, y = d.grid()
    inside = d.depth(femur)
    body = 1 - np.exp(-inside / rng.uniform(4, 8))
    shaft = 1 / (1 + np.exp(-(y - rng.uniform(70, 88)) / 8))
    cortex = np.exp(-(((inside - 2.2) / rng.uniform(1.4, 2.4)) ** 2)) * (inside > 0)
    trabeculae = 0.05 * d.grain(rng, 0.9, 1.6) + 0.06 * d.field(rng, 14)
    density = rng.uniform(0.3, 0.6)
    bone = density * (body * (1 - 0.6 * shaft) + shaft * rng.uniform(0.45, 0.8) * cortex + 0.08 * femur)
    return d.blur(bone * (1 + 2 * trabeculae), 0.7)


def _pelvis(rng: np.random.Generator, warp: d.Warp) -> np.ndarray:
    """Attenuation of the hip bone, the rim of the socket over the head, and the foramen below."""
    bone = d.fill(warp(d.curve(np.add(PELVIS, rng.normal(0, 1.5, (len(PELVIS), 2))))))
    foramen = d.fill(warp(d.blob(rng, (116, 72), (rng.uniform(9, 13), rng.uniform(7, 11)), 0.5, 0.08)))
    rim = d.fill(warp(d.curve(np.add(RIM, rng.normal(0, 1.0, (len(RIM), 2))))))
    roof = d.stroke((warp(d.curve(ROOF, 40, closed=False)), rng.uniform(1.5, 3)))
    flat = bone * (1 - d.blur(foramen, 1)) * (0.8 + 0.25 * d.field(rng, 9))
    edge = np.exp(-(((d.depth(bone) - 1.5) / 1.5) ** 2)) * (bone > 0.5)
    density = rng.uniform(0.2, 0.42)
    return d.blur(density * (flat + 0.35 * edge + 0.6 * rim + 0.5 * roof), 0.8)


def _soft_tissue(rng: np.random.Generator) -> np.ndarray:
    """Attenuation of thigh and abdomen: thick towards the body, with muscle and fat planes and bowel gas."""
    x, y = d.grid()
    edge = rng.uniform(-4, 16) + 8 * np.sin((y + rng.uniform(-30, 30)) / 45)
    thick = np.clip((x - edge) / rng.uniform(20, 45), 0, None)
    inner = rng.uniform(92, 112) + 0.1 * y
    cleft = np.exp(-(((x - inner) / rng.uniform(5, 9)) ** 2)) / (1 + np.exp(-(y - 100) / 6))
    tissue = rng.uniform(0.7, 1.1) * np.sqrt(1 - np.exp(-2 * thick)) * (1 - 0.5 * cleft)
    planes = 0.06 * d.field(rng, 4) + 0.035 * d.field(rng, 10)
    gas = np.clip(d.field(rng, 8) - 0.9, 0, 1) * np.exp(-(((x - d.SIDE) / 30) ** 2 + (y / 30) ** 2))
    return np.clip(tissue * (1 + planes) - 0.4 * gas, 0, None)
