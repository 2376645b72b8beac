"""Image and mask files, and the task data made of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from segbench.datasets.preprocess import preprocess
from segbench.datasets.splits import split_by_subject
from segbench.datasets.task import DataError, Task, TaskData

if TYPE_CHECKING:
    from tifffile import TiffPage

MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif", ".npy")  # JPEG is lossy: it would invent labels
IMAGE_SUFFIXES = (*MASK_SUFFIXES, ".jpg", ".jpeg")
MOST_PIXELS = 2**30
"""Most pixels of a picture, so that no broken or hostile file fills the memory."""

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # of either byte order; + is BigTIFF
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # of odd tags, which change no pixel


class LabelledImage(NamedTuple):
    """An image file, the file of its mask and whose image it is."""

    image: Path
    mask: Path
    subject: str


def pair(images: Iterable[Path], masks: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Images and masks of the same stem, in the order of their names.

    Raises
    ------
    DataError
        If one of a pair is missing, or two images or two masks share a stem.
    """
    image_of, mask_of = by_stem(images), by_stem(masks)
    for stem, image in image_of.items():
        if stem not in mask_of:
            raise DataError(
                f"{image} has no mask; add one of the same name ({', '.join(MASK_SUFFIXES)}) or remove it"
            )
    for stem, mask in mask_of.items():
        if stem not in image_of:
            raise DataError(f"{mask} is a mask without an image; add the image of the same name or remove it")
    return [(image, mask_of[stem]) for stem, image in image_of.items()]


def read_image(path: Path) -> np.ndarray:
    """Pixels of a 2D image file: (H, W) gray or (H, W, C), of the file's own type and range.

    A TIFF file in which the lowest value is white (MINISWHITE) is inverted: large values are bright, as
    viewers show it. Pixels stay where the file has them, for images as for masks: the orientation that a
    camera notes (EXIF, or the tag of TIFF) is ignored, because a mask seldom has the same.

    Raises
    ------
    DataError
        If the file cannot be read, holds more than one image or more than `MOST_PIXELS` pixels, or is TIFF in
        other colours than gray, RGB or a palette.
    """
    pixels, palette = _decode(path)
    return pixels if palette is None else palette[pixels]


def read_mask(path: Path) -> np.ndarray:
    """Label values of a mask file, int64 (H, W).

    A palette of gray values stands for these; one with any colour, used or not, for its indices. Of TIFF with
    the lowest value white (MINISWHITE) the inverted values count: what viewers show as white is the
    foreground of a mask of 1 bit.

    Raises
    ------
    DataError
        As of `read_image`; or if the file is in colour or holds values that are no integers.
    """
    values, palette = _decode(path)
    if palette is not None and _is_gray(palette):
        values = palette[values]
    if values.ndim == 3 and values.shape[2] in (2, 4):  # an alpha channel carries no label
        values = values[..., :-1]
    if values.ndim == 3 and _is_gray(values):
        values = values[..., 0]
    if values.ndim != 2:
        raise DataError(f"{path} is no mask (shape {values.shape}); save one integer label per pixel")
    with np.errstate(invalid="ignore"):  # infinite values become others, and are refused
        labels = np.round(np.nan_to_num(values)).astype(np.int64)
    if not np.array_equal(labels, values):
        raise DataError(f"{path} holds NaN or values between the labels; save one integer label per pixel")
    return labels


def task_from_files(task: Task, files: Sequence[LabelledImage], value: int) -> TaskData:
    """Preprocessed data of the task whose foreground is one value of the masks.

    The split is made over all images of the cohort; images in which the label is empty are then left out,
    because no interaction can be simulated on them.

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


def by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    """Files by their stems, in the order of their names; DataError if two share one."""
    found: dict[str, Path] = {}
    for path in sorted(paths):
        if path.stem in found:
            raise DataError(f"{path} and {found[path.stem].name} share a name; keep one of them")
        found[path.stem] = path
    return found


def _decode(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        pixels, palette = _read(path)
    except DataError:
        raise
    except Exception as error:  # every decoder raises errors of its own
        raise DataError(f"{path} cannot be read ({error}); save the file again or remove it") from error
    if pixels.dtype.kind not in "buif":
        raise DataError(f"{path} holds {pixels.dtype} values; save numbers")
    return pixels, palette


def _read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels, or indices and the palette (n, 3) that they point into."""
    if path.suffix.lower() == ".npy":
        mapped = np.lib.format.open_memmap(path, "r")  # of a file that lacks what its header claims, it fails
        _assert_one_picture(path, 1, mapped.size, 1)
        return np.array(mapped), None
    with path.open("rb") as file:
        start = file.read(4)
    return _read_tiff(path) if start in TIFF_STARTS else _read_picture(path, start)


def _read_picture(path: Path, start: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """PNG, JPEG, BMP or GIF, by how the file starts, or what else Pillow knows."""
    from PIL import BmpImagePlugin, GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin

    # Image.open has a lower limit of pixels, which is a global setting
    classes: dict[bytes, Callable[[Path], ImageFile.ImageFile]] = {
        b"\x89P": PngImagePlugin.PngImageFile,
        b"\xff\xd8": JpegImagePlugin.JpegImageFile,
        b"BM": BmpImagePlugin.BmpImageFile,
        b"GI": GifImagePlugin.GifImageFile,
    }
    with classes.get(start[:2], Image.open)(path) as file:
        _assert_one_picture(path, getattr(file, "n_frames", 1), *file.size)
        if file.mode in ("RGB", "RGBA") and ";16" in str(file.tile):  # of which Pillow would keep 8 bits
            import cv2

            return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))[..., 2::-1], None
        if file.mode == "P":
            colours = np.array(file.getpalette("RGB"), np.uint8).reshape(-1, 3)
            palette = np.zeros((256, 3), np.uint8)
            palette[: len(colours)] = colours
            return np.array(file), palette
        plain = file.mode in ("1", "L", "LA", "RGB", "RGBA", "F") or file.mode.startswith("I")
        return np.array(file if plain else file.convert("RGB")), None


def _read_tiff(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """TIFF, of which Pillow changes or mistakes some types of numbers without an error."""
    from tifffile import COMPRESSION, PHOTOMETRIC, TiffFile

    with TiffFile(path) as file:
        if not len(file.pages):
            raise DataError(f"{path} is cut short; save or copy it again")
        page = file.pages.first
        _assert_one_picture(path, len(file.pages) * page.imagedepth, page.imagewidth, page.imagelength)
        ends = np.add(page.dataoffsets, page.databytecounts)
        if ends.max() > file.filehandle.size:  # which JPEG in TIFF would hide
            raise DataError(f"{path} is cut short; save or copy it again")
        colours = PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB, PHOTOMETRIC.PALETTE
        decoded = page.photometric == PHOTOMETRIC.YCBCR and page.compression == COMPRESSION.JPEG
        if page.photometric not in colours and not decoded:
            raise DataError(f"{path} is neither gray nor RGB nor has a palette; save it as one of these")
        return _pixels(page)


def _pixels(page: TiffPage) -> tuple[np.ndarray, np.ndarray | None]:
    from tifffile import PHOTOMETRIC

    pixels = np.asarray(page.asarray())
    if page.axes == "SYX":  # each channel on its own
        pixels = np.moveaxis(pixels, 0, -1)
    if page.photometric == PHOTOMETRIC.PALETTE:
        return pixels, (np.asarray(page.colormap).T >> 8).astype(np.uint8)
    return _inverted(pixels, page) if page.photometric == PHOTOMETRIC.MINISWHITE else pixels, None


def _inverted(pixels: np.ndarray, page: TiffPage) -> np.ndarray:
    if pixels.dtype.kind == "u":
        return (2**page.bitspersample - 1) - pixels
    return ~pixels if pixels.dtype.kind in "bi" else -pixels


def _assert_one_picture(path: Path, frames: int, width: int, height: int) -> None:
    if frames > 1:
        raise DataError(f"{path} holds {frames} images; save each 2D image in its own file")
    if width * height > MOST_PIXELS:
        raise DataError(f"{path} has {width}x{height} pixels, more than {MOST_PIXELS}; save it smaller")
