"""DICOM files: headers, pixels of any compression, and single images as pictures."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.datasets.task import DataError
from segbench.text import first_line

if TYPE_CHECKING:
    from pydicom import Dataset

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")

MAX_DENSITY = 1100
"""Largest number of voxels per byte of a file: zlib reaches 1032 if all have one value."""

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Storage classes (DICOM PS3.4 B.5) of segmentations: with segments, and as label map."""

CODECS = {
    "1.2.840.10008.1.2.4.51": "jpeg8_decode",
    "1.2.840.10008.1.2.4.57": "jpeg8_decode",
    "1.2.840.10008.1.2.4.70": "jpeg8_decode",
    "1.2.840.10008.1.2.4.80": "jpegls_decode",
    "1.2.840.10008.1.2.4.81": "jpegls_decode",
    "1.2.840.10008.1.2.4.201": "jpeg2k_decode",
    "1.2.840.10008.1.2.4.202": "jpeg2k_decode",
    "1.2.840.10008.1.2.4.203": "jpeg2k_decode",
}
"""Function of imagecodecs for each transfer syntax that pydicom cannot decode with Pillow alone."""

LOSSY = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81")
"""Transfer syntaxes that always change pixels."""


def read_header(file: Path) -> Dataset:
    """Read all attributes of a DICOM file but its pixels; errors are those of pydicom."""
    return _read(file, stop_before_pixels=True)


def read_pixels(file: Path) -> tuple[Dataset, np.ndarray]:
    """Read a DICOM file and its stored values, (frames, H, W), or (frames, H, W, 3) in colour.

    Gray values are inverted where the lowest one is white (MONOCHROME1). Errors are those of pydicom and its
    decoders, and DataError if no decoder is known.
    """
    from pydicom.pixels import apply_color_lut

    data = _read(file)
    _require_decoder(file, data)
    if data.file_meta.TransferSyntaxUID in CODECS:
        _decompress(data)
    pixels, colours = data.pixel_array, data.PhotometricInterpretation
    if colours == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, data)
    elif colours == "MONOCHROME1":
        unsigned = pixels.dtype.kind == "u"
        pixels = pixels.dtype.type(2**data.BitsStored - 1) - pixels if unsigned else -1 - pixels
    gray = data.SamplesPerPixel == 1 and colours != "PALETTE COLOR"
    return data, pixels.reshape(-1, data.Rows, data.Columns, *(() if gray else pixels.shape[-1:]))


def read_dicom_picture(path: Path) -> np.ndarray:
    """Read a DICOM file of one image: (H, W) gray, or (H, W, 3) in colour, rescaled to its unit.

    Large values are bright: MONOCHROME1 is inverted. Stored integers stay unless the file has a slope, an
    intercept or a lookup table (modality LUT).

    Raises
    ------
    DataError
        If the file cannot be read or decoded, or does not contain exactly one image.
    """
    try:
        header = read_header(path)
        count = require_pixels(path, header)
        if count > 1:
            raise DataError(f"{path} contains {count} images; save each 2D image in its own file")
        if header.get("SOPClassUID") in SEGMENTATIONS:
            raise DataError(f"{path} is a DICOM segmentation, which belongs to a volume; save it as PNG")
        data, pixels = read_pixels(path)
        scale = scale_of(data, data.get("RescaleSlope"), data.get("RescaleIntercept"))
        return rescale(pixels[0], scale, data)
    except DataError:
        raise
    except Exception as error:  # pydicom and its decoders raise many types for damaged files
        raise DataError(
            f"{path} cannot be read as DICOM ({first_line(error)}); save it again or remove it"
        ) from error


def storage_class(file: Path) -> str:
    """The kind of a DICOM file, as a UID of its file header; empty if it has none."""
    from pydicom.filereader import read_file_meta_info

    _allow_odd_values()
    try:
        return str(read_file_meta_info(file).get("MediaStorageSOPClassUID", ""))
    except Exception:  # no DICOM file, or a damaged one; reading it says so
        return ""


def scale_of(header: Dataset, slope: Any, intercept: Any) -> tuple[float, float] | None:
    """Slope and intercept of values as numbers, or None if the file has a lookup table (modality LUT)."""
    if "ModalityLUTSequence" in header:
        return None
    return float(slope or 1), float(intercept or 0)  # a slope of 0 would erase the image


def rescale(pixels: np.ndarray, scale: tuple[float, float] | None, data: Dataset) -> np.ndarray:
    """Turn stored values into values by a scale, or by the file's lookup table if there is none."""
    from pydicom.pixels import apply_modality_lut

    if scale is None:
        return np.asarray(apply_modality_lut(pixels, data))
    return pixels if scale == (1, 0) else pixels * scale[0] + scale[1]


def require_pixels(file: Path, header: Dataset) -> int:
    """Return the number of frames of a file; DataError if it has none, or far more than fit in its bytes."""
    if "Rows" not in header:
        kind = header.SOPClassUID.name
        raise DataError(f"{file} is a DICOM file without an image ({kind}); convert it to an image")
    count = int(header.get("NumberOfFrames") or 1)
    shape = (header.Columns, header.Rows, count)
    if not 0 < math.prod(shape) <= MAX_DENSITY * file.stat().st_size:
        size = " x ".join(map(str, shape))
        raise DataError(f"{file} claims {size} voxels, and has too few bytes; save or download it again")
    return count


def is_lossy(file: Path) -> bool:
    """Whether the compression of a DICOM file has changed its pixels."""
    header = read_header(file)
    return header.file_meta.TransferSyntaxUID in LOSSY or header.get("LossyImageCompression") == "01"


def _read(file: Path, stop_before_pixels: bool = False) -> Dataset:
    import pydicom
    from pydicom import uid

    _allow_odd_values()
    forced = file.suffix.lower() in DICOM_SUFFIXES  # some have no file header
    data = pydicom.dcmread(file, stop_before_pixels=stop_before_pixels, force=forced)
    if "TransferSyntaxUID" not in data.file_meta:
        plain = uid.ImplicitVRLittleEndian if data.original_encoding[0] else uid.ExplicitVRLittleEndian
        data.file_meta.TransferSyntaxUID = plain
    return data


def _allow_odd_values() -> None:
    """Read values that break rules of DICOM, as many files have; what matters raises errors here."""
    import pydicom

    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    warnings.filterwarnings("ignore", module=r"pydicom\.")


def _require_decoder(file: Path, data: Dataset) -> None:
    from pydicom.pixels import get_decoder

    syntax = data.file_meta.TransferSyntaxUID
    try:
        known = syntax in CODECS or get_decoder(syntax).is_available
    except NotImplementedError:
        known = False
    if not known:
        raise DataError(
            f"{file} is compressed as {syntax.name}, which cannot be decoded here; decompress it, for "
            "example with gdcmconv --raw"
        )


def _decompress(data: Dataset) -> None:
    """Decode the frames of a file with imagecodecs, in place."""
    import imagecodecs
    from pydicom import uid
    from pydicom.encaps import generate_frames

    decode = getattr(imagecodecs, CODECS[data.file_meta.TransferSyntaxUID])
    stored = f"<u{data.BitsAllocated // 8}"
    frames = generate_frames(data.PixelData, number_of_frames=int(data.get("NumberOfFrames") or 1))
    data.PixelData = b"".join(decode(frame).astype(stored).tobytes() for frame in frames)
    data.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    data["PixelData"].VR = "OW"
    if data.SamplesPerPixel > 1:
        data.PlanarConfiguration = 0
