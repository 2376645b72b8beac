"""Small DICOM files: series, multi-frame files, segmentations."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

AXIAL = (1, 0, 0, 0, 1, 0)
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""Start and end along z, y and x."""


def slice_of(pixels: np.ndarray, number: int = 0, kind: str = CTImageStorage, **attributes: Any) -> Dataset:
    """An axial slice (H, W) with pixels of 1 mm, at `number` mm; or frames (n, H, W)."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = kind
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = f"1.2.3.{number + 1}"
    data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = "1.2.4", "1.2.5", "1.2.6"
    data.PatientID = data.PatientName = data.PatientBirthDate = data.PatientSex = ""
    data.StudyDate = data.StudyTime = data.StudyID = data.AccessionNumber = data.ReferringPhysicianName = ""
    data.Modality, data.InstanceNumber = "CT", number + 1
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, number], list(AXIAL)
    data.PixelSpacing, data.SliceThickness = [1, 1], 1
    *frames, data.Rows, data.Columns = pixels.shape
    if frames:
        data.NumberOfFrames = frames[0]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()
    for name, value in attributes.items():
        setattr(data, name, value)
    return data


def write(file: Path, data: Dataset) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(file, enforce_file_format=True)
    return file


def series(
    folder: Path, values: np.ndarray, attributes: Callable[[int], Mapping[str, Any]] = lambda z: {}
) -> Path:
    """A series of the slices (Z, H, W), each with its attributes; files are named against the order."""
    for z, pixels in enumerate(values):
        write(folder / f"{len(values) - z:03d}.dcm", slice_of(pixels, z, **attributes(z)))
    return folder


def compressed(
    file: Path,
    pixels: np.ndarray,
    syntax: str,
    encode: Callable[[np.ndarray], bytes],
    number: int = 0,
    **attributes: Any,
) -> Path:
    data = slice_of(pixels, number, **attributes)
    data.PixelData = encapsulate([encode(pixels)])
    data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = syntax
    return write(file, data)


def multi_frame(
    file: Path, values: np.ndarray, places: Sequence[float], slopes: Sequence[float] = ()
) -> Path:
    """An enhanced CT of frames (n, H, W) at some heights."""
    data = slice_of(values, kind=ENHANCED_CT)
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        del data[name]
    data.SharedFunctionalGroupsSequence = [
        _item(
            PlaneOrientationSequence=[_item(ImageOrientationPatient=list(AXIAL))],
            PixelMeasuresSequence=[_item(PixelSpacing=[1, 1], SliceThickness=1)],
        )
    ]
    data.PerFrameFunctionalGroupsSequence = [
        _item(
            PlanePositionSequence=[_item(ImagePositionPatient=[0, 0, place])],
            PixelValueTransformationSequence=[_item(RescaleSlope=slope, RescaleIntercept=0)],
        )
        for place, slope in zip(places, slopes or [1] * len(places), strict=True)
    ]
    return write(file, data)


@cache
def _segmentation(shape: tuple[int, int, int], boxes: tuple[Box, ...], names: tuple[str, ...]) -> Any:
    import highdicom
    from pydicom.sr.codedict import codes

    pixels = np.zeros((*shape, len(boxes)), np.uint8)
    for number, box in enumerate(boxes):
        pixels[(*(slice(*ends) for ends in box), number)] = 1
    kinds = highdicom.seg.SegmentationTypeValues, highdicom.seg.SegmentAlgorithmTypeValues
    return highdicom.seg.Segmentation(
        [slice_of(np.zeros(shape[1:], np.uint16), z) for z in range(shape[0])],
        pixels,
        kinds[0].BINARY,
        [
            highdicom.seg.SegmentDescription(
                number, name, codes.SCT.Organ, codes.SCT.Liver, kinds[1].MANUAL
            )
            for number, name in enumerate(names, start=1)
        ],
        series_instance_uid="1.2.9",
        series_number=2,
        sop_instance_uid="1.2.10",
        instance_number=1,
        manufacturer="none",
        manufacturer_model_name="none",
        software_versions="1",
        device_serial_number="1",
    )  # fmt: skip


def segmentation(
    file: Path,
    shape: tuple[int, int, int],
    segments: Mapping[str, Box],
    change: Callable[[Dataset], None] = lambda data: None,
) -> Path:
    """Boxes in a series of a shape (Z, H, W); frames without a pixel are left out of the file."""
    data = copy.deepcopy(_segmentation(shape, tuple(segments.values()), tuple(segments)))
    change(data)
    return write(file, data)


def reverse_frames(data: Dataset) -> None:
    """Reverse the order of the frames of a segmentation, whose frames are whole numbers of bytes."""
    size = data.Rows * data.Columns // 8
    frames = [data.PixelData[i * size : (i + 1) * size] for i in range(data.NumberOfFrames)]
    data.PixelData = b"".join(reversed(frames))
    data.PerFrameFunctionalGroupsSequence = [*reversed(data.PerFrameFunctionalGroupsSequence)]


def _item(**attributes: Any) -> Dataset:
    item = Dataset()
    for name, value in attributes.items():
        setattr(item, name, value)
    return item
