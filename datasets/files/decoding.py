"""Decoding of picture files, and what their headers say about the pixels."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from segbench.datasets.files.dicom import DICOM_SUFFIXES, is_lossy, read_dicom_picture
from segbench.datasets.files.lossy import LOSSLESS_IN_TIFF, has_losses
from segbench.datasets.task import DataError
from segbench.files import require_regular

if TYPE_CHECKING:
    from PIL.Image import Image
    from tifffile import TiffPage

MAX_PIXELS = 2**30
"""Largest number of pixels of an image; a damaged or hostile file then cannot fill the memory."""

ORIENTATION = 0x0112  # the tag of EXIF and TIFF
UPRIGHT = 1
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # of both byte orders; + is BigTIFF
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # warns about tags that change no pixel


class Decoded(NamedTuple):
    """The content of a picture file.

    Attributes
    ----------
    pixels : array (H, W) or (H, W, C), bool if the file has 1 bit a pixel
    palette : uint8 array (n, 3) or None
        The colours that the pixels are indices of.
    has_alpha : bool
        Whether the last channel is alpha.
    lossy : bool
        Whether the pixels were compressed with losses.
    orientation : int
        The orientation tag of EXIF or TIFF, 1 for upright.
    """

    pixels: np.ndarray
    palette: np.ndarray | None = None
    has_alpha: bool = False
    lossy: bool = False
    orientation: int = UPRIGHT


def decode(path: Path) -> Decoded:
    """Read a picture file; errors as of `segbench.datasets.files.images.read_image`."""
    try:
        decoded = _read(require_regular(path))
    except DataError:
        raise
    except Exception as error:  # every decoder raises its own errors
        raise DataError(f"{path} cannot be read ({error}); save the file again or remove it") from error
    if decoded.pixels.dtype.kind not in "buif":
        raise DataError(f"{path} contains {decoded.pixels.dtype} values; save numbers")
    return decoded


def _read(path: Path) -> Decoded:
    if path.suffix.lower() == ".npy":
        mapped = np.lib.format.open_memmap(path, "r")  # fails if the file is shorter than its header claims
        _require_one_image(path, 1, mapped.size, 1)
        return Decoded(np.array(mapped))
    if path.suffix.lower() in DICOM_SUFFIXES:
        return Decoded(read_dicom_picture(path), lossy=is_lossy(path))
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
        decoded = _pillow_pixels(file, path)
        lossy = file.format in ("JPEG", "MPO") or (
            start[:2] not in classes and has_losses(path.read_bytes()) is True
        )
        return decoded._replace(lossy=lossy, orientation=_orientation(lambda: file.getexif()[ORIENTATION]))


def _pillow_pixels(file: Image, path: Path) -> Decoded:
    if file.mode in ("LA", "RGB", "RGBA") and ";16" in str(getattr(file, "tile", "")):
        import cv2  # Pillow would keep 8 of 16 bits

        pixels = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
        has_alpha = pixels.shape[2] == 4
        return Decoded(pixels[..., [2, 1, 0, 3] if has_alpha else [2, 1, 0]], has_alpha=has_alpha)
    if file.mode == "P":
        colours = np.array(file.getpalette("RGB"), np.uint8).reshape(-1, 3)
        if file.has_transparency_data and (colours == colours[0]).all():  # alpha tells the indices apart
            return Decoded(np.array(file.convert("RGBA")), has_alpha=True)
        return Decoded(np.array(file), colours)
    keeps_values = file.mode in ("1", "L", "LA", "RGB", "RGBA", "F") or file.mode.startswith("I")
    pixels = np.array(file if keeps_values else file.convert("RGB"))
    return Decoded(pixels, has_alpha=file.mode in ("LA", "RGBA"))


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
        if page.photometric == PHOTOMETRIC.MINISWHITE and _by_tifffile(page):
            raise DataError(
                f"{path} has 1 bit a pixel and 0 is white, as tifffile saves bool arrays, so programs "
                "disagree about its foreground; save it as uint8"
            )
        return _tiff_pixels(page)._replace(
            lossy=_tiff_has_losses(page), orientation=_orientation(lambda: page.tags[ORIENTATION].value)
        )


def _by_tifffile(page: TiffPage) -> bool:
    """Whether the page is a bool array that tifffile saved, by default without regard to colours."""
    return page.bitspersample == 1 and page.software.startswith("tifffile")


def _tiff_has_losses(page: TiffPage) -> bool:
    """Whether the compression has losses; one that is not known counts as such."""
    if page.compression in LOSSLESS_IN_TIFF:
        return False
    file = page.parent.filehandle
    file.seek(page.dataoffsets[0])
    return has_losses(file.read(page.databytecounts[0])) is not False


def _tiff_pixels(page: TiffPage) -> Decoded:
    from tifffile import EXTRASAMPLE, PHOTOMETRIC

    pixels = np.asarray(page.asarray())
    if page.axes == "SYX":  # channels are stored separately
        pixels = np.moveaxis(pixels, 0, -1)
    if page.photometric == PHOTOMETRIC.PALETTE:
        return Decoded(pixels, (np.asarray(page.colormap).T >> 8).astype(np.uint8))
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        if pixels.dtype.kind == "u":
            pixels = (2**page.bitspersample - 1) - pixels
        else:
            pixels = ~pixels if pixels.dtype.kind in "bi" else -pixels
    extra = page.extrasamples
    has_alpha = extra and (page.photometric == PHOTOMETRIC.RGB or extra[-1] != EXTRASAMPLE.UNSPECIFIED)
    return Decoded(pixels, has_alpha=bool(has_alpha))


def _orientation(read: Callable[[], object]) -> int:
    """The orientation tag; 1 if there is none, or it is damaged or has no meaning, such as 0."""
    try:
        tag = read()
    except Exception:  # every decoder raises its own errors
        return UPRIGHT
    return tag if isinstance(tag, int) and 1 <= tag <= 8 else UPRIGHT


def _require_one_image(path: Path, frames: int, width: int, height: int) -> None:
    if frames > 1:
        raise DataError(f"{path} contains {frames} images; save each 2D image in its own file")
    if width * height > MAX_PIXELS:
        raise DataError(f"{path} has {width}x{height} pixels, more than {MAX_PIXELS}; save it smaller")
