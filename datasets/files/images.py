"""Image and mask files, and the task data made from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from segbench.datasets.files.decoding import UPRIGHT, Decoded, decode
from segbench.datasets.files.dicom import DICOM_SUFFIXES
from segbench.datasets.files.finding import match_files
from segbench.datasets.files.labels import LEAST_WHITE, Labels, white_of
from segbench.datasets.files.palettes import Palettes, is_gray, look_up
from segbench.datasets.files.slices import select
from segbench.datasets.preprocess import preprocess
from segbench.datasets.task import DataError, Task, TaskData

# No JPEG: its losses would invent labels.
MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif", ".npy", *DICOM_SUFFIXES)
IMAGE_SUFFIXES = (*MASK_SUFFIXES, ".jpg", ".jpeg")


class LabelledImage(NamedTuple):
    """An image file, its mask file and its subject."""

    image: Path
    mask: Path
    subject: str


class Image(NamedTuple):
    """The pixels of an image file, (H, W) or (H, W, C), and its orientation tag, 1 for upright."""

    file: Path
    pixels: np.ndarray
    orientation: int = UPRIGHT


def pair(images: Iterable[Path], masks: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Pair images and masks of the same stem, in the order of the images; errors as of `match_files`."""
    matched = match_files(lambda path: path.stem, {"image": images, "mask": masks})
    return sorted((files["image"], files["mask"]) for _, files in matched)


def open_image(path: Path) -> Image:
    """Read a 2D image file, in the file's type and range, as stored.

    TIFF files in which the lowest value is white (MINISWHITE) are inverted, as viewers do: large values are
    bright. Images are not turned by their orientation tag; `MaskReader.read_of` compares it.

    Raises
    ------
    DataError
        If the file cannot be read, contains more than one image or more than
        `segbench.datasets.files.decoding.MAX_PIXELS` pixels, has 2 or 4 channels of which none is alpha, or
        is a TIFF file in other colours than gray, RGB or a palette.
    """
    pixels, palette, has_alpha, _, orientation = decode(path)
    if palette is not None:
        pixels = look_up(palette, pixels)
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4) and not has_alpha:
        raise DataError(f"{path} has {pixels.shape[2]} channels, none of them alpha; save one channel or RGB")
    return Image(path, pixels, orientation)


def read_image(path: Path) -> np.ndarray:
    """Read the pixels of a 2D image file, as `open_image`."""
    return open_image(path).pixels


class MaskReader:
    """Reader of the masks of one data set, which mean the same by the same value.

    The methods may be called from several threads.
    """

    def __init__(self) -> None:
        self._palettes = Palettes()

    def read(self, path: Path) -> np.ndarray:
        """Read the values of a mask file, integers (H, W); bool if the file has 1 bit a pixel.

        `segbench.datasets.files.palettes.Palettes` says how palettes are read. TIFF files in which the lowest
        value is white (MINISWHITE) are inverted: what viewers show as white is the foreground of a mask of 1
        bit.

        Raises
        ------
        DataError
            As of `open_image`, or if the file is in colour, was compressed with losses, shows its mask by
            transparency, or contains values that are not integers, or its palette contradicts another mask's.
        """
        return self._values(path, decode(path))

    def read_of(self, path: Path, image: Image, labels: Iterable[Labels]) -> np.ndarray:
        """Read the mask of an image, integers (H, W).

        White of a file with 1 bit a pixel is 255 if the labels have 255 and not 1, else 1.

        Raises
        ------
        DataError
            As of `read`, or if shape or orientation tag differ from the image's.
        """
        decoded = decode(path)
        mask = require_shape(self._values(path, decoded), path, image.file, image.pixels.shape[:2])
        _require_orientation(path, decoded, image)
        return mask * white_of(labels) if mask.dtype == bool else mask

    def _values(self, path: Path, decoded: Decoded) -> np.ndarray:
        _require_lossless(path, decoded)
        if decoded.palette is not None:
            values = self._palettes.values(path, decoded.pixels, decoded.palette)
        else:
            values = _gray_values(path, decoded)
        return _whole_numbers(path, values)


def read_mask(path: Path) -> np.ndarray:
    """Read the label values of one mask file, int64 (H, W), as `MaskReader.read`; white of 1 bit is 1."""
    return MaskReader().read(path).astype(np.int64)


def read_region(path: Path, image: Image) -> np.ndarray:
    """Read the only region in the mask of an image, bool (H, W); errors as of `MaskReader.read_of`.

    Values above 0 are inside; in a smoothed mask, at least half of white.
    """
    mask = MaskReader().read_of(path, image, ())
    top = int(mask.max())
    return mask > (top // 2 if top >= LEAST_WHITE else 0)


def read_drawing(path: Path, image: Image) -> np.ndarray:
    """Read where the mask of an image is not black, bool (H, W), whatever its alpha channel.

    DataError as of `open_image`, or if the mask was compressed with losses, or its shape or orientation tag
    differs from the image's.
    """
    decoded = decode(path)
    _require_lossless(path, decoded)
    _require_orientation(path, decoded, image)
    colours = decoded.pixels if decoded.palette is None else look_up(decoded.palette, decoded.pixels)
    if decoded.has_alpha:
        colours = colours[..., :-1]
    drawn: np.ndarray = np.any(np.atleast_3d(colours), axis=2)
    return require_shape(drawn, path, image.file, image.pixels.shape[:2])


def require_shape(mask: np.ndarray, path: Path, image: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask that has its image's `shape`; else DataError, which names both files and sizes."""
    if mask.shape != shape:
        size, other = ("x".join(map(str, sides)) for sides in (mask.shape, shape))
        raise DataError(f"{path} is {size} and its image {image} {other}; resize the mask or remove it")
    return mask


def task_from_files(
    task: Task, files: Sequence[LabelledImage], labels: Labels, split: np.ndarray
) -> TaskData:
    """Preprocess the images of a task whose foreground is one of the labels of the masks.

    All images of the cohort are split; images without the label are then left out, because interactions on
    them cannot be simulated.

    Parameters
    ----------
    task : Task
    files : sequence of LabelledImage
    labels : Labels
    split : str array, one per file

    Raises
    ------
    DataError
        If a file is unusable or no image shows the label.
    """
    masks, pairs = MaskReader(), []
    for file in files:
        image = open_image(file.image)
        mask = select(masks.read_of(file.mask, image, [labels]), labels[task.label])
        pairs.append(preprocess(image.pixels, mask, str(file.image)))
    kept = [i for i, (_, label) in enumerate(pairs) if label.any()]
    if not kept:
        raise DataError(f"{task}: the data set is empty, no mask shows the label")
    return TaskData(
        task=task,
        images=np.stack([pairs[i][0] for i in kept]),
        labels=np.stack([pairs[i][1] for i in kept]),
        subjects=np.array([files[i].subject for i in kept]),
        split=split[kept],
        names=np.array([files[i].image.name for i in kept]),
    )


def _require_lossless(path: Path, decoded: Decoded) -> None:
    if decoded.lossy:
        raise DataError(
            f"{path} was compressed with losses, which change the labels; export the mask again as PNG"
        )


def _require_orientation(path: Path, decoded: Decoded, image: Image) -> None:
    if decoded.orientation != image.orientation:
        raise DataError(
            f"{image.file} has the orientation tag {image.orientation} and {path} {decoded.orientation}; "
            "save both upright, without the tag"
        )


def _gray_values(path: Path, decoded: Decoded) -> np.ndarray:
    """The values of a mask without a palette, (H, W)."""
    values = decoded.pixels
    if decoded.has_alpha:
        values, alpha = values[..., :-1], values[..., -1]
        varies = alpha.min() != alpha.max()
        if varies and (values[alpha == 0].any() or not np.ptp(values, axis=(0, 1)).any()):
            raise DataError(f"{path} shows its mask by transparency; save one integer label per pixel")
    if values.ndim == 3 and is_gray(values):
        values = values[..., 0]
    if values.ndim != 2:
        reason = "it is in colour" if values.shape[2:] == (3,) else f"shape {values.shape}"
        raise DataError(f"{path} is not a mask ({reason}); save one integer label per pixel")
    return values


def _whole_numbers(path: Path, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "f":
        return values
    with np.errstate(invalid="ignore"):  # infinite values change here and are refused below
        labels = np.round(np.nan_to_num(values)).astype(np.int64)
    if not np.array_equal(labels, values):
        raise DataError(f"{path} contains NaN or fractions; save one integer label per pixel")
    return labels
