"""Images and masks as models take them: one channel, [0, 1], square (MultiverSeg, appendix B.1)."""

from __future__ import annotations

import cv2
import numpy as np

from segbench.datasets.task import DataError

SIDE = 128
"""Height and width of every image of the benchmark, in pixels."""

EXACT = 2**53  # a floating-point number holds smaller integers exactly
MAX_SIDE = 2**15
"""Largest number of rows or columns of an image, because it is padded to a square."""

LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as in most image libraries


def preprocess(image: np.ndarray, mask: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Bring one image and its binary mask to the benchmark's size and range.

    In this order: luminance of colour images (an alpha channel is dropped), rescaling of the image to [0, 1]
    by its minimum and maximum, zero padding to a centred square, resizing. Pixels are averaged when an image
    shrinks and interpolated bilinearly when it grows.

    The mask is resized like the image and is foreground where at least half of a pixel is covered. Nearest
    neighbour would break a vessel thinner than a pixel into pieces that no click or skeleton suits. With this
    rule, a structure at least a pixel wide stays whole, and one thinner than half a pixel is left out.

    Parameters
    ----------
    image : array (H, W), or (H, W, C) with 1 to 4 channels: gray, gray-alpha, RGB or RGBA, of any range
    mask : bool array (H, W)
    name : str
        The image's name in errors, usually its file.

    Returns
    -------
    image : float32 array (1, SIDE, SIDE) in [0, 1]; zeros where the image is constant
    label : bool array (1, SIDE, SIDE)

    Raises
    ------
    DataError
        If the image is not 2D, has no pixel or a side above `MAX_SIDE`, contains NaN or infinite values, or
        differs in shape from its mask.
    """
    gray = prepare_image(image, name)
    return gray, prepare_mask(mask, np.asarray(image).shape[:2], name)


def prepare_image(image: np.ndarray, name: str) -> np.ndarray:
    """Preprocess an image without its mask, as `preprocess` does: float32 (1, SIDE, SIDE) in [0, 1]."""
    gray = _to_gray(np.asarray(image), name)
    if not np.isfinite(gray).all():
        raise DataError(f"{name} contains NaN or infinite values; replace them or leave the image out")
    low, high = gray.min(), gray.max()
    gray -= low
    gray /= high - low or 1
    return _resize_square(gray.astype(np.float32))[None].clip(0, 1)


def prepare_mask(mask: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Preprocess a mask, as `preprocess` does: bool (1, SIDE, SIDE); `shape` is its image's, (H, W)."""
    if mask.shape != shape:
        raise DataError(
            f"{name}: the image is {_size(shape)} and its mask {_size(mask.shape)}; make them match"
        )
    covered = _resize_square(mask.astype(np.float32))
    return (covered > 0.5 - 1e-4)[None]  # a tie is foreground on every machine, whatever its rounding


def resolution_dice(mask: np.ndarray, reduced: np.ndarray) -> float:
    """Dice between a mask and its preprocessed label that is enlarged again: the best that a label of the
    benchmark's size can reach on the original.

    Parameters
    ----------
    mask : bool array (H, W), with a pixel
    reduced : bool array (1, SIDE, SIDE), of `prepare_mask`
    """
    side = max(mask.shape)
    method = cv2.INTER_LINEAR if side > SIDE else cv2.INTER_AREA
    square = cv2.resize(reduced[0].astype(np.float32), (side, side), interpolation=method) > 0.5 - 1e-4
    top, left = (side - np.array(mask.shape)) // 2
    enlarged = square[top : top + mask.shape[0], left : left + mask.shape[1]]
    sizes = np.count_nonzero(mask) + np.count_nonzero(square)
    return 2 * np.count_nonzero(mask.astype(bool) & enlarged) / sizes


def _to_gray(image: np.ndarray, name: str) -> np.ndarray:
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim not in (2, 3) or channels > 4 or image.dtype.kind not in "buif":
        raise DataError(f"{name} is not a 2D gray or RGB image (shape {image.shape}, type {image.dtype})")
    if image.size == 0:
        raise DataError(f"{name} is an image without pixels (shape {image.shape})")
    if max(image.shape[:2]) > MAX_SIDE:
        raise DataError(f"{name} is {_size(image.shape)}, longer than {MAX_SIDE}; save it smaller")
    if image.dtype.kind in "iu" and max(-int(image.min()), int(image.max())) > EXACT:
        image = (image - image.min()).view(np.uint64)  # right also where int64 overflows
    if image.ndim == 2:
        return image.astype(np.float64)
    return image[..., :3] @ LUMINANCE if channels > 2 else image[..., 0].astype(np.float64)


def _resize_square(array: np.ndarray) -> np.ndarray:
    """Pad an array with zeros to a centred square and resize it."""
    missing = max(array.shape) - np.array(array.shape)
    before = missing // 2
    square = np.pad(array, list(zip(before, missing - before, strict=True))) if missing.any() else array
    method = cv2.INTER_AREA if len(square) > SIDE else cv2.INTER_LINEAR
    return cv2.resize(square, (SIDE, SIDE), interpolation=method)


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
