"""Checks for labels that are shifted against the edges of their images.

The contour of a label follows edges of its image. Their agreement, a normalized gradient field (Haber and
Modersitzki, MICCAI 2006), is measured at the label's place and at every shift of up to `REACH` pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from segbench.datasets.checks.view import Finding, View
from segbench.text import count_of

REACH = 8  # pixels, in both directions
NEAR = 1  # pixels by which an annotator's contour may be off
BLOCK = 64  # images that are computed at once
MIN_IMAGES = 5  # fewer do not agree by more than chance
SAME_SHIFT, MIN_GAIN = 0.5, 0.05  # share of the images that agree on a shift; gain of their mean agreement
MIN_ALIGNED, ALIGNED = 10, 0.9  # images, and the share without a shift, with which a single one is compared
MIN_SHIFT, MIN_SINGLE_GAIN = 3, 0.15  # pixels and gain of a single image


def alignment(view: View) -> Iterator[Finding]:
    """Find tasks whose labels agree on a shift, and single images where the others have none."""
    area = view.labels.mean((1, 2))
    images = np.flatnonzero((area > 0) & (area < 1))
    if len(images) < MIN_IMAGES:
        return
    agreement = edge_agreement(view.images[images], view.labels[images])
    shifts, gains = best_shifts(agreement)
    (common,), (gain,) = best_shifts(agreement.mean(0, keepdims=True))
    same = float((np.abs(shifts - common).max(1) <= NEAR).mean())
    if np.abs(common).max() > NEAR and gain > MIN_GAIN and same >= SAME_SHIFT:
        yield view.finding(
            "warning",
            "labels may be shifted",
            "compare masks and images with `data preview`, and export both from one geometry",
            fits_better=_words(common),
            share_of_images=same,
        )
    aligned = float((np.abs(shifts).max(1) <= NEAR).mean())
    if len(images) < MIN_ALIGNED or aligned < ALIGNED:
        return
    for i in np.flatnonzero((np.abs(shifts).max(1) >= MIN_SHIFT) & (gains > MIN_SINGLE_GAIN)):
        yield view.finding(
            "warning",
            "label may be shifted",
            "compare its mask and image; the other images' labels fit as they are",
            [images[i]],
            fits_better=_words(shifts[i]),
        )


def edge_agreement(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean agreement of a label's contour with the image's edges at each shift of the label.

    Parameters
    ----------
    images : array (N, H, W)
    labels : bool array (N, H, W), each with pixels inside and outside

    Returns
    -------
    float32 array (N, 2 REACH + 1, 2 REACH + 1) in [0, 1]
        Squared cosine of the angle between both gradients, less where the image's is weak. The shift is 0 in
        the middle, and down and to the right after it.
    """
    blocks = range(0, len(images), BLOCK)
    return np.concatenate([_block_agreement(images[i : i + BLOCK], labels[i : i + BLOCK]) for i in blocks])


def best_shifts(agreement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best shift (N, 2) of each map, down and to the right, and its gain (N,) over no shift."""
    rows = agreement.reshape(len(agreement), -1)
    shifts = np.stack(np.unravel_index(rows.argmax(1), agreement.shape[1:]), axis=1) - REACH
    middle = slice(REACH - NEAR, REACH + NEAR + 1)
    return shifts, rows.max(1) - agreement[:, middle, middle].max((1, 2))


def _block_agreement(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from scipy import fft

    down, right = _gradients(images)
    strength = down**2 + right**2
    strength += np.median(strength[:, ::4, ::4], axis=(1, 2), keepdims=True) + np.float32(1e-9)
    contour_down, contour_right = _gradients(labels)
    length = np.hypot(contour_down, contour_right) + np.float32(1e-9)
    shape = [fft.next_fast_len(side + REACH, real=True) for side in images.shape[1:]]
    total = np.zeros((), np.complex64)
    for edge, contour in (  # the squared product of both gradients, as a sum of three products
        (down**2, contour_down**2),
        (right**2, contour_right**2),
        (down * right, 2 * contour_down * contour_right),
    ):
        total = total + fft.rfft2(edge / strength, shape) * fft.rfft2(contour / length, shape).conj()
    maps = np.roll(fft.irfft2(total, shape), (REACH, REACH), (1, 2))[:, : 2 * REACH + 1, : 2 * REACH + 1]
    return np.asarray(maps / length.sum((1, 2))[:, None, None])


def _gradients(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of smoothed images, down and to the right."""
    border = cv2.BORDER_REPLICATE
    smooth = [cv2.GaussianBlur(i.astype(np.float32), (0, 0), 1, borderType=border) for i in images]
    down = [cv2.Sobel(i, cv2.CV_32F, 0, 1, borderType=border) for i in smooth]
    right = [cv2.Sobel(i, cv2.CV_32F, 1, 0, borderType=border) for i in smooth]
    return np.stack(down), np.stack(right)


def _words(shift: np.ndarray) -> str:
    down, right = map(int, shift)
    parts = [
        f"{count_of(abs(pixels), 'pixel')} {words[pixels > 0]}"
        for pixels, words in ((down, ("up", "down")), (right, ("to the left", "to the right")))
        if pixels
    ]
    return " and ".join(parts)
