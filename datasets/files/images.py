"""Image and mask files, and the task data made from them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from segbench.datasets.files.finding import match_files
from segbench.datasets.preprocess import preprocess
from segbench.datasets.splits import split_by_subject
from segbench.datasets.task import DataError, Task, TaskData

if TYPE_CHECKING:
    from tifffile import TiffPage

MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif", ".npy")  # no JPEG: its losses would invent labels
IMAGE_SUFFIXES = (*MASK_SUFFIXES, ".jpg", ".jpeg")
MAX_PIXELS = 2**30
"""Largest number of pixels of an image; a damaged or hostile file then cannot fill the memory."""

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # of both byte orders; + is BigTIFF
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # warns about tags that change no pixel

Decoded = tuple[np.ndarray, np.ndarray | None]
"""Pixels and None, or indices and the palette (n, 3) that they point into."""


class LabelledImage(NamedTuple):
    """An image file, its mask file and its subject."""

    image: Path
    mask: Path
    subject: str


def pair(images: Iterable[Path], masks: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Pair images and masks of the same stem, in the order of the images; errors as of `match_files`."""
    matched = match_files(lambda path: path.stem, {"image": images, "mask": masks})
    return sorted((files["image"], files["mask"]) for _, files in matched)


def read_image(path: Path) -> np.ndarray:
    """Read the pixels of a 2D image file: (H, W) gray or (H, W, C), in the file's type and range.

    TIFF files in which the lowest value is white (MINISWHITE) are inverted, as viewers do: large values are
    bright. The orientation tags of cameras (EXIF, TIFF) are ignored for images and masks, because masks
    seldom have the tag of their image.

    Raises
    ------
    DataError
        If the file cannot be read, contains more than one image or more than `MAX_PIXELS` pixels, or is a
        TIFF file in other colours than gray, RGB or a palette.
    """
    pixels, palette = _decode(path)
    return pixels if palette is None else palette[pixels]


def read_mask(path: Path) -> np.ndarray:
    """Read the label values of a mask file, int64 (H, W).

    A palette of gray values yields these values, a palette with any colour, used or not, its indices. TIFF
    files in which the lowest value is white (MINISWHITE) are inverted: what viewers show as white is the
    foreground of a mask of 1 bit.

    Raises
    ------
    DataError
        As of `read_image`, or if the file is in colour or contains values that are not integers.
    """
    values, palette = _decode(path)
    if palette is not None and _is_gray(palette):
        values = palette[values]
    if values.ndim == 3 and values.shape[2] in (2, 4):  # the last channel is alpha
        values = values[..., :-1]
    if values.ndim == 3 and _is_gray(values):
        values = values[..., 0]
    if values.ndim != 2:
        raise DataError(f"{path} is not a mask (shape {values.shape}); save one integer label per pixel")
    with np.errstate(invalid="ignore"):  # infinite values change here and are refused below
        labels = np.round(np.nan_to_num(values)).astype(np.int64)
    if not np.array_equal(labels, values):
        raise DataError(f"{path} contains NaN or fractions; save one integer label per pixel")
    return labels


def read_region(path: Path, image: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read where the mask of an image is not 0, bool (H, W); errors as of `read_mask_of`."""
    return read_mask_of(path, image, shape) > 0


def read_mask_of(path: Path, image: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read the mask of an image; as `read_mask`, and DataError if it does not have the image's `shape`."""
    return require_shape(read_mask(path), path, image, shape)


def require_shape(mask: np.ndarray, path: Path, image: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask that has its image's `shape`; else DataError, which names both files and sizes."""
    if mask.shape != shape:
        size, other = ("x".join(map(str, sides)) for sides in (mask.shape, shape))
        raise DataError(f"{path} is {size} and its image {image} {other}; resize the mask or remove it")
    return mask


def task_from_files(task: Task, files: Sequence[LabelledImage], value: int) -> TaskData:
    """Preprocess the images of a task whose foreground is one value of the masks.

    All images of the cohort are split; images without the label are then left out, because interactions on
    them cannot be simulated.

    Raises
    ------
    DataError
        If a file is unusable or no image shows the label.
    """
    split = split_by_subject(np.array([f.subject for f in files]), key=task.dataset)
    pairs = [preprocess(read_image(f.image), read_mask(f.mask) == value, str(f.image)) for f in files]
    kept = [i for i, (_, label) in enumerate(pairs) if label.any()]
    if not kept:
        raise DataError(f"{task}: the data set is empty, no mask shows the label (value {value})")
    return TaskData(
        task=task,
        images=np.stack([pairs[i][0] for i in kept]),
        labels=np.stack([pairs[i][1] for i in kept]),
        subjects=np.array([files[i].subject for i in kept]),
        split=split[kept],
    )


def _is_gray(colours: np.ndarray) -> bool:
    return colours.shape[-1] in (1, 3) and bool((colours == colours[..., :1]).all())


def _decode(path: Path) -> Decoded:
    try:
        pixels, palette = _read(path)
    except DataError:
        raise
    except Exception as error:  # every decoder raises its own errors
        raise DataError(f"{path} cannot be read ({error}); save the file again or remove it") from error
    if pixels.dtype.kind not in "buif":
        raise DataError(f"{path} contains {pixels.dtype} values; save numbers")
    return pixels, palette


def _read(path: Path) -> Decoded:
    if path.suffix.lower() == ".npy":
        mapped = np.lib.format.open_memmap(path, "r")  # fails if the file is shorter than its header claims
        _require_one_image(path, 1, mapped.size, 1)
        return np.array(mapped), None
    with path.open("rb") as file:
        start = file.read(4)
    return _read_tiff(path) if start in TIFF_STARTS else _read_with_pillow(path, start)


def _read_with_pillow(path: Path, start: bytes) -> Decoded:
    """Read PNG, JPEG, BMP or GIF, which the first bytes tell, or another type that Pillow knows."""
    from PIL import BmpImagePlugin, GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin

    # Image.open has a lower limit of pixels, which is a global setting.
    classes: dict[bytes, Callable[[Path], ImageFile.ImageFile]] = {
        b"\x89P": PngImagePlugin.PngImageFile,
        b"\xff\xd8": JpegImagePlugin.JpegImageFile,
        b"BM": BmpImagePlugin.BmpImageFile,
        b"GI": GifImagePlugin.GifImageFile,
    }
    with classes.get(start[:2], Image.open)(path) as file:
        _require_one_image(path, getattr(file, "n_frames", 1), *file.size)
        if file.mode in ("RGB", "RGBA") and ";16" in str(file.tile):  # Pillow would keep 8 of 16 bits
            import cv2

            return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))[..., 2::-1], None
        if file.mode == "P":
            colours = np.array(file.getpalette("RGB"), np.uint8).reshape(-1, 3)
            palette = np.zeros((256, 3), np.uint8)
            palette[: len(colours)] = colours
            return np.array(file), palette
        keeps_values = file.mode in ("1", "L", "LA", "RGB", "RGBA", "F") or file.mode.startswith("I")
        return np.array(file if keeps_values else file.convert("RGB")), None


def _read_tiff(path: Path) -> Decoded:
    """Read TIFF with tifffile; Pillow changes some types of numbers without an error."""
    from tifffile import COMPRESSION, PHOTOMETRIC, TiffFile

    with TiffFile(path) as file:
        if not len(file.pages):
            raise DataError(f"{path} is cut short; save or copy it again")
        page = file.pages.first
        _require_one_image(path, len(file.pages) * page.imagedepth, page.imagewidth, page.imagelength)
        ends = np.add(page.dataoffsets, page.databytecounts)
        if ends.max() > file.filehandle.size:  # JPEG in TIFF would hide this
            raise DataError(f"{path} is cut short; save or copy it again")
        colours = PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB, PHOTOMETRIC.PALETTE
        decoded = page.photometric == PHOTOMETRIC.YCBCR and page.compression == COMPRESSION.JPEG
        if page.photometric not in colours and not decoded:
            raise DataError(f"{path} is neither gray nor RGB nor has a palette; save it as one of these")
        return _tiff_pixels(page)


def _tiff_pixels(page: TiffPage) -> Decoded:
    from tifffile import PHOTOMETRIC

    pixels = np.asarray(page.asarray())
    if page.axes == "SYX":  # channels are stored separately
        pixels = np.moveaxis(pixels, 0, -1)
    if page.photometric == PHOTOMETRIC.PALETTE:
        return pixels, (np.asarray(page.colormap).T >> 8).astype(np.uint8)
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        if pixels.dtype.kind == "u":
            pixels = (2**page.bitspersample - 1) - pixels
        else:
            pixels = ~pixels if pixels.dtype.kind in "bi" else -pixels
    return pixels, None


def _require_one_image(path: Path, frames: int, width: int, height: int) -> None:
    if frames > 1:
        raise DataError(f"{path} contains {frames} images; save each 2D image in its own file")
    if width * height > MAX_PIXELS:
        raise DataError(f"{path} has {width}x{height} pixels, more than {MAX_PIXELS}; save it smaller")
