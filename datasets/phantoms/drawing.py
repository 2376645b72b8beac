"""Shapes, textures and noise from which the phantoms are drawn.

Coordinates are (x, y) in pixels of the finished image, y downwards. All computations use double precision,
and finished images are rounded to 256 grey levels: rounding hides last-digit differences between processors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import BSpline
from scipy.ndimage import map_coordinates

SIDE = 128
FINE = 2  # shapes are filled at twice the resolution, for partial volumes at their borders
BITS = 4  # binary digits after the point in OpenCV's polygon coordinates
COVERED = 252  # divisible by FINE ** 2: the coverage of a pixel is exact

Warp = Callable[[np.ndarray], np.ndarray]
Drawing = tuple[np.ndarray, dict[str, np.ndarray]]  # image (SIDE, SIDE) and its masks by label


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x and y of the pixel centres, each (SIDE, SIDE)."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    return x, y


def curve(points: list | np.ndarray, count: int = 160, closed: bool = True) -> np.ndarray:
    """Cubic spline (count, 2) through control points (n, 2)."""
    knots = np.asarray(points, float)
    t = np.linspace(0, len(knots) - (not closed), count, endpoint=not closed)
    mode = "grid-wrap" if closed else "mirror"
    return np.stack([map_coordinates(axis, [t], order=3, mode=mode) for axis in knots.T], 1)


def blob(
    rng: np.random.Generator,
    centre: ArrayLike,
    radii: ArrayLike,
    angle: float = 0.0,
    wobble: float = 0.05,
    waves: int = 5,
) -> np.ndarray:
    """Closed contour (160, 2): an ellipse whose radius varies by a random Fourier series.

    `wobble` is the relative standard deviation of the radius, `waves` the highest angular frequency.
    """
    t = np.linspace(0, 2 * np.pi, 160, endpoint=False)
    k = np.arange(2, waves + 1)[:, None]
    weight = rng.normal(size=(len(k), 1)) / k**0.5
    series = (weight * np.cos(k * t + rng.uniform(0, 2 * np.pi, (len(k), 1)))).sum(0)
    r = 1 + wobble * series / max(np.sqrt((0.5 / k).sum()), 1e-9)
    ellipse = np.stack([r * np.cos(t), r * np.sin(t)], 1) * np.asarray(radii)
    return turned(ellipse, angle) + np.asarray(centre)


def turned(points: np.ndarray, angle: float) -> np.ndarray:
    """Points (n, 2) turned about the origin by an angle in radians."""
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * points[:, 0] - s * points[:, 1], s * points[:, 0] + c * points[:, 1]], 1)


def deformation(
    rng: np.random.Generator,
    turn: float = 0.1,
    scale: tuple[float, float] = (0.9, 1.1),
    shift: float = 5.0,
    bend: float = 1.5,
) -> Warp:
    """Draw the anatomy of a subject: a random pose and a smooth random bending of contours.

    Parameters
    ----------
    turn : largest rotation in radians
    scale : range of the size, common to both axes; each axis varies by another 8%
    shift : largest shift in pixels
    bend : standard deviation in pixels of a displacement made of random plane waves
    """
    angle = rng.uniform(-turn, turn)
    size = rng.uniform(*scale) * rng.uniform(0.92, 1.08, 2)
    offset = rng.uniform(-shift, shift, 2)
    direction, length = rng.uniform(0, 2 * np.pi, 8), rng.uniform(35, 110, 8)
    frequency = 2 * np.pi / length * np.stack([np.cos(direction), np.sin(direction)])
    phase = rng.uniform(0, 2 * np.pi, 8)
    amplitude = bend * rng.normal(size=(8, 2)) / 2

    def warp(points: np.ndarray) -> np.ndarray:
        # einsum instead of BLAS: the summation order of BLAS depends on the machine.
        angles = points[:, :1] * frequency[0] + points[:, 1:] * frequency[1] + phase
        bent = points + np.einsum("nk,kd->nd", np.cos(angles), amplitude)
        return turned((bent - SIDE / 2) * size, angle) + SIDE / 2 + offset

    return warp


def fill(*contours: np.ndarray) -> np.ndarray:
    """Coverage (SIDE, SIDE) in [0, 1] of the union of closed contours."""
    canvas = np.zeros((SIDE * FINE, SIDE * FINE), np.uint8)
    for contour in contours:
        points = np.round((contour * FINE - 0.5) * 2**BITS).astype(np.int32)
        cv2.fillPoly(canvas, [points], COVERED, shift=BITS)
    return _coverage(canvas)


def stroke(*lines: tuple[np.ndarray, float | np.ndarray]) -> np.ndarray:
    """Coverage (SIDE, SIDE) in [0, 1] of lines: points (n, 2) and one width per line or per point."""
    canvas = np.zeros((SIDE * FINE, SIDE * FINE), np.uint8)
    for line, width in lines:
        points = np.round((line * FINE - 0.5) * 2**BITS).astype(np.int32)
        thickness = np.maximum(np.round(np.broadcast_to(width, len(line)) * FINE), 1).astype(int)
        starts = np.concatenate([[0], np.flatnonzero(np.diff(thickness)) + 1, [len(line)]])
        for first, last in pairwise(starts):
            piece = points[max(first - 1, 0) : last]
            cv2.polylines(canvas, [piece], False, COVERED, int(thickness[first]), cv2.LINE_8, BITS)
    return _coverage(canvas)


def _coverage(canvas: np.ndarray) -> np.ndarray:
    return cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA) / COVERED


def depth(coverage: np.ndarray) -> np.ndarray:
    """Distance in pixels of each inside pixel to the shape's border, 0 outside."""
    return cv2.distanceTransform(
        (coverage >= 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    ).astype(float)


def blur(image: np.ndarray, sigma: float, sigma_y: float = 0.0) -> np.ndarray:
    """Gaussian blur; `sigma` and `sigma_y` in pixels, `sigma_y` 0 is the same as `sigma`."""
    return cv2.GaussianBlur(image, (0, 0), sigma, sigmaY=sigma_y)


def paint(
    image: np.ndarray, coverage: np.ndarray, value: float | np.ndarray, softness: float = 0.6
) -> np.ndarray:
    """Paint a shape of intensity `value` over an image; `softness` blurs its border, in pixels."""
    mask = blur(coverage, softness)
    return image * (1 - mask) + mask * value


def field(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Smooth random field (SIDE, SIDE) with about `cells` bumps a side, mean 0, deviation about 1."""
    basis = _basis(cells)
    rows = np.einsum("ia,ab->ib", basis, rng.normal(size=(cells + 3, cells + 3)))
    return np.einsum("ib,jb->ij", rows, basis) / 0.48


@lru_cache(maxsize=32)
def _basis(cells: int) -> np.ndarray:
    knots = np.arange(-3, cells + 4, dtype=float)
    return BSpline.design_matrix((np.arange(SIDE) + 0.5) * cells / SIDE, knots, 3).toarray()


def grain(rng: np.random.Generator, sigma: float, sigma_y: float | None = None) -> np.ndarray:
    """White noise blurred by a Gaussian, standard deviation 1."""
    sigma_y = sigma if sigma_y is None else sigma_y
    return blur(rng.normal(size=(SIDE, SIDE)), sigma, sigma_y) * np.sqrt(4 * np.pi * sigma * sigma_y)


def bias(rng: np.random.Generator, strength: float) -> np.ndarray:
    """Slowly varying factor (SIDE, SIDE) around 1: coil sensitivity or uneven lighting."""
    return np.exp(strength * field(rng, 2))


def rician(rng: np.random.Generator, image: np.ndarray, sigma: float) -> np.ndarray:
    """Magnitude image of a complex signal with Gaussian noise in both channels."""
    return np.hypot(image + sigma * rng.normal(size=image.shape), sigma * rng.normal(size=image.shape))


def radiograph(rng: np.random.Generator, attenuation: np.ndarray, photons: float) -> np.ndarray:
    """Radiograph of an attenuation map, bright where the beam is absorbed, with scatter and photon noise."""
    beam = 0.85 * np.exp(-attenuation) + 0.15 * blur(np.exp(-attenuation), 12)
    counts = photons * beam
    counts = counts + np.sqrt(counts) * grain(rng, 0.5)
    return -np.log(np.maximum(counts, 1.0) / photons)


def finish(image: np.ndarray, low: float = 0.2, high: float = 99.8, gamma: float = 1.0) -> np.ndarray:
    """Float32 image in [0, 1] with 256 grey levels, black and white at the percentiles `low` and `high`."""
    black, white = np.percentile(image, [low, high])
    scaled = np.clip((image - black) / (white - black), 0, 1) ** gamma
    return (np.round(scaled * 255) / 255).astype(np.float32)


def label(coverage: np.ndarray) -> np.ndarray:
    """Mask of the pixels covered by half or more."""
    return coverage >= 0.5
