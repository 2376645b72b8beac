"""An image and its mask as the models take them: one channel, [0, 1], square (MultiverSeg, appendix B.1)."""

from __future__ import annotations

import cv2
import numpy as np

from segbench.datasets.task import DataError

SIDE = 128
"""Height and width of every image of the benchmark, in pixels."""

LONGEST = 2**15
"""Most rows or columns of an image, as it is padded to a square."""

LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, what most image libraries call gray


def preprocess(image: np.ndarray, mask: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Bring one image and its binary mask to the benchmark's size and range.

    In this order: luminance of colour images (an alpha channel is dropped), rescaling of the image to [0, 1]
    by its own minimum and maximum, zero padding to a centred square, resizing. A shrunk pixel is the mean
    over its area, an enlarged one bilinear.

    The mask is resized like the image and is foreground where at least half of a pixel is covered. Nearest
    neighbour would break a vessel thinner than a pixel into dust, on which no click or skeleton makes sense;
    this way a structure at least a pixel wide stays whole, and one thinner than half a pixel is left out.

    Parameters
    ----------
    image : array (H, W), or (H, W, C) with 1 to 4 channels: gray, gray-alpha, RGB or RGBA, of any range
    mask : bool array (H, W)
    name : str
        What errors call the image, usually its file.

    Returns
    -------
    image : float32 array (1, SIDE, SIDE) in [0, 1]; zeros where the image is constant
    label : bool array (1, SIDE, SIDE)

    Raises
    ------
    DataError
        If the image is not 2D, has no pixel or a side above `LONGEST`, holds NaN or infinite values, or
        differs in shape from its mask.
    """
    gray = prepare_image(image, name)
    return gray, prepare_mask(mask, np.asarray(image).shape[:2], name)


def prepare_image(image: np.ndarray, name: str) -> np.ndarray:
    """The image alone, as by `preprocess`: float32 (1, SIDE, SIDE) in [0, 1]."""
    gray = _grayscale(np.asarray(image), name)
    if not np.isfinite(gray).all():
        raise DataError(f"{name} contains NaN or infinite values; replace them or leave the image out")
    return _resize(_square(_rescale(gray)))[None].clip(0, 1)


def prepare_mask(mask: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    """A mask alone, as by `preprocess`: bool (1, SIDE, SIDE); `shape` is its image's, (H, W)."""
    if mask.shape != shape:
        raise DataError(
            f"{name}: the image is {_size(shape)} and its mask {_size(mask.shape)}; make them match"
        )
    covered = _resize(_square(mask.astype(np.float32)))
    return (covered > 0.5 - 1e-4)[None]  # a tie counts as foreground, however a machine rounds it


def _grayscale(image: np.ndarray, name: str) -> np.ndarray:
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim not in (2, 3) or channels > 4 or image.dtype.kind not in "buif":
        raise DataError(f"{name} is not a 2D gray or RGB image (shape {image.shape}, type {image.dtype})")
    if image.size == 0:
        raise DataError(f"{name} is an image without pixels (shape {image.shape})")
    if max(image.shape[:2]) > LONGEST:
        raise DataError(f"{name} is {_size(image.shape)}, longer than {LONGEST}; save it smaller")
    if image.ndim == 2:
        return image.astype(np.float64)
    return image[..., :3] @ LUMINANCE if channels > 2 else image[..., 0].astype(np.float64)


def _rescale(gray: np.ndarray) -> np.ndarray:
    low, high = gray.min(), gray.max()
    return ((gray - low) / (high - low or 1)).astype(np.float32)


def _square(array: np.ndarray) -> np.ndarray:
    missing = max(array.shape) - np.array(array.shape)
    before = missing // 2
    return np.pad(array, list(zip(before, missing - before, strict=True)))


def _resize(square: np.ndarray) -> np.ndarray:
    method = cv2.INTER_AREA if len(square) > SIDE else cv2.INTER_LINEAR
    return cv2.resize(square, (SIDE, SIDE), interpolation=method)


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
